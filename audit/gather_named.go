package audit

import (
	"context"
	"net/netip"

	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
)

// NamedHost is a host that hands in or fetches mail, and the ports to look at.
type NamedHost struct {
	Host  dns.Name
	Ports []uint16
}

// add looks up the host and has it probed.
func (h NamedHost) add(ctx context.Context, r dns.Resolver, probe *starttls.Run) error {
	addrs, _ := Addresses(ctx, r, h.Host)
	probe.AddNamed(h.Host, addrs, h.Ports)
	return ctx.Err()
}

// Addresses looks up the addresses of both families. The look-ups that failed
// come beside what the others gave.
func Addresses(ctx context.Context, r dns.Resolver, host dns.Name) (addrs []netip.Addr, failed []*dns.Error) {
	v4 := make(chan dns.Lookup, 1)
	go func() { v4 <- dns.Ask(ctx, r, host, dns.TypeA) }()
	v6 := dns.Ask(ctx, r, host, dns.TypeAAAA)
	for _, l := range []dns.Lookup{<-v4, v6} {
		if l.Unknown() {
			failed = append(failed, l.Error)
			continue
		}
		for _, rec := range l.Records() {
			if rec.Addr.IsValid() {
				addrs = append(addrs, rec.Addr)
			}
		}
	}
	return addrs, failed
}

// What DANE says of one session.
const (
	DANENone     = "none"     // no secure TLSA record binds the host
	DANEUnknown  = "unknown"  // whether one does could not be told
	DANENoTLS    = "no-tls"   // bound, and no TLS came about
	DANEMatch    = "match"    // the certificate is one that the records name
	DANEMismatch = "mismatch" // it is not
)

// DANEVerdict tells what a sender that does DANE makes of a session on port 25
// (RFC 7672 §2.2).
func DANEVerdict(f *dane.Facts, s *starttls.Session) string {
	for _, d := range f.Hosts {
		if d.Name != s.Host {
			continue
		}
		bound, unsure := f.Bound(d)
		switch {
		case unsure != nil:
			return DANEUnknown
		case !bound:
			return DANENone
		case s.Certificate != nil && len(s.Certificate.DER) > 0:
			if v := dane.Match(d.Lookup.Records(), shown(&Facts{Domain: f.Domain}, d, s.Certificate)); v.OK() {
				return DANEMatch
			}
			return DANEMismatch
		case s.STARTTLS == "missing" || s.STARTTLS == "refused" || s.STARTTLS == "injected" || s.HELOOnly || s.TLSError != "" && !s.TLSTimedOut:
			return DANENoTLS
		}
		return DANEUnknown
	}
	return DANENone
}
