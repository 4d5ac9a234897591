package spf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Rules judge Facts, in report order.
var Rules = complete(discoveryRules, placeRules, syntaxRules, structureRules, policyRules, boundRules, targetRules)

// complete joins the lists and gives each rule what all of them share: the
// standard, and silence about what a failed look-up keeps from us.
func complete(lists ...[]check.Rule[*Facts]) []check.Rule[*Facts] {
	rules := slices.Concat(lists...)
	for i := range rules {
		rules[i].Standard = check.SPF
		run, failed := rules[i].Run, rules[i].ID == "spf-lookup-failed"
		rules[i].Run = func(f *Facts, r *check.Reporter) {
			if f.Lookup.Unknown() && !(failed && f.Lookup.Error.Authoritative) {
				r.Unknown(f.Lookup.Error)
				return
			}
			run(f, r)
		}
	}
	return rules
}

// hasRecord holds where there is one record to look at, or nobody could tell.
func hasRecord(f *Facts) bool { return f.Lookup.Unknown() || f.InForce() != nil }

// hasAnswer holds where the domain's TXT were had, or nobody could tell.
func hasAnswer(f *Facts) bool { return f.Lookup.Found() || f.Lookup.Unknown() }

func rfc(sections ...string) []check.Ref {
	refs := []check.Ref{}
	for _, s := range sections {
		refs = append(refs, check.RFC(7208, s))
	}
	return refs
}

// maxFindings bounds what a hostile record can make one rule say.
const maxFindings = 50

// reporter reports each place once, and no more than maxFindings of them.
type reporter struct {
	r    *check.Reporter
	seen map[string]bool
}

func once(r *check.Reporter) *reporter { return &reporter{r, map[string]bool{}} }

func (o *reporter) report(f check.Finding) {
	if key := f.Scope; key != "" {
		if o.seen[key] || len(o.seen) >= maxFindings {
			return
		}
		o.seen[key] = true
	}
	o.r.Report(f)
}

// about is a finding on the domain as such.
func (f *Facts) about(params check.Params) check.Finding {
	p := check.Params{"Domain": f.Domain.String()}
	for k, v := range params {
		p[k] = v
	}
	return check.Finding{Subject: f.Domain.String(), Params: p}
}

// inRecord is a finding on a part of the one record.
func (f *Facts) inRecord(span *check.Span, params check.Params) check.Finding {
	found := f.about(params)
	found.Record, found.Span = f.InForce().Text, span
	return found
}

// at is a finding on one term of the tree, in whichever record it stands.
func (f *Facts) at(t *Term, params check.Params) check.Finding {
	found := f.about(check.Params{
		"Term": t.Term, "Owner": t.in.owner.String(), "Target": t.Target.String(),
		"Path": strings.Join(t.path(), " → "), "Nested": len(t.in.via) > 0,
	})
	for k, v := range params {
		found.Params[k] = v
	}
	found.Subject, found.Record, found.Span = t.in.owner.String(), t.in.rec.Text, t.span()
	found.Scope = scope(t.in.owner, t.Start)
	return found
}

// scope names one term, so that findings on it are told from those on others.
func scope(owner dns.Name, start int) string { return fmt.Sprintf("%s:%d", owner, start) }

// replace is the fix that publishes new in place of the one record. There is
// none when it would change nothing or let everyone pass.
func (f *Facts) replace(verb, text string) *check.Fix {
	if rec, _ := Parse(text); text == f.InForce().Text || rec.First(All) >= 0 && rec.Terms[rec.First(All)].qualifier() == '+' {
		return nil
	}
	return f.change(verb, []string{f.InForce().Text}, []string{text})
}

func (f *Facts) change(verb string, old, new []string) *check.Fix {
	return &check.Fix{Verb: verb, Records: []check.RecordChange{{Name: f.Domain.FQDN(), Type: "TXT", Old: old, New: new}}}
}

// without is the fix that drops the terms of the one record that drop holds for.
func (f *Facts) without(drop func(*Term) bool) *check.Fix {
	n := f.Tree.root
	return f.replace("", n.rec.rewrite(func(i int, e *Entry, text string) string {
		if drop(n.terms[i]) {
			return ""
		}
		return text
	}))
}

// dead tells whether the term names what is not there, so that nobody passes
// by it: dropping it takes nothing from anyone.
func dead(t *Term) bool {
	switch t.Kind {
	case Include:
		return t.Status == "none"
	case A, Exists:
		return t.Status == "void"
	case MX:
		return t.Status == "void" || t.nullMX
	}
	return false
}

// withoutDead is the fix that drops every dead term, for findings on terms of
// the domain's own record; others cannot be mended here.
func (f *Facts) withoutDead(t *Term) *check.Fix {
	if t.in != f.Tree.root || !dead(t) {
		return nil
	}
	return f.without(dead)
}

// own are the terms of the domain's own record that evaluation can reach.
func (f *Facts) own() []*Term {
	n := f.Tree.root
	var terms []*Term
	for i, t := range n.terms {
		if t.Kind != Invalid && n.rec.live(i) {
			terms = append(terms, t)
		}
	}
	return terms
}
