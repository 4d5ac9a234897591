package spf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// boundRules judge the limits of §4.6.4 in the worst case: a client that
// matches nothing.
var boundRules = []check.Rule[*Facts]{
	{Meta: check.Meta{
		ID: "spf-lookup-limit", Severity: check.Error, Refs: rfc("4.6.4"),
		Title:     "more than ten DNS lookups",
		CoveredBy: []string{"spf-loop"},
		Doc: `Evaluating the record may take at most ten terms that query DNS: include, a, mx, ptr, exists and redirect, counted
through all included records, an include reached twice counted twice. ip4, ip6, all and exp are free, and so are the
addresses of MX hosts. At the eleventh term the receiver stops with permerror: senders that matched earlier pass, all
others do not.

Remove includes that are not needed, replace a and mx by addresses, or move a service to a subdomain of its own.

    before: v=spf1 a mx include:... (twelve lookups in all) -all
    after:  v=spf1 ip4:5.6.7.8 include:_spf.example.net -all
`}, Applies: hasRecord, Run: lookupLimit},

	{Meta: check.Meta{
		ID: "spf-lookup-near-limit", Severity: check.Notice, Refs: rfc("4.6.4"),
		Variants: []check.Variant{{Name: "full", Severity: check.Warning}},
		Title:    "close to the limit of ten DNS lookups",
		Doc: `The record needs eight to ten of the ten lookups that receivers allow. It works today; when one of the included
providers adds a lookup of its own, which happens without notice, every sender that is not matched earlier gets
permerror.

Make room now: drop unused includes, replace a and mx by addresses.

    before: v=spf1 a mx include:... (ten lookups) -all
    after:  v=spf1 ip4:5.6.7.8 include:... (seven lookups) -all
`}, Applies: hasRecord, Run: lookupNearLimit},

	{Meta: check.Meta{
		ID: "spf-lookup-cost-unknown", Severity: check.Info, Refs: rfc("4.6.4"),
		Title: "the number of DNS lookups is a lower bound",
		Doc: `The target of an include or redirect holds a macro, or could not be looked up, so what lies behind it cannot be
counted without a message at hand. The total shown is what is certain; the true one may be higher.

Nothing has to be changed for hosted SPF that uses macros on purpose; test it with a real client address.

    example: v=spf1 include:%{i}._ip.%{d}._spf.example.net -all     at least 1
`}, Applies: hasRecord, Run: lookupCostUnknown},

	{Meta: check.Meta{
		ID: "spf-void-limit", Severity: check.Error, Refs: rfc("4.6.4"),
		Title: "more than two lookups without an answer",
		Doc: `A lookup is void when the name does not exist or has no record of the type asked. Receivers should allow two of them;
most libraries do exactly that and return permerror at the third, so senders named behind the dead terms fail.

Remove the terms whose targets are gone.

    before: v=spf1 a:gone1.example.com a:gone2.example.com a:gone3.example.com ip4:5.6.7.8 -all
    after:  v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: voidLimit},

	{Meta: check.Meta{
		ID: "spf-void-limit-ipv6", Severity: check.Warning, Refs: rfc("4.6.4"),
		Title: "more than two lookups without an answer for IPv6 clients",
		Doc: `For a client with an IPv6 address, an a term asks for AAAA records. More than two hosts of this record have none, so
IPv6 senders reach the limit of two void lookups and get permerror, while IPv4 senders do not notice. The record does
authorise IPv6 addresses, so such senders are expected.

Name addresses with ip4: and ip6: instead of hosts.

    before: v=spf1 a:m1.example.com a:m2.example.com a:m3.example.com ip6:2a01:4f8::/48 -all
    after:  v=spf1 ip4:5.6.7.0/29 ip6:2a01:4f8::/48 -all
`}, Applies: hasRecord, Run: voidLimitIPv6},

	{Meta: check.Meta{
		ID: "spf-mx-limit", Severity: check.Error, Refs: rfc("4.6.4"),
		Title: "an mx term with more than ten mail hosts",
		Doc: `An mx term may meet at most ten MX records. With more, the receiver must return permerror, even if several of them
name the same host.

List the sending addresses with ip4: and ip6:, or publish fewer MX records.

    before: v=spf1 mx -all     (eleven MX records)
    after:  v=spf1 ip4:5.6.7.0/28 -all
`}, Applies: hasRecord, Run: mxLimit},

	{Meta: check.Meta{
		ID: "spf-loop", Severity: check.Error, Refs: rfc("4.6.4"),
		Title: "an include or redirect that leads back to itself",
		Doc: `Following the includes and redirects comes back to a record that is already being evaluated. A receiver goes round
until its ten lookups are used up and then returns permerror to every sender that did not match before.

Break the circle: remove the term that leads back.

    before: example.com: v=spf1 include:_spf.example.com -all
            _spf.example.com: v=spf1 include:example.com -all
    after:  _spf.example.com: v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: loop},

	{Meta: check.Meta{
		ID: "spf-depth", Severity: check.Info, Refs: rfc("4.6.4"),
		Title: "includes nested more than five deep",
		Doc: `Each level of includes is one more DNS question that must wait for the answer before it. More than five levels make
an evaluation slow, and receivers give up after a while. It is not an error.

Include the inner record directly, or ask the provider for a flatter set-up.

    before: example.com includes a, which includes b, c, d, e and f in a chain
    after:  example.com includes f
`}, Applies: hasRecord, Run: depth},

	{Meta: check.Meta{
		ID: "spf-exists-void-note", Severity: check.Info, Refs: rfc("4.6.4", "5.7"),
		Title: "three or more exists terms with macros",
		Doc: `An exists term that does not match is answered with NXDOMAIN by design. Receivers that read the limit strictly count
each as a void lookup and return permerror at the third.

Keep at most two such terms.

    before: v=spf1 exists:%{i}._a.example.com exists:%{i}._b.example.com exists:%{i}._c.example.com -all
    after:  v=spf1 exists:%{i}._spf.example.com -all
`}, Applies: hasRecord, Run: existsVoidNote},
}

// nth is the term that makes the n-th look-up, and the one before it that
// queries nothing or less; nil when there are fewer.
func (t *Tree) nth(n int) (at *Term) {
	count := 0
	t.each(func(term *Term) {
		if term.entry.Kind.queries() {
			if count++; count == n {
				at = term
			}
		}
	})
	return at
}

// top is the term of the domain's own record through which t is reached.
func (t *Term) top() *Term {
	if len(t.in.via) > 0 {
		return t.in.via[0]
	}
	return t
}

func lookupLimit(f *Facts, r *check.Reporter) {
	t := f.Tree
	if t.Lookups <= MaxLookups {
		f.undecided(r, Include, Redirect)
		return
	}
	at := t.nth(MaxLookups + 1)
	if at == nil {
		return
	}
	top := at.top()
	before := ""
	for _, o := range f.own() {
		if o == top {
			break
		}
		if o.Kind.Mechanism() {
			before = o.Term
		}
	}
	found := f.inRecord(top.span(), check.Params{
		"Lookups": t.Lookups, "Limit": MaxLookups, "Over": t.Lookups - MaxLookups, "Open": t.Open,
		"Eleventh": at.Term, "Owner": at.in.owner.String(), "Nested": at != top, "Top": top.Term,
		"Before": before, "Costs": f.costs(),
	})
	found.Fix = f.cheaper()
	r.Report(found)
}

// costs lists the terms of the own record with their look-ups, dearest first.
func (f *Facts) costs() []string { return costs(f.own()) }

func costs(terms []*Term) []string {
	terms = slices.DeleteFunc(slices.Clone(terms), func(t *Term) bool { return t.Cost == 0 })
	slices.SortStableFunc(terms, func(a, b *Term) int { return b.Cost - a.Cost })
	out := []string{}
	for _, t := range terms[:min(5, len(terms))] {
		out = append(out, fmt.Sprintf("%s (%d)", t.Term, t.Cost))
	}
	return out
}

// cheaper is the record without its dead and doubled terms, when that alone
// brings it within the limit. Nothing that lets a sender pass is dropped.
func (f *Facts) cheaper() *check.Fix {
	again := map[int]bool{}
	f.repeats(func(first, e *Entry) { again[e.Span.Start] = first.qualifier() == e.qualifier() })
	drop := func(t *Term) bool { return dead(t) || again[t.Start] }
	left := f.Tree.Lookups
	for _, t := range f.own() {
		if drop(t) {
			left -= t.Cost
		}
	}
	if left > MaxLookups {
		return nil
	}
	return f.without(drop)
}

func lookupNearLimit(f *Facts, r *check.Reporter) {
	n := f.Tree.Lookups
	if n > MaxLookups {
		return
	}
	if n < 8 {
		f.undecided(r, Include, Redirect)
		return
	}
	found := f.about(check.Params{"Lookups": n, "Room": MaxLookups - n, "Open": f.Tree.Open, "Costs": f.costs()})
	found.Record = f.InForce().Text
	if n == MaxLookups {
		found.Variant = "full"
	}
	r.Report(found)
}

func lookupCostUnknown(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if (t.Kind == Include || t.Kind == Redirect) && (t.Status == "macro" || t.Status == "unknown") {
			out.report(f.at(t, check.Params{"Lookups": f.Tree.Lookups, "Macro": t.Status == "macro"}))
		}
	})
}

func targetsOf(terms []*Term) []string {
	out := []string{}
	for _, t := range terms {
		if len(out) < 20 {
			out = append(out, t.Target.String())
		}
	}
	return out
}

func voidLimit(f *Facts, r *check.Reporter) {
	voids := f.Tree.voids()
	if len(voids) <= MaxVoids {
		if failed := f.Tree.unknowns(A, MX, Exists, Include, Redirect); len(voids)+len(failed) > MaxVoids {
			for _, err := range failed {
				r.Unknown(err)
			}
		}
		return
	}
	third := voids[MaxVoids].top()
	found := f.inRecord(third.span(), check.Params{"Count": len(voids), "Limit": MaxVoids, "Targets": targetsOf(voids), "Term": voids[MaxVoids].Term})
	found.Fix = f.without(dead)
	r.Report(found)
}

// tooVoid6 are the terms whose look-ups are void for IPv6 senders, where those
// are too many for them alone and some pass; else nil.
func (t *Tree) tooVoid6() (voids []*Term) {
	if t.Voids.IPv6 <= MaxVoids || len(t.voids()) > MaxVoids || t.root.passes().widest6() > 128 {
		return nil
	}
	t.each(func(t *Term) {
		if t.Void.IPv6 {
			voids = append(voids, t)
		}
	})
	return voids
}

func voidLimitIPv6(f *Facts, r *check.Reporter) {
	voids := f.Tree.tooVoid6()
	if voids == nil {
		return
	}
	found := f.about(check.Params{"Count": len(voids), "Limit": MaxVoids, "Targets": targetsOf(voids)})
	found.Record = f.InForce().Text
	r.Report(found)
}

func mxLimit(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Kind == MX && t.mx > MaxMX {
			out.report(f.at(t, check.Params{"Count": t.mx, "Limit": MaxMX}))
		}
	})
	f.undecided(r, MX, Include, Redirect)
}

func loop(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Status != "loop" {
			return
		}
		path := append(t.path(), t.Target.String())
		found := f.at(t, check.Params{"Cycle": strings.Join(path[slices.Index(path, t.Target.String()):], " → ")})
		found.Scope = scope(t.in.owner, t.Start)
		out.report(found)
	})
	f.undecided(r, Include, Redirect)
}

func depth(f *Facts, r *check.Reporter) {
	deepest := 0
	var at *Term
	f.Tree.each(func(t *Term) {
		if n := len(t.in.via); n > deepest {
			deepest, at = n, t
		}
	})
	if deepest > 5 {
		r.Report(f.inRecord(at.top().span(), check.Params{"Depth": deepest, "Path": strings.Join(at.path(), " → ")}))
	}
}

func existsVoidNote(f *Facts, r *check.Reporter) {
	n := 0
	f.Tree.each(func(t *Term) {
		if t.Kind == Exists && t.Status == "macro" {
			n++
		}
	})
	if n >= 3 {
		r.Report(f.about(check.Params{"Count": n}))
	}
}
