package dns

import (
	"context"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// cut is what is known of the delegation at a name.
type cut struct {
	apex Name // of the zone that holds the name: the name itself where a zone begins
	sec  security
	gone bool // the name does not exist, so nothing lies below it

	ds     []*mdns.DS // of a secure zone: those that can be used
	anchor *Anchor    // instead of ds
}

// cutAt tells which zone holds a name and whether that zone is secure, as the
// DS at the name has it (RFC 4035 §5.2). It looks at this one cut: what lies
// between the name and the zone that signed the DS needs no look.
func (v *validator) cutAt(ctx context.Context, name Name) (*cut, *Error) {
	return v.zones.do(ctx, v.now, name, func() (*cut, time.Duration, *Error) { return v.lookAt(ctx, name) })
}

func (v *validator) lookAt(ctx context.Context, name Name) (*cut, time.Duration, *Error) {
	if a := v.anchors[name]; a != nil {
		return v.anchored(ctx, a)
	}
	if v.anchorAbove(name) == "" {
		return &cut{apex: name, sec: indeterminate}, maxTTL, nil
	}
	s, e := v.fetch(ctx, name, TypeDS)
	if e != nil {
		return nil, 0, e
	}
	b := newBudget()
	answer := collect(s.msg.Answer)
	if set := find(answer, name, mdns.TypeDS); set != nil {
		return v.delegated(ctx, b, &s, set)
	}
	if set := find(answer, name, mdns.TypeCNAME); set != nil {
		// No zone begins at an alias (RFC 1034 §3.6.2), so one above has signed it.
		set.above = true
		sec, sig, e := v.judgeSet(ctx, b, set)
		if e != nil {
			return nil, 0, e
		}
		c := &cut{apex: name.Parent(), sec: sec}
		if sec == secure {
			c.apex = nameOf(sig.SignerName)
			return v.sameZone(ctx, c, s.TTL)
		}
		return c, s.TTL, nil
	}
	d, e := v.judgeDenial(ctx, b, s.msg, name, TypeDS)
	switch {
	case e != nil:
		return nil, 0, e
	case d.sec == secure && !d.cut:
		return v.sameZone(ctx, &cut{apex: d.zone, sec: secure, gone: d.status == NXDomain}, s.TTL)
	case d.sec == secure:
		return &cut{apex: name, sec: insecure}, s.TTL, nil // a delegation without DS
	}
	return &cut{apex: name, sec: d.sec}, s.TTL, nil
}

// sameZone fills in that no zone begins at the name: the one above holds it.
func (v *validator) sameZone(ctx context.Context, c *cut, ttl time.Duration) (*cut, time.Duration, *Error) {
	z, e := v.cutAt(ctx, c.apex)
	if e != nil {
		return nil, 0, e
	}
	c.ds, c.anchor, c.sec = z.ds, z.anchor, z.sec
	return c, ttl, nil
}

// delegated judges a DS set.
func (v *validator) delegated(ctx context.Context, b *budget, s *Step, set *signedSet) (*cut, time.Duration, *Error) {
	sec, sig, e := v.judgeSet(ctx, b, set)
	switch {
	case e != nil:
		return nil, 0, e
	case sec != secure:
		return &cut{apex: set.owner, sec: sec}, s.TTL, nil
	case int(sig.Labels) != labelsOf(set.owner):
		return nil, 0, flawed(FlawDenial, set.owner, TypeDS, "a wildcard delegates nothing")
	}
	c := &cut{apex: set.owner, sec: secure, ds: usableDS(set.rrs)}
	if len(c.ds) == 0 {
		c.sec = insecure // RFC 4035 §5.2: none of its algorithms is known
	}
	return c, min(s.TTL, time.Duration(sig.Expiration-uint32(v.now().Unix()))*time.Second), nil
}

// anchored is the cut at a trust anchor. Where its own keys do not hold, the
// anchor is of another world or the resolver keeps signatures to itself: nothing
// can be told, and that is not the domains' fault.
func (v *validator) anchored(ctx context.Context, a *Anchor) (*cut, time.Duration, *Error) {
	c := &cut{apex: a.Zone, sec: secure, anchor: a}
	if _, e := v.keysOf(ctx, c); e != nil {
		if e.Kind == Cancelled {
			return nil, 0, e
		}
		return &cut{apex: a.Zone, sec: indeterminate}, failureTTL, nil
	}
	return c, maxTTL, nil
}

// anchorAbove is the nearest anchor at or above the name, "" for none.
func (v *validator) anchorAbove(name Name) Name {
	for n := name; ; n = n.Parent() {
		if v.anchors[n] != nil {
			return n
		}
		if n == Root || n == "" {
			return ""
		}
	}
}

// walk goes down from the anchor, label by label, until a zone is not secure
// or the name is reached: how a set without signatures is judged.
func (v *validator) walk(ctx context.Context, name Name) (*cut, *Error) {
	top := v.anchorAbove(name)
	if top == "" {
		return &cut{apex: name, sec: indeterminate}, nil
	}
	path := []Name{top}
	for n := name; n != top; n = n.Parent() {
		path = slices.Insert(path, 1, n)
	}
	var z *cut
	for i, n := range path {
		if i == maxWalk {
			return nil, flawed(FlawWork, name, TypeDS, "too many labels")
		}
		var e *Error
		if z, e = v.cutAt(ctx, n); e != nil || z.sec != secure || z.gone {
			return z, e
		}
	}
	return z, nil
}

// supported are the algorithms that a signature is verified with. RSASHA1 and
// RSASHA1-NSEC3-SHA1 are treated as unsupported (RFC 9905 §2).
var supported = map[uint8]bool{
	mdns.RSASHA256: true, mdns.RSASHA512: true, mdns.ECDSAP256SHA256: true, mdns.ECDSAP384SHA384: true, mdns.ED25519: true,
}

// usableDS are the DS records of known algorithms and digests. Where there is a
// better digest of an algorithm, SHA-1 does not count (RFC 4509 §3).
func usableDS(rrs []mdns.RR) []*mdns.DS {
	var all []*mdns.DS
	better := map[uint8]bool{}
	for _, rr := range rrs {
		ds, ok := rr.(*mdns.DS)
		if !ok || !supported[ds.Algorithm] || len(all) == maxSigned {
			continue
		}
		switch ds.DigestType {
		case mdns.SHA256, mdns.SHA384:
			better[ds.Algorithm] = true
		case mdns.SHA1:
		default:
			continue
		}
		all = append(all, ds)
	}
	return slices.DeleteFunc(all, func(ds *mdns.DS) bool { return ds.DigestType == mdns.SHA1 && better[ds.Algorithm] })
}

// keysOf gives the keys of a secure zone, proven by one that its DS or its
// anchor names (RFC 4035 §5.2).
func (v *validator) keysOf(ctx context.Context, z *cut) ([]*mdns.DNSKEY, *Error) {
	return v.keys.do(ctx, v.now, z.apex, func() ([]*mdns.DNSKEY, time.Duration, *Error) { return v.fetchKeys(ctx, z) })
}

func (v *validator) fetchKeys(ctx context.Context, z *cut) ([]*mdns.DNSKEY, time.Duration, *Error) {
	s, e := v.fetch(ctx, z.apex, TypeDNSKEY)
	if e != nil {
		return nil, 0, e
	}
	set := find(collect(s.msg.Answer), z.apex, mdns.TypeDNSKEY)
	if set == nil {
		return nil, 0, flawed(FlawNoKeys, z.apex, TypeDNSKEY, "")
	}
	var keys, entry []*mdns.DNSKEY
	for _, rr := range set.rrs {
		key, ok := rr.(*mdns.DNSKEY)
		// RFC 4034 §2.1.1 and §2.1.2; RFC 5011 §2.1: a revoked key signs nothing else.
		if !ok || key.Flags&mdns.ZONE == 0 || key.Flags&mdns.REVOKE != 0 || key.Protocol != 3 || len(keys) == maxRecords/10 {
			continue
		}
		keys = append(keys, key)
		if z.vouchesFor(key) {
			entry = append(entry, key)
		}
	}
	if len(entry) == 0 {
		return nil, 0, flawed(FlawDS, z.apex, TypeDNSKEY, "no key is one that the parent's DS names")
	}
	sig, e := v.verifyWith(newBudget(), set, z.apex, entry)
	if e != nil {
		return nil, 0, e
	}
	return keys, min(s.TTL, time.Duration(sig.Expiration-uint32(v.now().Unix()))*time.Second), nil
}

// vouchesFor tells whether the parent, or the anchor, names the key.
func (z *cut) vouchesFor(key *mdns.DNSKEY) bool {
	ds := z.ds
	if z.anchor != nil {
		ds = z.anchor.ds
		for _, k := range z.anchor.keys {
			if k.Algorithm == key.Algorithm && k.PublicKey == key.PublicKey && k.Flags == key.Flags {
				return true
			}
		}
	}
	return slices.ContainsFunc(ds, func(ds *mdns.DS) bool { return names(ds, key) })
}

// names tells whether the DS is the digest of the key (RFC 4034 §5.1.4).
func names(ds *mdns.DS, key *mdns.DNSKEY) bool {
	if ds.Algorithm != key.Algorithm || ds.KeyTag != key.KeyTag() {
		return false
	}
	made := key.ToDS(ds.DigestType)
	return made != nil && strings.EqualFold(made.Digest, ds.Digest)
}
