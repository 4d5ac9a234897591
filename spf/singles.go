package spf

import (
	"net/netip"
	"slices"
)

// Singles are the addresses that the domain's own record, or the one that it
// redirects to, lets pass one by one, each once: ip4 and ip6 of full length,
// then the hosts of a and mx, so that a look-up that fails moves none of the
// others up. Ranges tell nothing of the addresses
// in use, and what an include lists is its owner's. The error is the failed
// look-up behind which there may be more.
func (f *Facts) Singles() ([]netip.Addr, error) {
	if f.Lookup.Unknown() {
		return nil, f.Lookup.Error
	}
	if f.InForce() == nil || f.Tree == nil || f.Tree.root == nil {
		return nil, nil
	}
	list, _ := f.Tree.root.singles(nil, IP4, IP6)
	return f.Tree.root.singles(list, A, MX)
}

func (n *node) singles(list []netip.Addr, kinds ...Kind) ([]netip.Addr, error) {
	add := func(addrs ...netip.Addr) {
		for _, a := range addrs {
			if a = a.Unmap(); a.IsValid() && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	whole := func(bits, length int) bool { return bits < 0 || bits == length }
	var untold error
	for _, t := range n.terms {
		e := t.entry
		if e == nil || t.Status == "ignored" || !t.Kind.Mechanism() || e.qualifier() != '+' {
			continue
		}
		for _, l := range t.failed {
			untold = l.Error
		}
		if t.lookup != nil && t.lookup.Unknown() && t.Kind != Include {
			untold = t.lookup.Error
		}
		if !slices.Contains(kinds, t.Kind) {
			continue
		}
		switch t.Kind {
		case IP4:
			if whole(e.Bits4, 32) {
				add(e.Addr)
			}
		case IP6:
			if whole(e.Bits6, 128) {
				add(e.Addr)
			}
		case A, MX:
			for _, a := range t.addrs {
				if a.Is4() && whole(e.Bits4, 32) || a.Is6() && whole(e.Bits6, 128) {
					add(a)
				}
			}
		}
	}
	if t := n.redirect(); t != nil {
		switch {
		case t.child != nil:
			more, err := t.child.singles(list, kinds...)
			list = more
			if err != nil {
				untold = err
			}
		case t.lookup != nil && t.lookup.Unknown():
			untold = t.lookup.Error
		}
	}
	return list, untold
}
