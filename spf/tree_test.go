package spf

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func gather(t *testing.T, zone string) *Facts {
	t.Helper()
	f, err := Gather(t.Context(), dnstest.New(t, zone), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTreeRunning(t *testing.T) {
	f := gather(t, `
example.com.     TXT "v=spf1 mx include:i1.example redirect=ignored.example include:i2.example ip4:5.6.7.8 -all a"
example.com.     MX 10 mail.example.com.
mail.example.com. A 5.6.7.10
i1.example.      TXT "v=spf1 include:i3.example -all"
i2.example.      TXT "v=spf1 include:i3.example a:gone.example -all"
i3.example.      TXT "v=spf1 ip4:5.6.113.0/24 ip4:5.6.113.7 -all mx"
`)
	var got []string
	f.Tree.Walk(func(t *Term) { got = append(got, fmt.Sprintf("%s %d %d %s", t.Term, t.Cost, t.Running, t.Status)) })
	want := []string{
		"mx 1 1 ok", "include:i1.example 2 3 ok", "include:i3.example 1 3 ok", "ip4:5.6.113.0/24 0 3 ok", "ip4:5.6.113.7 0 3 ok",
		"-all 0 3 ok", "mx 0 3 ignored", "-all 0 3 ok", "redirect=ignored.example 0 3 ignored",
		"include:i2.example 3 6 ok", "include:i3.example 1 5 ok", "ip4:5.6.113.0/24 0 5 ok", "ip4:5.6.113.7 0 5 ok", "-all 0 5 ok",
		"mx 0 5 ignored", "a:gone.example 1 6 void", "-all 0 6 ok", "ip4:5.6.7.8 0 6 ok", "-all 0 6 ok", "a 0 6 ignored",
	}
	if !slices.Equal(got, want) {
		t.Errorf("tree: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if f.Tree.Lookups != 6 || f.Tree.Voids != (Voids{1, 1}) || f.Tree.Addresses.IPv4 != "258" {
		t.Errorf("got %d look-ups, voids %v, %s addresses; want 6, {1 1}, 258", f.Tree.Lookups, f.Tree.Voids, f.Tree.Addresses.IPv4)
	}
	if got := f.IncludeTargets(); !slices.Equal(got, []dns.Name{"i1.example", "i3.example", "i2.example"}) {
		t.Errorf("IncludeTargets: got %v", got)
	}
}

// TestTreeBounded holds a hostile record set, each name including the next one
// twice, to the bounds.
func TestTreeBounded(t *testing.T) {
	var zone strings.Builder
	zone.WriteString(`example.com. TXT "v=spf1 include:h0.example include:h0.example -all"` + "\n")
	for i := range 40 {
		fmt.Fprintf(&zone, "h%d.example. TXT \"v=spf1 include:h%d.example include:h%d.example -all\"\n", i, i+1, i+1)
	}
	f := gather(t, zone.String())
	n := 0
	f.Tree.Walk(func(*Term) { n++ })
	if n > 3*maxTree || !f.Tree.Open || f.Tree.Lookups <= MaxLookups {
		t.Errorf("got %d terms, open %v, %d look-ups; want a bounded tree over the limit", n, f.Tree.Open, f.Tree.Lookups)
	}
	check.Evaluate(Rules, f)
}

func TestFactsAnswers(t *testing.T) {
	const more = `
closed.example.  TXT "v=spf1 -all"
open.example.    TXT "v=spf1 +all"
soft.example.    TXT "v=spf1 ip4:5.6.7.8 ~all"
slow.example.    TXT ; !timeout
`
	for _, tc := range []struct {
		record         string
		all            byte
		known          bool
		closed, sender bool
		everyone       bool
		perm           string
	}{
		{"v=spf1 -all", '-', true, true, false, false, ""},
		{"V=SPF1   -ALL ", '-', true, true, false, false, ""},
		{"v=spf1 redirect=closed.example", '-', true, true, false, false, ""},
		{"v=spf1 redirect=soft.example", '~', true, false, true, false, ""},
		{"v=spf1 redirect=slow.example", 0, false, false, false, false, ""},
		{"v=spf1 redirect=none.example", 0, false, false, true, false, "spf-redirect-none"},
		{"v=spf1 ip4:5.6.7.8", 0, true, false, true, false, ""},
		{"v=spf1 all -all", '+', true, false, false, true, ""},
		{"v=spf1 include:open.example ~all", '~', true, false, true, true, ""},
		{"v=spf1 ip4:5.6.7.8;-all", '-', true, false, true, false, "spf-semicolon"},
		{"v=spf1 include:example.com -all", '-', true, false, true, false, "spf-loop"},
		{"v=spf1 include:none.example -all", '-', true, false, true, false, "spf-include-none"},
	} {
		f := gather(t, "example.com. TXT \""+tc.record+"\"\n"+more)
		all, known := f.All()
		closed, closedKnown := f.ExactlyClosed()
		sender, senderKnown := f.NamesSender()
		// Here what decides about all decides about these two as well.
		told := tc.known || tc.perm != ""
		if all != tc.all || known != tc.known || closed != tc.closed || closedKnown != told || sender != tc.sender || senderKnown != told ||
			f.PassesEveryone() != tc.everyone || f.PermErrorRule() != tc.perm {
			t.Errorf("%s: got all %q (%v), closed %v, sender %v, everyone %v, permerror %q", tc.record,
				all, known, closed, sender, f.PassesEveryone(), f.PermErrorRule())
		}
	}
}

func TestMergeFix(t *testing.T) {
	f := gather(t, `
example.com.     TXT "v=spf1 include:_spf.a.example mx -all"
example.com.     TXT "v=spf1 redirect=_spf.b.example"
example.com.     TXT "v=spf1 +MX include:_spf.A.example. exp=why.example ~all"
example.com.     MX 10 mail.example.com.
mail.example.com. A 5.6.7.10
_spf.a.example.  TXT "v=spf1 ip4:5.6.7.8 -all"
_spf.b.example.  TXT "v=spf1 ip4:5.6.7.9 -all"
`)
	for _, r := range check.Evaluate(Rules, f) {
		if r.Rule.ID != "spf-multiple-records" {
			continue
		}
		if len(r.Findings) != 1 || r.Findings[0].Fix == nil {
			t.Fatalf("got %+v, want one finding with a fix", r.Findings)
		}
		got := r.Findings[0].Fix.Records[0].New[0]
		if want := "v=spf1 include:_spf.a.example mx include:_spf.b.example -all exp=why.example"; got != want {
			t.Errorf("merged: got %q, want %q", got, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	nets := func(list ...string) (out []netip.Prefix) {
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	var zone strings.Builder
	for i := range 10 {
		fmt.Fprintf(&zone, "i%d.example. TXT \"v=spf1 ip4:5.6.%d.0/24 -all\"\n", i, i)
	}
	zone.WriteString("deep.example. TXT \"v=spf1 include:i1.example -all\"\nexample.com. A 5.6.7.8\nmail.i1.example. A 5.6.7.8\n")
	includes := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("i%d.example", i))
		}
		return out
	}
	for _, tc := range []struct {
		name string
		o    Options
		want string
		ids  string
	}{
		{"nothing", Options{All: "fail"}, "v=spf1 -all", ""},
		{"nets inside nets", Options{IP4: nets("192.0.2.1/32", "192.0.2.0/24"), AllowDocumentation: true}, "v=spf1 ip4:192.0.2.0/24 ~all", "gen-spf-private-ip"},
		{"order", Options{Include: []string{"I1.example."}, A: []string{""}, IP6: nets("2a01:4f8::5/64"), IP4: nets("5.6.7.8/32")},
			"v=spf1 ip4:5.6.7.8 ip6:2a01:4f8::/64 a include:i1.example ~all", ""},
		{"private", Options{IP4: nets("10.0.0.1/32")}, "v=spf1 ip4:10.0.0.1 ~all", "gen-spf-private-ip"},
		{"everyone", Options{IP4: nets("0.0.0.0/0")}, "v=spf1 ip4:0.0.0.0/0 ~all", "gen-spf-permissive"},
		{"at the limit", Options{Include: append(includes(8), "deep.example")}, "", "gen-spf-lookups"},
		{"over the limit", Options{Include: append(includes(9), "deep.example")}, "", "gen-spf-lookups"},
		{"no record there", Options{Include: []string{"none.example"}}, "v=spf1 include:none.example ~all", "gen-spf-target-invalid"},
		{"an address", Options{Include: []string{"5.6.7.8"}}, "v=spf1 ~all", "gen-spf-target-invalid"},
		{"merge", Options{Merge: []string{"v=spf1 a:mail.i1.example ip4:5.6.7.8 include=i2.example foo=bar -all"}, IP4: nets("5.6.7.0/24"), Include: []string{"i2.example"}},
			"v=spf1 a:mail.i1.example include:i2.example ip4:5.6.7.0/24 -all foo=bar", ""},
		{"nothing there", Options{A: []string{"gone.i1.example"}}, "v=spf1 a:gone.i1.example ~all", "spf-void-lookup"},
		{"half the world", Options{IP4: nets("11.0.0.0/8")}, "v=spf1 ip4:11.0.0.0/8 ~all", "spf-ip-range-wide"},
		{"merge ptr", Options{Merge: []string{"v=spf1 ptr ?all"}}, "v=spf1 ptr ?all", "gen-spf-permissive gen-spf-ptr"},
	} {
		g, err := Generate(t.Context(), dnstest.New(t, zone.String()), "example.com", tc.o)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, p := range g.Problems {
			ids = append(ids, p.ID)
		}
		slices.Sort(ids)
		if tc.want != "" && g.Record != tc.want || strings.Join(ids, " ") != tc.ids {
			t.Errorf("%s: got %q with %v, want %q with %s", tc.name, g.Record, ids, tc.want, tc.ids)
		}
		if refused := tc.name == "over the limit"; strings.HasSuffix(tc.name, "the limit") && g.Refused() != refused {
			t.Errorf("%s: got refused %v at %d look-ups", tc.name, g.Refused(), g.Lookups)
		}
	}
	g, err := Generate(context.Background(), nil, "example.com", Options{Include: includes(2)})
	if err != nil || !g.AtLeast || g.Lookups != 2 || g.Refused() {
		t.Errorf("offline: got %+v, %v; want at least 2", g, err)
	}
	if _, err := Generate(context.Background(), nil, "example.com", Options{All: "pass"}); err == nil {
		t.Error("got no error for +all")
	}
}

func ExampleParse() {
	rec, problems := Parse("v=spf1 ip4: 5.6.7.8 include:_spf.example.net~all")
	fmt.Println(rec)
	for _, p := range problems {
		fmt.Println(p.Rule, p.Replacement)
	}
	// Output:
	// v=spf1 ip4:5.6.7.8 include:_spf.example.net ~all
	// spf-space-inside-term ip4:5.6.7.8
	// spf-glued-all include:_spf.example.net ~all
}

// TestRedirectIgnored: a redirect beside all is harmless, and the fix must not
// make it count: its target was not looked up, and may be the record itself.
func TestRedirectIgnored(t *testing.T) {
	for _, target := range []string{"EXAMPLE.com", "_gone.example.com"} {
		f := gather(t, "example.com. TXT \"v=spf1 mx redirect="+target+" ~all\"\nexample.com. MX 10 a.example.com.")
		fired := false
		for _, r := range check.Evaluate(Rules, f) {
			if r.Rule.ID != "spf-redirect-ignored" {
				continue
			}
			fired = true
			if got := r.Findings[0].Fix.Records[0].New[0]; got != "v=spf1 mx ~all" {
				t.Errorf("%s: fix is %q", target, got)
			}
		}
		if !fired {
			t.Errorf("%s: the rule is silent", target)
		}
	}
}

// TestEndWith: taking the sign off a first all frees the mechanisms behind it.
func TestEndWith(t *testing.T) {
	for record, want := range map[string]string{
		"v=spf1 +all":                           "v=spf1 ~all",
		"v=spf1 mx all exp=why.example.com":     "v=spf1 mx ~all exp=why.example.com",
		"v=spf1 all ip4:5.6.7.8 -all":           "v=spf1 ip4:5.6.7.8 ~all",
		"v=spf1 all -all":                       "v=spf1 ~all",
		"v=spf1 all ip4:5.6.7.8 exp=why.ex.com": "v=spf1 ip4:5.6.7.8 ~all exp=why.ex.com",
		"v=spf1 mx":                             "v=spf1 mx ~all",
	} {
		f := gather(t, "example.com. TXT \""+record+"\"")
		if got := f.endWith("~").Records[0].New[0]; got != want {
			t.Errorf("%s: got %q, want %q", record, got, want)
		}
	}
}
