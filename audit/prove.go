package audit

import (
	"context"
	"sync"

	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
)

// maxProvenKeys bounds the failed look-ups of selectors that are proven. A name
// server that fails at one mostly fails at all of a list of guesses, and each
// costs a question to every server of the zone.
const maxProvenKeys = 8

// prove asks each name server of the zone for what the resolver could not get,
// where the answer decides: whether mail can be delivered, which policies hold,
// and who may issue certificates. Where all of them fail too, the fault is the domain's and not ours.
func (a *Auditor) prove(ctx context.Context, f *Facts) {
	if a.AskServer == nil || f.MX.NameServers.Zone == "" {
		return
	}
	lookups := []*dns.Lookup{&f.MX.Lookup, &f.SPF.Lookup}
	for _, s := range f.DMARC.Steps {
		if s.Name == f.Domain {
			lookups = append(lookups, &s.Lookup)
		}
	}
	for i := range f.Zone.CAA.Lookups {
		lookups = append(lookups, &f.Zone.CAA.Lookups[i])
	}
	lookups = append(lookups, &f.MTASTS.Lookup, &f.TLSRPT.Lookup)
	if f.BIMI.Lookup.Name.IsUnder(f.Domain) { // that of an inherited record is another domain's
		lookups = append(lookups, &f.BIMI.Lookup)
	}
	lookups = append(lookups, failedKeys(f.DKIM.Selectors)...)
	for _, h := range f.DANE.Hosts {
		lookups = append(lookups, &h.Lookup)
	}
	for _, h := range f.MX.Hosts {
		lookups = append(lookups, &h.A, &h.AAAA)
	}
	var wg sync.WaitGroup
	for _, l := range lookups {
		// The zone's servers can only speak of names in the zone.
		if !l.Unknown() || !l.Name.IsUnder(f.MX.NameServers.Zone) || l.Error.Kind != dns.ServFail && l.Error.Kind != dns.Timeout {
			continue
		}
		wg.Go(func() {
			if a.allFail(ctx, f, l) {
				e := *l.Error // others hold the same error, and need not be proven
				e.Authoritative = true
				l.Error = &e
			}
		})
	}
	wg.Wait()
}

// failedKeys are the look-ups of selectors that got no answer, at most
// maxProvenKeys: first those that somebody named or that a message or report
// shows, since a guess that fails may be no selector at all.
func failedKeys(selectors []*dkim.Selector) []*dns.Lookup {
	var known, guessed []*dns.Lookup
	for _, s := range selectors {
		switch {
		case !s.Lookup.Unknown():
		case s.FoundBy == dkim.ByNamed || s.FoundBy == dkim.ByObserved:
			known = append(known, &s.Lookup)
		default:
			guessed = append(guessed, &s.Lookup)
		}
	}
	list := append(known, guessed...)
	return list[:min(len(list), maxProvenKeys)]
}

// allFail tells whether no server of the zone answers the question and at least
// one says so itself. Silence alone proves nothing: it may be our own network
// that lets nothing through. A referral means that the name lies in another zone.
func (a *Auditor) allFail(ctx context.Context, f *Facts, l *dns.Lookup) bool {
	hosts := f.MX.NameServers.Hosts
	errs := make([]*dns.Error, len(hosts))
	var wg sync.WaitGroup
	for i := range hosts {
		if len(hosts[i].Addresses) == 0 {
			return false // not asked
		}
		wg.Go(func() {
			if _, err := a.AskServer(ctx, hosts[i].Addresses[0], l.Name, l.Type); err != nil {
				errs[i] = dns.AsError(err, l.Name, l.Type)
			}
		})
	}
	wg.Wait()
	said := false
	for _, e := range errs {
		switch {
		case e == nil:
			return false
		case e.Kind == dns.ServFail || e.Kind == dns.Refused:
			said = true
		case e.Kind != dns.Timeout && e.Kind != dns.Network:
			return false
		}
	}
	return said
}
