package audit

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
)

// maxBelow bounds the names below the domain whose own DMARC records are looked at.
const maxBelow = 8

// Below is what stands at the names below the domain that were seen to have to
// do with mail: its mail hosts, and names with mail hosts of their own.
type Below struct {
	Steps  []*dmarc.Step           // _dmarc of each name
	Cuts   map[dns.Name]dns.Lookup // NS of the zones that names below lie in, where that is not the domain's
	Unsure []error                 // why there may be more
}

// below asks only where the domain's own record covers such names. It asks for
// MX and the record itself, which the cache answers, to run beside the look-ups
// of the hosts' addresses instead of after them.
func below(ctx context.Context, r dns.Resolver, f *Facts, spfDone <-chan struct{}) (Below, error) {
	b := Below{Cuts: map[dns.Name]dns.Lookup{}}
	var walk *dmarc.Discovery
	var mail dns.Lookup
	var wg sync.WaitGroup
	wg.Go(func() { walk = dmarc.Walk(ctx, r, f.Domain) })
	wg.Go(func() { mail = dns.Ask(ctx, r, f.Domain, dns.TypeMX) })
	wg.Wait()
	if walk.Policy == nil || walk.Policy.Name != f.Domain {
		return b, ctx.Err()
	}
	if mail.Unknown() {
		b.Unsure = append(b.Unsure, mail.Error)
	}
	records := slices.Clone(mail.Records())
	slices.SortStableFunc(records, func(a, b dns.Record) int { return cmp.Compare(a.Pref, b.Pref) })
	var names []dns.Name
	add := func(n dns.Name) {
		if n != f.Domain && n.IsUnder(f.Domain) && n.Check() == nil && !slices.Contains(names, n) && len(names) < maxBelow {
			names = append(names, n)
		}
	}
	for _, rec := range records {
		add(rec.Host)
	}
	b.Steps = dmarc.Below(ctx, r, names)
	select {
	case <-spfDone:
	case <-ctx.Done():
		return b, ctx.Err()
	}
	if f.SPF != nil {
		asked := len(names)
		lookups, unsure := f.SPF.MailNames()
		if unsure != nil {
			b.Unsure = append(b.Unsure, unsure)
		}
		for _, l := range lookups {
			add(l.Name)
		}
		b.Steps = append(b.Steps, dmarc.Below(ctx, r, names[asked:])...)
	}
	// A denial shows the zone that it comes from.
	var cuts []dns.Name
	for _, s := range b.Steps {
		if a := s.Lookup.Answer; a != nil && a.Zone != f.Domain && a.Zone.IsUnder(f.Domain) && !slices.Contains(cuts, a.Zone) {
			cuts = append(cuts, a.Zone)
		}
	}
	servers := make([]dns.Lookup, len(cuts))
	for i, zone := range cuts {
		wg.Go(func() { servers[i] = dns.Ask(ctx, r, zone, dns.TypeNS) })
	}
	wg.Wait()
	for i, zone := range cuts {
		b.Cuts[zone] = servers[i]
	}
	return b, ctx.Err()
}
