package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/lab"
	"github.com/postseal/postseal/internal/locale"
)

// TestLintAsksHostsOnce: both states of a domain have the same mail hosts and the
// same policy host, so the second audit opens no connection that the first has
// opened already.
func TestLintAsksHostsOnce(t *testing.T) {
	const zone = `$ORIGIN lighthouse.example.
$TTL 3600
_dmarc TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@lighthouse.example"
`
	l := startLab(t, lab.Options{})
	one := startLab(t, lab.Options{})
	w, err := labWorld(one)
	if err != nil {
		t.Fatal(err)
	}
	words := locale.Must(locale.English)
	name := dns.Name("lighthouse.example")
	if _, err := w.audit(t.Context(), []audit.Request{{Domain: name}}, words); err != nil {
		t.Fatal(err)
	}
	if err := w.close(nil); err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), "lighthouse.example.zone")
	if err := os.WriteFile(path, []byte(zone), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &lintOptions{semicolons: "auto", domains: []string{name.String()}}
	set, names, err := o.read(nil, []string{name.String() + "=" + path})
	if err != nil {
		t.Fatal(err)
	}
	if w, err = labWorld(l); err != nil {
		t.Fatal(err)
	}
	doc, err := o.audit(t.Context(), w, set, names, words)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.close(nil); err != nil {
		t.Fatal(err)
	}
	if doc.Reports[0].Since == nil {
		t.Fatal("nothing was compared")
	}
	want, got := one.Stats(), l.Stats()
	if want.SMTPConnections == 0 || want.HTTPSRequests == 0 {
		t.Fatalf("one audit asked %+v: nothing to compare with", want)
	}
	if got.SMTPConnections != want.SMTPConnections {
		t.Errorf("got %d SMTP connections, want the %d of one audit", got.SMTPConnections, want.SMTPConnections)
	}
	if got.HTTPSRequests != want.HTTPSRequests {
		t.Errorf("got %d HTTPS requests, want the %d of one audit", got.HTTPSRequests, want.HTTPSRequests)
	}
}
