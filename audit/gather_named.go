package audit

import (
	"context"
	"net/netip"
	"slices"

	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
	"github.com/postseal/postseal/zone"
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

// submits has a host probed where SRV records say that mail is handed in. Only
// the usual ports are: whoever publishes SRV records must not choose where we
// knock. Hosts for fetching mail are the user's to name.
func submits(domain dns.Name, t *zone.Target, probe *starttls.Run) {
	var ports []uint16
	for _, e := range t.Endpoints {
		if (e.Service == "_submissions" || e.Service == "_submission") && slices.Contains([]uint16{465, 587, 2525}, e.Port) && !slices.Contains(ports, e.Port) {
			ports = append(ports, e.Port)
		}
	}
	if addrs := t.Addresses(); len(ports) > 0 && len(addrs) > 0 {
		probe.AddService(domain, t.Host, addrs, ports)
	}
}

// settleSRV tells on which ports hosts for fetching mail speak TLS at once.
func settleSRV(f *Facts) {
	f.Zone.SRV.TLS = map[dns.Name][]uint16{}
	for _, h := range f.STARTTLS.Named {
		for _, s := range h.Sessions {
			if (s.Port == 993 || s.Port == 995) && s.TLS != nil && !slices.Contains(f.Zone.SRV.TLS[h.Name], s.Port) {
				f.Zone.SRV.TLS[h.Name] = append(f.Zone.SRV.TLS[h.Name], s.Port)
			}
		}
	}
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
