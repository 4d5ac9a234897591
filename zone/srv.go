package zone

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
)

// services are where mail programs look for submission and mailboxes, with the
// port that everybody else expects (RFC 6186 §3, RFC 8314 §5.1).
var services = []struct {
	name       string
	port       uint16
	submission bool
}{
	{"_submissions", 465, true}, {"_submission", 587, true},
	{"_imaps", 993, false}, {"_imap", 143, false}, {"_pop3s", 995, false}, {"_pop3", 110, false},
}

// maxTargets bounds the hosts of all services whose addresses are looked up.
const maxTargets = 10

// SRV is what the domain tells mail programs.
type SRV struct {
	// Node is SRV at _tcp: where that name does not exist, nothing stands below
	// it (RFC 8020) and no further service was asked for.
	Node     dns.Lookup `json:"node"`
	Services []*Service `json:"services"`
	Targets  []*Target  `json:"targets"` // the hosts named, each once
	Over     int        `json:"over"`    // hosts beyond the cap

	// TLS are the ports, by host, on which the probe met TLS from the first
	// octet; set by the audit where the user had it look.
	TLS map[dns.Name][]uint16 `json:"-"`
}

// Service is one service and its records.
type Service struct {
	Name   string     `json:"name"` // "_submissions"
	Port   uint16     `json:"port"` // that it has everywhere else
	Lookup dns.Lookup `json:"lookup"`
}

// Target is one host that a service names.
type Target struct {
	Host dns.Name   `json:"host"`
	A    dns.Lookup `json:"a"`
	AAAA dns.Lookup `json:"aaaa"`

	Endpoints []Endpoint `json:"-"` // that name it

	asked bool
}

// Addresses are those found of the host.
func (t *Target) Addresses() []netip.Addr {
	var list []netip.Addr
	for _, l := range []*dns.Lookup{&t.A, &t.AAAA} {
		for _, rec := range l.Records() {
			if rec.Addr.IsValid() {
				list = append(list, rec.Addr)
			}
		}
	}
	return list
}

// Endpoint is a host and port where a service is said to be.
type Endpoint struct {
	Service string
	Host    dns.Name
	Port    uint16
}

// endpoints are the hosts and ports that SRV records name, in the order of the
// services.
func endpoints(services []*Service) []Endpoint {
	var list []Endpoint
	for _, v := range services {
		for _, rec := range v.offers() {
			e := Endpoint{Service: v.Name, Host: rec.Host, Port: rec.SRV.Port}
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
		}
	}
	return list
}

// offers are the records that name a host.
func (v *Service) offers() []dns.Record {
	var list []dns.Record
	for _, rec := range v.Lookup.Records() {
		if rec.SRV != nil && rec.Host != dns.Root && rec.Host != "" {
			list = append(list, rec)
		}
	}
	return list
}

// declined tells whether the records say that the service is not offered.
func (v *Service) declined() bool { return v.Lookup.Found() && len(v.offers()) == 0 }

func (s *SRV) service(name string) *Service {
	i := slices.IndexFunc(s.Services, func(v *Service) bool { return v.Name == name })
	return s.Services[i]
}

func (f *Facts) gatherSRV(ctx context.Context, r dns.Resolver, each func(*Target)) {
	s := &f.SRV
	s.Services, s.Targets = []*Service{}, []*Target{}
	tcp := f.Domain.Child("_tcp")
	var wg sync.WaitGroup
	wg.Go(func() { s.Node = dns.Ask(ctx, r, tcp, dns.TypeSRV) })
	for _, v := range services {
		one := &Service{Name: v.name, Port: v.port, Lookup: dns.Lookup{Name: tcp.Child(v.name), Type: dns.TypeSRV}}
		s.Services = append(s.Services, one)
		// The hosts of these are probed, and a session is long: it must not wait
		// for word of the node above.
		if v.submission {
			wg.Go(func() { one.Lookup = dns.Ask(ctx, r, one.Lookup.Name, dns.TypeSRV) })
		}
	}
	wg.Wait()
	// An alias's end that does not exist says nothing of names below the alias.
	none := s.Node.State == dns.StateNXDomain && len(s.Node.Answer.Chain) == 0 && len(endpoints(s.Services)) == 0
	var rest sync.WaitGroup
	var submission []*Service
	for i, one := range s.Services {
		switch {
		case none:
			one.Lookup.State, one.Lookup.Answer, one.Lookup.Error = dns.StateNXDomain, s.Node.Answer, nil
		case services[i].submission:
			submission = append(submission, one)
		default:
			rest.Go(func() { one.Lookup = dns.Ask(ctx, r, one.Lookup.Name, dns.TypeSRV) })
		}
	}
	s.gatherTargets(ctx, r, submission, &wg, each)
	rest.Wait()
	wg.Wait() // whoever was told of a host has read what leads there
	s.gatherTargets(ctx, r, s.Services, &wg, each)
	wg.Wait()
}

// gatherTargets looks up the hosts that the services name, but for those that
// are known by now.
func (s *SRV) gatherTargets(ctx context.Context, r dns.Resolver, services []*Service, wg *sync.WaitGroup, each func(*Target)) {
	s.Over = 0
	for _, e := range endpoints(services) {
		if e.Host.Check() != nil {
			continue
		}
		if i := slices.IndexFunc(s.Targets, func(t *Target) bool { return t.Host == e.Host }); i >= 0 {
			if t := s.Targets[i]; !slices.Contains(t.Endpoints, e) {
				t.Endpoints = append(t.Endpoints, e)
			}
			continue
		}
		if len(s.Targets) == maxTargets {
			s.Over++
			continue
		}
		s.Targets = append(s.Targets, &Target{Host: e.Host, Endpoints: []Endpoint{e}})
	}
	for _, t := range s.Targets {
		if t.asked {
			continue
		}
		t.asked = true
		wg.Go(func() {
			var both sync.WaitGroup
			both.Go(func() { t.A = dns.Ask(ctx, r, t.Host, dns.TypeA) })
			both.Go(func() { t.AAAA = dns.Ask(ctx, r, t.Host, dns.TypeAAAA) })
			both.Wait()
			if each != nil {
				each(t)
			}
		})
	}
}
