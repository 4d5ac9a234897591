package audit

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/spf"
)

// maxHELO bounds the mail hosts that are asked for a record of their own.
const maxHELO = 5

// helo asks the mail hosts of the organisation for SPF records of their own. It
// asks for MX itself, which the cache answers, to run beside the look-ups of
// the hosts' addresses instead of after them.
func helo(ctx context.Context, r dns.Resolver, domain dns.Name) ([]dns.Lookup, error) {
	answer := dns.Ask(ctx, r, domain, dns.TypeMX)
	records := slices.Clone(answer.Records())
	slices.SortStableFunc(records, func(a, b dns.Record) int { return cmp.Compare(a.Pref, b.Pref) })
	var hosts []dns.Name
	for _, rec := range records {
		host := rec.Host
		if host != domain && host.Check() == nil && spf.SameOrganisation(host, domain) && !slices.Contains(hosts, host) && len(hosts) < maxHELO {
			hosts = append(hosts, host)
		}
	}
	lookups := make([]dns.Lookup, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() { lookups[i] = dns.Ask(ctx, r, host, dns.TypeTXT) })
	}
	wg.Wait()
	return lookups, ctx.Err()
}

// ranges asks what the mailbox providers let pass that SPF does not include: a
// record, or one that a service keeps for it, may list their addresses one by
// one. Few domains need that answer.
func ranges(ctx context.Context, r dns.Resolver, f *Facts) (map[string]*spf.Facts, error) {
	found := map[string]*spf.Facts{}
	if f.SPF == nil || f.MX == nil || f.SPF.Tree == nil {
		return found, ctx.Err()
	}
	if a := f.SPF.Tree.Addresses; a.IPv4 == "0" && len(a.IPv6) == 0 {
		return found, ctx.Err()
	}
	for _, p := range hosted(f) {
		if includes(f, p) {
			continue
		}
		tree, err := spf.Follow(ctx, r, dns.Name(p.Include))
		if err != nil {
			return nil, err
		}
		found[p.ID] = tree
	}
	return found, ctx.Err()
}

// hosted are the providers that keep the domain's mailboxes, as its mail hosts
// tell. A gateway in front hides who they are, and hosts of a provider whose
// record is not known for sure, as Amazon's, may take mail in for other ends.
func hosted(f *Facts) []*provider.Provider {
	var list []*provider.Provider
	for _, host := range f.MX.Names() {
		if p := provider.ByMX(host); p != nil && p.Kind == provider.Mailbox && p.Include != "" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// includes tells whether SPF includes or redirects to a record of the provider.
func includes(f *Facts, p *provider.Provider) bool {
	return slices.ContainsFunc(f.SPF.IncludeTargets(), func(target dns.Name) bool {
		return target == dns.Name(p.Include) || provider.BySPF(target) == p
	})
}
