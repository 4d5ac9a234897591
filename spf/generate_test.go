package spf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

const flattenWorld = `
example.com.     MX 10 mail.example.com.
example.com.     TXT "v=spf1 mx -all"
mail.example.com. A 5.6.7.8
esp.test.        TXT "v=spf1 include:one.esp.test a:out.esp.test/30 ip4:77.9.0.1 include:two.esp.test ?all"
one.esp.test.    TXT "v=spf1 ip4:77.9.0.0/24 ip6:2a01:4f9::/48 -all"
two.esp.test.    TXT "v=spf1 ip4:77.8.0.0/16 ip4:77.9.0.0/24 mx -all"
two.esp.test.    MX 10 out.esp.test.
out.esp.test.    A 77.10.0.6
out.esp.test.    AAAA 2a01:4f9:1::5
exists.test.     TXT "v=spf1 exists:%{i}.e.test -all"
literal.test.    TXT "v=spf1 exists:out.esp.test -all"
macro.test.      TXT "v=spf1 ip4:77.9.0.1 include:%{i}.e.test -all"
ptr.test.        TXT "v=spf1 ptr -all"
redirect.test.   TXT "v=spf1 redirect=one.esp.test"
deep.test.       TXT "v=spf1 include:exists.test -all"
sign.test.       TXT "v=spf1 -ip4:77.9.0.1 ip4:77.9.0.0/24 -all"
open.test.       TXT "v=spf1 +all"
loop.test.       TXT "v=spf1 include:loop.test -all"
half.test.       TXT "v=spf1 a:slow.test -all"
slow.test.       A ; !servfail
slow.test.       TXT ; !servfail
`

func generateIn(t *testing.T, zone string, o Options) *Generated {
	t.Helper()
	g, err := Generate(t.Context(), dnstest.New(t, zone), "example.com", o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func idsOf(g *Generated) string {
	var ids []string
	for _, p := range g.Problems {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, " ")
}

func TestFlatten(t *testing.T) {
	for range 5 { // the order of answers does not matter
		g := generateIn(t, flattenWorld, Options{MX: []string{""}, Include: []string{"esp.test"}, Flatten: []string{"include:ESP.test."}, All: "fail"})
		const want = "v=spf1 mx ip4:77.8.0.0/16 ip4:77.9.0.0/24 ip4:77.10.0.4/30 ip6:2a01:4f9::/48 ip6:2a01:4f9:1::5 -all"
		if g.Record != want || idsOf(g) != "gen-spf-flatten-risk" || g.Lookups != 1 || g.AtLeast {
			t.Fatalf("got %q with %s and %d look-ups, want %q", g.Record, idsOf(g), g.Lookups, want)
		}
		if len(g.Flattened) != 1 {
			t.Fatalf("got %d flattened includes", len(g.Flattened))
		}
		f := g.Flattened[0]
		var from []string
		for _, n := range f.Networks {
			from = append(from, fmt.Sprintf("%s %s %s", n.Network, n.Term, strings.Join(n.Path, ">")))
		}
		wantFrom := []string{
			"77.8.0.0/16 ip4:77.8.0.0/16 esp.test>two.esp.test", "77.9.0.0/24 ip4:77.9.0.0/24 esp.test>one.esp.test",
			"77.10.0.4/30 a:out.esp.test/30 esp.test", "2a01:4f9::/48 ip6:2a01:4f9::/48 esp.test>one.esp.test",
			"2a01:4f9:1::5/128 a:out.esp.test/30 esp.test",
		}
		if f.Target != "esp.test" || f.Saved != 5 || !slices.Equal(from, wantFrom) {
			t.Fatalf("got %s, %d saved, from\n%s\nwant\n%s", f.Target, f.Saved, strings.Join(from, "\n"), strings.Join(wantFrom, "\n"))
		}
	}
	// Where the record does not hold the include, its networks are added.
	g := generateIn(t, flattenWorld, Options{Flatten: []string{"one.esp.test"}})
	if want := "v=spf1 ip4:77.9.0.0/24 ip6:2a01:4f9::/48 ~all"; g.Record != want {
		t.Errorf("got %q, want %q", g.Record, want)
	}
}

// TestFlattenPassesTheSame holds the flattened record to the addresses of the one it stands for.
func TestFlattenPassesTheSame(t *testing.T) {
	whole := generateIn(t, flattenWorld, Options{Include: []string{"esp.test"}})
	flat := generateIn(t, flattenWorld, Options{Include: []string{"esp.test"}, Flatten: []string{"esp.test"}})
	a, b := whole.Tree.Addresses, flat.Tree.Addresses
	if a.IPv4 != b.IPv4 || !slices.Equal(a.IPv6, b.IPv6) || whole.Lookups != flat.Lookups+flat.Flattened[0].Saved {
		t.Errorf("got %v at %d, want %v at %d", b, flat.Lookups, a, whole.Lookups)
	}
}

func TestFlattenUnsafe(t *testing.T) {
	for target, want := range map[string]string{
		"exists.test": "exists exists:%{i}.e.test", "literal.test": "exists exists:out.esp.test", "macro.test": "macro include:%{i}.e.test",
		"ptr.test": "ptr ptr", "redirect.test": "redirect redirect=one.esp.test", "deep.test": "exists exists:%{i}.e.test",
		"sign.test": "sign -ip4:77.9.0.1", "open.test": "open +all", "loop.test": "broken include:loop.test",
		"half.test": "unknown a:slow.test", "slow.test": "unknown ", "gone.test": "none ",
	} {
		g := generateIn(t, flattenWorld, Options{Include: []string{target}, Flatten: []string{"include:" + target}})
		i := slices.IndexFunc(g.Problems, func(p check.GenProblem) bool { return p.ID == "gen-spf-flatten-unsafe" })
		if i < 0 || !g.Refused() || len(g.Flattened) > 0 || strings.Contains(g.Record, "ip4:") {
			t.Errorf("%s: got %q with %s", target, g.Record, idsOf(g))
			continue
		}
		if got := fmt.Sprintf("%s %s", g.Problems[i].Params["Reason"], g.Problems[i].Params["Where"]); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	g, err := Generate(t.Context(), nil, "example.com", Options{Flatten: []string{"esp.test"}})
	if err != nil || !g.Refused() {
		t.Errorf("without a resolver: got %q, %v", idsOf(g), err)
	}
}

func TestGenerateMergesAndLimits(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want string
		ids  string
	}{
		{"two records", Options{Merge: []string{"v=spf1 include:one.esp.test mx x=1 ~all", "v=spf1 redirect=two.esp.test", "v=spf1 +MX ip4:5.6.7.8 X=2 -all"}},
			"v=spf1 include:one.esp.test mx include:two.esp.test ip4:5.6.7.8 -all x=1", ""},
		{"the user's all", Options{Merge: []string{"v=spf1 mx -all"}, All: "softfail"}, "v=spf1 mx ~all", ""},
		{"nobody's +all", Options{Merge: []string{"v=spf1 mx +all", "v=spf1 ip4:5.6.7.8 ?all"}}, "v=spf1 mx ip4:5.6.7.8 ~all", ""},
		{"what is flattened stands where the include stood", Options{Merge: []string{"v=spf1 include:one.esp.test mx -all"}, Flatten: []string{"one.esp.test"}},
			"v=spf1 ip4:77.9.0.0/24 ip6:2a01:4f9::/48 mx -all", "gen-spf-flatten-risk"},
		{"redirect", Options{MX: []string{""}, Redirect: "One.esp.test."}, "v=spf1 mx redirect=one.esp.test", ""},
		{"redirect to nothing", Options{Redirect: "gone.test"}, "v=spf1 redirect=gone.test", "gen-spf-target-invalid"},
		{"redirect to itself", Options{Redirect: "example.com"}, "v=spf1 redirect=example.com", "gen-spf-target-invalid"},
		{"exists", Options{Exists: []string{"%{ir}._spf.%{d}"}}, "v=spf1 exists:%{ir}._spf.%{d} ~all", ""},
		{"a broken macro", Options{Exists: []string{"%{ir._spf.test"}}, "v=spf1 ~all", "gen-spf-target-invalid"},
		{"one look-up less", Options{Include: []string{"esp.test"}, MaxLookups: 4}, "v=spf1 include:esp.test ~all", "gen-spf-lookups"},
		{"just enough", Options{Include: []string{"esp.test"}, MaxLookups: 5}, "v=spf1 include:esp.test ~all", ""},
	} {
		if g := generateIn(t, flattenWorld, tc.o); g.Record != tc.want || idsOf(g) != tc.ids {
			t.Errorf("%s: got %q with %q, want %q with %q", tc.name, g.Record, idsOf(g), tc.want, tc.ids)
		}
	}
	g := generateIn(t, flattenWorld, Options{Include: []string{"esp.test"}, MX: []string{""}, MaxLookups: 4})
	if p := g.Problems[0].Params; p["Over"] != 2 || p["Lookups"] != 6 || p["Terms"] != "include:esp.test (5), mx (1)" || p["Own"] != true || !g.Refused() {
		t.Errorf("got %v", p)
	}
	for _, o := range []Options{{Redirect: "one.esp.test", All: "fail"}, {MaxLookups: 11}, {MaxLookups: -1}} {
		if _, err := Generate(t.Context(), nil, "example.com", o); err == nil {
			t.Errorf("%+v makes sense", o)
		}
	}
}
