package dns

import (
	"context"
	"slices"

	mdns "github.com/miekg/dns"
)

// denied is what the proof of a denial says.
type denied struct {
	sec    security
	zone   Name   // that proves it
	status Status // NXDomain or NoData
	cut    bool   // a zone begins at the name, and it is not signed
}

// judgeDenial tells how secure it is that a name has no such records.
func (v *validator) judgeDenial(ctx context.Context, b *budget, m *mdns.Msg, name Name, qtype Type) (denied, *Error) {
	sets := proofs(m)
	at := holder(name, qtype)
	z, e := v.signerOf(ctx, sets, at)
	if e != nil {
		return denied{}, e
	}
	if z == nil {
		return v.unproven(ctx, m, at, name, qtype)
	}
	if z.sec != secure {
		return denied{sec: z.sec}, nil
	}
	p, flaw := v.proofOf(ctx, b, sets, z)
	if p.limit {
		return denied{sec: insecure, zone: z.apex}, nil
	}
	d, ok := p.denies(name, qtype, m.Rcode == mdns.RcodeNameError)
	if !ok {
		switch {
		case p.work:
			return denied{}, flawed(FlawWork, name, qtype, "hashing")
		case flaw == nil:
			flaw = flawed(FlawDenial, name, qtype, "the zone "+z.apex.FQDN()+" does not prove it")
		}
		return v.otherProof(ctx, at, flaw)
	}
	d.zone = z.apex
	return d, nil
}

// unproven judges a denial without proof: insecure below an unsigned
// delegation, else bogus.
func (v *validator) unproven(ctx context.Context, m *mdns.Msg, at, name Name, qtype Type) (denied, *Error) {
	// The SOA names the zone; asking for its DS first saves the walk. What it
	// says is believed only as far as the DS proves it.
	for _, rr := range m.Ns {
		if soa, ok := rr.(*mdns.SOA); ok && at.IsUnder(nameOf(soa.Hdr.Name)) {
			z, e := v.cutAt(ctx, nameOf(soa.Hdr.Name))
			if e == nil && z.sec != secure {
				return denied{sec: z.sec}, nil
			}
			break
		}
	}
	z, e := v.walk(ctx, at)
	switch {
	case e != nil:
		return denied{}, e
	case z.sec != secure:
		return denied{sec: z.sec}, nil
	}
	return denied{}, flawed(FlawDenial, name, qtype, "no proof, and the zone "+z.apex.FQDN()+" is signed")
}

// otherProof is for proofs that do not deny the name: they may belong to
// another part of the answer, as to a wildcard's alias into an unsigned zone.
func (v *validator) otherProof(ctx context.Context, at Name, flaw *Error) (denied, *Error) {
	switch z, e := v.walk(ctx, at); {
	case e != nil && e.Flaw == "":
		return denied{}, e
	case e == nil && z.sec != secure:
		return denied{sec: z.sec}, nil
	}
	return denied{}, flaw
}

// judgeExpansion tells whether a wildcard may answer for the name: nothing
// nearer exists (RFC 4035 §5.3.4, RFC 5155 §8.8).
func (v *validator) judgeExpansion(ctx context.Context, b *budget, m *mdns.Msg, name, signer Name, labels int) (security, *Error) {
	z, e := v.cutAt(ctx, signer)
	if e != nil || z.sec != secure {
		return secOf(z), e
	}
	p, flaw := v.proofOf(ctx, b, proofs(m), z)
	if p.limit {
		return insecure, nil
	}
	encloser := name
	for len(encloser.Labels()) > labels { // an asterisk within the name is a label like others
		encloser = encloser.Parent()
	}
	sec, ok := p.expands(name, encloser)
	if !ok {
		if flaw == nil {
			flaw = flawed(FlawDenial, name, 0, "a wildcard answers for the name, and nothing proves that it may")
		}
		return 0, flaw
	}
	return sec, nil
}

// proofs are the NSEC and NSEC3 sets beside an answer.
func proofs(m *mdns.Msg) []*signedSet {
	sets := slices.DeleteFunc(collect(m.Ns), func(s *signedSet) bool {
		return s.rrtype != mdns.TypeNSEC && s.rrtype != mdns.TypeNSEC3
	})
	return sets[:min(len(sets), maxSigned)]
}

// signerOf is the nearest zone at or above the name that has signed a proof;
// nil for none.
func (v *validator) signerOf(ctx context.Context, sets []*signedSet, at Name) (*cut, *Error) {
	var signers []Name
	for _, s := range sets {
		for _, sig := range s.sigs {
			if n := nameOf(sig.SignerName); at.IsUnder(n) && s.owner.IsUnder(n) && !slices.Contains(signers, n) {
				signers = append(signers, n)
			}
		}
	}
	slices.SortStableFunc(signers, func(a, b Name) int { return len(b) - len(a) })
	for _, n := range signers[:min(len(signers), maxSigners)] {
		z, e := v.cutAt(ctx, n)
		if e != nil || z.sec != secure || z.apex == n {
			return z, e
		}
	}
	return nil, nil
}

// proof is the part of a denial's records that its zone has signed.
type proof struct {
	apex  Name
	nsec  []link
	nsec3 *hashed
	limit bool // iterations beyond what validators follow: insecure (RFC 9276 §3.2)
	work  bool // the budget of hashes is spent
}

// link is an NSEC record.
type link struct {
	owner, next Name
	types       []uint16
}

// proofOf verifies the proof's sets with the zone's keys. The error is that of
// a set that does not verify, for the case that the rest does not suffice.
func (v *validator) proofOf(ctx context.Context, b *budget, sets []*signedSet, z *cut) (*proof, *Error) {
	p := &proof{apex: z.apex}
	var flaw *Error
	for _, s := range sets {
		if len(s.rrs) != 1 || !s.owner.IsUnder(z.apex) {
			continue
		}
		sig, e := v.verify(ctx, b, s, z)
		if e != nil {
			flaw = e
			continue
		}
		switch rr := s.rrs[0].(type) {
		case *mdns.NSEC:
			next := nameOf(rr.NextDomain)
			// One that a wildcard made proves nothing (RFC 4035 §5.4).
			if int(sig.Labels) == labelsOf(s.owner) && next.IsUnder(z.apex) {
				p.nsec = append(p.nsec, link{s.owner, next, rr.TypeBitMap})
			}
		case *mdns.NSEC3:
			p.add(b, s.owner, rr)
		}
	}
	return p, flaw
}

// denies tells what the proof says of the name and type.
func (p *proof) denies(name Name, qtype Type, nx bool) (denied, bool) {
	if len(p.nsec) > 0 {
		if d, ok := p.nsecDenies(name, qtype, nx); ok {
			return d, true
		}
	}
	if p.nsec3 != nil {
		return p.nsec3Denies(name, qtype, nx)
	}
	return denied{}, false
}

// expands tells whether the wildcard below encloser may answer for the name.
func (p *proof) expands(name, encloser Name) (security, bool) {
	for i := range p.nsec {
		if l := &p.nsec[i]; l.covers(p.apex, name) && !l.next.IsUnder(name) && l.encloser(name) == encloser {
			return secure, true
		}
	}
	if p.nsec3 == nil {
		return 0, false
	}
	nearer := childToward(encloser, name)
	h, ok := p.hash(nearer)
	if !ok {
		return 0, false
	}
	switch r := p.nsec3.covering(h); {
	case r == nil:
		return 0, false
	case r.optOut: // RFC 5155 §9.2
		return insecure, true
	}
	return secure, true
}

// childToward is the child of ancestor on the way to the name below it.
func childToward(ancestor, name Name) Name {
	for name.Parent() != ancestor && name != Root {
		name = name.Parent()
	}
	return name
}

func has(types []uint16, t uint16) bool { return slices.Contains(types, t) }

// delegates tells whether the types are those at the parent's side of a
// delegation: such a record speaks of nothing below it (RFC 6840 §4.1).
func delegates(types []uint16) bool { return has(types, mdns.TypeNS) && !has(types, mdns.TypeSOA) }

// lacks tells what a record at the name itself proves about the type.
func lacks(types []uint16, name Name, qtype Type) (d denied, ok bool) {
	switch {
	case has(types, uint16(qtype)) || has(types, mdns.TypeCNAME):
		return d, false
	case qtype == TypeDS && name != Root && has(types, mdns.TypeSOA):
		return d, false // the child's own record, where the parent's is needed
	case qtype != TypeDS && delegates(types):
		return d, false
	}
	return denied{sec: secure, status: NoData, cut: qtype == TypeDS && delegates(types)}, true
}

// covers tells whether the name lies between owner and next, and the record
// may say so: it is of the zone's own part of the tree.
func (l *link) covers(apex, name Name) bool {
	if name.Compare(l.owner) <= 0 || (l.next != apex && name.Compare(l.next) >= 0) {
		return false
	}
	if name.IsUnder(l.owner) && (delegates(l.types) || has(l.types, mdns.TypeDNAME)) {
		return false
	}
	return true
}

// encloser is the closest encloser of a name that the record covers.
func (l *link) encloser(name Name) Name {
	a, b := common(name, l.owner), common(name, l.next)
	if len(b.Labels()) > len(a.Labels()) {
		return b
	}
	return a
}

// common is the longest ancestor of both names.
func common(a, b Name) Name {
	for !b.IsUnder(a) {
		a = a.Parent()
	}
	return a
}

// nsecDenies reads the NSEC records (RFC 4035 §5.4). nx says that the reply
// denies the name, not only the type.
func (p *proof) nsecDenies(name Name, qtype Type, nx bool) (denied, bool) {
	for i := range p.nsec {
		l := &p.nsec[i]
		if l.owner != name {
			continue
		}
		if has(l.types, mdns.TypeNXNAME) { // RFC 9824 §3.1
			return denied{sec: secure, status: NXDomain}, true
		}
		d, ok := lacks(l.types, name, qtype)
		return d, ok && !nx
	}
	for i := range p.nsec {
		l := &p.nsec[i]
		if !l.covers(p.apex, name) {
			continue
		}
		if l.next.IsUnder(name) { // an empty non-terminal
			return denied{sec: secure, status: NoData}, !nx
		}
		star := l.encloser(name).Child("*")
		for j := range p.nsec {
			w := &p.nsec[j]
			if w.owner == star {
				d, ok := lacks(w.types, star, qtype)
				return d, ok && !nx && !d.cut
			}
			if w.covers(p.apex, star) {
				if w.next.IsUnder(star) {
					return denied{sec: secure, status: NoData}, !nx
				}
				return denied{sec: secure, status: NXDomain}, nx || qtype == TypeDS
			}
		}
	}
	return denied{}, false
}
