// Package registration tells whether a name that a record leads to could be
// somebody else's tomorrow: the end of an alias that does not exist, in a domain
// that nobody holds.
package registration

import (
	"context"
	"sync"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

// Domain is the part of a name that is registered or rented: one label below a
// public suffix, be it that of a registry or of a provider. "" where there is none.
func Domain(n dns.Name) dns.Name {
	org, err := publicsuffix.EffectiveTLDPlusOne(n.String())
	if err != nil {
		return ""
	}
	return dns.Name(org)
}

// Dangling is the end of an alias that does not exist. A target that exists
// without data was emptied by its owner and is not to be had.
func Dangling(l *dns.Lookup) (dns.Name, bool) {
	if l.State != dns.StateNXDomain || l.Answer == nil || len(l.Answer.Chain) == 0 {
		return "", false
	}
	return l.Answer.Owner(), true
}

// Registration is what DNS says of the domain that a name lies in.
type Registration struct {
	Lookup dns.Lookup // NS of the domain
	Suffix dns.Lookup // NS of the suffix above it, asked where the domain does not exist
}

// Ask asks for a domain as Domain gives it.
func Ask(ctx context.Context, r dns.Resolver, domain dns.Name) Registration {
	reg := Registration{Lookup: dns.Ask(ctx, r, domain, dns.TypeNS)}
	if reg.Lookup.State == dns.StateNXDomain {
		reg.Suffix = dns.Ask(ctx, r, domain.Parent(), dns.TypeNS)
	}
	return reg
}

// AskAll asks for several at once, in their order.
func AskAll(ctx context.Context, r dns.Resolver, domains []dns.Name) []Registration {
	list := make([]Registration, len(domains))
	var wg sync.WaitGroup
	for i, d := range domains {
		wg.Go(func() { list[i] = Ask(ctx, r, d) })
	}
	wg.Wait()
	return list
}

// Open tells whether anybody could have the domain today. Below a suffix that
// does not exist nothing can be registered; what could not be looked up is not said.
func (g *Registration) Open() bool {
	return g.Lookup.State == dns.StateNXDomain && (g.Suffix.State == dns.StateFound || g.Suffix.State == dns.StateNoData)
}
