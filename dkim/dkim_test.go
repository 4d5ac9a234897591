package dkim

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules runs the case files. Setup keys: domain, profile, selectors and
// observed (names, separated by spaces), now (a day), and what tells providers:
// hint-txt (a verification token), hint-spf (a name in the domain's record),
// hint-nested (one in an include), hint-mx. weak-keys and together are in
// shape_test.go.
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		opts := Options{Selectors: strings.Fields(c.Setup["selectors"]), Observed: strings.Fields(c.Setup["observed"])}
		var h Hints
		if token := c.Setup["hint-txt"]; token != "" {
			h.TXT = []string{token}
		}
		for _, n := range strings.Fields(c.Setup["hint-spf"]) {
			h.SPF, h.Own = append(h.SPF, dns.Name(n)), append(h.Own, dns.Name(n))
		}
		for _, n := range strings.Fields(c.Setup["hint-nested"]) {
			h.SPF = append(h.SPF, dns.Name(n))
		}
		for _, n := range strings.Fields(c.Setup["hint-mx"]) {
			h.MX = append(h.MX, dns.Name(n))
		}
		if h.TXT != nil || h.SPF != nil || h.MX != nil {
			opts.Hints = func(context.Context) Hints { return h }
		}
		if day := c.Setup["now"]; day != "" {
			var err error
			if opts.Now, err = time.Parse(time.DateOnly, day); err != nil {
				t.Fatal(err)
			}
		}
		opts.WeakKeys = weakListOf(t, c)
		f, err := Gather(t.Context(), dnstest.New(t, c.Zone()), dns.Name(c.Domain()), opts)
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		compareWith(t, c, f)
		return f
	})
}

// slow answers after one round trip and counts how many questions wait at once.
type slow struct {
	dns.Resolver
	rtt time.Duration
}

func (s slow) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	select {
	case <-time.After(s.rtt):
	case <-ctx.Done():
		return dns.Answer{}, ctx.Err()
	}
	return s.Resolver.Resolve(ctx, name, qtype)
}

// TestGatherIsConcurrent holds a whole run, hints included, to a few round trips.
func TestGatherIsConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := slow{dnstest.New(t, `s1._domainkey.example.com. TXT "v=DKIM1; p="`), 20 * time.Millisecond}
		start := time.Now()
		f, err := Gather(t.Context(), r, "example.com", Options{
			Selectors: []string{"S1", "s1._domainkey.example.com", "own"},
			Hints: func(ctx context.Context) Hints {
				time.Sleep(60 * time.Millisecond)
				return Hints{MX: []dns.Name{"mx1.titan.email"}, SPF: []dns.Name{"send.aweber.com"}, TXT: []string{"MS=ms1"}}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 120*time.Millisecond {
			t.Errorf("took %v, more than six round trips of 20ms", d)
		}
		if len(f.Tried) > maxQueries {
			t.Errorf("asked for %d selectors, want at most %d", len(f.Tried), maxQueries)
		}
		for _, want := range []string{"s1", "own", "google", "titan1", "aweber_key_a"} {
			if !slices.Contains(f.Tried, want) {
				t.Errorf("%s was not tried: %v", want, f.Tried)
			}
		}
		if got, want := strings.Join(f.Providers, ", "), "AWeber, Titan Email, Microsoft 365"; got != want {
			t.Errorf("providers: got %s, want %s", got, want)
		}
		if len(f.Selectors) != 2 || f.Selectors[0].Status != StatusRevoked || f.Selectors[1].Status != StatusMissing {
			t.Errorf("selectors: got %+v", f.Selectors)
		}
	})
}

func TestGatherCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := Gather(ctx, dnstest.New(t, ""), "example.com", Options{}); !errors.Is(err, context.Canceled) || f != nil {
		t.Errorf("got %v, %v; want a cancelled context", f, err)
	}
}

func TestFactsForTheScore(t *testing.T) {
	rec := func(selector, text string) string { return selector + `._domainkey.example.com. TXT "` + text + "\"\n" }
	for _, c := range []struct {
		name, zone  string
		selectors   []string
		found, none bool
		weakest     string
		bits        int
		hygiene     bool
	}{
		{"nothing exists", "example.com. A 5.6.7.8\n", nil, false, true, "", 0, true},
		{"nobody knows", rec("x7f3", "v=DKIM1; p="+k1024), nil, false, false, "", 0, true},
		{"named and missing", rec("x7f3", "v=DKIM1; p="+k1024), []string{"own"}, false, true, "", 0, true},
		{"1024 beside Ed25519", rec("s1", "v=DKIM1; p="+k1024) + rec("s2", "v=DKIM1; k=ed25519; p="+ked), nil, true, false, "rsa", 1024, true},
		{"Ed25519", rec("s2", "v=DKIM1; k=ed25519; p="+ked), nil, true, false, "ed25519", 256, true},
		{"512", rec("s1", "v=DKIM1; p="+k512), nil, false, true, "rsa", 512, true},
		{"testing", rec("s1", "v=DKIM1; t=y; p="+k1024), nil, true, false, "rsa", 1024, false},
		{"broken", rec("s1", "v=DKIM2; p="+k1024), nil, false, true, "", 0, false},
		{"doubled", rec("s1", "v=DKIM1; p="+k1024) + rec("s1", "v=DKIM1; k=ed25519; p="+ked), nil, false, true, "", 0, false},
		{"spare", rec("s1", "v=DKIM1; p="), nil, false, false, "", 0, true},
	} {
		f, err := Gather(t.Context(), dnstest.New(t, c.zone), "example.com", Options{Selectors: c.selectors})
		if err != nil {
			t.Fatal(err)
		}
		found, none := f.AnyKnown()
		weakest, bits, _ := f.Weakest()
		if found != c.found || none != c.none || weakest != c.weakest || bits != c.bits || f.Hygiene() != c.hygiene {
			t.Errorf("%s: found %v, none %v, weakest %s %d, hygiene %v; want %v, %v, %s %d, %v",
				c.name, found, none, weakest, bits, f.Hygiene(), c.found, c.none, c.weakest, c.bits, c.hygiene)
		}
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: facts do not marshal: %v", c.name, err)
		}
	}
}

func TestRegistrable(t *testing.T) {
	for name, want := range map[dns.Name]dns.Name{
		"a.b.vendor.com.br": "vendor.com.br", "dkim.vendor.com": "vendor.com",
		"x.azurewebsites.net": "azurewebsites.net", "dkim.internal": "", "com": "",
	} {
		if got := registrable(name); got != want {
			t.Errorf("registrable(%s): got %q, want %q", name, got, want)
		}
	}
}
