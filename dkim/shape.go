package dkim

import (
	"context"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
)

// shape is what is known of how the keys stand in DNS, and of the keys beyond
// their own text.
type shape struct {
	cut     dns.Name   // _domainkey or a selector where it begins a zone of its own; "" for neither
	servers dns.Lookup // NS there
	lame    *dns.Error // nothing below the cut is answered; nil where something is
	tooLong []*Selector
	beside  []beside

	weak    *WeakKeys // the list that was searched, nil for none
	weakErr error

	compared bool // with the keys of other domains: Batch
	primes   []shared
	reused   []shared
}

// beside is a selector that was answered with text, and asked for an alias.
type beside struct {
	selector *Selector
	alias    dns.Lookup // CNAME at the selector
	target   dns.Lookup // TXT at the alias's target, not asked without one
}

// shape asks what the first round left open and fills in f.shape. Most domains
// cost no question here: who answers for _domainkey is told by the SOA beside
// any denial.
func (g *gatherer) shape(ctx context.Context, f *Facts, apex *dns.Lookup, weak *WeakKeys) error {
	sh := &f.shape
	g.delegated(f, apex)
	for _, s := range f.Selectors {
		if g.mayHaveAlias(s) {
			sh.beside = append(sh.beside, beside{selector: s})
		}
	}
	for i := range sh.beside {
		b := &sh.beside[i]
		g.run(ctx, func() {
			b.alias = ask(ctx, g.r, b.selector.Owner(), dns.TypeCNAME)
			if target := b.to(); target != "" {
				b.target = ask(ctx, g.r, target, dns.TypeTXT)
			}
		})
	}
	g.wg.Wait()
	f.unaskable()
	f.reportsOnly()
	if weak != nil {
		f.search(weak)
	}
	return ctx.Err()
}

// to is where the alias beside the text leads, "" without one.
func (b *beside) to() dns.Name {
	for _, r := range b.alias.Records() {
		if r.Type == dns.TypeCNAME && r.Name == b.selector.Owner() {
			return r.Host
		}
	}
	return ""
}

// mayHaveAlias tells for which selectors an alias beside the text is looked for.
// RFC 1034 §3.6.2 forbids the pair and common servers refuse to load it, so a
// question for each key that guessing finds would not pay. It is put where it
// leaves no machine, where somebody said that the selector is in use, and where
// providers that publish aliases have that selector.
func (g *gatherer) mayHaveAlias(s *Selector) bool {
	if s.CNAME != "" || len(s.records) == 0 || s.FoundBy == ByWildcard {
		return false
	}
	return s.wanted() || fromZoneFile(&s.Lookup) || aliasSelectors[s.Name]
}

// aliasSelectors are the fixed selectors of providers that answer by alias.
var aliasSelectors = func() map[string]bool {
	m := map[string]bool{}
	for _, p := range provider.All() {
		if len(p.DKIMTargets) > 0 {
			for _, s := range p.Selectors {
				m[s] = true
			}
		}
	}
	return m
}()

// fromZoneFile tells whether an answer came from a file that the user gave: it
// cost no question, and its time to live was not counted down by a cache.
func fromZoneFile(l *dns.Lookup) bool {
	return l.Answer != nil && strings.HasPrefix(l.Answer.Server, "zone ")
}

// delegation finds the zone that _domainkey or a selector begins. A denial names
// the zone that denies (RFC 2308 §3), so that NS is asked only for its servers,
// or where no denial came with a name.
func (g *gatherer) delegation(ctx context.Context, f *Facts) {
	sh := &f.shape
	told := false
	for _, l := range g.lookups(f) {
		if l.Answer == nil || l.Answer.Zone == "" || len(l.Answer.Chain) > 0 {
			continue
		}
		told = true
		if zone := l.Answer.Zone; zone.IsUnder(g.node) && (sh.cut == "" || sh.cut.IsUnder(zone)) {
			sh.cut = zone
		}
	}
	if told && sh.cut == "" || f.NodeTXT.State == dns.StateNXDomain {
		return
	}
	name := sh.cut
	if name == "" {
		name = g.node
	}
	g.run(ctx, func() { sh.servers = ask(ctx, g.r, name, dns.TypeNS) })
}

// lookups are those at _domainkey and below it.
func (g *gatherer) lookups(f *Facts) []*dns.Lookup {
	list := []*dns.Lookup{&f.NodeTXT, &f.Random, &f.Dotted, &f.ADSP, &f.Report}
	for _, s := range g.found {
		list = append(list, &s.Lookup)
	}
	return list
}

// delegated draws the conclusions once NS is answered.
func (g *gatherer) delegated(f *Facts, apex *dns.Lookup) {
	sh := &f.shape
	if name := sh.servers.Name; slices.ContainsFunc(sh.servers.Records(), func(r dns.Record) bool { return r.Name == name }) {
		sh.cut = name
	}
	failed := !slices.ContainsFunc(g.lookups(f), func(l *dns.Lookup) bool { return !l.Unknown() || !serverTrouble(l.Error) })
	if e := f.NodeTXT.Error; failed && apex.Asked() && !apex.Unknown() && (sh.cut != "" || e.Authoritative) {
		// Servers that answer for the domain, while none does for _domainkey, are
		// others.
		sh.cut, sh.lame = g.node, e
	}
}

// serverTrouble tells whether the servers were asked and gave nothing usable.
func serverTrouble(e *dns.Error) bool {
	return e != nil && slices.Contains([]dns.Kind{dns.ServFail, dns.Refused, dns.Lame, dns.Timeout}, e.Kind)
}

// unaskable takes out the selectors whose name DNS cannot carry: no look-up was
// made, and none could ever find a key there.
func (f *Facts) unaskable() {
	f.Selectors = slices.DeleteFunc(f.Selectors, func(s *Selector) bool {
		long := s.Lookup.Error != nil && s.Lookup.Error.Kind == dns.BadName && s.Lookup.Error.Err != nil
		if long {
			f.shape.tooLong = append(f.shape.tooLong, s)
		}
		return long
	})
}

// reportsOnly mends the status of keys that sign TLS reports: they are in force
// and whole, and no key for mail (RFC 8460 §3).
func (f *Facts) reportsOnly() {
	for _, s := range f.Selectors {
		if f.forReports(s) && s.Status == StatusMalformed && s.Bits > 0 {
			s.Status = StatusFound
		}
	}
}

// forReports tells whether a selector whose key excludes mail is there to sign
// TLS reports: its record says so, nobody said that mail is signed with it, and
// its name says the same or another key signs the mail.
func (f *Facts) forReports(s *Selector) bool {
	if s.key == nil || s.wanted() || !slices.Equal(s.key.Services, []string{"tlsrpt"}) {
		return false
	}
	for _, p := range s.records[0].problems {
		if p.refused && p.Rule != "dkim-s-excludes-email" {
			return false
		}
	}
	named := strings.Contains(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s.Name), "tlsrpt")
	return named || len(f.UsableKeys()) > 0
}

// search looks the keys up in a list of weak ones.
func (f *Facts) search(list *WeakKeys) {
	f.shape.weak = list
	for _, s := range f.Selectors {
		for i := range s.records {
			r := &s.records[i]
			number, ok, err := list.find(r.key)
			if err != nil {
				f.shape.weakErr = err
				return
			}
			if !ok {
				continue
			}
			p := Problem{Rule: "dkim-rsa-debian-weak", weak: true, Span: keySpan(r.key),
				Params: check.Params{"List": list.Name, "Entries": list.Entries, "Group": weakListName(number)}}
			switch {
			case number == debianList:
			case slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Rule == "dkim-known-public-key" }):
				continue // the sample is known without a list
			default:
				p.Rule, p.Variant = "dkim-known-public-key", "listed"
			}
			r.problems = slices.DeleteFunc(r.problems, func(p Problem) bool { return p.Rule == "dkim-ed25519-present" })
			r.problems = append(r.problems, p)
			r.key.unusable = true
			if s.key == r.key {
				s.Usable = false
			}
		}
	}
}

// keySpan is where the key stands in its record.
func keySpan(k *Key) check.Span {
	for _, t := range k.Tags {
		if t.Name == "p" && !t.Bare {
			return t.value
		}
	}
	return check.Span{}
}
