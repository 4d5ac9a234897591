package dns

import (
	"strings"

	mdns "github.com/miekg/dns"
)

// maxIterations is how many extra hashes an NSEC3 record may ask for: beyond
// it a zone counts as insecure (RFC 9276 §3.2). BIND and Knot Resolver draw the
// line at 50, too.
const maxIterations = 50

// hashed are the NSEC3 records of one message, of one way of hashing.
type hashed struct {
	b          *budget
	iterations uint16
	salt       string
	records    []hashLink
	known      map[Name]string
}

// hashLink is an NSEC3 record; hashes are upper-case base32hex, which sorts as
// the octets do.
type hashLink struct {
	owner, next string
	types       []uint16
	optOut      bool
}

// add takes an NSEC3 record up.
func (p *proof) add(b *budget, owner Name, rr *mdns.NSEC3) {
	// RFC 5155 §8.1 and §8.2: unknown hash algorithms and flags are ignored.
	if rr.Hash != mdns.SHA1 || rr.Flags&^1 != 0 || owner.Parent() != p.apex {
		return
	}
	if rr.Iterations > maxIterations {
		p.limit = true
		return
	}
	if p.nsec3 == nil {
		p.nsec3 = &hashed{b: b, iterations: rr.Iterations, salt: rr.Salt, known: map[Name]string{}}
	}
	if rr.Iterations != p.nsec3.iterations || !strings.EqualFold(rr.Salt, p.nsec3.salt) {
		return
	}
	label, _, _ := cutLabel(string(owner))
	p.nsec3.records = append(p.nsec3.records, hashLink{
		owner: strings.ToUpper(label), next: strings.ToUpper(rr.NextDomain), types: rr.TypeBitMap, optOut: rr.Flags&1 != 0,
	})
}

// hash hashes a name once (RFC 5155 §5); false when the budget is spent.
func (p *proof) hash(name Name) (string, bool) {
	n := p.nsec3
	if h, ok := n.known[name]; ok {
		return h, true
	}
	if n.b.hashes--; n.b.hashes < 0 {
		p.work = true
		return "", false
	}
	h := mdns.HashName(name.FQDN(), mdns.SHA1, n.iterations, n.salt)
	n.known[name] = h
	return h, true
}

func (n *hashed) matching(h string) *hashLink {
	for i := range n.records {
		if n.records[i].owner == h {
			return &n.records[i]
		}
	}
	return nil
}

func (n *hashed) covering(h string) *hashLink {
	for i := range n.records {
		r := &n.records[i]
		if r.owner < r.next {
			if r.owner < h && h < r.next {
				return r
			}
		} else if h != r.owner && (h > r.owner || h < r.next) { // the last of the chain, or the only one
			return r
		}
	}
	return nil
}

// nsec3Denies reads the NSEC3 records (RFC 5155 §8).
func (p *proof) nsec3Denies(name Name, qtype Type, nx bool) (denied, bool) {
	h, ok := p.hash(name)
	if !ok {
		return denied{}, false
	}
	if r := p.nsec3.matching(h); r != nil { // §8.5, §8.6
		d, ok := lacks(r.types, name, qtype)
		return d, ok && !nx
	}
	encloser, cover, ok := p.closest(name)
	if !ok {
		return denied{}, false
	}
	sec := secure
	if cover.optOut {
		sec = insecure // §9.2: an unsigned delegation may hide there
		if qtype == TypeDS && !nx {
			return denied{sec: insecure, status: NoData}, true // §8.6
		}
	}
	star := encloser.Child("*")
	if h, ok = p.hash(star); !ok {
		return denied{}, false
	}
	if r := p.nsec3.matching(h); r != nil { // §8.7
		d, ok := lacks(r.types, star, qtype)
		d.sec = min(d.sec, sec)
		return d, ok && !nx && !d.cut
	}
	if cover.optOut && !nx {
		// A name that exists only because something unsigned lies below it has
		// no NSEC3 (§7.1), and its denial has the form of one for DS.
		return denied{sec: insecure, status: NoData}, true
	}
	if p.nsec3.covering(h) == nil { // §8.4
		return denied{}, false
	}
	return denied{sec: sec, status: NXDomain}, nx || qtype == TypeDS
}

// closest proves the closest encloser of a name (RFC 5155 §8.3), and gives the
// record that covers the next closer name.
func (p *proof) closest(name Name) (Name, *hashLink, bool) {
	for next := name; next != p.apex && next != Root; next = next.Parent() {
		encloser := next.Parent()
		h, ok := p.hash(encloser)
		if !ok {
			return "", nil, false
		}
		r := p.nsec3.matching(h)
		if r == nil {
			continue
		}
		if delegates(r.types) || has(r.types, mdns.TypeDNAME) {
			return "", nil, false
		}
		if h, ok = p.hash(next); !ok {
			return "", nil, false
		}
		cover := p.nsec3.covering(h)
		return encloser, cover, cover != nil
	}
	return "", nil, false
}
