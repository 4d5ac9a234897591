package dmarc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/steady"
)

// naiveZone is what stands at the _dmarc names of a world: texts by name. A name
// that is in failing answers nothing.
type naiveZone struct {
	texts   map[string][]string
	failing map[string]bool
}

// naiveWalk is RFC 9989 §4.10 as its steps are numbered, one query at a time.
// found are the records that the walk retrieved, by name, as their psd values;
// ok is false when a query failed: what comes after it cannot be told.
func (z *naiveZone) naiveWalk(start string) (asked []string, found map[string]string, ok bool) {
	found = map[string]string{}
	ok = true
	query := func(target string) (stop bool) {
		asked = append(asked, target)
		if z.failing[target] {
			ok = false
			return false
		}
		var records []string
		for _, text := range z.texts[target] {
			if strings.HasPrefix(text, "v=DMARC1;") { // step 2: not of this version, discarded
				records = append(records, text)
			}
		}
		if len(records) != 1 { // step 2: several, all discarded
			return false
		}
		psd := "u"
		for _, tag := range strings.Split(records[0], "; ") {
			if v, is := strings.CutPrefix(tag, "psd="); is {
				psd = v
			}
		}
		found[target] = psd
		return psd == "n" || psd == "y"
	}

	// Steps 1 and 2.
	if query(start) {
		return asked, found, ok
	}
	// Step 3: the labels, x is their count.
	labels := strings.Split(start, ".")
	x := len(labels)
	// Step 4.
	if x < 8 {
		labels = labels[1:]
	} else {
		for len(labels) > 7 {
			labels = labels[1:]
		}
	}
	for len(labels) > 0 {
		// Steps 5 and 6.
		if query(strings.Join(labels, ".")) {
			return asked, found, ok
		}
		// Step 7.
		labels = labels[1:]
	}
	return asked, found, ok
}

// naiveOrganization is §4.10.2 over the records of a walk.
func naiveOrganization(start string, asked []string, found map[string]string) string {
	// From the longest to the shortest name.
	for _, name := range asked {
		psd, is := found[name]
		if !is {
			continue
		}
		if psd == "n" { // rule 1
			return name
		}
		if psd == "y" && name != start { // rule 2
			below := strings.TrimSuffix(start, "."+name)
			labels := strings.Split(below, ".")
			return labels[len(labels)-1] + "." + name
		}
	}
	// Rule 3: the fewest labels; asked is ordered by their number.
	for i := len(asked) - 1; i >= 0; i-- {
		if _, is := found[asked[i]]; is {
			return asked[i]
		}
	}
	return start // no record: the initial target
}

// naivePolicy is §4.10.1: the Author Domain's record, else the Organizational
// Domain's, else the PSD's.
func naivePolicy(start, org string, asked []string, found map[string]string) string {
	if _, is := found[start]; is {
		return start
	}
	if _, is := found[org]; is {
		return org
	}
	for _, name := range asked {
		if found[name] == "y" {
			return name
		}
	}
	return ""
}

// drawZone makes a world around one name.
func drawZone(t *rapid.T, start string, fail bool) (naiveZone, *dnstest.World) {
	z := naiveZone{texts: map[string][]string{}, failing: map[string]bool{}}
	var file strings.Builder
	labels := strings.Split(start, ".")
	for i := range labels {
		name := strings.Join(labels[i:], ".")
		if fail && rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
			z.failing[name] = true
			fmt.Fprintf(&file, "_dmarc.%s. TXT ; %s\n", name, rapid.SampledFrom([]string{"!timeout", "!servfail"}).Draw(t, "how"))
			continue
		}
		for n := range rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 1, 2, 3}).Draw(t, "texts") {
			text := rapid.SampledFrom([]string{
				"v=DMARC1; p=none; x=%d", "v=DMARC1; p=none; x=%d", "v=DMARC1; p=none; psd=u; x=%d", "v=DMARC1; p=none; psd=n; x=%d",
				"v=DMARC1; p=none; psd=y; x=%d", "v=DMARC1; psd=n; p=reject; x=%d", "v=spf1 -all %d", "v=DMARC2; psd=n; p=none; x=%d", "v=dmarc1; psd=y; x=%d", "junk %d",
			}).Draw(t, "text")
			text = fmt.Sprintf(text, n)
			z.texts[name] = append(z.texts[name], text)
			fmt.Fprintf(&file, "_dmarc.%s. TXT \"%s\"\n", name, text)
		}
	}
	world, err := dnstest.Parse(file.String())
	if err != nil {
		t.Fatal(err)
	}
	return z, world
}

func drawName(t *rapid.T) string {
	n := rapid.IntRange(1, 12).Draw(t, "labels")
	labels := make([]string, n)
	for i := range labels {
		labels[i] = fmt.Sprintf("l%d", n-i)
	}
	return strings.Join(labels, ".")
}

func TestWalkIsLiteral(t *testing.T) {
	steady.Seed(t, 9989)
	rapid.Check(t, func(t *rapid.T) {
		start := drawName(t)
		z, world := drawZone(t, start, false)
		d := Walk(context.Background(), world, dns.Name(start))
		asked, found, _ := z.naiveWalk(start)
		org := naiveOrganization(start, asked, found)
		policy := naivePolicy(start, org, asked, found)
		if got := names(d); !slices.Equal(got, asked) {
			t.Fatalf("asked %v\nwant  %v", got, asked)
		}
		if len(asked) > maxQueries {
			t.Fatalf("%d questions", len(asked))
		}
		if got := policyAt(d); d.OrganizationalDomain.String() != org || got != policy || !d.Known {
			t.Fatalf("texts %v\ngot organization %s, policy %q, known %v\nwant %s, %q", z.texts, d.OrganizationalDomain, got, d.Known, org, policy)
		}
	})
}

// With failed queries, what the walk still says must hold whatever the failed
// names would have answered; and of one world that answers, it is right.
func TestWalkWithFailures(t *testing.T) {
	steady.Seed(t, 9990)
	rapid.Check(t, func(t *rapid.T) {
		start := drawName(t)
		z, world := drawZone(t, start, true)
		d := Walk(context.Background(), world, dns.Name(start))
		asked, found, ok := z.naiveWalk(start)
		if got := names(d); !slices.Equal(got, asked) {
			t.Fatalf("asked %v\nwant  %v", got, asked)
		}
		if ok {
			if org := naiveOrganization(start, asked, found); d.OrganizationalDomain.String() != org || !d.Known {
				t.Fatalf("got %s, known %v, want %s", d.OrganizationalDomain, d.Known, org)
			}
			return
		}
		if d.OrganizationalDomain != "" {
			t.Fatalf("an Organizational Domain %s in spite of a failed query", d.OrganizationalDomain)
		}
		if _, own := found[start]; own != d.Known || own && policyAt(d) != start {
			t.Fatalf("own record %v; got policy %q, known %v", own, policyAt(d), d.Known)
		}
	})
}

// sameOrganization against every way in which the failed names could have
// answered, each walked literally.
func TestAlignmentIsLiteral(t *testing.T) {
	steady.Seed(t, 4102)
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]string{"com", "example.com", "a.b.c.d.example.com"}).Draw(t, "base")
		sub := rapid.SampledFrom([]string{"", "x.", "x.y.", "p.q.r.x."})
		from, id := sub.Draw(t, "from")+base, sub.Draw(t, "identifier")+base
		if rapid.IntRange(0, 9).Draw(t, "stranger") == 0 {
			id = strings.TrimSuffix(id, "com") + "net"
		}
		z, world := drawZone(t, from, true)
		zi, worldID := drawZone(t, id, true)
		for name := range zi.texts { // what both names share is answered alike
			if !under(from, name) {
				z.texts[name] = zi.texts[name]
			}
		}
		for name := range zi.failing {
			if !under(from, name) {
				z.failing[name] = true
			}
		}
		both := &split{from: from, world: world, other: worldID}
		a, b := Walk(context.Background(), both, dns.Name(from)), Walk(context.Background(), both, dns.Name(id))
		got, failed := sameOrganization(a, b)

		var open []string
		for _, walk := range []string{from, id} {
			asked, _, _ := z.naiveWalk(walk)
			for _, n := range asked {
				if z.failing[n] && !slices.Contains(open, n) {
					open = append(open, n)
				}
			}
		}
		if len(open) > maxOpen {
			return
		}
		seen := map[bool]bool{}
		for guess := range 1 << (2 * len(open)) {
			w := naiveZone{texts: map[string][]string{}}
			for n, texts := range z.texts {
				w.texts[n] = texts
			}
			for i, n := range open {
				if psd := []string{"", "u", "n", "y"}[guess>>(2*i)&3]; psd != "" {
					w.texts[n] = []string{"v=DMARC1; psd=" + psd}
				}
			}
			org := func(start string) string {
				asked, found, _ := w.naiveWalk(start)
				return naiveOrganization(start, asked, found)
			}
			seen[org(from) == org(id)] = true
		}
		want := AlignedUnknown
		if len(seen) == 1 {
			want = yesNo(seen[true])
		}
		if got != want || (got == AlignedUnknown) != (failed != nil) {
			t.Fatalf("%s and %s: got %s (%v), want %s\ntexts %v\nfailing %v", from, id, got, failed, want, z.texts, z.failing)
		}
	})
}

// split answers names above or at from out of one world, others of another.
type split struct {
	from         string
	world, other dns.Resolver
}

func (s *split) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if under(s.from, strings.TrimPrefix(name.String(), "_dmarc.")) {
		return s.world.Resolve(ctx, name, qtype)
	}
	return s.other.Resolve(ctx, name, qtype)
}

// under tells whether name is child or lies below ancestor.
func under(child, ancestor string) bool {
	return child == ancestor || strings.HasSuffix(child, "."+ancestor)
}

func names(d *Discovery) []string {
	var out []string
	for _, s := range d.Steps {
		out = append(out, s.Name.String())
	}
	return out
}

func policyAt(d *Discovery) string {
	if d.Policy == nil {
		return ""
	}
	return d.Policy.Name.String()
}
