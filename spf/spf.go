// Package spf reads and judges the Sender Policy Framework record of a domain
// (RFC 7208, which obsoletes RFC 4408).
//
// SPF says which hosts may use a domain in MAIL FROM and HELO. The record is a
// TXT record at the domain itself that begins with "v=spf1". The package
// parses it without stopping at the first fault, follows includes and redirects
// to count look-ups as a receiver would in the worst case (§4.6.4), judges the
// result with Rules and generates records. Check evaluates one client, as a
// receiver does; nothing here decides what DMARC makes of the result.
//
// Section signs without a document, in this package, are those of RFC 7208.
package spf

import (
	"context"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's SPF. What Gather made is
// not changed afterwards, but for the fields that the audit sets.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run
	HasMX   *bool         `json:"has_mx"`  // set by the audit; nil when the MX answer could not be had

	// Senders are the terms, such as "include:_spf.example.net", that the
	// audit knows the domain to need; a missing record is suggested with them.
	Senders []string `json:"-"`

	Lookup   dns.Lookup `json:"lookup"`    // TXT at the domain: three answers
	Records  []string   `json:"records"`   // the texts that pass the version test (§4.5), joined, as published
	OtherTXT []string   `json:"other_txt"` // the other TXT at the name
	Tree     *Tree      `json:"tree"`      // of the one record in force; nil when there is none or more than one

	merged *Tree // of the records merged into one, when there are several
	places places
}

// Gather asks for everything about the domain's SPF. A failed look-up is a
// fact; the error is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	return newLookups(ctx, r, domain).facts(true)
}

// Follow is Gather for the record and its tree alone: what a record of somebody
// else lets pass.
func Follow(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	return newLookups(ctx, r, domain).facts(false)
}

// facts asks for the record and its tree, and for what stands beside it.
func (l *lookups) facts(beside bool) (*Facts, error) {
	domain, merged := l.domain, ""
	if beside {
		l.beside()
	}
	l.records[domain] = true
	l.ask(domain, dns.TypeTXT, func(answer *dns.Lookup) {
		texts, _ := recordTexts(answer)
		switch n := len(texts); {
		case n == 0 && beside:
			l.strays(answer)
		case n == 0 || n > maxVersions:
		case n == 1:
			rec, _ := Parse(texts[0])
			l.terms(domain, rec)
		default:
			merged = merge(domain, texts)
			rec, _ := Parse(merged)
			l.terms(domain, rec)
		}
	})
	l.wait()
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	f := &Facts{Domain: domain}
	if answer := l.get(domain, dns.TypeTXT); answer != nil {
		f.Lookup = *answer
	} else {
		f.Lookup = dns.Lookup{Name: domain, Type: dns.TypeTXT, State: dns.StateUnknown,
			Error: &dns.Error{Name: domain, Type: dns.TypeTXT, Kind: dns.BadName}}
	}
	f.Records, f.OtherTXT = recordTexts(&f.Lookup)
	if len(f.Records) == 1 {
		f.Tree = l.build(domain, f.Records[0])
	}
	if merged != "" {
		f.merged = l.build(domain, merged)
	}
	if beside {
		f.places = l.places(f.Tree)
	}
	return f, nil
}

// InForce is the one record at the domain, whether receivers can use it or
// not; nil when there is none, more than one, or no answer.
func (f *Facts) InForce() *Record {
	if f == nil || f.Tree == nil || f.Tree.root == nil {
		return nil
	}
	return f.Tree.root.rec
}

// problems are those of the text of the one record.
func (f *Facts) problems() []Problem {
	if f.InForce() == nil {
		return nil
	}
	return f.Tree.root.problems
}

// limitRules are the permerrors of a record that is valid as such.
var limitRules = []string{"spf-lookup-limit", "spf-void-limit", "spf-mx-limit", "spf-loop"}

// PermErrorRule is the rule of the first thing that makes receivers answer
// permerror, at least to clients that match nothing before it; "" when nothing
// does as far as could be told. Faults of the text come before those of
// targets, and limits come last.
func (f *Facts) PermErrorRule() string {
	if f.InForce() == nil {
		if len(f.Records) > 1 {
			return "spf-multiple-records"
		}
		return ""
	}
	if p := firstFatal(f.problems()); p != nil {
		return p.Rule
	}
	rule := ""
	set := func(id string) {
		if rule == "" || slices.Contains(limitRules, rule) && !slices.Contains(limitRules, id) {
			rule = id
		}
	}
	f.Tree.each(func(t *Term) {
		switch {
		case t.Status == "none" && t.Kind == Redirect:
			set("spf-redirect-none")
		case t.Status == "none":
			set("spf-include-none")
		case t.Status == "permerror" && t.Kind == MX:
			set("spf-mx-limit")
		case t.Status == "permerror":
			set("spf-include-permerror")
		case t.Status == "loop":
			set("spf-loop")
		}
	})
	if f.Tree.Lookups > MaxLookups {
		set("spf-lookup-limit")
	}
	if len(f.Tree.voids()) > MaxVoids {
		set("spf-void-limit")
	}
	return rule
}

// PermError tells whether receivers answer permerror, see PermErrorRule.
func (f *Facts) PermError() bool { return f.PermErrorRule() != "" }

// Valid tells whether there is exactly one record, its syntax is right and
// each of its targets has a record too. Limits are WithinLimits.
func (f *Facts) Valid() bool {
	rule := f.PermErrorRule()
	return f.InForce() != nil && (rule == "" || slices.Contains(limitRules, rule))
}

// WithinLimits tells whether the one record stays within the limits of §4.6.4
// and has no loop; known is false when a target that decides could not be had.
func (f *Facts) WithinLimits() (ok, known bool) {
	if f.InForce() == nil {
		return false, !f.Lookup.Unknown()
	}
	ok = f.Tree.Lookups <= MaxLookups && len(f.Tree.voids()) <= MaxVoids
	f.Tree.each(func(t *Term) {
		if t.Status == "loop" || t.Kind == MX && t.mx > MaxMX {
			ok = false
		}
	})
	return ok, !ok || len(f.Tree.unknowns(Include, Redirect)) == 0
}

// All is the sign of the all that decides: of the record, else of the record
// it redirects to; 0 when there is none (§4.7: neutral). known is false when it
// could not be told.
func (f *Facts) All() (qualifier byte, known bool) {
	if f.InForce() == nil {
		return 0, !f.Lookup.Unknown()
	}
	all, _, known := f.Tree.root.policy()
	if all == nil {
		return 0, known
	}
	return all.qualifier(), true
}

// PassesEveryone tells whether any client gets a pass: +all, ranges that amount
// to it, or an include or redirect that reaches either.
func (f *Facts) PassesEveryone() bool {
	if f.InForce() == nil {
		return false
	}
	n := f.Tree.root
	return n.opens() || len(n.openTerms()) > 0
}

// NamesSender tells whether any record at the domain names someone who may
// send: any mechanism but all, itself or where it redirects to; known is false
// when that could not be told.
func (f *Facts) NamesSender() (names, known bool) {
	if f.InForce() != nil {
		return f.Tree.root.namesSender()
	}
	for _, text := range f.Records {
		rec, _ := Parse(text)
		if slices.ContainsFunc(rec.Terms, func(e Entry) bool { return e.Kind != All && (e.Kind.Mechanism() || e.Kind == Redirect) }) {
			return true, true
		}
	}
	return false, !f.Lookup.Unknown()
}

func (n *node) namesSender() (names, known bool) {
	for _, t := range n.terms {
		if t.Kind.Mechanism() && t.Kind != All || t.Kind == Invalid {
			return true, true
		}
	}
	switch t := n.redirect(); {
	case t == nil:
		return false, true
	case t.child != nil:
		return t.child.namesSender()
	default: // whoever redirects to nothing, or into a macro, meant to name somebody
		return t.Status != "unknown", t.Status != "unknown"
	}
}

// ExactlyClosed tells whether the record is "v=spf1 -all" and nothing more, or
// only redirects to one that is; known is false when that could not be told.
func (f *Facts) ExactlyClosed() (closed, known bool) {
	if !f.Valid() {
		return false, !f.Lookup.Unknown()
	}
	return f.Tree.root.closed()
}

// Unanswered is the failed look-up that keeps the record, or one that it
// includes or redirects to, from us; nil when all were answered.
func (f *Facts) Unanswered() error {
	if f.Lookup.Unknown() {
		return f.Lookup.Error
	}
	if errs := f.Tree.unknowns(Include, Redirect); len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// IncludeTargets are the names of all includes and redirects in the tree, each
// once, in the order of evaluation, with where their aliases lead; macros left out.
func (f *Facts) IncludeTargets() []dns.Name {
	targets := []dns.Name{}
	add := func(name dns.Name) {
		if name != "" && !slices.Contains(targets, name) {
			targets = append(targets, name)
		}
	}
	if f.InForce() != nil {
		f.Tree.each(func(t *Term) {
			if t.Kind != Include && t.Kind != Redirect {
				return
			}
			add(t.Target)
			if t.lookup != nil && t.lookup.Answer != nil {
				add(t.lookup.Answer.Owner())
			}
		})
	}
	return targets
}

// Walk calls visit for every term of the tree, ignored ones too, outer before
// inner; the audit fills Provider with it.
func (t *Tree) Walk(visit func(*Term)) {
	if t == nil {
		return
	}
	var walk func([]*Term)
	walk = func(terms []*Term) {
		for _, term := range terms {
			visit(term)
			walk(term.Children)
		}
	}
	walk(t.Terms)
}

// meant is the record that a text was evidently meant to be.
func meant(text string) *Record {
	rec, _ := Parse(text)
	rec, _ = Parse(rec.rewrite(nil))
	return rec
}

// merge makes one record of several: their terms in order without duplicates,
// a redirect turned into an include, and one all, the strictest of them.
func merge(domain dns.Name, texts []string) string {
	parts, seen := []string{Version}, map[string]bool{}
	var after []string
	all := ""
	const strictness = "+?~-"
	for _, text := range texts {
		rec := meant(text)
		for i := range rec.Terms {
			e := &rec.Terms[i]
			term := e.Text
			switch e.Kind {
			case All:
				if q := string(e.qualifier()); all == "" || strings.Index(strictness, q) > strings.Index(strictness, all) {
					all = q
				}
				continue
			case Redirect:
				if !rec.live(i) {
					continue
				}
				term = "include:" + e.Domain
			case Exp, Unknown:
				if key := string(e.Kind) + strings.ToLower(e.Name); !seen[key] {
					seen[key] = true
					after = append(after, term)
				}
				continue
			}
			if key := termKey(domain, term); !seen[key] {
				seen[key] = true
				parts = append(parts, term)
			}
		}
	}
	switch all {
	case "", "+":
		all = "~"
	}
	return strings.Join(append(append(parts, all+"all"), after...), " ")
}

// termKey is equal for terms that mean the same: case, a written plus, a final
// dot and the form of an address do not matter. Terms we cannot read are their text.
func termKey(domain dns.Name, term string) string {
	e, f := parseTerm(term)
	if f != nil {
		return term
	}
	return e.key(domain)
}

func (e *Entry) key(domain dns.Name) string {
	c := *e
	if c.Sign == '+' {
		c.Sign = 0
	}
	switch c.Kind {
	case IP4, IP6:
		return string(c.Sign) + c.prefix().String()
	case A, MX, PTR:
		if c.Domain == "" {
			c.Domain = string(domain)
		}
		if c.Bits4 == 32 {
			c.Bits4 = -1
		}
		if c.Bits6 == 128 {
			c.Bits6 = -1
		}
	}
	c.Domain = strings.TrimSuffix(strings.ToLower(c.Domain), ".")
	return c.String()
}
