package spf

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// structureRules judge how the terms of the one record stand to each other.
var structureRules = []check.Rule[*Facts]{
	{Meta: check.Meta{
		ID: "spf-terms-after-all", Severity: check.Warning, Refs: rfc("5.1"),
		Title: "mechanisms behind all",
		Doc: `"all" matches every client, so a mechanism behind it is never tested: the senders it names get whatever "all" says.
Modifiers such as exp= may stand there.

Move the mechanisms in front of "all", or delete them.

    before: v=spf1 mx -all ip4:5.6.7.8
    after:  v=spf1 mx ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: termsAfterAll},

	{Meta: check.Meta{
		ID: "spf-multiple-all", Severity: check.Warning, Refs: rfc("5.1"),
		Title: "more than one all",
		Doc: `Only the first "all" counts; what follows is never tested. "v=spf1 all -all" looks closed and lets everyone pass.
It is not a syntax error, so nothing fails.

Keep the one that is meant.

    before: v=spf1 mx ~all -all
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: multipleAll},

	{Meta: check.Meta{
		ID: "spf-redirect-ignored", Severity: check.Warning, Refs: rfc("5.1", "6.1"),
		Title: "a redirect that all switches off",
		Doc: `redirect= is followed only when no mechanism matched. "all" always matches, so with an "all" anywhere in the record
the shared policy is never used, and its senders are not authorised.

If the record in force is the one you want, remove the redirect. If the shared policy was meant to count, make sure that it is
there (postseal spf tree _spf.example.net), and turn the redirect into an include or drop "all".

    before: v=spf1 mx redirect=_spf.example.net ~all
    after:  v=spf1 mx ~all
            v=spf1 mx include:_spf.example.net ~all    with the shared policy
`}, Applies: hasRecord, Run: redirectIgnored},

	{Meta: check.Meta{
		ID: "spf-redirect-unreachable-note", Severity: check.Info, Refs: rfc("6.1"),
		Title: "mechanisms decide before the redirect",
		Doc: `The record has mechanisms and a redirect=. The mechanisms are tested first; the policy behind the redirect is asked only
for clients that match none of them, and with a mechanism that fails a client it never gets a say. That is how it is
meant to work, and worth knowing when the shared policy seems not to apply.

Nothing needs to be done when the mechanisms are exceptions to the shared policy.

    before: v=spf1 ip4:5.6.7.8 redirect=_spf.example.net
    after:  v=spf1 ip4:5.6.7.8 redirect=_spf.example.net
`}, Applies: hasRecord, Run: redirectAfterMechanisms},

	{Meta: check.Meta{
		ID: "spf-modifier-order", Severity: check.Notice, Refs: rfc("6", "6.1"),
		Title: "a modifier in front of a mechanism",
		Doc: `redirect= and exp= take effect after all mechanisms, wherever they stand. In front of or between mechanisms they are
legal, but people read from left to right and take them for something they are not; the RFC asks to put them last.

Move them to the end.

    before: v=spf1 exp=why.example.com mx -all
    after:  v=spf1 mx -all exp=why.example.com
`}, Applies: hasRecord, Run: modifierOrder},

	{Meta: check.Meta{
		ID: "spf-duplicate-term", Severity: check.Notice, Refs: rfc("4.6.2"),
		Title: "the same term twice",
		Doc: `A term stands twice, with the same target and the same sign. The second can never decide anything, but a mechanism
that asks DNS is paid for again: a doubled include costs all its look-ups twice.

Drop the second.

    before: v=spf1 include:_spf.example.net mx include:_SPF.example.net -all
    after:  v=spf1 include:_spf.example.net mx -all
`}, Applies: hasRecord, Run: duplicateTerm},

	{Meta: check.Meta{
		ID: "spf-conflicting-qualifier", Severity: check.Warning, Refs: rfc("4.6.2"),
		Title: "the same term twice with different signs",
		Doc: `A term stands twice, once with one sign and once with another. The first match decides, so the second is never used
and the record does not say what one of its authors meant.

Keep the one that is meant.

    before: v=spf1 ip4:5.6.7.8 -ip4:5.6.7.8 -all
    after:  v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: conflictingQualifier},

	{Meta: check.Meta{
		ID: "spf-ip-overlap", Severity: check.Notice, Refs: rfc("4.6.2"),
		Title: "an address range that lies inside another one",
		Doc: `An ip4 or ip6 range is part of a larger one with the same sign in the same record. It decides nothing, makes the
record longer and goes stale unnoticed.

Drop the inner range.

    before: v=spf1 ip4:5.6.7.0/24 ip4:5.6.7.8 -all
    after:  v=spf1 ip4:5.6.7.0/24 -all
`}, Applies: hasRecord, Run: ipOverlap},

	{Meta: check.Meta{
		ID: "spf-ip-host-bits", Severity: check.Notice, Refs: rfc("5.6"),
		Title: "an address range written with host bits",
		Doc: `The address in front of the prefix length is not the first of its network. Receivers ignore the extra bits and
authorise the whole network, which is often more than was meant.

Write the single address, or the network.

    before: v=spf1 ip4:5.6.7.77/24 -all
    after:  v=spf1 ip4:5.6.7.77 -all       one host
            v=spf1 ip4:5.6.7.0/24 -all     the network
`}, Applies: hasRecord, Run: ipHostBits},

	{Meta: check.Meta{
		ID: "spf-include-sign", Severity: check.Notice, Refs: rfc("5.2"),
		Title: "an include with a sign",
		Doc: `An include matches when the included record says pass, and then its own sign is the result: ?include makes that
provider's mail neutral, ~include a softfail, -include a fail. ?include is used to try a provider out; the others are
rarely meant.

Remove the sign once the provider's mail should pass.

    before: v=spf1 ?include:_spf.example.net -all
    after:  v=spf1 include:_spf.example.net -all
`}, Applies: hasRecord, Run: includeSign},

	{Meta: check.Meta{
		ID: "spf-no-mechanism", Severity: check.Warning, Refs: rfc("4.7"),
		Title:     "a record that says nothing",
		CoveredBy: []string{"spf-parked-not-closed", "spf-split-missing-space"},
		Doc: `The record has no mechanism and no redirect. Nothing can match, so the result is neutral for every client, which
receivers must treat as if there were no record.

Name the senders, or say that there are none.

    before: v=spf1
    after:  v=spf1 -all
`}, Applies: hasRecord, Run: noMechanism},
}

func termsAfterAll(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	all := rec.First(All)
	if all < 0 {
		return
	}
	late := func(i int, e *Entry) bool { return i > all && e.Kind.Mechanism() && e.Kind != All }
	var terms, moved []string
	span := check.Span{Start: -1}
	for i := range rec.Terms {
		if e := &rec.Terms[i]; late(i, e) {
			if span.Start < 0 {
				span.Start = e.Span.Start
			}
			span.End = e.Span.End
			terms = append(terms, e.Text)
		}
	}
	if len(terms) == 0 {
		return
	}
	rec.rewrite(func(i int, e *Entry, text string) string {
		if late(i, e) {
			moved = append(moved, text)
		}
		return text
	})
	found := f.inRecord(&span, check.Params{"Terms": terms, "Count": len(terms), "All": rec.Terms[all].Text})
	found.Fix = f.replace("", rec.rewrite(func(i int, e *Entry, text string) string {
		switch {
		case late(i, e):
			return ""
		case i == all:
			for n := len(moved) - 1; n >= 0; n-- {
				text = moved[n] + " " + text
			}
		}
		return text
	}))
	r.Report(found)
}

func multipleAll(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	first := rec.First(All)
	for i := first + 1; first >= 0 && i < len(rec.Terms); i++ {
		if e := &rec.Terms[i]; e.Kind == All {
			span := e.Span
			r.Report(f.inRecord(&span, check.Params{"First": rec.Terms[first].Text, "Second": e.Text}))
			return
		}
	}
}

func redirectIgnored(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	all, redirect := rec.First(All), rec.First(Redirect)
	if all < 0 || redirect < 0 {
		return
	}
	span := rec.Terms[redirect].Span
	found := f.inRecord(&span, check.Params{"Term": rec.Terms[redirect].Text, "All": rec.Terms[all].Text})
	// The target of a redirect that nobody follows is not looked up: to drop "all"
	// in its favour could make a permerror of a record that works.
	found.Fix = f.replace("", rec.rewrite(func(_ int, e *Entry, text string) string {
		if e.Kind == Redirect {
			return ""
		}
		return text
	}))
	r.Report(found)
}

func redirectAfterMechanisms(f *Facts, r *check.Reporter) {
	t := f.Tree.root.redirect()
	if t == nil || f.Tree.root.fatal() != nil {
		return
	}
	n := 0
	for _, o := range f.own() {
		if o.Kind.Mechanism() {
			n++
		}
	}
	if n > 0 {
		r.Report(f.at(t, check.Params{"Count": n}))
	}
}

func modifierOrder(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	last := -1
	for i := range rec.Terms {
		if rec.Terms[i].Kind.Mechanism() {
			last = i
		}
	}
	early := func(i int, e *Entry) bool { return i < last && (e.Kind == Redirect || e.Kind == Exp) }
	for i := range rec.Terms {
		if e := &rec.Terms[i]; early(i, e) {
			var moved string
			body := rec.rewrite(func(i int, e *Entry, text string) string {
				if early(i, e) {
					moved += " " + text
					return ""
				}
				return text
			})
			span := e.Span
			found := f.inRecord(&span, check.Params{"Term": e.Text})
			found.Fix = f.replace("", body+moved)
			r.Report(found)
			return
		}
	}
}

// repeats visits each mechanism that stands again with the same meaning but
// for its sign, terms behind all left aside.
func (f *Facts) repeats(visit func(first, again *Entry)) {
	rec := f.InForce()
	seen := map[string]int{}
	for i := range rec.Terms {
		e := &rec.Terms[i]
		if e.Kind == All || !e.Kind.Mechanism() || !rec.live(i) {
			continue
		}
		bare := *e
		bare.Sign = 0
		key := bare.key(f.Domain)
		if first, ok := seen[key]; ok {
			visit(&rec.Terms[first], e)
			continue
		}
		seen[key] = i
	}
}

func duplicateTerm(f *Facts, r *check.Reporter) {
	out := once(r)
	again := map[int]bool{}
	f.repeats(func(first, e *Entry) { again[e.Span.Start] = first.qualifier() == e.qualifier() })
	f.repeats(func(first, e *Entry) {
		if first.qualifier() != e.qualifier() {
			return
		}
		span := e.Span
		found := f.inRecord(&span, check.Params{"Term": e.Text, "First": first.Text})
		found.Scope = scope(f.Domain, span.Start)
		found.Fix = f.without(func(t *Term) bool { return again[t.Start] })
		out.report(found)
	})
}

func conflictingQualifier(f *Facts, r *check.Reporter) {
	out := once(r)
	f.repeats(func(first, e *Entry) {
		if first.qualifier() == e.qualifier() {
			return
		}
		span := e.Span
		found := f.inRecord(&span, check.Params{"Term": e.Text, "First": first.Text})
		found.Scope = scope(f.Domain, span.Start)
		out.report(found)
	})
}

// maxPairs bounds the comparison of each range with each other.
const maxPairs = 300

func ipOverlap(f *Facts, r *check.Reporter) {
	terms := slices.DeleteFunc(f.own(), func(t *Term) bool { return t.Kind != IP4 && t.Kind != IP6 })
	terms = terms[:min(len(terms), maxPairs)]
	inside := func(t *Term) *Term {
		p := t.entry.prefix()
		for _, o := range terms {
			q := o.entry.prefix()
			if q.Bits() < p.Bits() && q.Contains(p.Addr()) && o.entry.qualifier() == t.entry.qualifier() {
				return o
			}
		}
		return nil
	}
	outer := map[*Term]*Term{}
	for _, t := range terms {
		if o := inside(t); o != nil {
			outer[t] = o
		}
	}
	out := once(r)
	for _, t := range terms {
		if o := outer[t]; o != nil {
			found := f.at(t, check.Params{"Outer": o.Term})
			found.Fix = f.without(func(t *Term) bool { return outer[t] != nil })
			out.report(found)
		}
	}
}

func ipHostBits(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, t := range f.own() {
		if t.Kind != IP4 && t.Kind != IP6 {
			continue
		}
		if p := t.entry.prefix(); p.Addr() != t.entry.Addr {
			out.report(f.at(t, check.Params{"Network": p.String(), "Address": t.entry.Addr.String()}))
		}
	}
}

func includeSign(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, t := range f.own() {
		if t.Kind == Include && !t.entry.positive() {
			out.report(f.at(t, check.Params{"Sign": string(t.entry.Sign)}))
		}
	}
}

func noMechanism(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	if slices.ContainsFunc(rec.Terms, func(e Entry) bool {
		return e.Kind.Mechanism() || e.Kind == Redirect || e.Kind == Invalid
	}) {
		return
	}
	found := f.inRecord(nil, nil)
	if !f.Profile.Sends() {
		found.Fix = f.replace("", Version+" -all")
	}
	r.Report(found)
}
