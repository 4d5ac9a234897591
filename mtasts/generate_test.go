package mtasts

import (
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
)

func TestGenerate(t *testing.T) {
	both := []string{"mx1.example.com", "mx2.example.com"}
	g, problems, err := Generate("example.com", Options{Mode: Enforce, MX: both, CertsOK: true, LiveMX: []dns.Name{"mx1.example.com", "mx2.example.com"}})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	if g.Policy != p1 || g.Record != "v=STSv1; id=dfeeb16d96ec167d" { // G12
		t.Errorf("got %q and %q", g.Record, g.Policy)
	}
	g, _, err = Generate("example.com", Options{MX: []string{"MX1.Example.com."}, ID: "a"})
	if want := "version: STSv1\nmode: testing\nmx: mx1.example.com\nmax_age: 86400\n"; err != nil || g.Policy != want || g.Record != "v=STSv1; id=a" {
		t.Errorf("got %q, %v, want %q", g.Policy, err, want)
	}
	// One line a host, however it is written; names in A-labels.
	g, _, err = Generate("example.com", Options{MX: []string{" mx1.example.com", "MX1.example.com.", "*.bücher.example"}})
	if want := "version: STSv1\nmode: testing\nmx: mx1.example.com\nmx: *.xn--bcher-kva.example\nmax_age: 86400\n"; err != nil || g.Policy != want {
		t.Errorf("got %q, %v, want %q", g.Policy, err, want)
	}
	g, _, err = Generate("example.com", Options{Mode: None, MX: both})
	if want := "version: STSv1\nmode: none\nmax_age: 86400\n"; err != nil || g.Policy != want {
		t.Errorf("got %q, %v, want %q", g.Policy, err, want)
	}
}

func TestGenerateProblems(t *testing.T) {
	mx := []string{"*.example.com"}
	live := []dns.Name{"mx1.example.com", "mx3.example.net"}
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"G14", Options{Mode: Enforce, MX: mx, LiveMX: live, CertsOK: true}, "gen-mtasts-mx-uncovered"},
		{"no probe", Options{Mode: Enforce, MX: mx, LiveMX: live[:1]}, "gen-mtasts-enforce-unproven"},
		{"null MX", Options{MX: mx, LiveMX: []dns.Name{dns.Root}}, "gen-mtasts-null-mx"},
		{"same id", Options{MX: mx, ID: "a", LiveID: "a", LivePolicy: p1}, "gen-mtasts-id-same"},
		{"same policy", Options{Mode: Enforce, CertsOK: true, MX: []string{"mx1.example.com", "mx2.example.com"}, ID: "a", LiveID: "a", LivePolicy: p1}, ""},
		{"a public suffix", Options{MX: []string{"mx1.example.co.uk", "*.co.uk"}, LiveMX: []dns.Name{"mx1.example.co.uk"}}, "gen-mtasts-mx-suffix"},
		{"fine", Options{MX: mx, LiveMX: live[:1]}, ""},
	} {
		_, problems, err := Generate("example.com", c.o)
		got := ""
		for _, p := range problems {
			got += p.ID
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for name, o := range map[string]Options{
		"mode":     {Mode: "Enforce", MX: mx},
		"no mx":    {},
		"bad mx":   {MX: []string{"192.0.2.1"}},
		"max_age":  {MX: mx, MaxAge: MaxMaxAge + time.Second},
		"negative": {MX: mx, MaxAge: -time.Second},
		"id":       {MX: mx, ID: "2026-11-23"},
	} {
		if g, _, err := Generate("example.com", o); err == nil {
			t.Errorf("%s: no error, but %+v", name, g)
		}
	}
}

func TestIDs(t *testing.T) {
	zone := time.FixedZone("", 3*3600)
	if got := IDFromTime(time.Date(2026, 11, 23, 15, 0, 0, 0, zone)); got != "20261123120000" { // G13
		t.Errorf("IDFromTime = %s", got)
	}
	if got := idFromPolicy([]byte(p1)); got != "dfeeb16d96ec167d" { // G12
		t.Errorf("IDFromPolicy = %s", got)
	}
}
