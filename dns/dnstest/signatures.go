package dnstest

import (
	"context"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
)

// AskSigned gives the records with the RRSIG records beside them, as the zone
// text has them; the NSEC3PARAM record at the name, flags included, says how its
// denials are hashed.
func (w *World) AskSigned(_ context.Context, name dns.Name, qtype dns.Type) (dns.Signed, error) {
	w.count(name, qtype)
	s, f := w.lookup(name, qtype, true)
	if f != "" {
		e := errorOf[f]
		return dns.Signed{}, &dns.Error{Name: name, Type: qtype, Kind: e.kind, Detail: e.detail, Server: serverName}
	}
	out := dns.Signed{Records: s.Records}
	sigs := w.zone.Lookup(name, dns.Type(mdns.TypeRRSIG))
	for i := range sigs.Records {
		if sig, ok := w.rr(&sigs.Records[i]).(*mdns.RRSIG); ok && dns.Type(sig.TypeCovered) == qtype {
			out.Signatures = append(out.Signatures, dns.SignatureOf(&sigs.Records[i]))
		}
	}
	params := w.zone.Lookup(name, dns.Type(mdns.TypeNSEC3PARAM))
	for i := range params.Records {
		if p, ok := w.rr(&params.Records[i]).(*mdns.NSEC3PARAM); ok && len(s.Records) == 0 {
			out.NSEC3 = &dns.NSEC3{Iterations: p.Iterations, Salt: p.Salt, OptOut: p.Flags&1 != 0}
		}
	}
	return out, nil
}
