package dkim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
)

const (
	maxQueries  = 60  // probes and guesses of an audit; what the user names comes on top
	maxDeep     = 400 // the same of a search that is wanted for itself
	maxInFlight = 64  // all of a normal run at once: rounds cost round trips
	maxNamed    = 200 // selectors a user can name
	maxTXT      = 16  // records judged at one selector
	maxRetried  = 20  // guesses that failed and are asked for an alias, of the budget too
)

// Where a selector comes from.
const (
	ByNamed    = "named"
	ByObserved = "observed"
	ByWordlist = "wordlist"
	ByProvider = "provider:" // then the provider's ID
	ByDated    = "dated"     // it would carry a date
	ByName     = "name"      // from the names of the domain and its mail hosts
	BySibling  = "sibling"   // beside one that was found
	ByNSEC     = "nsec"      // DNSSEC named it
	ByWildcard = "wildcard"
)

// What is known of the node _domainkey.
const (
	NodeExists  = "exists"
	NodeMissing = "nxdomain"
	NodeUnknown = "unknown"
)

// randomLabels are two selectors that nobody has. They follow from the domain,
// so that a recorded run can be replayed.
func randomLabels(domain dns.Name) (plain, dotted string) {
	sum := sha256.Sum256([]byte("postseal " + domain.String()))
	h := hex.EncodeToString(sum[:])
	return h[:16], h[16:24] + "." + h[24:32]
}

// Gather looks for keys. A failed look-up is a fact; the error is only that of
// a cancelled context.
//
// Rounds cost round trips, so there are few: the probes, what was named and the
// word list at once; the selectors of the providers when those are known;
// more guesses, only where nothing was found; last, neighbours of what was.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) (*Facts, error) {
	f := &Facts{Domain: domain, Selectors: []*Selector{}, Tried: []string{}, Failed: []string{}, Stray: []Stray{},
		Providers: []string{}, Groups: []Group{}, Detected: []Detected{}, At: opts.Now}
	g := &gatherer{r: r, domain: domain, node: domain.Child("_domainkey"), asked: map[string]bool{},
		slots: make(chan struct{}, maxInFlight), left: maxQueries}
	if opts.Deep {
		g.left = maxDeep
	}
	plain, dotted := randomLabels(domain)
	var apex dns.Lookup
	g.probe(ctx, &f.NodeTXT, g.node, dns.TypeTXT)
	g.probe(ctx, &f.Random, g.node.Child(plain), dns.TypeTXT)
	g.probe(ctx, &f.Dotted, g.node.Child(dotted), dns.TypeTXT)
	g.probe(ctx, &f.ADSP, g.node.Child("_adsp"), dns.TypeTXT)
	g.probe(ctx, &f.Report, g.node.Child("_report"), dns.TypeTXT)
	g.probe(ctx, &apex, domain, dns.TypeTXT)
	g.left-- // for Control
	for _, s := range opts.Selectors[:min(len(opts.Selectors), maxNamed)] {
		g.try(ctx, s, ByNamed)
	}
	for _, s := range opts.Observed[:min(len(opts.Observed), maxNamed)] {
		g.try(ctx, s, ByObserved)
	}
	g.guess(ctx, ByWordlist, wordlist)
	var hints Hints
	if opts.Hints != nil {
		// The word list is on its way while MX and SPF are waited for.
		hints = opts.Hints(ctx)
		f.hinted, f.untold, f.ownUntold = true, hints.Untold, hints.OwnUntold
		f.detect(hints)
		for _, d := range f.Detected {
			g.guess(ctx, ByProvider+d.ID, d.p.Selectors)
		}
	}
	g.wg.Wait()
	g.retry(ctx, f)
	g.more(ctx, f, opts, hints)
	g.wg.Wait()
	g.retry(ctx, f)
	g.neighbours(ctx, f)
	if empty(&f.Random) {
		f.Control = dns.Lookup{Name: domain.Child(plain), Type: dns.TypeA}
		g.run(ctx, func() { f.Control = ask(ctx, g.r, domain.Child(plain), dns.TypeA) })
	}
	g.delegation(ctx, f) // shape.go
	g.misplaced(ctx)
	g.wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.keep(g.found, &apex)
	f.strayed(g.elsewhere)
	if err := g.shape(ctx, f, &apex, opts.WeakKeys); err != nil { // shape.go: delegation, aliases beside text, weak keys
		return nil, err
	}
	return f, nil
}

// gatherer asks many questions at once.
type gatherer struct {
	r            dns.Resolver
	domain, node dns.Name
	wg           sync.WaitGroup
	slots        chan struct{}
	asked        map[string]bool
	found        []*Selector
	left         int // of the budget
	retried      int // guesses asked for an alias
	retriedTo    int // of found: those looked through for that

	mu        sync.Mutex
	owners    map[dns.Name]func() dns.Lookup // registrable domains, each asked once
	elsewhere []*misplacedKey
}

func (g *gatherer) run(ctx context.Context, f func()) {
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	g.wg.Go(func() {
		defer func() { <-g.slots }()
		f()
	})
}

func (g *gatherer) probe(ctx context.Context, into *dns.Lookup, name dns.Name, qtype dns.Type) {
	g.left--
	*into = dns.Lookup{Name: name, Type: qtype}
	g.run(ctx, func() { *into = ask(ctx, g.r, name, qtype) })
}

// ask refuses names that DNS cannot be asked for without bothering it.
func ask(ctx context.Context, r dns.Resolver, name dns.Name, qtype dns.Type) dns.Lookup {
	if err := name.Check(); err != nil {
		return dns.Lookup{Name: name, Type: qtype, State: dns.StateUnknown,
			Error: &dns.Error{Name: name, Type: qtype, Kind: dns.BadName, Detail: err.Error(), Err: err}}
	}
	return dns.Ask(ctx, r, name, qtype)
}

// guess tries names as far as the budget goes.
func (g *gatherer) guess(ctx context.Context, by string, names []string) {
	for _, name := range names {
		if g.left <= 0 {
			return
		}
		if g.try(ctx, name, by) {
			g.left--
		}
	}
}

// try asks for a selector unless it was asked before.
func (g *gatherer) try(ctx context.Context, selector, by string) bool {
	name := selectorName(selector, g.node)
	if name == "" || g.asked[name] {
		return false
	}
	g.asked[name] = true
	s := &Selector{Name: name, FoundBy: by, Lookup: dns.Lookup{Name: g.node.Child(name), Type: dns.TypeTXT}}
	g.found = append(g.found, s)
	g.run(ctx, func() {
		s.Lookup = ask(ctx, g.r, g.node.Child(name), dns.TypeTXT)
		a := s.Lookup.Answer
		if a == nil || len(a.Chain) == 0 {
			return
		}
		s.aliased(a.Chain)
		if s.Lookup.State != dns.StateNXDomain || s.CNAME.IsUnder(g.domain) {
			return
		}
		// Only a name without an owner can be taken over: ask for its domain.
		if d := registrable(s.CNAME); d != "" {
			s.Registrable = g.owner(ctx, d)
		}
	})
	return true
}

// owner asks for a registrable domain, once for all aliases that lead into it.
func (g *gatherer) owner(ctx context.Context, d dns.Name) dns.Lookup {
	g.mu.Lock()
	once := g.owners[d]
	if once == nil {
		once = sync.OnceValue(func() dns.Lookup { return ask(ctx, g.r, d, dns.TypeNS) })
		if g.owners == nil {
			g.owners = map[dns.Name]func() dns.Lookup{}
		}
		g.owners[d] = once
	}
	g.mu.Unlock()
	return once()
}

// aliased keeps where an alias leads and to whom: the hop nearest to the domain
// that belongs to somebody known is the service that the domain's owner uses.
func (s *Selector) aliased(chain []dns.Name) {
	s.CNAME = chain[len(chain)-1]
	for _, hop := range chain {
		if p := provider.ByDKIMTarget(hop); p != nil {
			s.Provider, s.Vendor = p.Name, p.ID
			s.old = p.OldTarget(hop)
			return
		}
	}
}

// more guesses on where nothing was found yet, or where everything is wanted.
// The groups take turns, so that a small budget has some of each.
func (g *gatherer) more(ctx context.Context, f *Facts, opts Options, hints Hints) {
	if opts.NSEC {
		f.Walk = g.walk(ctx)
		g.wg.Wait()
	}
	failed := 0
	for _, s := range g.found {
		if s.Lookup.Unknown() {
			failed++
		}
	}
	switch {
	case 2*failed > len(g.found):
		return // DNS does not answer: more questions are more waiting
	case opts.Deep:
	case g.any(), f.Random.Found(), f.node(g.found) == NodeMissing:
		return
	}
	hidden := empty(&f.NodeTXT) && denied(&f.Random) && !g.any()
	var dated []string
	if hidden || g.anyDated(opts) {
		dated = datedNames(opts.Now)
	}
	g.guess(ctx, ByName, ownNames(g.domain, hints.MX))
	g.guess(ctx, ByWordlist, moreWords[:6])
	g.guess(ctx, ByDated, slices.Concat(dated[:min(len(dated), 3)], googleDates[:2]))
	g.guess(ctx, ByWordlist, moreWords)
	g.guess(ctx, ByDated, slices.Concat(googleDates, dated))
	if opts.Deep {
		g.guess(ctx, ByWordlist, deepWords)
	}
}

// retry asks guesses that failed for an alias: where only its target cannot be
// looked up, the selector was guessed right and its key is what is not known.
func (g *gatherer) retry(ctx context.Context, f *Facts) {
	if f.Random.Unknown() {
		return // it is not the selector that fails
	}
	for _, s := range g.found[g.retriedTo:] {
		e := s.Lookup.Error
		if e == nil || g.retried == maxRetried || g.left <= 0 {
			continue
		}
		switch e.Kind {
		case dns.Timeout, dns.Network, dns.Cancelled, dns.BadName, dns.Loop:
			continue
		}
		g.retried++
		g.left--
		g.run(ctx, func() {
			l := ask(ctx, g.r, s.Lookup.Name, dns.TypeCNAME)
			if l.Found() && len(l.Answer.Chain) == 0 {
				s.aliased([]dns.Name{l.Answer.Records[0].Host})
			}
		})
	}
	g.retriedTo = len(g.found)
	g.wg.Wait()
}

// any tells whether some selector has an answer other than "nothing".
func (g *gatherer) any() bool { return slices.ContainsFunc(g.found, (*Selector).present) }

// present tells whether there is something at the selector, good or bad.
func (s *Selector) present() bool { return s.Lookup.Found() || s.CNAME != "" }

func (g *gatherer) anyDated(opts Options) bool {
	return slices.ContainsFunc(g.found, func(s *Selector) bool {
		_, dated := dateIn(s.Name, opts.Now)
		return dated && s.present()
	})
}

// neighbours asks for what stands beside the selectors that were found: the
// others of the provider that an alias leads to, then the next numbers.
func (g *gatherer) neighbours(ctx context.Context, f *Facts) {
	for range 2 {
		before := len(g.found)
		for _, s := range g.found[:before] {
			if !s.present() {
				continue
			}
			if p := provider.ByName(s.Vendor); p != nil && s.Vendor != "" {
				g.guess(ctx, ByProvider+p.ID, slices.Concat(p.Set, p.Selectors))
			}
			g.guess(ctx, BySibling, siblings(s.Name, s.CNAME != ""))
		}
		if len(g.found) == before {
			return
		}
		g.wg.Wait()
		g.retry(ctx, f)
	}
}

// selectorName is what the user typed as the labels below _domainkey: the whole
// owner name is welcome too.
func selectorName(s string, node dns.Name) string {
	name := dns.FromText(strings.TrimSpace(s))
	if name != node && name.IsUnder(node) {
		name = name[:len(name)-len(node)-1]
	}
	if name == dns.Root {
		return ""
	}
	return strings.TrimSuffix(string(name), "._domainkey")
}

// registrable is the domain that somebody would have to register to answer for
// the name; "" where nobody can. Suffixes that private companies hand out below
// do not count: their owners decide who gets a name there.
func registrable(name dns.Name) dns.Name {
	suffix, icann := publicsuffix.PublicSuffix(string(name))
	for !icann {
		_, rest, ok := strings.Cut(suffix, ".")
		if !ok {
			return ""
		}
		suffix, icann = publicsuffix.PublicSuffix(rest)
	}
	for n := name; n != dns.Root; n = n.Parent() {
		if string(n.Parent()) == suffix {
			return n
		}
	}
	return ""
}

// detect tells the providers from names, each once. What SPF says comes first:
// it names who sends.
func (f *Facts) detect(h Hints) {
	add := func(p *provider.Provider, by, signal string) {
		if p == nil || slices.ContainsFunc(f.Detected, func(d Detected) bool { return d.p == p }) {
			return
		}
		f.Detected = append(f.Detected, Detected{ID: p.ID, By: by, Signal: signal, p: p})
		f.Providers = append(f.Providers, p.Name)
	}
	for _, n := range h.Own {
		add(provider.BySPF(n), "spf", n.String())
	}
	for _, n := range h.SPF {
		add(provider.BySPF(n), "spf-nested", n.String())
	}
	for _, n := range h.MX {
		add(provider.ByMX(n), "mx", n.String())
	}
	for _, s := range h.TXT {
		add(provider.ByTXT(s), "txt", s)
	}
}
