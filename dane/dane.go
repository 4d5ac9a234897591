// Package dane looks for the TLSA records of a domain's mail hosts (RFC 7672),
// with which a signed zone pins the hosts' certificates.
//
// It tells whether DANE can bind at all: the MX answer and the TLSA answers
// must be secure. Matching the records against the certificates that the hosts
// send needs the SMTP probe's facts and is judged in package audit.
package dane

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about the TLSA records of one domain's mail hosts.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	SecureMX string  `json:"secure_mx"` // of the MX answer: "yes", "no", "unknown"
	Hosts    []*Host `json:"hosts"`
}

// Host is one mail host and the TLSA records of its port 25.
type Host struct {
	Name   dns.Name   `json:"host"`
	Lookup dns.Lookup `json:"lookup"` // TLSA at _25._tcp.<host>
	Secure string     `json:"secure"` // of the TLSA answer: "yes", "no", "unknown"
}

// maxHosts bounds the hosts asked about, as package mx bounds those it looks up.
const maxHosts = 10

// Gather asks for the TLSA records of the hosts. A failed look-up is a fact;
// the error is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, mx dns.Lookup, hosts []dns.Name) (*Facts, error) {
	f := &Facts{Domain: domain, SecureMX: security(&mx), Hosts: []*Host{}}
	g := new(errgroup.Group)
	for _, h := range hosts[:min(len(hosts), maxHosts)] {
		host := &Host{Name: h}
		f.Hosts = append(f.Hosts, host)
		g.Go(func() error {
			host.Lookup = dns.Ask(ctx, r, h.Child("_25._tcp"), dns.TypeTLSA)
			host.Secure = security(&host.Lookup)
			return nil
		})
	}
	_ = g.Wait() // no goroutine above returns an error
	return f, ctx.Err()
}

func security(l *dns.Lookup) string {
	switch {
	case l.Answer == nil || !l.Answer.Trusted:
		return "unknown"
	case l.Answer.AD:
		return "yes"
	default:
		return "no"
	}
}

// Binds tells whether DANE-aware senders are bound by TLSA records for every
// host: yes, no, or not known.
func (f *Facts) Binds() (binds, known bool) {
	if len(f.Hosts) == 0 {
		return false, true
	}
	known = true
	for _, h := range f.Hosts {
		if h.Lookup.Absent() || h.Secure == "no" || f.SecureMX == "no" {
			return false, true // one host without records is the way round all others
		}
		if h.Lookup.Unknown() || h.Secure == "unknown" || f.SecureMX == "unknown" {
			known = false
		}
	}
	return known, known
}
