// Package audit audits one domain: it gathers the facts of every standard at
// once, runs their rules, relates the standards to each other with rules of its
// own, measures the score and builds the report.
//
// Facts flow one way: resolver → facts → results → score → report. Nothing here
// parses a record or opens a connection; that is the standards' business.
package audit

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dmarc/aggregate"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/spf"
	"github.com/postseal/postseal/starttls"
	"github.com/postseal/postseal/tlsrpt"
	"github.com/postseal/postseal/zone"
)

// Auditor holds what audits of one run share: the clients and the wishes of
// the user. It is safe for concurrent use.
type Auditor struct {
	Resolver dns.Resolver
	Fetcher  mtasts.Fetcher  // nil: HTTPS is not to be used
	Logos    bimi.Fetcher    // nil: what BIMI records name is not fetched
	Prober   starttls.Prober // nil: SMTP is not to be used
	NoSMTP   string          // why Prober is nil: "disabled" or "offline"
	Named    []NamedHost     // hosts to probe besides the mail hosts

	// AskServer asks one name server; nil: name servers are not asked one by one.
	AskServer func(ctx context.Context, server netip.Addr, name dns.Name, qtype dns.Type) (dns.Answer, error)

	MarkRoots    *x509.CertPool // roots of mark certificates that the user trusts; nil: none
	WeakKeys     *dkim.WeakKeys // a list to look DKIM keys up in; nil: none
	AllowPrivate bool
	Now          func() time.Time
}

// Request is one domain to audit and what the user says about it.
type Request struct {
	Domain        dns.Name
	Selectors     []string      // DKIM selectors known to be in use
	Observed      []string      // DKIM selectors seen in messages or reports
	SendingIPs    []netip.Addr  // addresses known to send
	BlockLists    []dns.Name    // DNS block lists to look those addresses up in; none by default
	Profile       check.Profile // "" to infer
	ProfileSource string        // "flag" or "config" when Profile is given

	Reports *aggregate.Domain // what DMARC aggregate reports say of the domain; nil for none

	Bulk           bool     // sends in bulk, by the user's word
	PolicyProfiles []string // published policies to hold it to, see PolicyProfiles

	Expect   Expect              // what the user says it must publish
	Accepted []report.Acceptance // findings that the user accepts
}

// Facts are the facts of all standards for one domain.
type Facts struct {
	Domain   dns.Name
	Profile  check.Profile
	SPF      *spf.Facts
	DKIM     *dkim.Facts
	DMARC    *dmarc.Facts
	MTASTS   *mtasts.Facts
	TLSRPT   *tlsrpt.Facts
	BIMI     *bimi.Facts
	MX       *mx.Facts
	Zone     *zone.Facts
	DNSSEC   *dnssec.Facts
	DANE     *dane.Facts
	STARTTLS *starttls.Facts

	HELO   []dns.Lookup          // TXT at the mail hosts of the organisation
	Ranges map[string]*spf.Facts // by provider: the record of one that SPF does not include
	Below  Below                 // names below the domain

	Servers Servers // what each name server publishes, where they may differ

	Bulk           bool     // as requested
	PolicyProfiles []string // as requested
	Expect         Expect   // as requested
}

// Outcome is everything an audit found, in no language yet.
type Outcome struct {
	Request   Request
	Facts     *Facts
	Inference Inference
	Results   []check.Result // every rule, in report order
	Queries   []dns.Lookup   // every DNS question of this domain, in the order of the answers
	Started   time.Time
	Took      time.Duration
}

// Audit gathers and judges. The error is only that of a cancelled context: all
// other trouble is in the facts.
func (a *Auditor) Audit(ctx context.Context, req Request) (*Outcome, error) {
	out := &Outcome{Request: req, Started: a.Now()}
	resolver, log := dns.WithLog(a.Resolver)
	facts, err := a.gather(ctx, resolver, req)
	if err == nil && facts.DNSSEC.State == dnssec.Bogus {
		if cd, ok := resolver.(dns.CDResolver); ok {
			facts, err = a.gatherUnchecked(ctx, cd, req, facts.DNSSEC)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %s: %w", req.Domain, err)
	}
	out.Facts = facts
	out.Queries = log.Entries()
	out.Inference = infer(req, facts)
	out.Results = evaluateAs(facts, out.Inference)
	out.Took = a.Now().Sub(out.Started)
	return out, nil
}

// gather collects the facts of all standards at once. Only three things wait for
// others: the probe for the mail hosts, and DKIM's provider selectors and the
// ranges of providers for what MX and SPF tell about providers.
func (a *Auditor) gather(ctx context.Context, r dns.Resolver, req Request) (*Facts, error) {
	f := &Facts{Domain: req.Domain, Bulk: req.Bulk, PolicyProfiles: req.PolicyProfiles, Expect: req.Expect}
	// The probe outlives the group: its context must not end when the group's does.
	probeCtx, stopProbe := context.WithCancel(ctx)
	defer stopProbe()
	g, ctx := errgroup.WithContext(ctx)
	mxDone, spfDone := make(chan struct{}), make(chan struct{})
	dkimDone, dmarcDone := make(chan struct{}), make(chan struct{})

	var probe *starttls.Run
	if a.Prober != nil {
		probe = starttls.Start(probeCtx, a.Prober, a.AllowPrivate)
	}
	g.Go(func() (err error) {
		defer close(mxDone)
		f.MX, err = mx.Gather(ctx, r, req.Domain, mx.Options{
			AllowPrivate: a.AllowPrivate,
			ServerSOA:    a.serverSOA(),
			Each: func(h *mx.Host) {
				if probe != nil {
					probe.Add(h.Name, addresses(h))
				}
			},
		})
		return err
	})
	if probe != nil {
		for _, h := range a.Named {
			g.Go(func() error { return h.add(ctx, r, probe) })
		}
	}
	g.Go(func() (err error) {
		defer close(spfDone)
		f.SPF, err = spf.Gather(ctx, r, req.Domain)
		return err
	})
	g.Go(func() (err error) {
		defer close(dkimDone)
		f.DKIM, err = dkim.Gather(ctx, r, req.Domain, dkim.Options{
			Selectors: req.Selectors, Observed: req.Observed, Now: a.Now(), WeakKeys: a.WeakKeys,
			Hints: func(ctx context.Context) dkim.Hints {
				for _, done := range []chan struct{}{mxDone, spfDone} {
					select {
					case <-done:
					case <-ctx.Done():
						return dkim.Hints{}
					}
				}
				if f.MX == nil {
					return Hints(nil, f.SPF)
				}
				h := Hints(f.MX.Names(), f.SPF)
				if f.MX.Lookup.Unknown() {
					h.Untold = f.MX.Lookup.Error
				}
				return h
			},
		})
		return err
	})
	g.Go(func() (err error) {
		f.HELO, err = helo(ctx, r, req.Domain)
		return err
	})
	g.Go(func() (err error) {
		for _, done := range []chan struct{}{mxDone, spfDone} {
			select {
			case <-done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		f.Ranges, err = ranges(ctx, r, f)
		return err
	})
	g.Go(func() (err error) {
		f.Below, err = below(ctx, r, f, spfDone)
		return err
	})
	g.Go(func() (err error) {
		f.Zone, err = zone.Gather(ctx, r, req.Domain, zone.Options{
			Named: req.SendingIPs, BlockLists: req.BlockLists,
			Each: func(t *zone.Target) {
				if probe != nil {
					submits(req.Domain, t, probe)
				}
			},
			Known: func(ctx context.Context) zone.Known {
				for _, done := range []chan struct{}{mxDone, spfDone} {
					select {
					case <-done:
					case <-ctx.Done():
						return zone.Known{}
					}
				}
				return aroundMail(f)
			},
			Own: func(n dns.Name) bool { return spf.SameOrganisation(n, req.Domain) },
			Random: func(ctx context.Context) dns.Lookup {
				select {
				case <-dmarcDone:
				case <-ctx.Done():
				}
				if ctx.Err() != nil || f.DMARC == nil {
					return dns.Lookup{}
				}
				return f.DMARC.Around.Random
			},
		})
		return err
	})
	g.Go(func() error {
		for _, done := range []chan struct{}{mxDone, dkimDone} {
			select {
			case <-done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if f.MX != nil && f.DKIM != nil {
			f.Servers = a.compareServers(ctx, f)
		}
		return ctx.Err()
	})
	g.Go(func() (err error) {
		defer close(dmarcDone)
		f.DMARC, err = dmarc.Gather(ctx, r, req.Domain)
		return err
	})
	g.Go(func() (err error) {
		f.BIMI, err = bimi.Gather(ctx, r, a.Logos, req.Domain, bimi.GatherOptions{
			Organization: organization(f, dmarcDone), MarkRoots: a.MarkRoots, Now: a.Now(),
		})
		return err
	})
	g.Go(func() (err error) {
		f.MTASTS, err = mtasts.Gather(ctx, r, a.Fetcher, req.Domain)
		return err
	})
	g.Go(func() (err error) {
		f.TLSRPT, err = tlsrpt.Gather(ctx, r, req.Domain)
		return err
	})
	g.Go(func() (err error) {
		f.DNSSEC, err = dnssec.Gather(ctx, r, req.Domain, a.Now())
		return err
	})
	g.Go(func() (err error) {
		f.DANE, err = gatherDANE(ctx, r, f, mxDone)
		return err
	})
	err := g.Wait()
	if err != nil {
		stopProbe()
	} else {
		a.prove(probeCtx, f) // the group's own context has ended
	}
	if probe != nil {
		var order []dns.Name
		if f.MX != nil {
			order = f.MX.Names()
		}
		f.STARTTLS = probe.Wait(order)
	} else {
		f.STARTTLS = &starttls.Facts{NoHosts: a.NoSMTP}
	}
	if err != nil {
		return nil, err
	}
	f.STARTTLS.Domain = req.Domain
	// That there is nothing to probe comes before why nothing was probed.
	receives, known := f.MX.Receives()
	if len(f.STARTTLS.Hosts) == 0 && (f.STARTTLS.NoHosts == "" || known && !receives) {
		f.STARTTLS.NoHosts = noHosts(f.MX)
	}
	return f, nil
}

// serverSOA is AskServer for the one question that package mx has.
func (a *Auditor) serverSOA() func(context.Context, dns.Name, netip.Addr, dns.Name) (dns.Answer, error) {
	if a.AskServer == nil {
		return nil
	}
	return func(ctx context.Context, _ dns.Name, addr netip.Addr, zone dns.Name) (dns.Answer, error) {
		return a.AskServer(ctx, addr, zone, dns.TypeSOA)
	}
}

func addresses(h *mx.Host) []netip.Addr {
	addrs := make([]netip.Addr, len(h.Addresses))
	for i, a := range h.Addresses {
		addrs[i] = a.IP
	}
	return addrs
}

func noHosts(f *mx.Facts) string {
	switch {
	case f.Null:
		return "null-mx"
	case f.Lookup.Unknown():
		return "mx-unknown"
	default:
		return "no-mx"
	}
}
