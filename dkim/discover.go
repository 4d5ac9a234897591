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
	maxQueries  = 60  // of guessing; what the user names comes on top
	maxInFlight = 64  // all of a normal run at once: rounds cost round trips
	maxNamed    = 200 // selectors a user can name
	maxTXT      = 16  // records judged at one selector
)

// Where a selector comes from.
const (
	ByNamed    = "named"
	ByObserved = "observed"
	ByWordlist = "wordlist"
	ByProvider = "provider:" // then the provider's ID
	ByWildcard = "wildcard"
)

// What is known of the node _domainkey.
const (
	NodeExists  = "exists"
	NodeMissing = "nxdomain"
	NodeUnknown = "unknown"
)

// wordlist are selectors that many domains have.
var wordlist = strings.Fields(`
	selector1 selector2 google default k1 k2 k3 s1 s2 dkim mail mandrill mte1 mte2 zendesk1 zendesk2
	fm1 fm2 fm3 protonmail protonmail2 protonmail3 zmail zoho sig1 mailjet brevo1 brevo2 resend pm cm
	kl kl2 cf2024-1 hs1 hs2 smtpapi`)

// randomLabels are two selectors that nobody has. They follow from the domain,
// so that a recorded run can be replayed.
func randomLabels(domain dns.Name) (plain, dotted string) {
	sum := sha256.Sum256([]byte("postseal " + domain.String()))
	h := hex.EncodeToString(sum[:])
	return h[:16], h[16:24] + "." + h[24:32]
}

// Gather looks for keys. A failed look-up is a fact; the error is only that of
// a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) (*Facts, error) {
	f := &Facts{Domain: domain, Selectors: []*Selector{}, Tried: []string{}, Failed: []string{}, Stray: []Stray{}, Providers: []string{}}
	g := &gatherer{r: r, node: domain.Child("_domainkey"), asked: map[string]bool{}, slots: make(chan struct{}, maxInFlight)}
	plain, dotted := randomLabels(domain)
	var apex dns.Lookup
	g.ask(ctx, &f.NodeTXT, g.node)
	g.ask(ctx, &f.Random, g.node.Child(plain))
	g.ask(ctx, &f.Dotted, g.node.Child(dotted))
	g.ask(ctx, &f.ADSP, g.node.Child("_adsp"))
	g.ask(ctx, &f.Report, g.node.Child("_report"))
	g.ask(ctx, &apex, domain)
	budget := maxQueries - 6
	for _, s := range opts.Selectors[:min(len(opts.Selectors), maxNamed)] {
		g.try(ctx, s, ByNamed)
	}
	for _, s := range opts.Observed[:min(len(opts.Observed), maxNamed)] {
		g.try(ctx, s, ByObserved)
	}
	for _, s := range wordlist {
		if g.try(ctx, s, ByWordlist) {
			budget--
		}
	}
	if opts.Hints != nil {
		// The word list is on its way while MX and SPF are waited for.
		for _, p := range fromHints(opts.Hints(ctx)) {
			f.Providers = append(f.Providers, p.Name)
			for _, s := range p.Selectors {
				if budget > 0 && g.try(ctx, s, ByProvider+p.ID) {
					budget--
				}
			}
		}
	}
	g.wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.keep(g.found, &apex)
	return f, nil
}

// gatherer asks many questions at once.
type gatherer struct {
	r     dns.Resolver
	node  dns.Name
	wg    sync.WaitGroup
	slots chan struct{}
	asked map[string]bool
	found []*Selector
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

func (g *gatherer) ask(ctx context.Context, into *dns.Lookup, name dns.Name) {
	*into = dns.Lookup{Name: name, Type: dns.TypeTXT}
	g.run(ctx, func() { *into = ask(ctx, g.r, name, dns.TypeTXT) })
}

// ask refuses names that DNS cannot be asked for without bothering it.
func ask(ctx context.Context, r dns.Resolver, name dns.Name, qtype dns.Type) dns.Lookup {
	if err := name.Check(); err != nil {
		return dns.Lookup{Name: name, Type: qtype, State: dns.StateUnknown,
			Error: &dns.Error{Name: name, Type: qtype, Kind: dns.BadName, Detail: err.Error(), Err: err}}
	}
	return dns.Ask(ctx, r, name, qtype)
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
		s.CNAME = a.Owner()
		if s.Lookup.State != dns.StateNXDomain || s.CNAME.IsUnder(g.node.Parent()) {
			return
		}
		// Only a name without an owner can be taken over: ask for its domain.
		if d := registrable(s.CNAME); d != "" {
			s.Registrable = ask(ctx, g.r, d, dns.TypeNS)
		}
	})
	return true
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

// fromHints tells the providers from names, each once, in the order found.
func fromHints(h Hints) []*provider.Provider {
	var list []*provider.Provider
	add := func(p *provider.Provider) {
		if p != nil && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, n := range h.SPF {
		add(provider.BySPF(n))
	}
	for _, n := range h.MX {
		add(provider.ByMX(n))
	}
	for _, s := range h.TXT {
		add(provider.ByTXT(s))
	}
	return list
}

// keep turns answers into facts: what was found, and what only a wildcard said.
func (f *Facts) keep(asked []*Selector, apex *dns.Lookup) {
	f.Node = f.node(asked)
	wild := f.wildcard()
	for _, s := range asked {
		f.Tried = append(f.Tried, s.Name)
		s.read()
		guessed := s.FoundBy != ByNamed && s.FoundBy != ByObserved
		switch {
		case guessed && s.Status == StatusUnknown:
			f.Failed = append(f.Failed, s.Name)
			if f.FailedWith == nil {
				f.FailedWith = s.Lookup.Error
			}
		case guessed && s.Status == StatusMissing && s.CNAME == "" && !s.loops():
		case guessed && sameAnswer(wild, &s.Lookup):
		default:
			f.Selectors = append(f.Selectors, s)
		}
	}
	if wild != nil && wild.Found() {
		s := &Selector{Name: "*", FoundBy: ByWildcard, Lookup: *wild}
		if a := wild.Answer; len(a.Chain) > 0 {
			s.CNAME = a.Owner()
		}
		f.wild = s
		if s.read(); s.key != nil && s.Status != StatusRevoked {
			f.Selectors = append(f.Selectors, s)
		}
	}
	f.strays(apex, wild)
}

// strays keeps key records at the domain itself and at _domainkey.
func (f *Facts) strays(apex, wild *dns.Lookup) {
	for _, l := range []*dns.Lookup{apex, &f.NodeTXT} {
		if sameAnswer(wild, l) {
			continue
		}
		for i, r := range l.Records() {
			if i == 4*maxTXT {
				break
			}
			text := r.Text()
			if !strings.Contains(strings.ToLower(text), "dkim1") && !strings.Contains(text, "PRIVATE KEY") {
				continue
			}
			k, bad := ParseKey(text)
			if !k.keyish || domainKeysPolicy(text) {
				continue
			}
			if isSecret(bad) {
				text = ""
			}
			f.Stray = append(f.Stray, Stray{Name: l.Name, Text: text, key: k, bad: bad})
		}
	}
}

// wildcard is the answer at a random selector, nil where neither was answered.
func (f *Facts) wildcard() *dns.Lookup {
	switch {
	case f.Random.Found():
		return &f.Random
	case f.Dotted.Found():
		return &f.Dotted
	case f.Random.Asked() && !f.Random.Unknown():
		return &f.Random
	case f.Dotted.Asked() && !f.Dotted.Unknown():
		return &f.Dotted
	}
	return nil
}

// sameAnswer tells whether a guess was answered by the wildcard alone.
func sameAnswer(wild, l *dns.Lookup) bool {
	if wild == nil || wild.Answer == nil || l.Answer == nil || wild.State != l.State {
		return false
	}
	if len(wild.Answer.Chain) != len(l.Answer.Chain) {
		return false
	}
	if len(l.Answer.Chain) > 0 && wild.Answer.Owner() != l.Answer.Owner() {
		return false
	}
	return l.Absent() && len(l.Answer.Chain) > 0 || slices.Equal(sortedTexts(wild), sortedTexts(l))
}

func sortedTexts(l *dns.Lookup) []string {
	var list []string
	for _, r := range l.Records() {
		list = append(list, r.Text())
	}
	slices.Sort(list)
	return list
}

// node tells whether anything can exist below _domainkey.
func (f *Facts) node(asked []*Selector) string {
	answered, failed := false, false
	below := []*dns.Lookup{&f.Random, &f.Dotted, &f.ADSP, &f.Report}
	for _, s := range asked {
		below = append(below, &s.Lookup)
	}
	for _, l := range below {
		switch l.State {
		case dns.StateUnknown:
			failed = true
		case dns.StateFound, dns.StateNoData:
			answered = true
		case dns.StateNXDomain:
			// An alias to a name that is gone is something below the node.
			answered = answered || len(l.Answer.Chain) > 0
		}
	}
	switch {
	case f.NodeTXT.State == dns.StateNXDomain && answered:
		return NodeExists // a server that denies empty non-terminals, against RFC 8020
	case f.NodeTXT.State == dns.StateNXDomain && failed:
		return NodeUnknown
	case f.NodeTXT.State == dns.StateNXDomain:
		return NodeMissing
	case f.Random.State == dns.StateNXDomain && (f.NodeTXT.State == dns.StateNoData || f.NodeTXT.Found()):
		return NodeExists
	case f.Random.Found() && f.NodeTXT.State == dns.StateNoData:
		return NodeExists // *._domainkey
	}
	return NodeUnknown
}

// read parses what the selector's look-up brought.
func (s *Selector) read() {
	if s.CNAME != "" {
		if p := provider.ByDKIMTarget(s.CNAME); p != nil {
			s.Provider = p.Name
		}
	}
	switch {
	case s.loops():
		s.Status = StatusMissing // an alias that never ends holds no key: that can be told
		return
	case s.Lookup.Unknown() || !s.Lookup.Asked():
		s.Status = StatusUnknown
		return
	case s.Lookup.Absent():
		s.Status = StatusMissing
		return
	}
	for i, r := range s.Lookup.Records() {
		if i == maxTXT {
			break
		}
		text := r.Text()
		k, problems := ParseKey(text)
		if strings.Trim(text, fws) == "" && s.CNAME != "" {
			// Amazon SES and others keep the spare of a pair empty: nothing is wrong.
			k, problems = &Key{Text: text, Revoked: true, keyish: true}, []Problem{{Rule: "dkim-revoked", Variant: "reserve"}}
		}
		s.records = append(s.records, record{text: text, key: k, problems: problems})
	}
	s.judge()
	if slices.ContainsFunc(s.records, func(r record) bool { return r.secret() }) {
		s.redact()
	}
}

// Hidden stands where a published private key would stand in a report.
const Hidden = "(a private key, not repeated here)"

// HoldsPrivateKey tells whether a text that somebody published is or holds a
// private key. Reports must not spread it further.
func HoldsPrivateKey(text string) bool {
	_, problems := ParseKey(text)
	return isSecret(problems)
}

// redact takes a published private key out of what a report shows.
func (s *Selector) redact() {
	s.Record = Hidden
	a := *s.Lookup.Answer
	a.Records = slices.Clone(a.Records)
	for i := range a.Records {
		a.Records[i].Data, a.Records[i].Strings = Hidden, nil
	}
	s.Lookup.Answer = &a
}

// judge picks the key among the records and tells the selector's status.
func (s *Selector) judge() {
	keys := 0
	var first *record
	for i := range s.records {
		if r := &s.records[i]; r.key.keyish {
			if keys++; keys == 1 {
				first = r
			}
		}
	}
	if first == nil {
		s.Status = StatusMalformed
		if len(s.records) > 0 {
			s.Record = s.records[0].text
		}
		return
	}
	for i := range s.records {
		s.records[i].extra = !s.records[i].key.keyish
	}
	k := first.key
	s.key, s.Record, s.Bits, s.Testing, s.Fingerprint = k, first.text, k.Bits, k.Testing(), k.Fingerprint()
	s.KeyType = k.Type
	refused := slices.ContainsFunc(first.problems, func(p Problem) bool { return p.refused })
	switch {
	case keys > 1:
		s.Status = StatusSeveral
	case k.Revoked && !refused:
		s.Status = StatusRevoked
	case refused || k.Bits == 0:
		s.Status = StatusMalformed
	default:
		s.Status = StatusFound
		s.Usable = k.Usable()
	}
}
