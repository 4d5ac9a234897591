package provider

import (
	"slices"
	"testing"

	"github.com/postseal/postseal/dns"
)

// TestDKIM holds what the table says of DKIM to itself.
func TestDKIM(t *testing.T) {
	owner := map[string]string{}
	for _, p := range All() {
		for _, s := range p.Set {
			if !slices.Contains(p.Selectors, s) {
				t.Errorf("%s: %s of its set is no selector that is asked for", p.ID, s)
			}
		}
		if len(p.Set) == 1 {
			t.Errorf("%s: a set of one", p.ID)
		}
		if p.Fixed && (len(p.Selectors) == 0 || p.Mark != Verified || p.Form != "") {
			t.Errorf("%s: fixed selectors that are not known, not verified, or cannot be guessed", p.ID)
		}
		for _, old := range p.OldTargets {
			if ByDKIMTarget(dns.Name(old)) != p {
				t.Errorf("%s: its older form %s is not its own", p.ID, old)
			}
		}
		for _, s := range p.Selectors {
			if n := dns.Name(s + "._domainkey.example.com"); dns.FromText(string(n)) != n || n.Check() != nil {
				t.Errorf("%s: selector %q is not as it is asked", p.ID, s)
			}
			if slices.Contains(generic, s) {
				continue
			}
			if other := owner[s]; other != "" {
				t.Errorf("%s: selector %s is also one of %s, and not among those that tell nothing", p.ID, s, other)
			}
			owner[s] = p.ID
		}
	}
}

func TestBySelector(t *testing.T) {
	for name, want := range map[string]string{"google": "google", "zmail": "zoho", "cf2024-1": "cloudflare", "s1": "", "mail": "", "x7f3": "", "": ""} {
		got := ""
		if p := BySelector(name); p != nil {
			got = p.ID
		}
		if got != want {
			t.Errorf("BySelector(%s): got %q, want %q", name, got, want)
		}
	}
}

func TestOldTarget(t *testing.T) {
	p := ByName("microsoft365")
	for name, want := range map[dns.Name]bool{
		"selector1-example-com._domainkey.contoso.onmicrosoft.com":          true,
		"selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft": false,
		"notonmicrosoft.com": false,
	} {
		if got := p.OldTarget(name); got != want {
			t.Errorf("OldTarget(%s): got %v, want %v", name, got, want)
		}
	}
}
