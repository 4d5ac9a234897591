package mx

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/special"
)

// Gather asks for hosts and addresses. A failed look-up is a fact; the error
// is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) (*Facts, error) {
	f := &Facts{Domain: domain, Hosts: []*Host{}, AllowPrivate: opts.AllowPrivate}
	var wg sync.WaitGroup
	wg.Go(func() { f.NameServers = gatherServers(ctx, r, domain, opts) })

	f.Lookup = dns.Ask(ctx, r, domain, dns.TypeMX)
	switch f.Lookup.State {
	case dns.StateFound:
		f.takeRecords()
		for _, h := range f.Hosts {
			if !h.Over {
				wg.Go(func() { h.gather(ctx, r, domain, opts) })
			}
		}
	case dns.StateNoData:
		// RFC 5321 §5.1: the domain is its own host. Asked only now: most
		// domains have MX, and two packets for nothing are two too many.
		f.A, f.AAAA = addresses(ctx, r, domain)
		h := &Host{Name: domain, A: f.A, AAAA: f.AAAA, Addresses: collect(&f.A, &f.AAAA)}
		if len(h.Addresses) > 0 {
			f.Implicit = true
			f.Hosts = []*Host{h}
			if opts.Each != nil {
				opts.Each(h)
			}
		}
	}
	wg.Wait()
	return f, ctx.Err()
}

// takeRecords makes the hosts of the MX records: by preference, each name once.
func (f *Facts) takeRecords() {
	f.Null = len(f.Lookup.Records()) == 1 && f.Lookup.Records()[0].Host == dns.Root // RFC 7505 §3
	for _, rec := range inOrder(&f.Lookup) {
		f.Hosts = append(f.Hosts, &Host{
			Name: rec.Host, Preference: rec.Pref, Addresses: []Address{}, Over: len(f.Hosts) >= maxHosts,
		})
	}
}

// inOrder are the records of an MX answer by preference, each host once and
// without the root, which is none.
func inOrder(l *dns.Lookup) []dns.Record {
	records := slices.Clone(l.Records())
	slices.SortStableFunc(records, func(a, b dns.Record) int { return cmp.Compare(a.Pref, b.Pref) })
	seen := map[dns.Name]bool{dns.Root: true, "": true}
	return slices.DeleteFunc(records, func(rec dns.Record) bool {
		again := seen[rec.Host]
		seen[rec.Host] = true
		return again
	})
}

// NamesOf are the hosts of an MX answer as Facts.Names has them, for whoever
// cannot wait for their addresses.
func NamesOf(l *dns.Lookup) []dns.Name {
	names := []dns.Name{}
	for _, rec := range inOrder(l) {
		if len(names) < maxHosts {
			names = append(names, rec.Host)
		}
	}
	return names
}

func (h *Host) gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) {
	if !isIPText(h.Name) { // no such name can exist, so there is nothing to ask
		h.A, h.AAAA = addresses(ctx, r, h.Name)
		h.Addresses = collect(&h.A, &h.AAAA)
	}
	if opts.Each != nil {
		opts.Each(h)
	}
	if h.nxdomain() && len(h.Addresses) == 0 {
		h.Registration = registration(ctx, r, h.end(), domain)
	}
}

// end is the name that does not exist: the host's own, or the one that its
// alias leads to.
func (h *Host) end() dns.Name {
	for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
		if l.State == dns.StateNXDomain {
			return l.Answer.Owner()
		}
	}
	return h.Name
}

// addresses asks for both families at once.
func addresses(ctx context.Context, r dns.Resolver, name dns.Name) (a, aaaa dns.Lookup) {
	var wg sync.WaitGroup
	wg.Go(func() { a = dns.Ask(ctx, r, name, dns.TypeA) })
	aaaa = dns.Ask(ctx, r, name, dns.TypeAAAA)
	wg.Wait()
	return a, aaaa
}

// collect lists the addresses of both look-ups, IPv4 first, each once.
func collect(lookups ...*dns.Lookup) []Address {
	out := []Address{}
	seen := map[netip.Addr]bool{}
	for _, l := range lookups {
		for _, rec := range l.Records() {
			if rec.Addr.IsValid() && !seen[rec.Addr] && len(out) < maxAddresses {
				seen[rec.Addr] = true
				out = append(out, Address{IP: rec.Addr, Special: special.Block(rec.Addr)})
			}
		}
	}
	return out
}

// registration asks whether anybody holds the domain that a missing host lies
// in. It is no question for names under reserved or unknown top-level domains,
// where nobody can register, nor for names beside the audited domain.
func registration(ctx context.Context, r dns.Resolver, host, domain dns.Name) *Registration {
	registrable, suffix, ok := registrableOf(host)
	if !ok {
		return nil
	}
	if own, _, ok := registrableOf(domain); ok && own == registrable {
		return nil
	}
	reg := &Registration{Domain: registrable, Suffix: suffix}
	var wg sync.WaitGroup
	wg.Go(func() { reg.Parent = dns.Ask(ctx, r, suffix, dns.TypeNS) })
	reg.Lookup = dns.Ask(ctx, r, registrable, dns.TypeNS)
	wg.Wait()
	return reg
}

// registrableOf splits a name at its public suffix; false where the suffix is
// not one under which a registry sells names.
func registrableOf(n dns.Name) (registrable, suffix dns.Name, ok bool) {
	s, icann := publicsuffix.PublicSuffix(string(n))
	if !icann || s == string(n) {
		return "", "", false
	}
	reg, err := publicsuffix.EffectiveTLDPlusOne(string(n))
	if err != nil {
		return "", "", false
	}
	return dns.Name(reg), dns.Name(s), true
}

// unregistered tells whether anybody could register the domain today.
func (g *Registration) unregistered() bool {
	return g != nil && g.Lookup.State == dns.StateNXDomain &&
		(g.Parent.State == dns.StateFound || g.Parent.State == dns.StateNoData)
}

// unknown is why that could not be told, nil when it was.
func (g *Registration) unknown() error {
	switch {
	case g == nil:
		return nil
	case g.Lookup.Unknown():
		return g.Lookup.Error
	case g.Lookup.State == dns.StateNXDomain && g.Parent.Unknown():
		return g.Parent.Error
	}
	return nil
}

// fromZoneFile tells whether an answer came from a file that the user gave.
func fromZoneFile(l *dns.Lookup) bool {
	return l.Answer != nil && strings.HasPrefix(l.Answer.Server, "zone ")
}

// gatherServers finds the zone that the domain lies in, its servers and the
// serial each one gives.
func gatherServers(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) NameServers {
	n := NameServers{Hosts: []NSHost{}, Agree: "not-asked"}
	for name := domain; ; name = name.Parent() {
		n.Lookup = dns.Ask(ctx, r, name, dns.TypeNS)
		if n.Lookup.Unknown() {
			n.Agree, n.Reason = "unknown", n.Lookup.Error.CauseCode()
			return n
		}
		// The servers of an alias' target say nothing about this zone.
		if n.Lookup.Found() && n.Lookup.Answer.Owner() == name {
			n.Zone = name
			break
		}
		if parent := name.Parent(); parent == dns.Root || isRegistrySuffix(parent) {
			return n
		}
	}
	for _, rec := range n.Lookup.Records() {
		if rec.Host != "" && len(n.Hosts) < maxServers {
			n.Hosts = append(n.Hosts, NSHost{Name: rec.Host, Addresses: []netip.Addr{}})
		}
	}
	slices.SortFunc(n.Hosts, func(a, b NSHost) int { return cmp.Compare(a.Name, b.Name) })
	fromFile := fromZoneFile(&n.Lookup)
	var wg sync.WaitGroup
	for i := range n.Hosts {
		h := &n.Hosts[i]
		wg.Go(func() {
			h.addresses(ctx, r)
			if opts.ServerSOA != nil && !fromFile {
				h.askSerial(ctx, n.Zone, opts)
			}
		})
	}
	wg.Wait()
	switch {
	case fromFile:
		n.Agree = "yes" // one file is one version of the zone
	case opts.ServerSOA != nil:
		n.judge()
	}
	return n
}

// isRegistrySuffix tells whether a registry runs the zone: its servers are not
// the domain's. Private suffixes (github.io) are zones of their owner.
func isRegistrySuffix(n dns.Name) bool {
	s, icann := publicsuffix.PublicSuffix(string(n))
	return s == string(n) && (icann || !strings.Contains(s, "."))
}

// addresses asks for IPv4 and only without it for IPv6: one address is enough
// to ask the server at.
func (h *NSHost) addresses(ctx context.Context, r dns.Resolver) {
	for _, t := range []dns.Type{dns.TypeA, dns.TypeAAAA} {
		l := dns.Ask(ctx, r, h.Name, t)
		for _, a := range collect(&l) {
			h.Addresses = append(h.Addresses, a.IP)
		}
		if len(h.Addresses) > 0 {
			return
		}
	}
}

func (h *NSHost) askSerial(ctx context.Context, zone dns.Name, opts Options) {
	h.Error = "no-address"
	for _, a := range h.Addresses {
		if special.Block(a) != "" && !opts.AllowPrivate {
			h.Error = "special-address"
			continue
		}
		ans, err := opts.ServerSOA(ctx, h.Name, a, zone)
		if err != nil {
			h.Error = string(dns.AsError(err, zone, dns.TypeSOA).Kind)
			return
		}
		for _, rec := range ans.Records {
			if rec.SOA != nil {
				h.Primary, h.Serial, h.Error = rec.SOA.MName, rec.SOA.Serial, ""
				return
			}
		}
		h.Error = "no-soa"
		return
	}
}

// lame tells whether the server itself said that it does not serve the zone.
// Silence proves nothing: it may be our own network.
func (h *NSHost) lame() bool {
	switch dns.Kind(h.Error) {
	case dns.Refused, dns.ServFail, dns.Lame, "no-soa":
		return true
	}
	return false
}

// judge compares the serials: different ones, or a server that does not serve
// the zone, are disagreement; a server that could not be asked leaves it open.
// So do servers of several DNS providers, each its own primary: they number
// their copies as they like, and only one primary's serials can be compared.
func (n *NameServers) judge() {
	n.Agree = "yes"
	if len(n.serials()) > 1 {
		n.Agree = "no"
		return
	}
	for i := range n.Hosts {
		if h := &n.Hosts[i]; h.Error == "" && h.Primary != n.Hosts[0].Primary && n.Hosts[0].Error == "" {
			n.Agree, n.Reason = "unknown", "ns-several-primaries"
		}
	}
	for i := range n.Hosts {
		switch h := &n.Hosts[i]; {
		case h.lame():
			n.Agree, n.Reason = "no", ""
			return
		case h.Error != "":
			n.Agree, n.Reason = "unknown", "ns-not-asked"
		}
	}
}

// serials are the different serials that servers of one primary gave, in order:
// of the first primary with more than one, if there is such a primary.
func (n *NameServers) serials() []uint32 {
	var out []uint32
	for i := range n.Hosts {
		if n.Hosts[i].Error != "" {
			continue
		}
		out = nil
		for k := range n.Hosts {
			if h := &n.Hosts[k]; h.Error == "" && h.Primary == n.Hosts[i].Primary {
				out = append(out, h.Serial)
			}
		}
		slices.Sort(out)
		if out = slices.Compact(out); len(out) > 1 {
			return out
		}
	}
	return out
}
