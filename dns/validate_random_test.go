package dns_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// randomZone is a zone drawn at random and the tree that it is served from.
type randomZone struct {
	sets  map[dns.Name]map[dns.Type]string // names inside z.test., types and data
	kids  map[dns.Name]string              // delegations and what must be said below them
	zone  dnstest.SignedZone
	trees []dnstest.SignedZone
}

const randomOrigin dns.Name = "z.test"

// draw makes a zone of few names that lie close together, so that wildcards,
// empty non-terminals, aliases and cuts meet.
func draw(t *rapid.T) *randomZone {
	z := &randomZone{
		sets: map[dns.Name]map[dns.Type]string{randomOrigin: {dns.TypeSOA: "", dns.TypeNS: "", dns.TypeMX: "10 a.z.test."}},
		kids: map[dns.Name]string{},
		zone: dnstest.SignedZone{Origin: randomOrigin.FQDN(), Expiration: at.Add(time.Hour)},
	}
	z.zone.NSEC3 = rapid.Bool().Draw(t, "nsec3")
	z.zone.OptOut = z.zone.NSEC3 && rapid.Bool().Draw(t, "optout")
	if z.zone.NSEC3 && rapid.Bool().Draw(t, "salted") {
		z.zone.Salt, z.zone.Iterations = "ab", 2
	}
	label := rapid.SampledFrom([]string{"a", "b", "c", "_x"})
	for range rapid.IntRange(0, 3).Draw(t, "kids") {
		kid := randomOrigin.Child(label.Draw(t, "kid"))
		if rapid.Bool().Draw(t, "deep") {
			kid = kid.Child(label.Draw(t, "kid"))
		}
		if z.cut(kid) == "" && !slices.ContainsFunc(slices.Collect(maps.Keys(z.kids)), func(k dns.Name) bool { return k.IsUnder(kid) }) {
			z.kids[kid] = rapid.SampledFrom([]string{"secure", "insecure", "island", "bogus"}).Draw(t, "state")
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "names") {
		n := randomOrigin
		for range rapid.IntRange(1, 3).Draw(t, "depth") {
			n = n.Child(label.Draw(t, "label"))
		}
		if rapid.IntRange(0, 3).Draw(t, "star") == 0 {
			n = n.Parent().Child("*")
		}
		if z.sets[n] != nil || z.cut(n) != "" {
			continue
		}
		if rapid.IntRange(0, 3).Draw(t, "alias") == 0 {
			to := rapid.SampledFrom([]string{"a.z.test.", "b.a.z.test.", "c.b.z.test.", "a.c.z.test."}).Draw(t, "to")
			z.sets[n] = map[dns.Type]string{dns.TypeCNAME: to}
			continue
		}
		z.sets[n] = map[dns.Type]string{dns.TypeA: "192.0.2.1"}
		if rapid.Bool().Draw(t, "txt") {
			z.sets[n][dns.TypeTXT] = `"text"`
		}
	}
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(z.sets)) {
		for _, rrtype := range slices.Sorted(maps.Keys(z.sets[n])) {
			if data := z.sets[n][rrtype]; data != "" {
				fmt.Fprintf(&b, "%s %s %s\n", n.FQDN(), rrtype, data)
			}
		}
	}
	z.zone.Text = b.String()
	z.trees = []dnstest.SignedZone{{Origin: "."}, {Origin: "test.", NSEC3: rapid.Bool().Draw(t, "parent nsec3")}, z.zone}
	for kid, state := range z.kids {
		z.trees = append(z.trees, dnstest.SignedZone{
			Origin: kid.FQDN(), Text: "@ A 192.0.2.2\nb A 192.0.2.3\n",
			Unsigned: state == "insecure", NoDS: state == "island", WrongDS: state == "bogus",
		})
	}
	return z
}

// cut is the delegation at or above a name, "" without one.
func (z *randomZone) cut(n dns.Name) dns.Name {
	for kid := range z.kids {
		if n.IsUnder(kid) {
			return kid
		}
	}
	return ""
}

func (z *randomZone) exists(n dns.Name) bool {
	for have := range z.sets {
		if have.IsUnder(n) {
			return true
		}
	}
	for kid := range z.kids {
		if kid.IsUnder(n) {
			return true
		}
	}
	return false
}

// hidden tells whether the proof for a name rests on an opted-out span: the name
// exists for unsigned delegations only, or not at all (RFC 5155 §9.2).
func (z *randomZone) hidden(n dns.Name) bool {
	if !z.zone.OptOut {
		return false
	}
	for have := range z.sets {
		if have.IsUnder(n) {
			return false
		}
	}
	for kid, state := range z.kids {
		if kid.IsUnder(n) && (state == "secure" || state == "bogus") {
			return false
		}
	}
	return true
}

// truth is what must be said of a question, from the contents alone: an answer
// by RFC 1034 §4.3.2, its security by RFC 4033 §5. It is "" where that cannot be
// told.
func (z *randomZone) truth(n dns.Name, t dns.Type) string {
	sec := "secure"
	if n == randomOrigin && t == dns.TypeDS {
		return "secure found" // the parent's
	}
	for range 10 {
		if kid := z.cut(n); kid != "" && (t != dns.TypeDS || n != kid) {
			switch z.kids[kid] {
			case "bogus":
				return "bogus"
			case "insecure", "island":
				sec = "insecure"
			}
			switch {
			case n == kid && t == dns.TypeA, n == kid.Child("b") && t == dns.TypeA:
				return sec + " found"
			case n == kid, n == kid.Child("b"):
				return sec + " nodata"
			}
			return sec + " nxdomain"
		}
		at, expanded := n, false
		if !z.exists(n) {
			encloser := n.Parent()
			for !z.exists(encloser) {
				encloser = encloser.Parent()
			}
			if z.zone.OptOut {
				sec = "insecure"
			}
			if z.hidden(encloser) && z.underStar(encloser) {
				return "" // what can be proven speaks of another wildcard
			}
			at, expanded = encloser.Child("*"), true
			if !z.exists(at) {
				return sec + " nxdomain"
			}
		}
		switch {
		case z.kids[n] != "" && t == dns.TypeDS: // the parent's side of a cut
			switch z.kids[n] {
			case "secure", "bogus":
				return sec + " found"
			}
			if z.hidden(n) {
				sec = "insecure"
			}
			return sec + " nodata"
		case z.has(at, t):
			return sec + " found"
		case z.has(at, dns.TypeCNAME):
			n = dns.FromPresentation(z.sets[at][dns.TypeCNAME])
			continue
		case !expanded && z.hidden(n):
			sec = "insecure"
		}
		return sec + " nodata"
	}
	return "" // a loop
}

// underStar tells whether a wildcard stands beside an ancestor of the name.
func (z *randomZone) underStar(n dns.Name) bool {
	for n = n.Parent(); n.IsUnder(randomOrigin); n = n.Parent() {
		if z.exists(n.Child("*")) {
			return true
		}
	}
	return false
}

func (z *randomZone) has(n dns.Name, t dns.Type) bool { _, ok := z.sets[n][t]; return ok }

// questions are names of the zone, beside it and below it.
func (z *randomZone) questions(t *rapid.T) (names []dns.Name, types []dns.Type) {
	label := rapid.SampledFrom([]string{"a", "b", "c", "_x", "*", "0"})
	for range 6 {
		n := randomOrigin
		for range rapid.IntRange(0, 4).Draw(t, "asked depth") {
			n = n.Child(label.Draw(t, "asked"))
		}
		names = append(names, n)
		types = append(types, rapid.SampledFrom([]dns.Type{dns.TypeA, dns.TypeTXT, dns.TypeMX, dns.TypeDS, dns.TypeCNAME}).Draw(t, "type"))
	}
	for kid := range z.kids {
		names, types = append(names, kid, kid.Child("b"), kid), append(types, dns.TypeA, dns.TypeTXT, dns.TypeDS)
	}
	return names, types
}

// perRun is a testing.TB whose cleanups run when one draw is done with.
type perRun struct {
	testing.TB
	undo []func()
}

func (p *perRun) Cleanup(f func()) { p.undo = append(p.undo, f) }

func (p *perRun) done() {
	for _, f := range slices.Backward(p.undo) {
		f()
	}
}

// Zones at random are what they were made to be.
func TestValidateRandom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tb := &perRun{TB: t}
		defer tb.done()
		z := draw(rt)
		tr := dnstest.Sign(tb, at, z.trees...)
		r := validating(tb, tr, tr.Anchor("."), 0)
		late := validating(tb, tr, tr.Anchor("."), 2*time.Hour)
		names, types := z.questions(rt)
		for i, n := range names {
			q := fmt.Sprintf("%s %s", n, types[i])
			want := z.truth(n, types[i])
			if want == "" {
				continue
			}
			got := verdict(t, r, q)
			if want == "bogus" {
				got, _, _ = strings.Cut(got, " ")
			}
			if got != want {
				rt.Fatalf("%s: got %s, want %s\n%s%v", q, got, want, z.zone.Text, z.kids)
			}
			if got := verdict(t, late, q); got != "bogus signature-expired" && (n != randomOrigin || types[i] != dns.TypeDS) {
				rt.Fatalf("%s, after its signatures ended: got %s\n%s", q, got, z.zone.Text)
			}
		}
	})
}

// What a resolver may do to the reply of a question: whatever it is, nothing
// but the truth is secure.
func lies(t *rapid.T, tr *dnstest.Tree) (name string, lie func(q mdns.Question, m *mdns.Msg)) {
	chain, sets := signedText(t, tr, randomOrigin.FQDN())
	seed := rapid.IntRange(0, 1<<20).Draw(t, "seed")
	strip := func(section []mdns.RR) []mdns.RR {
		return slices.DeleteFunc(section, func(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeRRSIG })
	}
	all := map[string]func(q mdns.Question, m *mdns.Msg){
		"without signatures": func(_ mdns.Question, m *mdns.Msg) { m.Answer, m.Ns = strip(m.Answer), strip(m.Ns) },
		"signatures changed": func(_ mdns.Question, m *mdns.Msg) {
			for _, rr := range slices.Concat(m.Answer, m.Ns) {
				if sig, ok := rr.(*mdns.RRSIG); ok {
					sig.Signature = "AAAA" + sig.Signature[4:]
				}
			}
		},
		"records changed": func(_ mdns.Question, m *mdns.Msg) {
			for _, rr := range slices.Concat(m.Answer, m.Ns) {
				switch rr := rr.(type) {
				case *mdns.A:
					rr.A[3]++
				case *mdns.TXT:
					rr.Txt = append(rr.Txt, "more")
				case *mdns.MX:
					rr.Preference++
				case *mdns.CNAME:
					rr.Target = "mx." + rr.Target
				case *mdns.DS:
					rr.KeyTag++
				case *mdns.NSEC:
					rr.TypeBitMap = []uint16{mdns.TypeHINFO}
				case *mdns.NSEC3:
					rr.TypeBitMap = []uint16{mdns.TypeHINFO}
				}
			}
		},
		"denied with every proof there is": func(_ mdns.Question, m *mdns.Msg) {
			m.Answer, m.Ns, m.Rcode = nil, chain, mdns.RcodeNameError
		},
		"types denied with every proof there is": func(_ mdns.Question, m *mdns.Msg) {
			m.Answer, m.Ns, m.Rcode = nil, chain, mdns.RcodeSuccess
		},
		"another set under this name": func(q mdns.Question, m *mdns.Msg) {
			m.Answer, m.Ns, m.Rcode = nil, chain, mdns.RcodeSuccess
			for i := range sets {
				set := sets[(i+seed)%len(sets)]
				if set[0].Header().Rrtype == q.Qtype && set[0].Header().Name != q.Name {
					for _, rr := range set {
						rr = mdns.Copy(rr)
						rr.Header().Name = q.Name
						m.Answer = append(m.Answer, rr)
					}
					return
				}
			}
		},
	}
	name = rapid.SampledFrom(slices.Sorted(maps.Keys(all))).Draw(t, "lie")
	return name, all[name]
}

// signedText is a signed zone: its denials with signatures, and its other sets
// with theirs.
func signedText(t *rapid.T, tr *dnstest.Tree, origin string) (chain []mdns.RR, sets [][]mdns.RR) {
	type key struct {
		owner  string
		rrtype uint16
	}
	at := map[key][]mdns.RR{}
	zp := mdns.NewZoneParser(strings.NewReader(tr.Text(origin)), origin, "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		h := rr.Header()
		k := key{h.Name, h.Rrtype}
		if sig, ok := rr.(*mdns.RRSIG); ok {
			k.rrtype = sig.TypeCovered
		}
		if k.rrtype == mdns.TypeNSEC || k.rrtype == mdns.TypeNSEC3 {
			chain = append(chain, rr)
			continue
		}
		at[k] = append(at[k], rr)
	}
	if err := zp.Err(); err != nil {
		t.Fatal(err)
	}
	for _, set := range at {
		sets = append(sets, set)
	}
	slices.SortFunc(sets, func(a, b []mdns.RR) int { return strings.Compare(a[0].String(), b[0].String()) })
	return chain, sets
}

func TestValidateRandomLies(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tb := &perRun{TB: t}
		defer tb.done()
		z := draw(rt)
		tr := dnstest.Sign(tb, at, z.trees...)
		names, types := z.questions(rt)
		what, lie := lies(rt, tr)
		var q atomic.Value // late questions of the last round are still answered
		q.Store("")
		tr.Mutate(func(asked mdns.Question, m *mdns.Msg) {
			if asked.Name+" "+dns.Type(asked.Qtype).String() == q.Load() {
				lie(asked, m)
			}
		})
		for i, n := range names {
			want := z.truth(n, types[i])
			if want == "" {
				continue
			}
			q.Store(fmt.Sprintf("%s %s", n.FQDN(), types[i]))
			// A resolver of its own, so that no zone's DS is kept from before.
			got := verdict(t, validating(tb, tr, tr.Anchor("."), 0), fmt.Sprintf("%s %s", n, types[i]))
			if strings.HasPrefix(got, "secure") && got != want || strings.HasPrefix(got, "insecure") && strings.HasPrefix(want, "secure") {
				rt.Fatalf("%s, %s: got %s, and %s is true\n%s%v", q.Load(), what, got, want, z.zone.Text, z.kids)
			}
		}
	})
}
