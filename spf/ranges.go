package spf

import (
	"net/netip"
	"slices"
	"strconv"
)

// ranges are the networks that something lets pass.
type ranges struct{ nets []netip.Prefix }

var (
	everyIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	everyIPv6 = netip.MustParsePrefix("::/0")
)

func (r *ranges) add(p ...netip.Prefix) { r.nets = append(r.nets, p...) }

// merged is the networks without those that lie in another, sorted.
func (r *ranges) merged() []netip.Prefix {
	nets := slices.Clone(r.nets)
	slices.SortFunc(nets, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var out []netip.Prefix
	for _, p := range nets {
		// Sorted so, a network that holds p can only be the last one kept.
		if n := len(out); n > 0 && out[n-1].Bits() <= p.Bits() && out[n-1].Contains(p.Addr()) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// ipv4 counts the distinct IPv4 addresses.
func (r *ranges) ipv4() uint64 {
	var n uint64
	for _, p := range r.merged() {
		if p.Addr().Is4() {
			n += 1 << (32 - p.Bits())
		}
	}
	return n
}

// widest6 is the shortest IPv6 prefix length, 129 when there is none.
func (r *ranges) widest6() int {
	n := 129
	for _, p := range r.nets {
		if p.Addr().Is6() {
			n = min(n, p.Bits())
		}
	}
	return n
}

func (r *ranges) addresses() Addresses {
	a := Addresses{IPv4: strconv.FormatUint(r.ipv4(), 10), IPv6: []string{}}
	for _, p := range r.merged() {
		if p.Addr().Is6() {
			a.IPv6 = append(a.IPv6, p.String())
		}
	}
	return a
}

// networks is what one term of the record itself matches, includes aside.
func (t *Term) networks() []netip.Prefix {
	switch t.Kind {
	case IP4, IP6:
		p := t.entry.prefix()
		if p.Addr().Is4In6() { // §5: mapped clients are IPv4, so this never matches
			return nil
		}
		return []netip.Prefix{p}
	case A, MX:
		four, six := t.entry.lengths()
		var nets []netip.Prefix
		for _, a := range t.addrs {
			bits := four
			if a.Is6() {
				bits = six
			}
			nets = append(nets, netip.PrefixFrom(a, bits).Masked())
		}
		return nets
	case Exists:
		if t.lookup != nil && t.lookup.Found() { // a literal that resolves matches every client
			return []netip.Prefix{everyIPv4, everyIPv6}
		}
	case All:
		return []netip.Prefix{everyIPv4, everyIPv6}
	}
	return nil
}

// own is what the record's own positive terms let pass, all and what it
// includes aside.
func (n *node) own() *ranges {
	r := &ranges{}
	for i, t := range n.terms {
		if t.entry.positive() && t.Kind != All && n.rec.live(i) {
			r.add(t.networks()...)
		}
	}
	return r
}

// passes is all that gets a pass from the record: an include matches on pass
// only (§5.2), so what its signed terms name does not count.
func (n *node) passes() *ranges {
	r := &ranges{}
	n.sources(func(_ *Term, nets []netip.Prefix) { r.add(nets...) })
	return r
}

// sources calls visit for every term of which a match is a pass.
func (n *node) sources(visit func(*Term, []netip.Prefix)) {
	for i, t := range n.terms {
		if !t.entry.positive() || !n.rec.live(i) {
			continue
		}
		visit(t, t.networks())
		if t.child != nil {
			t.child.sources(visit)
		}
	}
	if t := n.redirect(); t != nil && t.child != nil {
		t.child.sources(visit)
	}
}

// hiddenOpen tells whether the record's own terms let at least half of IPv4 or
// an eighth of IPv6 pass without saying +all.
func (n *node) hiddenOpen() bool {
	r := n.own()
	return r.ipv4() >= 1<<31 || r.widest6() <= 3
}

// opens tells whether the record itself lets everyone pass.
func (n *node) opens() bool {
	if i := n.rec.First(All); i >= 0 && n.rec.Terms[i].qualifier() == '+' {
		return true
	}
	return n.hiddenOpen()
}

// opensBelow is the path to a record below the term that lets everyone pass,
// nil when there is none.
func (t *Term) opensBelow() []*Term {
	if t.child == nil || t.Kind == Include && !t.entry.positive() {
		return nil
	}
	if t.child.opens() {
		return []*Term{t}
	}
	for i, c := range t.child.terms {
		if c.Kind == Include && t.child.rec.live(i) || c == t.child.redirect() {
			if p := c.opensBelow(); p != nil {
				return append([]*Term{t}, p...)
			}
		}
	}
	return nil
}

// names are the targets of a path of terms.
func names(path []*Term) []string {
	out := []string{}
	for _, t := range path {
		out = append(out, t.Target.String())
	}
	return out
}

// policy is the all that decides for the record: its own, else that of its
// redirect. all is nil when none is; known is false when a target could not be
// told. at is the term of n itself that leads there.
func (n *node) policy() (all *Entry, at *Term, known bool) {
	for first := true; ; first = false {
		if i := n.rec.First(All); i >= 0 {
			if first {
				at = n.terms[i]
			}
			return &n.rec.Terms[i], at, true
		}
		t := n.redirect()
		if t == nil {
			return nil, at, true
		}
		if first {
			at = t
		}
		if t.child == nil {
			return nil, at, false
		}
		n = t.child
	}
}

// closed tells whether the record is exactly "v=spf1 -all", or redirects to
// one that is and says nothing else.
func (n *node) closed() (closed, known bool) {
	for len(n.terms) == 1 {
		t := n.terms[0]
		switch {
		case t.Kind == All:
			return t.entry.qualifier() == '-', true
		case t.Kind == Redirect && t.child != nil:
			n = t.child
		default:
			return false, t.Status != "unknown" && t.Status != "macro"
		}
	}
	return false, true
}

// unknowns are the failed look-ups of targets in the tree.
func (t *Tree) unknowns(kinds ...Kind) []error {
	var errs []error
	t.each(func(term *Term) {
		if term.Status != "unknown" || !slices.Contains(kinds, term.Kind) {
			return
		}
		if len(term.failed) == 0 {
			errs = append(errs, tooLarge)
		}
		for _, l := range term.failed {
			errs = append(errs, l.Error)
		}
	})
	return errs
}

// openTerms are the paths from the record's own includes and redirect to
// records that let everyone pass.
func (n *node) openTerms() [][]*Term {
	var paths [][]*Term
	for i, t := range n.terms {
		if t.Kind == Include && n.rec.live(i) || t == n.redirect() {
			if p := t.opensBelow(); p != nil {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// voids are the terms whose look-up comes back empty for every client.
func (t *Tree) voids() []*Term {
	var terms []*Term
	t.each(func(term *Term) {
		if term.Void.IPv4 && term.Void.IPv6 {
			terms = append(terms, term)
		}
	})
	return terms
}
