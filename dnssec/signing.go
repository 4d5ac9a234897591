package dnssec

import (
	"context"
	"sync"
	"time"

	"github.com/postseal/postseal/dns"
)

// Signing is what the zone publishes so that others can validate it. It is as
// published, right or wrong.
type Signing struct {
	Now time.Time `json:"now"`

	DS         []DS            `json:"ds"`         // at the parent
	Keys       []dns.DNSKEY    `json:"keys"`       // without revoked ones
	Signatures []dns.Signature `json:"signatures"` // over the keys and the SOA
	NSEC3      *dns.NSEC3      `json:"nsec3,omitempty"`
	Delete     bool            `json:"cds_delete"` // the CDS asks the parent to remove the DS (RFC 8078 §4)

	Error *dns.Error `json:"error,omitempty"` // why the keys, or the DS, could not be had
}

// DS is a DS record and whether it names a key of the zone.
type DS struct {
	dns.DS
	Matches bool `json:"matches"`
}

// gatherSigning asks only where it can tell something: at a zone that is secure
// or bogus, and of one that is insecure whether it has keys. nil for a name that
// is no signed zone.
func gatherSigning(ctx context.Context, r dns.Resolver, domain dns.Name, state State, now time.Time) *Signing {
	asker, ok := r.(dns.SignedAsker)
	if !ok || state == Indeterminate {
		return nil
	}
	s := &Signing{Now: now, DS: []DS{}, Keys: []dns.DNSKEY{}, Signatures: []dns.Signature{}}
	var keys, soa, cds dns.Signed
	var ds dns.Lookup
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { keys, err = asker.AskSigned(ctx, domain, dns.TypeDNSKEY) })
	if state != Insecure {
		wg.Go(func() { ds = dns.Ask(ctx, r, domain, dns.TypeDS) })
		// Without these two, the rest is still known.
		wg.Go(func() { soa, _ = asker.AskSigned(ctx, domain, dns.TypeSOA) })
		wg.Go(func() { cds, _ = asker.AskSigned(ctx, domain, dns.TypeCDS) })
	}
	wg.Wait()
	switch {
	case err != nil && state == Insecure:
		return nil // an unsigned zone's server need not know DNSKEY
	case err != nil:
		s.Error = dns.AsError(err, domain, dns.TypeDNSKEY)
		return s
	case len(keys.Records) == 0 && (state == Insecure || ds.Absent()):
		return nil // unsigned, or a name inside a zone
	}
	if state == Insecure {
		ds = dns.Ask(ctx, r, domain, dns.TypeDS)
	}
	if ds.Unknown() {
		s.Error = ds.Error
		return s
	}
	s.read(&ds, &keys)
	s.Signatures = append(append(s.Signatures, keys.Signatures...), soa.Signatures...)
	s.NSEC3 = cds.NSEC3
	for i := range cds.Records {
		d, ok := dns.ParseDS(&cds.Records[i])
		s.Delete = s.Delete || ok && d == dns.DS{}
	}
	return s
}

func (s *Signing) read(ds *dns.Lookup, keys *dns.Signed) {
	for i := range keys.Records {
		if k, ok := dns.ParseDNSKEY(&keys.Records[i]); ok {
			s.Keys = append(s.Keys, k)
		}
	}
	for i := range ds.Records() {
		d, ok := dns.ParseDS(&ds.Records()[i])
		if !ok {
			continue
		}
		matches := false
		for j := range keys.Records {
			matches = matches || dns.Names(&ds.Records()[i], &keys.Records[j])
		}
		s.DS = append(s.DS, DS{DS: d, Matches: matches})
	}
}
