package spf

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/special"
)

// policyRules judge whom the record lets pass.
var policyRules = []check.Rule[*Facts]{
	{Meta: check.Meta{
		ID: "spf-all-pass", Severity: check.Error, Refs: rfc("5.1"),
		Title: "everyone may send: +all",
		Doc: `The first "all" of the record carries a plus sign, or none, which means plus. Every host in the world passes SPF for
the domain, and with an aligned MAIL FROM it passes DMARC too. The record is worse than none.

End the record in ~all or -all.

    before: v=spf1 mx +all
    after:  v=spf1 mx ~all
`}, Applies: hasRecord, Run: allPass},

	{Meta: check.Meta{
		ID: "spf-pass-everyone-hidden", Severity: check.Error, Refs: rfc("5.3", "5.6", "5.7"),
		Title: "the ranges of the record let nearly everyone pass",
		Doc: `The record has no +all, yet its own terms cover at least half of all IPv4 addresses or an eighth of IPv6: a length of
/0 or /1, several huge ranges together, or an exists: without a macro that always resolves. Spammers use it because a
search for "+all" misses it; others use it to make a complaint go away.

Name the addresses that really send.

    before: v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all
    after:  v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: passEveryoneHidden},

	{Meta: check.Meta{
		ID: "spf-include-pass-everyone", Severity: check.Error, Refs: rfc("5.2"),
		Title: "an include or redirect lets everyone pass",
		Doc: `A record that this one includes or redirects to ends in +all, or covers most of the address space. An include
matches when the included record says pass, so every host in the world passes for this domain as well. A ~all, ?all or
-all in an included record does no harm.

Remove the term and tell its operator.

    before: v=spf1 include:_spf.broken.example -all     (_spf.broken.example: v=spf1 +all)
    after:  v=spf1 ip4:5.6.7.8 -all
`}, Applies: hasRecord, Run: includePassEveryone},

	{Meta: check.Meta{
		ID: "spf-all-neutral", Severity: check.Warning, Refs: rfc("8.2"),
		Title:     "strangers are neutral: ?all",
		CoveredBy: []string{"spf-parked-not-closed"},
		Doc: `The record ends in ?all. Receivers must treat neutral exactly like having no record, so the list of senders
contradicts nobody who is not on it.

Use ~all: strangers then fail softly, and DMARC has something to build on.

    before: v=spf1 mx ?all
    after:  v=spf1 mx ~all
`}, Applies: hasRecord, Run: allNeutral},

	{Meta: check.Meta{
		ID: "spf-all-missing", Severity: check.Warning, Refs: rfc("4.7"),
		Title:     "the record has no all",
		CoveredBy: []string{"spf-glued-all-swallowed", "spf-split-missing-space", "spf-no-mechanism", "spf-parked-not-closed"},
		Doc: `The record has neither "all" nor a redirect. A client that matches no term gets neutral, as if there were no record.
For a record that exists only to be included by others that is good style; for a domain that is used in mail addresses
it leaves the door open.

Append ~all, or -all.

    before: v=spf1 mx include:_spf.example.net
    after:  v=spf1 mx include:_spf.example.net ~all
`}, Applies: hasRecord, Run: allMissing},

	{Meta: check.Meta{
		ID: "spf-parked-not-closed", Severity: check.Warning, Refs: []check.Ref{{Doc: "M3AAWG Protecting Parked Domains Best Common Practices"}, check.RFC(7208, "")},
		Title: "a domain that does not send leaves its record open",
		Doc: `The domain sends no mail, but its record is not exactly "v=spf1 -all". Unused domains are favourite senders of forged
mail: nobody misses a message, so nobody looks. A redirect to a record that is exactly closed is as good.

Publish the closed record.

    before: v=spf1 a mx ~all
    after:  v=spf1 -all
`}, Applies: func(f *Facts) bool {
		return f.Lookup.Unknown() || f.InForce() != nil && !f.Profile.Sends()
	}, Run: parkedNotClosed},

	{Meta: check.Meta{
		ID: "spf-ip-range-wide", Severity: check.Error, Refs: []check.Ref{check.RFC(9989, "7.1"), check.RFC(7208, "5.6")},
		Variants:  []check.Variant{{Name: "wide", Severity: check.Warning}, {Name: "broad", Severity: check.Notice}},
		Title:     "a very large address range may send",
		CoveredBy: []string{"spf-pass-everyone-hidden"},
		Doc: `One term of the record authorises a range far larger than any mail system. Everyone with an address in it, such as
the other customers of a hosting company, passes SPF for the domain. From /16 on such a range deserves a look, from /8
on it is no policy any more.

Name the hosts or small networks that send.

    before: v=spf1 ip4:5.0.0.0/8 -all
    after:  v=spf1 ip4:5.6.7.0/28 -all
`}, Applies: hasRecord, Run: ipRangeWide},

	{Meta: check.Meta{
		ID: "spf-special-ip", Severity: check.Notice, Refs: []check.Ref{check.RFC(7208, "5.6"), check.RFC(6890, "")},
		Title: "a range that no client on the Internet can have",
		Doc: `The range is private, loopback, documentation, multicast or otherwise reserved. No message reaches a receiver from
there, so the term does nothing; inside a network that uses the range it lets any internal host pass.

Remove it, or write the public address behind which the host sends.

    before: v=spf1 ip4:192.168.1.10 mx -all
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: specialIP},

	{Meta: check.Meta{
		ID: "spf-ptr", Severity: check.Warning, Refs: rfc("5.5"),
		Title: "the ptr mechanism",
		Doc: `ptr lets hosts pass whose reverse name lies in the domain. It is slow, depends on reverse zones of others, loads the
servers of the reverse tree, and some receivers skip it; RFC 7208 says not to publish it. Whoever can set such a reverse
name also passes.

List the addresses, or name the hosts with a.

    before: v=spf1 ptr -all
    after:  v=spf1 a:mail.example.com -all
`}, Applies: hasRecord, Run: ptr},

	{Meta: check.Meta{
		ID: "spf-exists-literal", Severity: check.Warning, Refs: rfc("5.7"),
		Variants:  []check.Variant{{Name: "resolves", Severity: check.Error}},
		Title:     "an exists that does not depend on the client",
		CoveredBy: []string{"spf-pass-everyone-hidden"},
		Doc: `exists: asks whether a name has an address. Without a macro the answer is the same for every client: either all of
them match, or none. When the name resolves and the term is positive, the whole world passes.

Use a macro for the client's address, or remove the term.

    before: v=spf1 exists:mail.example.com -all
    after:  v=spf1 a:mail.example.com -all
`}, Applies: hasRecord, Run: existsLiteral},

	{Meta: check.Meta{
		ID: "spf-total-addresses", Severity: check.Notice, Refs: []check.Ref{check.RFC(9989, "7.1")},
		Variants:  []check.Variant{{Name: "huge", Severity: check.Warning}},
		Title:     "very many addresses may send",
		CoveredBy: []string{"spf-pass-everyone-hidden", "spf-include-pass-everyone", "spf-all-pass", "spf-ip-range-wide"},
		Doc: `The number of distinct IPv4 addresses that pass, over the whole tree, overlapping ranges counted once. It is the attack
surface as one number: each of these machines can send as the domain. One or two large providers come to less than a
million together; far more means a range or a provider too many.

Drop providers and ranges that are not used.

    before: v=spf1 ip4:5.0.0.0/9 include:_spf.example.net -all     8,388,608 and more
    after:  v=spf1 include:_spf.example.net -all                   65,536
`}, Applies: hasRecord, Run: totalAddresses},
}

// endWith is the record with sign+"all" as its one all, behind the mechanisms
// that a first all kept from being tested.
func (f *Facts) endWith(sign string) *check.Fix {
	rec := f.InForce()
	first := rec.First(All)
	last := first
	for i := range rec.Terms {
		if rec.Terms[i].Kind.Mechanism() && i > first {
			last = i
		}
	}
	text := rec.rewrite(func(i int, e *Entry, text string) string {
		if e.Kind == All {
			text = ""
		}
		if i == last && first >= 0 {
			text = strings.TrimSpace(text + " " + sign + "all")
		}
		return text
	})
	if first < 0 {
		text += " " + sign + "all"
	}
	return f.replace("", text)
}

func allPass(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	i := rec.First(All)
	if i < 0 || rec.Terms[i].qualifier() != '+' {
		return
	}
	sign := "~"
	if !f.Profile.Sends() {
		sign = "-"
	}
	span := rec.Terms[i].Span
	found := f.inRecord(&span, check.Params{"Term": rec.Terms[i].Text})
	found.Fix = f.endWith(sign)
	r.Report(found)
}

func passEveryoneHidden(f *Facts, r *check.Reporter) {
	n := f.Tree.root
	if i := n.rec.First(All); i >= 0 && n.rec.Terms[i].qualifier() == '+' {
		return
	}
	if !n.hiddenOpen() {
		f.undecidedRanges(r, func(t *Term) bool { return t.in == n })
		return
	}
	own := n.own()
	var widest *Term
	count := 0
	for _, t := range f.own() {
		if !t.entry.positive() || t.Kind == All {
			continue
		}
		one := &ranges{}
		one.add(t.networks()...)
		if one.ipv4() >= 1<<24 || one.widest6() <= 15 {
			count++
			if widest == nil {
				widest = t
			}
		}
	}
	found := f.inRecord(nil, check.Params{"IPv4": int(own.ipv4()), "Percent": int(own.ipv4() * 100 >> 32), "IPv6": own.ipv4() < 1<<31, "Every": own.ipv4() == 1<<32})
	if count == 1 {
		found.Span = widest.span()
	}
	r.Report(found)
}

func includePassEveryone(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, p := range f.Tree.root.openTerms() {
		out.report(f.at(p[0], check.Params{"Via": strings.Join(names(p), " → "), "Open": p[len(p)-1].Target.String()}))
	}
	f.undecided(r, Include, Redirect)
	f.undecidedRanges(r, func(t *Term) bool { return t.in != f.Tree.root })
}

// undecidedRanges says that failed look-ups kept from us what may be a huge
// range: an exists without a macro, or addresses of which a and mx take much more.
func (f *Facts) undecidedRanges(r *check.Reporter, which func(*Term) bool) {
	f.Tree.each(func(t *Term) {
		if len(t.failed) == 0 || !which(t) || !t.entry.positive() {
			return
		}
		four, six := t.entry.lengths()
		if t.Kind == Exists || (t.Kind == A || t.Kind == MX) && (four <= wide[4][2] || six <= wide[6][2]) {
			r.Unknown(t.failed[0].Error)
		}
	})
}

// undecided says that failed look-ups of such terms kept part of the tree from us.
func (f *Facts) undecided(r *check.Reporter, kinds ...Kind) {
	for _, err := range f.Tree.unknowns(kinds...) {
		r.Unknown(err)
	}
}

func allNeutral(f *Facts, r *check.Reporter) {
	all, at, known := f.Tree.root.policy()
	if !known {
		f.undecided(r, Redirect)
		return
	}
	if all == nil || all.qualifier() != '?' {
		return
	}
	found := f.inRecord(at.span(), check.Params{"Term": at.Term, "Target": at.Target.String()})
	if at.Kind == All {
		found.Fix = f.endWith("~")
	}
	r.Report(found)
}

func allMissing(f *Facts, r *check.Reporter) {
	all, at, known := f.Tree.root.policy()
	if !known {
		f.undecided(r, Redirect)
		return
	}
	if all != nil {
		return
	}
	found := f.inRecord(nil, check.Params{"Target": ""})
	if at != nil {
		found.Span, found.Params["Target"] = at.span(), at.Target.String()
	} else if f.InForce().First(Invalid) < 0 {
		found.Fix = f.endWith("~")
	}
	r.Report(found)
}

func parkedNotClosed(f *Facts, r *check.Reporter) {
	if !f.Valid() {
		return
	}
	closed, known := f.Tree.root.closed()
	switch {
	case closed:
	case !known:
		f.undecided(r, Redirect)
	default:
		found := f.inRecord(nil, check.Params{"Profile": string(f.Profile)})
		found.Fix = f.replace("", Version+" -all")
		r.Report(found)
	}
}

// wide are the thresholds of spf-ip-range-wide: the longest prefix that is
// still an error, a warning, a notice. They are ours; no RFC has numbers.
var wide = map[int][3]int{4: {7, 15, 19}, 6: {15, 31, 47}}

func wideness(family, bits int) (variant string, isWide bool) {
	limits := wide[family]
	switch {
	case bits <= limits[0]:
		return "", true
	case bits <= limits[1]:
		return "wide", true
	}
	return "broad", bits <= limits[2]
}

func ipRangeWide(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, t := range f.own() {
		if !t.entry.positive() || t.Kind == All || t.Kind == Exists {
			continue
		}
		worst, rank := check.Params(nil), 0
		variant := ""
		for _, p := range t.networks() {
			family := 4
			if p.Addr().Is6() {
				family = 6
			}
			v, ok := wideness(family, p.Bits())
			n := map[string]int{"broad": 1, "wide": 2, "": 3}[v]
			if !ok || n <= rank {
				continue
			}
			rank, variant = n, v
			worst = check.Params{"Network": p.String(), "Bits": p.Bits(), "Family": family}
			if family == 4 {
				worst["Addresses"] = 1 << (32 - p.Bits())
			}
		}
		if rank > 0 {
			found := f.at(t, worst)
			found.Variant = variant
			out.report(found)
		}
	}
	f.undecidedRanges(r, func(t *Term) bool { return t.in == f.Tree.root && t.Kind != Exists })
}

func specialIP(f *Facts, r *check.Reporter) {
	out := once(r)
	block := func(t *Term) string {
		if t.Kind != IP4 && t.Kind != IP6 || !t.entry.positive() || t.entry.Addr.Is4In6() {
			return ""
		}
		return special.BlockOf(t.entry.prefix())
	}
	for _, t := range f.own() {
		if b := block(t); b != "" {
			found := f.at(t, check.Params{"Block": b})
			found.Fix = f.without(func(t *Term) bool { return block(t) != "" })
			out.report(found)
		}
	}
}

func ptr(f *Facts, r *check.Reporter) {
	out := once(r)
	for i, t := range f.Tree.root.terms {
		if t.Kind == PTR && f.InForce().live(i) {
			out.report(f.at(t, nil))
		}
	}
}

func existsLiteral(f *Facts, r *check.Reporter) {
	out := once(r)
	for _, t := range f.own() {
		if t.Kind != Exists || t.entry.hasMacro() || !t.entry.positive() {
			continue
		}
		found := f.at(t, nil)
		if t.lookup != nil && t.lookup.Found() {
			found.Variant = "resolves"
		}
		out.report(found)
	}
}

// Thresholds of spf-total-addresses, ours: the two largest providers together
// stay below the first.
const (
	manyAddresses = 1000000
	hugeAddresses = 1 << 24
)

func totalAddresses(f *Facts, r *check.Reporter) {
	n := f.Tree.root.passes().ipv4()
	if n <= manyAddresses {
		f.undecided(r, Include, Redirect)
		f.undecidedRanges(r, func(*Term) bool { return true })
		return
	}
	found := f.about(check.Params{"IPv4": int(n)})
	if n > hugeAddresses {
		found.Variant = "huge"
	}
	r.Report(found)
}
