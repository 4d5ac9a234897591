package spf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/special"
)

// Options say what a generated record should authorise. The zero value gives
// "v=spf1 ~all".
type Options struct {
	IP4, IP6 []netip.Prefix // host bits are cleared
	A, MX    []string       // host and domain names; "" is the domain itself
	Include  []string
	Exists   []string // macros allowed
	Redirect string   // where those go that nothing matches, instead of All

	All   string   // "softfail" (the default), "fail" or "neutral"
	Merge []string // existing records whose terms are kept, and the strictest all unless All is set

	Flatten    []string // includes to replace by their networks
	MaxLookups int      // refuse more; 0 for the limit of §4.6.4, which is the most

	// AllowDocumentation makes documentation addresses a warning, for examples.
	AllowDocumentation bool
}

// Generated is a record and what it would cost.
type Generated struct {
	Record    string // what was asked for, even when it is refused
	Tree      *Tree  // its worst case
	Lookups   int
	AtLeast   bool // Lookups is a lower bound: nobody was asked, or not everyone answered
	Flattened []*Flattened
	// Problems are the refusals and warnings, in the order of the record.
	Problems []check.GenProblem

	limit int
}

// Refused tells whether the record must not be published.
func (g *Generated) Refused() bool {
	return check.Refused(g.Problems)
}

func (g *Generated) add(id string, severity check.Severity, params check.Params) {
	g.Problems = append(g.Problems, check.GenProblem{ID: id, Severity: severity, Params: params})
}

// addBy is add for a problem whose words differ by severity.
func (g *Generated) addBy(id string, severity check.Severity, params check.Params) {
	g.Problems = append(g.Problems, check.GenProblem{ID: id, Severity: severity, Variant: severity.String(), Params: params})
}

// Generate makes one record: ip4, ip6, a, mx, include, exists, then all or
// redirect, cheap before dear; with Merge the existing terms come first, in their order. It counts
// look-ups over live DNS through r; with r nil the count is of the record
// alone. The error is that of a cancelled context or of options that
// make no sense.
func Generate(ctx context.Context, r dns.Resolver, domain dns.Name, o Options) (*Generated, error) {
	sign, ok := map[string]string{"": "~", "softfail": "~", "fail": "-", "neutral": "?"}[o.All]
	if !ok {
		return nil, fmt.Errorf("spf: %q is no way to treat strangers: softfail, fail or neutral", o.All)
	}
	if o.Redirect != "" && o.All != "" { // §6.1: it would never be followed
		return nil, errors.New("spf: a record with all has no use for a redirect")
	}
	if o.MaxLookups < 0 || o.MaxLookups > MaxLookups {
		return nil, fmt.Errorf("spf: receivers allow %d look-ups, %d is no limit", MaxLookups, o.MaxLookups)
	}
	g := &Generated{limit: cmp.Or(o.MaxLookups, MaxLookups)}
	old, modifiers, oldAll := g.existing(o.Merge)
	if o.All == "" && oldAll != "" {
		sign = oldAll
	}
	last := []string{sign + "all"}
	if o.Redirect != "" {
		sign, last = "", g.named(Redirect, domain, o.Redirect)
	}
	if sign == "?" {
		g.addBy("gen-spf-permissive", check.Warning, check.Params{"Term": "?all"})
	}
	terms := append(old, g.networks(o)...)
	for _, list := range []struct {
		kind  Kind
		names []string
	}{{A, o.A}, {MX, o.MX}, {Include, o.Include}, {Exists, o.Exists}} {
		for _, name := range list.names {
			terms = append(terms, g.named(list.kind, domain, name)...)
		}
	}
	terms, err := g.flatten(ctx, r, domain, terms, o.Flatten)
	if err != nil {
		return nil, err
	}
	g.Record = strings.Join(slices.Concat([]string{Version}, distinct(domain, terms), last, modifiers), " ")
	g.judgeText()
	if err := g.count(ctx, r, domain); err != nil {
		return nil, err
	}
	return g, nil
}

// existing takes over the terms of records that are there already: repaired,
// without all, a redirect turned into an include. Unknown modifiers are kept,
// one of each name. all is the sign of the strictest all, "" when there is none.
func (g *Generated) existing(texts []string) (terms, modifiers []string, all string) {
	const strictness = "?~-"
	seen := map[string]bool{}
	for _, text := range texts {
		rec := meant(text)
		for i := range rec.Terms {
			e := &rec.Terms[i]
			term := e.Text
			switch e.Kind {
			case Invalid:
				g.add("gen-roundtrip", check.Error, check.Params{"Term": e.Text})
			case All:
				sign := string(e.qualifier())
				if sign == "+" {
					sign = "~"
				}
				if rec.First(All) == i && (all == "" || strings.Index(strictness, sign) > strings.Index(strictness, all)) {
					all = sign
				}
			case Redirect:
				if rec.live(i) {
					terms = append(terms, "include:"+e.Domain)
				}
			case Exp, Unknown:
				if key := strings.ToLower(e.Name); !seen[key] {
					seen[key] = true
					modifiers = append(modifiers, term)
				}
			case PTR:
				g.add("gen-spf-ptr", check.Error, check.Params{"Term": e.Text})
				terms = append(terms, term)
			default:
				terms = append(terms, term)
			}
		}
	}
	return terms, modifiers, all
}

// networks are the ip4 and ip6 terms, canonical and without nets inside nets.
func (g *Generated) networks(o Options) []string {
	var terms []string
	for _, list := range [][]netip.Prefix{o.IP4, o.IP6} {
		r := &ranges{}
		for _, p := range list {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked()
			if !p.IsValid() {
				g.addBy("gen-spf-private-ip", check.Error, check.Params{"Network": p.String(), "Block": ""})
				continue
			}
			r.add(p)
		}
		for _, p := range r.merged() {
			term, limit := networkTerm(p), wide[4][0]
			if p.Addr().Is6() {
				limit = wide[6][0]
			}
			if p.Bits() <= limit {
				g.addBy("gen-spf-permissive", check.Error, check.Params{"Term": term})
			} else if b := special.BlockOf(p); b != "" {
				severity := check.Error
				if o.AllowDocumentation && b == "documentation" {
					severity = check.Warning
				}
				g.addBy("gen-spf-private-ip", severity, check.Params{"Network": term[len("ip4:"):], "Block": b})
			}
			terms = append(terms, term)
		}
	}
	return terms
}

// networkTerm is the ip4 or ip6 term for a network.
func networkTerm(p netip.Prefix) string {
	kind, text := IP4, p.String()
	if p.Addr().Is6() {
		kind = IP6
	}
	if p.IsSingleIP() {
		text = p.Addr().String()
	}
	return string(kind) + ":" + text
}

// named is a term with a name as typed.
func (g *Generated) named(kind Kind, domain dns.Name, text string) []string {
	host := kind == A || kind == MX // these have the domain itself as default
	if text == "" && host {
		return []string{string(kind)}
	}
	sep := ":"
	if kind == Redirect {
		sep = "="
	}
	if m, f := checkDomainSpec(text); kind == Exists && f == nil && m.tail > 0 {
		return []string{string(kind) + sep + text}
	}
	name, err := dns.ParseDomain(text)
	if err == nil {
		_, f := checkDomainSpec(name.String())
		if f != nil {
			err = fmt.Errorf("spf: %q is not a name that SPF accepts", text)
		}
	}
	if err != nil {
		g.add("gen-spf-target-invalid", check.Error, check.Params{"Term": string(kind) + sep + text, "Target": text, "Reason": "name"})
		return nil
	}
	if name == domain && host {
		return []string{string(kind)}
	}
	return []string{string(kind) + sep + name.String()}
}

// distinct drops terms that stand twice and networks inside other networks.
func distinct(domain dns.Name, terms []string) []string {
	var nets []netip.Prefix
	signed := false
	for _, t := range terms {
		e, f := parseTerm(t)
		signed = signed || f == nil && !e.positive()
		if f == nil && e.positive() && (e.Kind == IP4 || e.Kind == IP6) {
			nets = append(nets, e.prefix())
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(terms, func(t string) bool {
		key := termKey(domain, t)
		if seen[key] {
			return true
		}
		seen[key] = true
		e, f := parseTerm(t)
		if f != nil || signed || e.Kind != IP4 && e.Kind != IP6 { // signs make the order matter
			return false
		}
		p := e.prefix()
		return slices.ContainsFunc(nets, func(q netip.Prefix) bool { return q.Bits() < p.Bits() && q.Contains(p.Addr()) })
	})
}

// Sizes of §3.4, and the one above which parsers of others give up.
const (
	longRecord  = 450
	giantRecord = 2000
)

// judgeText holds the record to our own parser, as every generator must.
func (g *Generated) judgeText() {
	if n := len(g.Record); n > giantRecord {
		g.addBy("gen-spf-long", check.Error, check.Params{"Size": n, "Limit": giantRecord})
	} else if n > longRecord {
		g.addBy("gen-spf-long", check.Warning, check.Params{"Size": n, "Limit": longRecord})
	}
	if _, problems := Parse(g.Record); firstFatal(problems) != nil {
		g.add("gen-roundtrip", check.Error, check.Params{"Term": firstFatal(problems).Params["Term"]})
	}
}

// count walks the record over live DNS and judges what it meets.
func (g *Generated) count(ctx context.Context, r dns.Resolver, domain dns.Name) error {
	l := newLookups(ctx, r, domain)
	if r != nil {
		rec, _ := Parse(g.Record)
		l.records[domain] = true
		l.terms(domain, rec)
		l.wait()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	g.Tree = l.build(domain, g.Record)
	g.Lookups, g.AtLeast = g.Tree.Lookups, g.Tree.Open
	seen := map[string]bool{}
	g.Tree.each(func(t *Term) {
		reason := ""
		switch {
		case t.Status == "none", t.Status == "loop", t.Status == "permerror":
			reason = t.Status
			if t.Kind == MX {
				reason = "mx"
			}
		case t.Status == "unknown" && r != nil:
			reason = "unknown"
		}
		if reason == "" || seen[t.Term] {
			return
		}
		seen[t.Term] = true
		params := check.Params{"Term": t.Term, "Target": t.Target.String(), "Reason": reason}
		if reason == "unknown" {
			g.add("gen-spf-unknown", check.Warning, params)
			return
		}
		g.add("gen-spf-target-invalid", check.Error, params)
	})
	params := check.Params{"Lookups": g.Lookups, "Limit": g.limit, "Over": g.Lookups - g.limit, "AtLeast": g.AtLeast,
		"Own": g.limit < MaxLookups, "Terms": strings.Join(costs(g.Tree.Terms), ", ")}
	switch {
	case g.Lookups > g.limit:
		g.addBy("gen-spf-lookups", check.Error, params)
	case g.Lookups >= 8:
		g.addBy("gen-spf-lookups", check.Warning, params)
	}
	voids, variant := g.Tree.voids(), ""
	if len(voids) <= MaxVoids {
		voids, variant = g.Tree.tooVoid6(), "ipv6"
	}
	if len(voids) > MaxVoids {
		g.Problems = append(g.Problems, check.GenProblem{ID: "gen-spf-void", Severity: check.Warning, Variant: variant,
			Params: check.Params{"Count": len(voids), "Limit": MaxVoids, "Targets": strings.Join(targetsOf(voids), ", ")}})
	}
	if r != nil && !g.Refused() {
		g.audit(domain)
	}
	return nil
}

// told are the rules for which the generator has words of its own.
var told = []string{"spf-lookup-near-limit", "spf-void-limit", "spf-void-limit-ipv6", "spf-all-neutral", "spf-record-long"}

// audit holds the record to our own rules as if it were published. What weighs
// is told in the rule's words.
func (g *Generated) audit(domain dns.Name) {
	answer := &dns.Answer{Name: domain, Type: dns.TypeTXT, Status: dns.Found}
	results := check.Evaluate(Rules, &Facts{
		Domain: domain, Records: []string{g.Record}, Tree: g.Tree,
		Lookup: dns.Lookup{Name: domain, Type: dns.TypeTXT, State: dns.StateFound, Answer: answer},
	})
	check.Relate(results)
	for _, r := range results {
		if slices.Contains(told, r.Rule.ID) {
			continue
		}
		for _, f := range r.Findings {
			if s := r.Rule.SeverityOf(&f); s >= check.Warning {
				g.Problems = append(g.Problems, check.GenProblem{ID: r.Rule.ID, Severity: s, Variant: f.Variant, Params: f.Params})
			}
		}
	}
}
