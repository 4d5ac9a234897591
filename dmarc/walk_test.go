package dmarc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func TestTargets(t *testing.T) {
	for name, want := range map[dns.Name]string{
		"com":                           "com",
		"example.com":                   "example.com com",
		"b.c.d.e.f.example.com":         "b.c.d.e.f.example.com c.d.e.f.example.com d.e.f.example.com e.f.example.com f.example.com example.com com",
		"a.b.c.d.e.f.example.com":       "a.b.c.d.e.f.example.com b.c.d.e.f.example.com c.d.e.f.example.com d.e.f.example.com e.f.example.com f.example.com example.com com",
		"x.y.a.b.c.d.e.f.g.example.com": "x.y.a.b.c.d.e.f.g.example.com c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com g.example.com example.com com",
		"a.b.c.d.e.f.g.example.com":     "a.b.c.d.e.f.g.example.com c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com g.example.com example.com com",
		".":                             ".",
	} {
		var got []string
		for _, n := range targets(name) {
			got = append(got, n.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// counter counts questions by name and type.
type counter struct {
	dns.Resolver
	mu    sync.Mutex
	asked map[string]int
}

func (c *counter) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	c.mu.Lock()
	c.asked[name.String()+" "+qtype.String()]++
	c.mu.Unlock()
	return c.Resolver.Resolve(ctx, name, qtype)
}

func TestQuestions(t *testing.T) {
	zone := `
_dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:a@vendor.test,mailto:b@example.com; ruf=mailto:c@vendor.test"
example.com._report._dmarc.vendor.test. TXT "v=DMARC1"
vendor.test. MX 10 mx.vendor.test.
example.com. MX 10 mx.example.com.
`
	c := &counter{Resolver: dnstest.New(t, zone), asked: map[string]int{}}
	if _, err := Gather(context.Background(), c, "www.example.com"); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"_dmarc.www.example.com TXT": 1, "_dmarc.example.com TXT": 1, "_dmarc.com TXT": 1, "www.example.com TXT": 1,
		// a name that nobody has, and an alias beside the record
		"_dmarc." + randomLabel("www.example.com") + ".www.example.com TXT": 1, "_dmarc.www.example.com CNAME": 1,
		"_dmarc.vendor.test TXT": 1, "_dmarc.test TXT": 1, "example.com._report._dmarc.vendor.test TXT": 1,
		"vendor.test MX": 1, "example.com MX": 1,
	}
	if diff := cmp.Diff(want, c.asked); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

// The answers of a walk that failed somewhere.
func TestFailedSteps(t *testing.T) {
	const own = "_dmarc.a.example.com. TXT \"v=DMARC1; p=reject; rua=mailto:d@a.example.com\"\n"
	const org = "_dmarc.example.com. TXT \"v=DMARC1; p=quarantine; sp=none; rua=mailto:d@a.example.com\"\n"
	tests := []struct {
		name, zone string
		known      bool
		policy     string
		org        dns.Name
		domain     Policy
		below      Policy
	}{
		{"own record, failure above", own + "_dmarc.com. TXT ; !servfail\n", true, "a.example.com", "", Policy{Policy: "reject", Tag: "p", Known: true, Published: "reject", PolicyName: "a.example.com"}, Policy{}},
		{"own fails", org + "_dmarc.a.example.com. TXT ; !servfail\n", false, "", "", Policy{}, Policy{}},
		{"failure above an inherited record", org + "_dmarc.com. TXT ; !timeout\n", false, "", "", Policy{}, Policy{}},
		{"psd=n below the failure", "_dmarc.example.com. TXT \"v=DMARC1; p=none; psd=n\"\na.example.com. A 5.6.7.8\n_dmarc.com. TXT ; !timeout\n", true, "example.com", "example.com",
			Policy{Policy: "none", Tag: "p", Known: true, Published: "none", PolicyName: "example.com"}, Policy{Policy: "none", Tag: "p", Known: true, Published: "none", PolicyName: "example.com"}},
		{"existence unknown", org + "a.example.com. TXT ; !servfail\n", true, "example.com", "example.com", Policy{Policy: "none", Tag: "sp", Known: true, Published: "none", PolicyName: "example.com"}, Policy{Policy: "none", Tag: "sp", Known: true, Published: "none", PolicyName: "example.com"}},
		{"existence unknown, np differs", strings.Replace(org, "sp=none", "sp=none; np=reject", 1) + "a.example.com. TXT ; !servfail\n", true, "example.com", "example.com", Policy{PolicyName: "example.com"}, Policy{Policy: "none", Tag: "sp", Known: true, Published: "none", PolicyName: "example.com"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := gather(t, tt.zone, "a.example.com", check.ProfileMail)
			if f.Known != tt.known || f.PolicyName.String() != tt.policy || f.OrganizationalDomain != tt.org {
				t.Errorf("got known=%v policy at %q, organization %q", f.Known, f.PolicyName, f.OrganizationalDomain)
			}
			if diff := cmp.Diff(tt.domain, f.Effective.Domain); diff != "" {
				t.Errorf("domain (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.below, f.Effective.Subdomain); diff != "" {
				t.Errorf("subdomain (-want +got):\n%s", diff)
			}
		})
	}
}

// Names below one of eight labels jump over it.
func TestBelowEightLabels(t *testing.T) {
	f := gather(t, "_dmarc.a.b.c.d.e.f.example.com. TXT \"v=DMARC1; p=reject; psd=n\"\n_dmarc.example.com. TXT \"v=DMARC1; p=none\"\n", "a.b.c.d.e.f.example.com", check.ProfileMail)
	if f.Effective.Domain.Policy != "reject" || f.Effective.Subdomain.Policy != "none" {
		t.Errorf("got %+v", f.Effective)
	}
}

func TestScoreFacts(t *testing.T) {
	const vendor = "vendor.test. MX 10 mx.vendor.test.\n"
	tests := []struct {
		zone             string
		inForce          bool
		sub              string
		none             bool
		ruaOK, ruaKnown  bool
		inForceKnown     bool
		subdomainUnknown bool
	}{
		{zone: "", inForceKnown: true, ruaKnown: true},
		{zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; t=y; rua=mailto:a@example.com"`, inForce: true, inForceKnown: true, sub: "none", ruaOK: true, ruaKnown: true},
		{zone: `_dmarc.example.com. TXT "v=DMARC1; p=quarantine; t=y"`, inForce: true, inForceKnown: true, sub: "none", none: true, ruaKnown: true},
		{zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com"`, inForce: true, inForceKnown: true, sub: "none", none: true, ruaOK: true, ruaKnown: true},
		{zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=x"`, inForceKnown: true, ruaKnown: true},
		{zone: `_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:a@vendor.test"`, inForce: true, inForceKnown: true, sub: "reject", ruaKnown: true},
		{zone: "_dmarc.example.com. TXT \"v=DMARC1; p=reject; rua=mailto:a@vendor.test\"\nexample.com._report._dmarc.vendor.test. TXT ; !timeout", inForce: true, inForceKnown: true, sub: "reject"},
		{zone: "_dmarc.example.com. TXT ; !timeout", subdomainUnknown: true},
	}
	for _, tt := range tests {
		f := gather(t, tt.zone+"\n"+vendor, "example.com", check.ProfileMail)
		known, ok := f.InForce()
		if known != tt.inForceKnown || ok != tt.inForce {
			t.Errorf("%s\nin force: got %v, known %v", tt.zone, ok, known)
		}
		if sub, known := f.SubdomainPolicy(); sub != tt.sub || known == tt.subdomainUnknown {
			t.Errorf("%s\nsubdomains: got %q, known %v", tt.zone, sub, known)
		}
		if f.PolicyActsAsNone() != tt.none {
			t.Errorf("%s\nacts as none: got %v", tt.zone, f.PolicyActsAsNone())
		}
		if ok, known := f.RUAOK(); ok != tt.ruaOK || known != tt.ruaKnown {
			t.Errorf("%s\nrua: got %v, known %v", tt.zone, ok, known)
		}
	}
}

func TestFactsJSON(t *testing.T) {
	for _, zone := range []string{"", `_dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@vendor.test"`} {
		b, err := json.Marshal(gather(t, zone, "example.com", check.ProfileMail))
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"steps", "records", "other", "destinations", "consent_texts"} {
			if strings.Contains(string(b), `"`+list+`":null`) {
				t.Errorf("%s is null in %s", list, b)
			}
		}
	}
}

func TestGatherCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Gather(ctx, dnstest.New(t, ""), "example.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a cancelled context", err)
	}
}
