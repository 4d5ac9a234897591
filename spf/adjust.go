package spf

import (
	"net/netip"
	"strings"

	"github.com/postseal/postseal/check"
)

// includeRoom is how many look-ups an include may turn out to cost whose record
// nobody has read: the largest mailbox providers stay below it.
const includeRoom = 5

// At is a finding on one term of the tree, for rules that relate SPF to others.
func (f *Facts) At(t *Term, params check.Params) check.Finding { return f.at(t, params) }

// Dropping is the fix that removes one term of the record in force.
func (f *Facts) Dropping(t *Term) *check.Fix {
	return f.without(func(o *Term) bool { return o == t })
}

// Adding is the fix that puts terms in front of what decides for strangers. Nil
// where the record is broken otherwise, or may end up over the limit (§4.6.4).
func (f *Facts) Adding(terms ...string) *check.Fix {
	n := f.Tree.root
	if n.fatal() != nil || f.Tree.Open || aliased(&f.Lookup) || f.Tree.Lookups+includeRoom*len(terms) > MaxLookups {
		return nil
	}
	at := n.rec.First(All)
	if at < 0 {
		at = n.rec.First(Redirect)
	}
	if at < 0 {
		return nil
	}
	return f.replace("", n.rec.rewrite(func(i int, _ *Entry, text string) string {
		if i == at {
			text = strings.Join(terms, " ") + " " + text
		}
		return text
	}))
}

// OwnAddresses counts the ip4 and ip6 terms in the records of the domain's own
// organisation.
func (f *Facts) OwnAddresses() int {
	n := 0
	if f.InForce() != nil {
		f.Tree.each(func(t *Term) {
			if (t.Kind == IP4 || t.Kind == IP6) && SameOrganisation(t.in.owner, f.Domain) {
				n++
			}
		})
	}
	return n
}

// Covers counts the ranges that the other tree lets pass, and how many of them
// this one lets pass as well.
func (t *Tree) Covers(o *Tree) (covered, all int) {
	mine := t.root.passes().merged()
	for _, p := range o.root.passes().merged() {
		all++
		if holds(mine, p) {
			covered++
		}
	}
	return covered, all
}

// holds tells whether the networks together hold all of p.
func holds(nets []netip.Prefix, p netip.Prefix) bool {
	inside := false
	for _, n := range nets {
		if n.Bits() <= p.Bits() && n.Contains(p.Addr()) {
			return true
		}
		inside = inside || p.Contains(n.Addr())
	}
	if !inside || p.IsSingleIP() {
		return false
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	return holds(nets, low) && holds(nets, netip.PrefixFrom(upper(low), low.Bits()))
}

// upper is the first address of the other half of the network that p is the
// lower half of.
func upper(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	bit := p.Bits() - 1
	b[bit/8] |= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(b)
	return a
}
