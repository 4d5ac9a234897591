package spf

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// broken are the syntax rules that explain why a target does not exist.
var broken = []string{
	"spf-glued-all-swallowed", "spf-semicolon", "spf-comma", "spf-embedded-quotes", "spf-backslash",
	"spf-domain-spec-suspicious", "spf-split-missing-space",
}

// targetRules judge the names that the record points to.
var targetRules = []check.Rule[*Facts]{
	{Meta: check.Meta{
		ID: "spf-dangling-registrable", Severity: check.Error, Refs: rfc("11"),
		Title:     "a target in a domain that nobody has registered",
		CoveredBy: broken,
		Doc: `The record points to a name that does not exist, in a domain that is not delegated at all. Whoever registers that
domain decides: one record of their own and every machine of theirs passes SPF for this domain, and DMARC with an
aligned MAIL FROM. A redirect hands over the whole policy.

Remove the term today; correct it later if the service still exists under another name.

    before: v=spf1 include:spf.closed-service.example mx -all
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: danglingRegistrable},

	{Meta: check.Meta{
		ID: "spf-include-none", Severity: check.Error, Refs: rfc("5.2"),
		Title:     "an include of a name without an SPF record",
		CoveredBy: append([]string{"spf-dangling-registrable"}, broken...),
		Doc: `The included name has no SPF record: it does not exist, has no TXT records, or none that begins with "v=spf1". The
include is not skipped; evaluation that reaches it ends in permerror for every sender.

Correct the name, or remove the term.

    before: v=spf1 include:spf.example.net -all      (no record there)
    after:  v=spf1 include:_spf.example.net -all
`}, Applies: hasRecord, Run: includeNone},

	{Meta: check.Meta{
		ID: "spf-include-permerror", Severity: check.Error, Refs: rfc("5.2", "6.1"),
		Title:     "an included record is broken",
		CoveredBy: append([]string{"spf-loop"}, broken...),
		Doc: `The record behind an include or redirect has a syntax error, or there is more than one record. Evaluation that reaches
it ends in permerror for this domain too.

Tell its operator; until it is repaired, name the addresses yourself.

    before: v=spf1 include:_spf.example.net -all     (_spf.example.net: v=spf1 ip4:5.6.7.8;)
    after:  v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: includePermerror},

	{Meta: check.Meta{
		ID: "spf-include-lookup-failed", Severity: check.Warning, Refs: rfc("5.2"),
		Title: "an included record could not be looked up",
		Doc: `The question for an included record, or for the target of a redirect, got no usable answer. A receiver in the same
position returns temperror and usually defers the message. What lies behind the term is not judged.

If it persists, ask the operator of the target's name servers, or name the addresses yourself.

    before: v=spf1 include:_spf.example.net -all     (SERVFAIL)
    after:  v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: includeLookupFailed},

	{Meta: check.Meta{
		ID: "spf-redirect-none", Severity: check.Error, Refs: rfc("6.1"),
		Title:     "a redirect to a name without an SPF record",
		CoveredBy: append([]string{"spf-dangling-registrable"}, broken...),
		Doc: `redirect= says that the policy is kept elsewhere, but there is no SPF record there. The result is permerror, not
"none", for every client that no mechanism matched.

Correct the name, or write the policy here.

    before: v=spf1 redirect=spf.example.net      (no record there)
    after:  v=spf1 redirect=_spf.example.net
`}, Applies: hasRecord, Run: redirectNone},

	{Meta: check.Meta{
		ID: "spf-mx-none", Severity: check.Warning, Refs: append(rfc("5.4"), check.RFC(7505, "")),
		Variants:  []check.Variant{{Name: "null", Severity: check.Warning}},
		Title:     "an mx term for a name without mail hosts",
		CoveredBy: append([]string{"spf-dangling-registrable"}, broken...),
		Doc: `The name has no MX records, or the null MX that says it takes no mail. The term then matches nobody: unlike mail
delivery, SPF does not fall back to the address of the name. It costs one of the ten lookups for nothing.

Remove mx, or write a when the host itself sends.

    before: v=spf1 mx -all     (no MX records)
    after:  v=spf1 a -all
`}, Applies: hasRecord, Run: mxNone},

	{Meta: check.Meta{
		ID: "spf-void-lookup", Severity: check.Warning, Refs: rfc("4.6.4"),
		Title:     "a term whose target has no address",
		CoveredBy: append(append([]string{"spf-mx-none", "spf-dangling-registrable"}, broken...), "spf-void-limit"),
		Doc: `The name in an a, mx or exists term does not exist or has no record of the type asked. The term authorises nobody, and
it uses up one of the two void lookups that receivers allow: two more dead names and the whole record fails.

Remove the term.

    before: v=spf1 a:old-server.example.com mx -all
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: voidLookup},

	{Meta: check.Meta{
		ID: "spf-exp-problem", Severity: check.Notice, Refs: rfc("6.2"),
		Title:     "the explanation cannot be used",
		CoveredBy: append([]string{"spf-dangling-registrable"}, broken...),
		Doc: `exp= names a TXT record with a text for rejected senders. There is none, or several, or its text is not plain ASCII, so
receivers silently leave it out. SPF results are not affected.

Publish one TXT record there, or drop exp.

    before: v=spf1 mx -all exp=why.example.com     (no such name)
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: expProblem},

	{Meta: check.Meta{
		ID: "spf-exp-external", Severity: check.Info, Refs: rfc("6.2", "11.5.2"),
		Title:     "the explanation is written by somebody else",
		CoveredBy: append([]string{"spf-dangling-registrable", "spf-exp-problem"}, broken...),
		Doc: `exp= names a text at a name outside the domain's organisation. Receivers show that text to senders whose mail they
refuse, in the name of this domain: whoever runs the other name can put any words or addresses there.

Keep the text at a name of your own.

    before: v=spf1 mx -all exp=why.vendor.example
    after:  v=spf1 mx -all exp=why.example.com
`}, Applies: hasRecord, Run: expExternal},

	{Meta: check.Meta{
		ID: "spf-dangling-host", Severity: check.Warning, Refs: rfc("5.2", "11"),
		Title:     "a target at somebody else's domain that does not exist",
		CoveredBy: []string{"spf-dangling-registrable", "spf-include-none", "spf-redirect-none", "spf-mx-none", "spf-void-lookup", "spf-exp-problem"},
		Doc: `The record points to a name in another organisation's domain that does not exist. Today the term fails or matches
nobody; where customers can create names in that domain, as with many hosted services, one of them can take the name
and with it the permission to send.

Remove the term, or correct the name.

    before: v=spf1 include:tenant42.saas.example mx -all
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: danglingHost},

	{Meta: check.Meta{
		ID: "spf-included-answer-large", Severity: check.Notice, Refs: rfc("3.4"),
		Title: "an included name makes a large DNS answer",
		Doc: `The answer with the TXT records of an included name is longer than 1232 octets, so it does not fit one UDP reply at
most resolvers. Where DNS over TCP is blocked, the receiver gets no answer and defers the mail.

Tell the operator of the name.

    before: _spf.example.net: 40 TXT records, 3100 octets
    after:  _spf.example.net: 1 TXT record, 420 octets
`}, Applies: hasRecord, Run: includedAnswerLarge},
}

func includeNone(f *Facts, r *check.Reporter)  { noneAt(f, r, Include) }
func redirectNone(f *Facts, r *check.Reporter) { noneAt(f, r, Redirect) }

func noneAt(f *Facts, r *check.Reporter, kind Kind) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Kind == kind && t.Status == "none" {
			found := f.at(t, check.Params{"Answer": t.Answer})
			found.Fix = f.withoutDead(t)
			out.report(found)
		}
	})
	f.undecided(r, Include, Redirect)
}

func includePermerror(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Kind != Include && t.Kind != Redirect || t.Status != "permerror" {
			return
		}
		params := check.Params{"Reason": "spf-multiple-records", "Bad": "", "Inner": t.Record}
		if t.child != nil {
			p := t.child.fatal()
			params["Reason"], params["Bad"] = p.Rule, p.Params["Term"]
		}
		out.report(f.at(t, params))
	})
	f.undecided(r, Include, Redirect)
}

func includeLookupFailed(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Kind != Include && t.Kind != Redirect || t.Status != "unknown" {
			return
		}
		switch {
		case t.lookup == nil || !t.lookup.Unknown():
			r.Unknown(tooLarge)
		case t.lookup.Error.Authoritative:
			out.report(f.at(t, check.Params{"Detail": t.lookup.Error.Detail, "Kind": string(t.lookup.Error.Kind)}))
		default:
			r.Unknown(t.lookup.Error)
		}
	})
}

func mxNone(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Kind != MX || !t.nullMX && (t.lookup == nil || !t.lookup.Absent()) {
			return
		}
		found := f.at(t, nil)
		if t.nullMX {
			found.Variant = "null"
		}
		found.Fix = f.withoutDead(t)
		out.report(found)
	})
	f.undecided(r, MX)
}

func voidLookup(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, t := range f.Tree.voids() {
		found := f.at(t, check.Params{"Answer": t.Answer, "Mechanism": string(t.Kind)})
		found.Fix = f.withoutDead(t)
		out.report(found)
	}
	f.undecided(r, A, MX, Exists)
}

// explanation is why the answer to an exp target cannot be used, "" when it can.
func explanation(l *dns.Lookup) string {
	if l.Absent() {
		return "missing"
	}
	records := l.Records()
	if len(records) != 1 {
		return "several"
	}
	text := records[0].Text()
	for i := 0; i < len(text); i++ {
		if text[i] > 0x7e {
			return "non-ascii"
		}
	}
	for word := range splitWords(text) {
		if _, f := scanMacros(word, true); f != nil && f.rule == "spf-macro-syntax" {
			return "macro"
		}
	}
	return ""
}

// splitWords gives the words of an explanation, which may hold spaces (§6.2).
func splitWords(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, s := range tokens(text, 0) {
			if !yield(text[s.Start:s.End]) {
				return
			}
		}
	}
}

// expTerms are the exp terms that a receiver uses: of the record and of those
// it redirects to, never of an include (§6.2).
func (f *Facts) expTerms() []*Term {
	var terms []*Term
	for n := f.Tree.root; n != nil; {
		for _, t := range n.terms {
			if t.Kind == Exp && t.lookup != nil {
				terms = append(terms, t)
			}
		}
		t := n.redirect()
		if t == nil {
			break
		}
		n = t.child
	}
	return terms
}

func expProblem(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, t := range f.expTerms() {
		if t.lookup.Unknown() {
			r.Unknown(t.lookup.Error)
			continue
		}
		if reason := explanation(t.lookup); reason != "" {
			found := f.at(t, check.Params{"Reason": reason})
			if reason == "missing" && t.in == f.Tree.root {
				found.Fix = f.without(func(o *Term) bool { return o == t })
			}
			out.report(found)
		}
	}
}

func expExternal(f *Facts, r *check.Reporter) {
	for _, t := range f.own() {
		switch {
		case t.Kind != Exp || t.lookup == nil:
		case !SameOrganisation(t.Target, f.Domain), t.external(f.Domain):
			r.Report(f.at(t, nil))
			return // of two exp none is used
		case t.lookup.Unknown(): // where an alias leads is not known
			r.Unknown(t.lookup.Error)
		}
	}
}

// absent visits the terms whose target does not exist, outside the audited
// organisation, with what is known of the domain around it.
func (f *Facts) absent(visit func(t *Term)) {
	see := func(t *Term) {
		if t.lookup != nil && t.lookup.State == dns.StateNXDomain && t.reg != "" && t.delegation != nil && t.external(f.Domain) {
			visit(t)
		}
	}
	f.Tree.each(func(t *Term) {
		if t.Kind != Exp {
			see(t)
		}
	})
	for _, t := range f.expTerms() {
		see(t)
	}
}

// undelegated tells whether nobody holds the domain of the target, though it
// could be registered: the suffix itself exists.
func (t *Term) undelegated() (yes bool, err error) {
	for _, l := range []*dns.Lookup{t.delegation, t.suffix} {
		if l == nil {
			return false, nil
		}
		if l.Unknown() {
			return false, l.Error
		}
	}
	return t.delegation.State == dns.StateNXDomain && t.suffix.State != dns.StateNXDomain, nil
}

func danglingRegistrable(f *Facts, r *check.Reporter) {
	out := once(r)
	f.absent(func(t *Term) {
		yes, err := t.undelegated()
		if err != nil {
			r.Unknown(err)
		}
		if !yes {
			return
		}
		found := f.at(t, check.Params{"Registrable": t.reg.String(), "Redirect": t.Kind == Redirect})
		if t.in == f.Tree.root && t.Kind != Redirect {
			found.Fix = f.without(func(o *Term) bool { return o == t || dead(o) })
		}
		out.report(found)
	})
	f.undecided(r, Include, Redirect, A, MX, Exists)
}

func danglingHost(f *Facts, r *check.Reporter) {
	out := once(r)
	f.absent(func(t *Term) {
		if _, err := t.undelegated(); err != nil {
			r.Unknown(err)
			return
		}
		if t.delegation.State == dns.StateNXDomain {
			return
		}
		found := f.at(t, check.Params{"Registrable": t.reg.String()})
		found.Fix = f.withoutDead(t)
		out.report(found)
	})
	f.undecided(r, Include, Redirect, A, MX, Exists)
}

func includedAnswerLarge(f *Facts, r *check.Reporter) {
	out := once(r)
	f.Tree.each(func(t *Term) {
		if t.Kind != Include && t.Kind != Redirect || t.lookup == nil || !t.lookup.Found() {
			return
		}
		if size := answerSize(t.lookup); size > 1232 {
			out.report(f.at(t, check.Params{"Size": size}))
		}
	})
}
