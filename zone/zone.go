// Package zone judges what else DNS says around a domain's mail: the reverse
// names of the addresses that send (RFC 1912 §2.1, RFC 8601 §2.7.3), which
// authorities may issue certificates for its hosts (CAA, RFC 8659), where mail
// programs find its services (SRV, RFC 6186 and RFC 8314), text that a panel
// or a wildcard spoilt, and, where the user asks for it, block lists (RFC 5782).
//
// None of it is a standard of its own in a report: rules and facts stand with
// the mail hosts, as those of package mx. What the domain's owner cannot
// change, as a provider's reverse names, is not asked for.
package zone

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed around one domain's mail.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"-"` // set by the audit before rules run

	Addresses []*Address `json:"addresses"` // with their reverse names
	Over      int        `json:"over"`      // addresses beyond the cap, not asked
	Untold    error      `json:"-"`         // why there may be more addresses, nil when there are not

	BlockLists []*BlockList `json:"block_lists"` // asked at the user's wish
	Lists      int          `json:"-"`           // how many the user named

	CAA      CAA      `json:"caa"`
	SRV      SRV      `json:"srv"`
	Wildcard Wildcard `json:"wildcard"`

	// Unvalidated is why answers without the AD bit may be secure all the same;
	// set by the audit, nil where the resolver is known to validate.
	Unvalidated error `json:"-"`
}

// Known is what other standards tell. Gather asks for it when it needs it.
type Known struct {
	Senders []netip.Addr // what SPF lets pass one by one
	Hosts   []Host       // the domain's own mail hosts, not those of a provider
	Untold  error        // why there may be more of either
}

// Host is one mail host.
type Host struct {
	Name      dns.Name
	Addresses []netip.Addr
}

// Options say what the user and the audit know.
type Options struct {
	Named []netip.Addr // addresses that send, by the user's word

	// BlockLists are the DNS lists to look the addresses up in; none by default.
	BlockLists []dns.Name

	// Known waits for MX and SPF; nil means that nothing is known of them.
	Known func(context.Context) Known

	// Own tells hosts that the domain's owner can speak for; nil: those below the domain.
	Own func(dns.Name) bool

	// Each is told of every host that SRV records name, with its addresses, as
	// soon as they are known; nil where nobody wants to know.
	Each func(*Target)

	// Random waits for a question that somebody put below a name that nobody
	// made, itself right below the domain; nil means that none was put.
	Random func(context.Context) dns.Lookup
}

// Gather asks at once what needs no other answer, and for reverse names when
// the addresses are known. A failed look-up is a fact; the error is only that
// of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) (*Facts, error) {
	f := &Facts{Domain: domain, Addresses: []*Address{}, Lists: len(opts.BlockLists)}
	var wg sync.WaitGroup
	wg.Go(func() {
		var known Known
		if opts.Known != nil {
			known = opts.Known(ctx)
		}
		f.Untold = known.Untold
		f.reverse(ctx, r, opts.Named, known)
		f.gatherLists(ctx, r, opts.BlockLists)
	})
	own := opts.Own
	if own == nil {
		own = func(n dns.Name) bool { return n.IsUnder(domain) }
	}
	wg.Go(func() { f.gatherCAA(ctx, r, own) })
	wg.Go(func() { f.gatherSRV(ctx, r, opts.Each) })
	if opts.Random != nil {
		wg.Go(func() { f.gatherWildcard(ctx, r, opts.Random) })
	}
	wg.Wait()
	return f, ctx.Err()
}

// Rules judge Facts, in report order.
var Rules = slices.Concat(reverseRules, listRules, wildcardRules, caaRules, srvRules)
