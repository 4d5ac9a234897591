package spf

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// counting keeps the questions asked.
type counting struct {
	dns.Resolver
	mu    sync.Mutex
	asked []string
}

func (c *counting) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	c.mu.Lock()
	c.asked = append(c.asked, name.String()+" "+qtype.String())
	c.mu.Unlock()
	return c.Resolver.Resolve(ctx, name, qtype)
}

// TestQuestions holds what is asked beside the record to its price: two
// questions where there is one, three more where there is none and nothing
// tells why, and the same ones each time.
func TestQuestions(t *testing.T) {
	random := randomLabel("example.com") + ".example.com TXT"
	for zone, want := range map[string][]string{
		`example.com. TXT "v=spf1 -all"`:     {"example.com SPF", "example.com TXT", random},
		`example.com. TXT "v=spf1; mx -all"`: {"example.com SPF", "example.com TXT", random},
		`example.com. TXT ; !servfail`:       {"example.com SPF", "example.com TXT", random},
		`example.org. TXT "x"`:               {"example.com SPF", "example.com TXT", random},
		`example.com. TXT "x"`: {"_spf.example.com TXT", "example.com SPF", "example.com TXT", "example.com.example.com TXT",
			random, "spf.example.com TXT"},
	} {
		c := &counting{Resolver: dnstest.New(t, zone)}
		if _, err := Gather(t.Context(), c, "example.com"); err != nil {
			t.Fatal(err)
		}
		slices.Sort(c.asked)
		slices.Sort(want)
		if !slices.Equal(c.asked, want) {
			t.Errorf("%s: asked %q, want %q", zone, c.asked, want)
		}
		c.asked = nil
		if _, err := Follow(t.Context(), c, "example.com"); err != nil || !slices.Equal(c.asked, []string{"example.com TXT"}) {
			t.Errorf("%s: Follow asked %q (%v), want the record alone", zone, c.asked, err)
		}
	}
}

// TestShortTTL: what a file says is the whole time to live.
func TestShortTTL(t *testing.T) {
	for text, want := range map[string]bool{
		"example.com. 60 IN TXT \"v=spf1 -all\"\n":                                        true,
		"example.com. 300 IN TXT \"v=spf1 -all\"\n":                                       false,
		"example.com. 86400 IN TXT \"v=spf1 -all\"\n":                                     false,
		"example.com. 60 IN TXT \"x\"\nexample.com. 60 IN MX 0 .\n":                       false,
		"example.com. 86401 IN TXT \"x\"\nexample.com. 86401 IN TXT \"v=spf1 mx -all\"\n": true,
	} {
		z, err := dns.ParseZone(strings.NewReader(text), "example.com", "zone")
		if err != nil {
			t.Fatal(err)
		}
		f, err := Gather(t.Context(), dns.Overlay([]*dns.Zone{z}, nil), "example.com")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range check.Evaluate(Rules, f) {
			if r.Rule.ID == "spf-ttl-extreme" && (r.Status == check.Fail) != want {
				t.Errorf("%q: got %s, want a finding %v", text, r.Status, want)
			}
		}
	}
}

func TestHolds(t *testing.T) {
	nets := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	for _, c := range []struct {
		nets []netip.Prefix
		p    string
		want bool
	}{
		{nets("5.6.7.0/24"), "5.6.7.0/24", true},
		{nets("5.6.0.0/16"), "5.6.7.8/32", true},
		{nets("5.6.6.0/24", "5.6.7.0/24"), "5.6.6.0/23", true},
		{nets("5.6.6.0/24", "5.6.7.0/25", "5.6.7.128/26"), "5.6.6.0/23", false},
		{nets("5.6.6.0/24", "5.6.7.0/25", "5.6.7.128/26", "5.6.7.192/26"), "5.6.6.0/23", true},
		{nets("5.6.7.9/32"), "5.6.7.8/32", false},
		{nets("5.6.7.8/32", "5.6.7.9/32"), "5.6.7.8/31", true},
		{nets("2a01::/33", "2a01:0:8000::/33"), "2a01::/32", true},
		{nets("2a01::/33"), "2a01::/32", false},
		{nil, "5.6.7.8/32", false},
	} {
		if got := holds(c.nets, netip.MustParsePrefix(c.p)); got != c.want {
			t.Errorf("%v hold %s: got %v, want %v", c.nets, c.p, got, c.want)
		}
	}
}

// TestAdding: the fix goes in front of what decides for strangers, and there is
// none where the result might not work.
func TestAdding(t *testing.T) {
	for record, want := range map[string]string{
		"v=spf1 -all":                     "v=spf1 include:_spf.vendor.example -all",
		"v=spf1 ip4:5.6.7.8 ~all exp=w.x": "v=spf1 ip4:5.6.7.8 include:_spf.vendor.example ~all exp=w.x",
		"v=spf1 redirect=r.example":       "v=spf1 include:_spf.vendor.example redirect=r.example",
		"v=spf1 ip4:5.6.7.8":              "",
		"v=spf1 ip4:5.6.7 -all":           "",
		"v=spf1 a a a a a a -all":         "",
		"v=spf1 include:%{i}.x.com -all":  "",
	} {
		f := gather(t, "example.com. TXT \""+record+"\"\nr.example. TXT \"v=spf1 -all\"\n")
		got := ""
		if fix := f.Adding("include:_spf.vendor.example"); fix != nil {
			got = fix.Records[0].New[0]
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", record, got, want)
		}
	}
}
