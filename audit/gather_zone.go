package audit

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/spf"
	"github.com/postseal/postseal/starttls"
	"github.com/postseal/postseal/zone"
)

// aroundMail tells package zone what MX and SPF say, once both are known.
// Hosts of a provider are the provider's to name.
func aroundMail(f *Facts) zone.Known {
	var known zone.Known
	var foreign []netip.Addr
	if f.MX != nil {
		for _, h := range f.MX.Hosts {
			if spf.SameOrganisation(h.Name, f.Domain) {
				known.Hosts = append(known.Hosts, zone.Host{Name: h.Name, Addresses: addresses(h)})
			} else {
				foreign = append(foreign, addresses(h)...)
			}
			for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
				if l.Unknown() && spf.SameOrganisation(h.Name, f.Domain) {
					known.Untold = l.Error
				}
			}
		}
		for _, l := range []*dns.Lookup{&f.MX.Lookup, &f.MX.A, &f.MX.AAAA} {
			if l.Unknown() {
				known.Untold = l.Error
			}
		}
	}
	if f.SPF != nil {
		singles, err := f.SPF.Singles()
		known.Senders = slices.DeleteFunc(singles, func(a netip.Addr) bool { return slices.Contains(foreign, a) })
		if err != nil {
			known.Untold = err
		}
	}
	return known
}

// settleZone tells what the mail hosts call themselves.
func settleZone(f *Facts) {
	f.Zone.Profile = f.Profile
	f.Zone.Unvalidated = f.DNSSEC.Unknown()
	settleCAA(f)
	settleSRV(f)
	for _, h := range f.STARTTLS.Hosts {
		for _, s := range port25(h) {
			for _, a := range f.Zone.Addresses {
				if a.IP == s.Addr.Unmap() && a.HELO == "" {
					a.HELO = greetingName(s)
				}
			}
		}
	}
}

// settleCAA tells whose certificates the hosts show, where the authority is one
// that CAA records are known to name.
func settleCAA(f *Facts) {
	served := func(issuer string, names []string, host dns.Name) *zone.Served {
		ca := provider.ByIssuer(issuer)
		if ca == nil {
			return nil
		}
		return &zone.Served{Issuer: ca.Name, Domains: ca.Domains, Wildcard: !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, host.String()) })}
	}
	for _, h := range f.Zone.CAA.Hosts {
		h.Served = nil
		if get := f.MTASTS.Fetch; get != nil && get.Certificate != nil && get.Certificate.Verdict == mtasts.VerdictOK && h.Name == mtasts.PolicyHost(f.Domain) {
			h.Served = served(get.Certificate.Issuer, get.Certificate.Names, h.Name)
		}
		for _, host := range f.STARTTLS.Hosts {
			if host.Name != h.Name {
				continue
			}
			for _, s := range port25(host) {
				// What no authority vouches for, an authority need not be let issue.
				if c := s.Certificate; c != nil && c.Verdict == "ok" && h.Served == nil {
					h.Served = served(c.Issuer, c.Names, h.Name)
				}
			}
		}
	}
	f.Zone.CAA.Mark = nil
	if e := f.BIMI.Evidence; e != nil && e.Issuer != "" {
		if ca := provider.ByIssuer(e.Issuer); ca != nil {
			f.Zone.CAA.Mark = &zone.Served{Issuer: ca.Name, Domains: ca.Domains}
		}
	}
}

// greetingName is the name that a greeting begins with (RFC 5321 §4.2), "" where
// it begins with none.
func greetingName(s *starttls.Session) dns.Name {
	word, _, _ := strings.Cut(strings.TrimSpace(s.Banner), " ")
	word, _, _ = strings.Cut(word, "\n")
	name, err := dns.ParseDomain(word)
	if err != nil || len(name.Labels()) < 2 && name != "localhost" {
		return ""
	}
	return name
}
