package provider

import (
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
)

func TestLookups(t *testing.T) {
	id := func(p *Provider) string {
		if p == nil {
			return ""
		}
		return p.ID
	}
	for _, c := range []struct {
		by   func(dns.Name) *Provider
		name dns.Name
		want string
	}{
		{ByMX, "aspmx.l.google.com", "google"},
		{ByMX, "alt1.aspmx.l.google.com", "google"},
		{ByMX, "example-com.mail.protection.outlook.com", "microsoft365"},
		{ByMX, "example-com.n-v1.mx.microsoft", "microsoft365"},
		{ByMX, "mx1.titan.email", "titan"},
		{ByMX, "notgooglemail.com", ""},
		{ByMX, "aspmx.l.google.com.example.org", ""},
		{BySPF, "_spf.google.com", "google"},
		{BySPF, "u123.wl456.sendgrid.net", "sendgrid"},
		{BySPF, "spf.protection.outlook.com", "microsoft365"},
		{BySPF, "sendgrid.net.attacker.example", ""},
		{ByDKIMTarget, "s1.domainkey.u1.wl2.sendgrid.net", "sendgrid"},
		{ByDKIMTarget, "abc.dkim.amazonses.com", "amazonses"},
		{ByDKIMTarget, "selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft", "microsoft365"},
		{ByDKIMTarget, "dkim2.mcsv.net", "mailchimp"},
	} {
		if got := id(c.by(c.name)); got != c.want {
			t.Errorf("provider of %s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := id(ByTXT("MS=ms12345678")); got != "microsoft365" {
		t.Errorf("ByTXT: got %q, want microsoft365", got)
	}
	if p := ByName("SendGrid"); p == nil || p.Include != "sendgrid.net" {
		t.Errorf("ByName(SendGrid): got %+v", p)
	}
	if ByName("nobody") != nil || ByTXT("v=spf1 -all") != nil {
		t.Error("found a provider that is none")
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All() {
		if seen[p.ID] || p.ID == "" || p.ID != strings.ToLower(p.ID) || p.Name == "" {
			t.Errorf("row %q: ID is empty, not lower-case or not unique, or the name is empty", p.ID)
		}
		seen[p.ID] = true
		if p.Kind != Mailbox && p.Kind != Gateway && p.Kind != Sender {
			t.Errorf("%s: kind %q", p.ID, p.Kind)
		}
		if p.Mark != Verified && p.Mark != Peer && p.Mark != Common {
			t.Errorf("%s: mark %q", p.ID, p.Mark)
		}
		for _, names := range [][]string{p.MX, p.SPF, p.DKIMTargets, {p.Include}} {
			for _, n := range names {
				if n != "" && (dns.FromText(n) != dns.Name(n) || dns.Name(n).Check() != nil) {
					t.Errorf("%s: %q is no lower-case name without final dot", p.ID, n)
				}
			}
		}
		for _, s := range p.TXT {
			if s != strings.ToLower(s) {
				t.Errorf("%s: token %q is not lower-case", p.ID, s)
			}
		}
	}
}
