package dns

import (
	"context"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// signedSet is an RRset of a message with the signatures beside it.
type signedSet struct {
	owner  Name
	rrtype uint16
	rrs    []mdns.RR
	sigs   []*mdns.RRSIG

	above bool // the zone above the owner must hold it, as it does a DS
}

// collect takes a section apart into its sets, in their order.
func collect(section []mdns.RR) []*signedSet {
	var sets []*signedSet
	at := map[logKey]*signedSet{}
	get := func(owner Name, rrtype uint16) *signedSet {
		k := logKey{owner, Type(rrtype)}
		if at[k] == nil {
			at[k] = &signedSet{owner: owner, rrtype: rrtype}
			sets = append(sets, at[k])
		}
		return at[k]
	}
	for _, rr := range section {
		h := rr.Header()
		if h.Class != mdns.ClassINET {
			continue
		}
		if sig, ok := rr.(*mdns.RRSIG); ok {
			set := get(nameOf(h.Name), sig.TypeCovered)
			set.sigs = append(set.sigs, sig)
			continue
		}
		set := get(nameOf(h.Name), h.Rrtype)
		set.rrs = append(set.rrs, rr)
	}
	return slices.DeleteFunc(sets, func(s *signedSet) bool { return len(s.rrs) == 0 })
}

func find(sets []*signedSet, owner Name, rrtype uint16) *signedSet {
	for _, s := range sets {
		if s.owner == owner && s.rrtype == rrtype {
			return s
		}
	}
	return nil
}

// dnameTo is the DNAME that makes target of owner (RFC 6672 §2.2), nil if none does.
func dnameTo(sets []*signedSet, owner, target Name) *signedSet {
	for _, s := range sets {
		if s.rrtype != mdns.TypeDNAME || owner == s.owner || !owner.IsUnder(s.owner) || len(s.rrs) != 1 {
			continue
		}
		prefix := string(owner)
		if s.owner != Root {
			prefix = strings.TrimSuffix(prefix, "."+string(s.owner))
		}
		if d, ok := s.rrs[0].(*mdns.DNAME); ok && nameOf(d.Target).Child(prefix) == target {
			return s
		}
	}
	return nil
}

// below is the name whose zone must hold the set: a DS belongs to the zone above
// its owner (RFC 4035 §2.4).
func (s *signedSet) below() Name {
	if s.above {
		return s.owner.Parent()
	}
	return holder(s.owner, Type(s.rrtype))
}

func holder(owner Name, rrtype Type) Name {
	if rrtype == TypeDS {
		return owner.Parent()
	}
	return owner
}

// signers are the zones that claim to have signed the set and could hold it,
// the nearest first (RFC 4035 §5.3.1).
func (s *signedSet) signers() []Name {
	var names []Name
	for _, sig := range s.sigs {
		n := nameOf(sig.SignerName)
		if s.below().IsUnder(n) && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.SortStableFunc(names, func(a, b Name) int { return len(b) - len(a) })
	return names[:min(len(names), maxSigners)]
}

// labelsOf counts labels as the field of a signature does: without the root and
// without a wildcard's asterisk (RFC 4034 §3.1.3).
func labelsOf(n Name) int {
	labels := n.Labels()
	if len(labels) > 0 && labels[0] == "*" {
		return len(labels) - 1
	}
	return len(labels)
}

// verify finds a signature of the zone that holds over the set.
func (v *validator) verify(ctx context.Context, b *budget, set *signedSet, z *cut) (*mdns.RRSIG, *Error) {
	keys, e := v.keysOf(ctx, z)
	if e != nil {
		return nil, e
	}
	return v.verifyWith(b, set, z.apex, keys)
}

// verifyWith tries each signature in force with each key that could have made it.
func (v *validator) verifyWith(b *budget, set *signedSet, apex Name, keys []*mdns.DNSKEY) (*mdns.RRSIG, *Error) {
	now := uint32(v.now().Unix())
	flaw := FlawUnsigned
	worse := func(f Flaw) {
		order := []Flaw{FlawUnsigned, FlawNotYetValid, FlawExpired, FlawSignature}
		if slices.Index(order, f) > slices.Index(order, flaw) {
			flaw = f
		}
	}
	rrs := plainOwners(set)
	for _, sig := range set.sigs {
		if nameOf(sig.SignerName) != apex || int(sig.Labels) > labelsOf(set.owner) {
			continue
		}
		// RFC 4034 §3.1.5: serial number arithmetic.
		switch {
		case int32(sig.Expiration-now) < 0:
			worse(FlawExpired)
			continue
		case int32(now-sig.Inception) < 0:
			worse(FlawNotYetValid)
			continue
		}
		worse(FlawSignature)
		for _, key := range keys {
			if key.Algorithm != sig.Algorithm || key.KeyTag() != sig.KeyTag {
				continue
			}
			if b.signatures--; b.signatures < 0 {
				return nil, flawed(FlawWork, set.owner, Type(set.rrtype), "key tags or signatures beyond number")
			}
			if sig.Verify(key, rrs) == nil {
				return sig, nil
			}
		}
	}
	return nil, flawed(flaw, set.owner, Type(set.rrtype), "signatures of "+apex.FQDN())
}

// plainOwners is the set with one spelling of its owner: the letters' case may
// differ from record to record.
func plainOwners(set *signedSet) []mdns.RR {
	first := set.rrs[0].Header().Name
	same := !slices.ContainsFunc(set.rrs, func(rr mdns.RR) bool { return rr.Header().Name != first })
	if same {
		return set.rrs
	}
	out := make([]mdns.RR, len(set.rrs))
	for i, rr := range set.rrs {
		out[i] = mdns.Copy(rr)
		out[i].Header().Name = first
	}
	return out
}
