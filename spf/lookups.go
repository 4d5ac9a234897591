package spf

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Bounds on what the records of strangers can make us ask. They lie far above
// what any receiver follows: it stops at ten.
const (
	maxRecords   = 200 // distinct names asked for their record
	maxQuestions = 1000
	maxMXHosts   = 10 // §4.6.4: more are a permerror
	maxVersions  = 4  // records at one name of which a merge is tried
)

// tooLarge is the cause of what was not asked because of these bounds.
var tooLarge = check.Cause{Code: "spf-tree-too-large", Params: check.Params{"Limit": maxRecords}}

type question struct {
	name  dns.Name
	qtype dns.Type
}

type call struct {
	done    bool
	lookup  dns.Lookup
	waiters []func(*dns.Lookup)
}

// lookups asks each question once and starts what follows from an answer as
// soon as it is there: the rounds in sequence are the depth of the tree, not
// its size.
type lookups struct {
	ctx      context.Context
	resolver dns.Resolver
	domain   dns.Name // whose record it begins with
	own      dns.Name // the registrable part of the audited domain, "" when it has none

	wg      sync.WaitGroup
	mu      sync.Mutex
	calls   map[question]*call
	records map[dns.Name]bool
}

func newLookups(ctx context.Context, r dns.Resolver, domain dns.Name) *lookups {
	own, _ := publicsuffix.EffectiveTLDPlusOne(string(domain))
	return &lookups{ctx: ctx, resolver: r, domain: domain, own: dns.Name(own), calls: map[question]*call{}, records: map[dns.Name]bool{}}
}

// ask puts the question unless that was done, and calls then with the outcome.
// Names that cannot be asked, and questions over the bound, are not put.
func (l *lookups) ask(name dns.Name, qtype dns.Type, then func(*dns.Lookup)) {
	if name.Check() != nil {
		return
	}
	q := question{name, qtype}
	l.mu.Lock()
	c := l.calls[q]
	switch {
	case c != nil && c.done:
		l.mu.Unlock()
		if then != nil {
			then(&c.lookup)
		}
		return
	case c != nil:
		if then != nil {
			c.waiters = append(c.waiters, then)
		}
		l.mu.Unlock()
		return
	case len(l.calls) >= maxQuestions:
		l.mu.Unlock()
		return
	}
	c = &call{}
	if then != nil {
		c.waiters = append(c.waiters, then)
	}
	l.calls[q] = c
	l.wg.Add(1)
	l.mu.Unlock()
	go func() {
		defer l.wg.Done()
		answer := dns.Ask(l.ctx, l.resolver, name, qtype)
		l.mu.Lock()
		c.lookup, c.done = answer, true
		waiters := c.waiters
		c.waiters = nil
		l.mu.Unlock()
		for _, then := range waiters {
			then(&c.lookup)
		}
	}()
}

// get is the outcome of a question, nil when it was never put. Call it only
// after wait.
func (l *lookups) get(name dns.Name, qtype dns.Type) *dns.Lookup {
	if c := l.calls[question{name, qtype}]; c != nil {
		return &c.lookup
	}
	return nil
}

func (l *lookups) wait() { l.wg.Wait() }

// record asks for the record at name and for all that it needs.
func (l *lookups) record(name dns.Name) {
	l.mu.Lock()
	known := l.records[name] || len(l.records) >= maxRecords
	if !known {
		l.records[name] = true
	}
	l.mu.Unlock()
	if known {
		return
	}
	l.ask(name, dns.TypeTXT, func(answer *dns.Lookup) {
		l.undelegated(answer)
		if texts, _ := recordTexts(answer); len(texts) == 1 {
			rec, _ := Parse(texts[0])
			l.terms(name, rec)
		}
	})
}

// terms asks for what the terms of a record need, all at once.
func (l *lookups) terms(owner dns.Name, rec *Record) {
	for i := range rec.Terms {
		e := &rec.Terms[i]
		target := e.target(owner)
		if target == "" || !rec.live(i) {
			continue
		}
		follow := l.undelegated
		switch e.Kind {
		case Include, Redirect:
			l.record(target)
		case A:
			l.ask(target, dns.TypeA, follow)
			l.ask(target, dns.TypeAAAA, nil)
		case Exists: // §5.7: A only
			l.ask(target, dns.TypeA, follow)
		case MX:
			l.ask(target, dns.TypeMX, func(answer *dns.Lookup) {
				follow(answer)
				l.mailName(answer)
				for _, host := range mxHosts(answer) {
					l.ask(host, dns.TypeA, nil)
					l.ask(host, dns.TypeAAAA, nil)
				}
			})
		case Exp:
			l.ask(target, dns.TypeTXT, follow)
		}
	}
}

// undelegated asks, for a target that does not exist, whether anyone holds the
// domain it lies in, or its alias leads to: the registrable part at its parent,
// and the suffix.
func (l *lookups) undelegated(answer *dns.Lookup) {
	if answer.State != dns.StateNXDomain {
		return
	}
	if reg, suffix := registrable(answer.Answer.Owner()); reg != "" && reg != l.own {
		l.ask(reg, dns.TypeNS, nil)
		l.ask(suffix, dns.TypeNS, nil)
	}
}

// registrable cuts a name at the public suffix list: the part someone can
// register, and the suffix it is registered under.
func registrable(name dns.Name) (reg, suffix dns.Name) {
	r, err := publicsuffix.EffectiveTLDPlusOne(string(name))
	if err != nil {
		return "", ""
	}
	s, _ := publicsuffix.PublicSuffix(r)
	return dns.Name(r), dns.Name(s)
}

// recordTexts parts the TXT at a name into those that pass the version test,
// after joining their strings (§3.3, §4.5), and the others.
func recordTexts(l *dns.Lookup) (spf, others []string) {
	spf, others = []string{}, []string{}
	for _, rr := range l.Records() {
		if text := rr.Text(); isRecord(text) {
			spf = append(spf, text)
		} else {
			others = append(others, text)
		}
	}
	return spf, others
}

// mxHosts are the hosts of an MX answer whose addresses count: the first ten
// by preference, without the null MX (RFC 7505).
func mxHosts(l *dns.Lookup) []dns.Name {
	records := slices.Clone(l.Records())
	slices.SortStableFunc(records, func(a, b dns.Record) int {
		if a.Pref != b.Pref {
			return int(a.Pref) - int(b.Pref)
		}
		return strings.Compare(string(a.Host), string(b.Host))
	})
	var hosts []dns.Name
	for _, rr := range records {
		if rr.Host != dns.Root && rr.Host != "" && len(hosts) < maxMXHosts && !slices.Contains(hosts, rr.Host) {
			hosts = append(hosts, rr.Host)
		}
	}
	return hosts
}
