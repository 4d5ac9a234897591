package spf

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postseal/postseal/dns/dnstest"
)

// naive counts on strings as the recursion over §4.6.4 is written down: a
// client that matches nothing, no sharing, circles cut where they close.
type naive struct {
	records map[string]string // by name
	gone    map[string]bool   // hosts without an address
	only4   map[string]bool   // hosts without AAAA
	lookups int
	void4   int
	void6   int
}

func (n *naive) walk(name string, path []string) {
	redirect := ""
	path = append(slices.Clone(path), name)
	into := func(target string) {
		n.lookups++
		if !slices.Contains(path, target) {
			n.walk(target, path)
		}
	}
	for _, term := range strings.Fields(n.records[name])[1:] {
		word, arg, _ := strings.Cut(strings.TrimLeft(term, "+-~?"), ":")
		switch {
		case word == "all":
			return
		case word == "include":
			into(arg)
		case word == "a":
			n.lookups++
			if n.gone[arg] {
				n.void4++
			}
			if n.gone[arg] || n.only4[arg] {
				n.void6++
			}
		case strings.HasPrefix(word, "exists"):
			n.lookups++
			if n.gone[arg] {
				n.void4++
				n.void6++
			}
		case word == "ptr":
			n.lookups++
		case strings.HasPrefix(term, "redirect="):
			redirect = strings.TrimPrefix(term, "redirect=")
		}
	}
	if redirect != "" {
		into(redirect)
	}
}

// passing are the IPv4 addresses of a /24 that get a pass, one by one.
func (n *naive) passing(name string, path []string, into map[int]bool) {
	redirect := ""
	path = append(slices.Clone(path), name)
	for _, term := range strings.Fields(n.records[name])[1:] {
		bare := strings.TrimLeft(term, "+-~?")
		positive := bare == term || term[0] == '+'
		switch {
		case bare == "all":
			return
		case strings.HasPrefix(bare, "ip4:77.0.0.") && positive:
			addr, length, _ := strings.Cut(strings.TrimPrefix(bare, "ip4:77.0.0."), "/")
			first, _ := strconv.Atoi(addr)
			bits, _ := strconv.Atoi(length)
			size := 1 << (32 - bits)
			for i := range size {
				into[first/size*size+i] = true
			}
		case strings.HasPrefix(bare, "include:") && positive:
			if t := strings.TrimPrefix(bare, "include:"); !slices.Contains(path, t) {
				n.passing(t, path, into)
			}
		case strings.HasPrefix(term, "redirect="):
			redirect = strings.TrimPrefix(term, "redirect=")
		}
	}
	if redirect != "" && !slices.Contains(path, redirect) {
		n.passing(redirect, path, into)
	}
}

// TestTreeAgreesWithNaive compares look-ups, voids and addresses of random
// trees, circles and diamonds among them, with the second implementation.
func TestTreeAgreesWithNaive(t *testing.T) {
	compared, over := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"example.com", "i1.test", "i2.test", "i3.test", "i4.test", "i5.test"}
		n := &naive{records: map[string]string{}, gone: map[string]bool{"gone.test": true}, only4: map[string]bool{"four.test": true}}
		var zone strings.Builder
		zone.WriteString("four.test. A 78.0.0.1\nboth.test. A 78.0.0.2\nboth.test. AAAA 2a01:4f8::1\n")
		term := rapid.Custom(func(rt *rapid.T) string {
			sign := rapid.SampledFrom([]string{"", "", "", "-", "~", "+"}).Draw(rt, "sign")
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0, 1, 2:
				return sign + "include:" + rapid.SampledFrom(names).Draw(rt, "target")
			case 3, 4:
				return sign + "a:" + rapid.SampledFrom([]string{"gone.test", "four.test", "both.test"}).Draw(rt, "host")
			case 5:
				return sign + "exists:" + rapid.SampledFrom([]string{"gone.test", "%{i}._e.test"}).Draw(rt, "exists")
			case 6:
				return "ptr"
			default:
				return fmt.Sprintf("%sip4:77.0.0.%d/%d", sign, rapid.IntRange(0, 255).Draw(rt, "octet"), rapid.IntRange(25, 32).Draw(rt, "bits"))
			}
		})
		for _, name := range names {
			terms := rapid.SliceOfN(term, 0, 5).Draw(rt, name)
			if rapid.IntRange(0, 2).Draw(rt, "redirect") == 0 {
				at := rapid.IntRange(0, len(terms)).Draw(rt, "at")
				terms = slices.Insert(terms, at, "redirect="+rapid.SampledFrom(names).Draw(rt, "to"))
			}
			if rapid.IntRange(0, 2).Draw(rt, "all") > 0 {
				at := rapid.IntRange(len(terms)/2, len(terms)).Draw(rt, "at")
				terms = slices.Insert(terms, at, "-all")
			}
			n.records[name] = strings.Join(append([]string{Version}, terms...), " ")
			fmt.Fprintf(&zone, "%s. TXT \"%s\"\n", name, n.records[name])
		}
		world, err := dnstest.Parse(zone.String())
		if err != nil {
			rt.Fatal(err)
		}
		f, err := Gather(t.Context(), world, "example.com")
		if err != nil {
			rt.Fatal(err)
		}
		if f.Tree.Open { // nothing is unknown here: the tree is over our bounds
			rt.Skip("too large")
		}
		n.walk("example.com", nil)
		if got, want := f.Tree.Lookups, n.lookups; got != want {
			rt.Fatalf("got %d look-ups, want %d\n%s", got, want, zone.String())
		}
		if got, want := f.Tree.Voids, (Voids{n.void4, n.void6}); got != want {
			rt.Fatalf("got voids %v, want %v\n%s", got, want, zone.String())
		}
		// exists with a literal and ranges of hosts lie outside 77.0.0.0/24.
		r := &ranges{}
		for _, p := range f.Tree.root.passes().nets {
			if p.Addr().Is4() && p.Addr().As4()[0] == 77 {
				r.add(p)
			}
		}
		pass := map[int]bool{}
		n.passing("example.com", nil, pass)
		if got, want := r.ipv4(), uint64(len(pass)); got != want {
			rt.Fatalf("got %d addresses, want %d\n%s", got, want, zone.String())
		}
		o := f.Outline()
		if got, want := len(o.OverLimit), max(0, n.lookups-MaxLookups); got != want {
			rt.Fatalf("got %d terms over the limit, want %d\n%s", got, want, zone.String())
		}
		for i, p := range o.OverLimit {
			if p.Lookup != MaxLookups+1+i {
				rt.Fatalf("term %d over the limit is look-up %d\n%s", i, p.Lookup, zone.String())
			}
		}
		compared++
		if n.lookups > MaxLookups {
			over++
		}
	})
	if compared < 50 || over == 0 || over == compared {
		t.Errorf("%d trees were compared, %d of them over the limit", compared, over)
	}
}

func TestOutline(t *testing.T) {
	for _, tc := range []struct {
		name, zone string
		want       map[string]string
	}{
		{"a diamond is no loop, and paid for twice", `
example.com. TXT "v=spf1 include:i1.test include:i2.test -all"
i1.test. TXT "v=spf1 include:i3.test -all"
i2.test. TXT "v=spf1 include:i3.test -all"
i3.test. TXT "v=spf1 a:h.test ip4:77.0.0.0/24 -all"
h.test. A 77.0.0.9
h.test. AAAA 2a01:4f8::9
`, map[string]string{
			"lookups": "6", "permerror": "", "stops": "", "over": "", "repeated": "i3.test 2 2", "void": "",
			"overlaps": "77.0.0.9/32 a:h.test in 77.0.0.0/24 ip4:77.0.0.0/24",
			"widest":   "77.0.0.0/24",
		}},
		{"a circle", `
example.com. TXT "v=spf1 ip4:77.0.0.1 include:i1.test ip4:77.0.0.2 -all"
i1.test. TXT "v=spf1 ip4:77.0.0.3 include:example.com -all"
`, map[string]string{
			"lookups": "2", "permerror": "spf-loop", "stops": "loop include:example.com example.com>i1.test #2",
			"last": "ip4:77.0.0.3 example.com>i1.test #0", "over": "", "repeated": "", "overlaps": "",
		}},
		{"the eleventh look-up", `
example.com. TXT "v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test ip4:77.0.0.1 -include:i1.test mx -all"
i1.test. TXT "v=spf1 ip4:77.0.0.3 include:i2.test -all"
i2.test. TXT "v=spf1 a:h.test a:h.test -all"
h.test. A 78.0.0.1
h.test. AAAA 2a01:4f8::9
example.com. MX 10 h.test.
`, map[string]string{
			"lookups": "13", "permerror": "spf-lookup-limit", "stops": "lookups a:h.test example.com>i1.test>i2.test #11",
			"last": "ip4:77.0.0.1 example.com #0",
			"over": "a:h.test example.com>i1.test>i2.test #11; a:h.test example.com>i1.test>i2.test #12; mx example.com #13",
		}},
		{"the third void look-up", `
example.com. TXT "v=spf1 a:g1.test a:four.test mx:g2.test ip4:77.0.0.1 exists:g3.test ip4:77.0.0.2 -all"
four.test. A 77.0.0.9
`, map[string]string{
			"permerror": "spf-void-limit", "stops": "voids exists:g3.test example.com #4", "last": "ip4:77.0.0.1 example.com #0",
			"void": "a:g1.test true true nxdomain; a:four.test false true found; mx:g2.test true true nxdomain; exists:g3.test true true nxdomain",
		}},
		{"a broken record lets nobody pass", `
example.com. TXT "v=spf1 ip4:77.0.0.1 ip4:77.0.0 -all"
`, map[string]string{"permerror": "spf-ip4-invalid", "stops": "syntax ip4:77.0.0 example.com #0", "last": ""}},
		{"what cannot be told", `
example.com. TXT "v=spf1 include:slow.test include:%{d}._spf.test a:slow.test mx -all"
example.com. MX 10 slow.test.
slow.test. TXT ; !timeout
slow.test. A ; !servfail
slow.test. AAAA ; !servfail
`, map[string]string{"lookups": "4", "permerror": "", "stops": "",
			"unknown": "include:slow.test unknown dns-timeout; include:%{d}._spf.test macro ; a:slow.test unknown dns-servfail+dns-servfail; mx unknown dns-servfail+dns-servfail"}},
		{"a macro alone makes the count a lower bound", `example.com. TXT "v=spf1 include:%{d}._spf.test -all"`,
			map[string]string{"lookups": "1", "open": "true", "unknown": "include:%{d}._spf.test macro "}},
		{"an exists with a macro does not", `example.com. TXT "v=spf1 exists:%{i}._spf.test -all"`,
			map[string]string{"lookups": "1", "open": "false", "unknown": "exists:%{i}._spf.test macro "}},
		{"no record", `example.com. TXT "hello"`, map[string]string{"state": "absent", "lookups": "0", "permerror": ""}},
		{"two records", "example.com. TXT \"v=spf1 -all\"\nexample.com. TXT \"v=spf1 mx -all\"",
			map[string]string{"state": "several", "permerror": "spf-multiple-records"}},
		{"no answer", "example.com. TXT ; !servfail", map[string]string{"state": "unknown", "causes": "dns-servfail"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := gather(t, tc.zone).Outline()
			got := outlined(o)
			for key, want := range tc.want {
				if got[key] != want {
					t.Errorf("%s: got %q, want %q", key, got[key], want)
				}
			}
			data, err := json.Marshal(o)
			if err != nil || strings.Contains(strings.ReplaceAll(strings.ReplaceAll(string(data), `"stops_at":null`, ""), `"last_sender":null`, ""), "null") {
				t.Errorf("%v: a list is null: %s", err, data)
			}
		})
	}
}

func outlined(o *Outline) map[string]string {
	place := func(p *Place) string {
		if p == nil {
			return ""
		}
		return fmt.Sprintf("%s %s #%d", p.Term, strings.Join(p.Path, ">"), p.Lookup)
	}
	codes := func(causes []Cause) string {
		var list []string
		for _, c := range causes {
			list = append(list, c.Code)
		}
		return strings.Join(list, "+")
	}
	lists := map[string][]string{}
	add := func(key, format string, args ...any) { lists[key] = append(lists[key], fmt.Sprintf(format, args...)) }
	for _, p := range o.OverLimit {
		add("over", "%s", place(p))
	}
	for _, r := range o.Repeated {
		add("repeated", "%s %d %d", r.Target, r.Times, r.Cost)
	}
	for _, v := range o.VoidTerms {
		add("void", "%s %v %v %s", v.Term, v.IPv4, v.IPv6, v.Answer)
	}
	for _, v := range o.Overlaps {
		add("overlaps", "%s %s in %s %s", v.Network, v.Term, v.In.Network, v.In.Term)
	}
	for _, u := range o.Unknown {
		add("unknown", "%s %s %s", u.Term, u.Status, codes(u.Causes))
	}
	got := map[string]string{
		"state": o.State, "open": strconv.FormatBool(o.Open), "lookups": strconv.Itoa(o.Lookups), "permerror": o.PermError, "last": place(o.LastSender), "causes": codes(o.Causes),
	}
	if o.StopsAt != nil {
		got["stops"] = o.StopsAt.Reason + " " + place(&o.StopsAt.Place)
	}
	for key, list := range maps.All(lists) {
		got[key] = strings.Join(list, "; ")
	}
	var widest []string
	for _, r := range o.Widest {
		widest = append(widest, r.Network.String())
	}
	got["widest"] = strings.Join(widest, " ")
	return got
}
