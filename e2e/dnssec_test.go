//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

const dnssecRecords = `
@        MX  10 mx
mx       A   127.0.0.25
_25._tcp.mx TLSA 3 1 1 06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9
*.wild   TXT "w"
here.wild A  127.0.0.25
alias    CNAME mx
away     CNAME mx.plain.example.
tobad    CNAME mx.bad.example.
dn       DNAME wild.nsec3.example.
a.b.ent  TXT "deep"
sub      NS  ns1.nic.example.
`

// TestDNSSEC holds our own validation to what unbound and delv say of the same
// names, in zones that Knot signs, and in some signed at the wrong time.
func TestDNSSEC(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	pre := dnstest.Sign(t, now, dnstest.SignedZone{Origin: "."},
		dnstest.SignedZone{Origin: "expired.example.", Text: dnssecRecords, Inception: now.Add(-240 * time.Hour), Expiration: now.Add(-2 * 24 * time.Hour)},
		dnstest.SignedZone{Origin: "early.example.", Text: dnssecRecords, Inception: now.Add(2 * 24 * time.Hour), Expiration: now.Add(240 * time.Hour)},
		dnstest.SignedZone{Origin: "sameas.example.", NSEC3: true, Iterations: 3, Salt: "aabb", Text: dnssecRecords},
	)
	zones := []zone{
		{origin: "nsec.example.", text: dnssecRecords, signed: true},
		{origin: "nsec3.example.", text: dnssecRecords, signed: true, policy: "nsec3"},
		{origin: "optout.example.", text: dnssecRecords, signed: true, policy: "opt-out"},
		{origin: "plain.example.", text: dnssecRecords},
		{origin: "island.example.", text: dnssecRecords, signed: true, island: true},
		{origin: "bad.example.", text: dnssecRecords, signed: true, badDS: true},
	}
	for _, origin := range []string{"expired.example.", "early.example.", "sameas.example."} {
		zones = append(zones, zone{origin: origin, text: pre.Text(origin), ds: pre.Anchor(origin)})
	}
	startDNS(t, dir, zones, "")

	file := filepath.Join(dir, "unbound", "anchor")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := dns.ParseAnchors(strings.NewReader(string(text)), file)
	if err != nil {
		t.Fatal(err)
	}
	open := func(validate bool) *dns.Run {
		r, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{resolver}}, Validate: validate, Anchors: anchors})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	ours, unbounds := open(true), open(false)
	keys := delvKeys(t, dir, string(text))
	asked := 0
	for _, z := range zones {
		domain := strings.TrimSuffix(z.origin, ".")
		for _, q := range []string{
			"@ MX", "@ SOA", "@ TXT", "@ DS", "@ DNSKEY", "mx A", "mx AAAA", "_25._tcp.mx TLSA", "_tcp.mx TLSA", "no A", "no.at.all A",
			"x.wild TXT", "x.y.wild TXT", "x.wild A", "here.wild TXT", "x.here.wild TXT", "alias A", "alias AAAA", "away A", "tobad A",
			"x.dn TXT", "b.ent TXT", "c.b.ent TXT",
		} {
			f := strings.Fields(q)
			name := dns.Name(strings.TrimPrefix(f[0]+"."+domain, "@."))
			var qtype dns.Type
			if err := qtype.UnmarshalText([]byte(f[1])); err != nil {
				t.Fatal(err)
			}
			asked++
			own, other := secured(t, ours, name, qtype), secured(t, unbounds, name, qtype)
			if own != other {
				t.Errorf("%s %s: we say %s, unbound says %s", name, qtype, own, other)
			}
			// delv looks for itself, by the same resolver.
			third := delv(t, keys, name, qtype)
			if z.policy == "opt-out" && own != "bogus" && !strings.HasSuffix(own, "found") && third == "secure" {
				continue // delv does not say that the proof has opt-out, where AD must not be set (RFC 5155 §9.2)
			}
			if third != strings.Fields(own)[0] {
				t.Errorf("%s %s: we say %s, delv says %s", name, qtype, own, third)
			}
		}
	}
	t.Logf("%d questions", asked)

	w := &world{dir: dir, binary: os.Getenv(binaryEnv)}
	for domain, want := range map[string]string{"nsec.example": "secure", "plain.example": "insecure", "expired.example": "bogus", "bad.example": "bogus"} {
		r := w.run(t, "audit", "--dns", resolver, "--dnssec", "validate", "--trust-anchor", file, "--no-smtp", "--format", "json", "--fail-on", "none", domain)
		if !strings.Contains(r.stdout, `"state":"`+want+`"`) && !strings.Contains(r.stdout, `"state": "`+want+`"`) {
			t.Errorf("%s is not %s (exit %d, %s)", domain, want, r.code, r.stderr)
		}
	}
}

// secured is "secure found" and the like, or "bogus".
func secured(t *testing.T, r dns.Resolver, name dns.Name, qtype dns.Type) string {
	t.Helper()
	a, err := r.Resolve(context.Background(), name, qtype)
	switch {
	case err != nil && dns.AsError(err, name, qtype).Kind == dns.ServFail:
		return "bogus"
	case err != nil:
		return err.Error()
	case a.AD:
		return "secure " + string(a.Status)
	}
	return "insecure " + string(a.Status)
}

// delvKeys writes the anchor as delv reads it.
func delvKeys(t *testing.T, dir, anchor string) string {
	t.Helper()
	f := strings.Fields(anchor) // ". DS tag algorithm type digest"
	ds := f[len(f)-4:]
	return write(t, "trust-anchors { . initial-ds "+strings.Join(ds[:3], " ")+" \""+ds[3]+"\"; };\n", dir, "delv.keys")
}

// delv asks delv: secure, insecure or bogus.
func delv(t *testing.T, keys string, name dns.Name, qtype dns.Type) string {
	t.Helper()
	out, _ := exec.Command("/usr/bin/delv", "@"+resolver, "-a", keys, "+root=.", name.FQDN(), qtype.String()).CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "unsigned answer"): // the weakest hop of a chain counts
		return "insecure"
	case strings.Contains(text, "fully validated"):
		return "secure"
	case strings.Contains(text, "resolution failed"):
		return "bogus"
	}
	return text
}
