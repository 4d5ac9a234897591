package dmarc

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Times to live that are worth a word: a short one is asked again and again, a
// long one delays every change of the policy.
const (
	shortTTL = 300
	longTTL  = 86400
)

var aroundRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-wrong-name", Standard: check.DMARC, Severity: check.Error,
			Title:    "a DMARC record at a name that nobody asks",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.5")},
			Doc: `Receivers look for the record at _dmarc in front of the domain and nowhere else. A record at the domain itself, without the
underscore, or at a name that a control panel made longer by adding the domain once more, is never read.

**Fix:** move it to _dmarc in front of the domain. In a control panel that adds the domain by itself, enter _dmarc alone.

Before:

    example.com. TXT "v=DMARC1; p=reject"

After:

    _dmarc.example.com. TXT "v=DMARC1; p=reject"`,
		},
		Run: wrongName,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname-and-txt", Standard: check.DMARC, Severity: check.Error,
			Title: "the DMARC name has a record and an alias that disagree",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2")},
			Doc: `The name servers answer with a TXT record at the _dmarc name, and with an alias there as well when asked for one. DNS allows no other data beside a CNAME. Which of the two a
receiver sees depends on what its resolver keeps, and one that sees both discards both.

**Fix:** keep one: the record, or the alias to whoever manages it for you.

Before:

    _dmarc.example.com. TXT   "v=DMARC1; p=none"
    _dmarc.example.com. CNAME example.com.dmarc.vendor.example.

After:

    _dmarc.example.com. CNAME example.com.dmarc.vendor.example.`,
		},
		Run: cnameAndTXT,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-wildcard", Standard: check.DMARC, Severity: check.Warning,
			Title: "every name below the domain has the same DMARC record",
			Refs:  []check.Ref{check.RFC(4592, ""), check.RFC(9989, "4.10.2")},
			Doc: `A name that nobody has answers with a DMARC record, so a wildcard publishes it. To receivers each name below the domain then has a record of its
own: p applies instead of sp and np, and the walk for the Organizational Domain passes records that nobody meant for it.

**Fix:** publish the record at _dmarc in front of the domain, which covers the names below it, and take it out of the wildcard.

Before:

    *.example.com. TXT "v=DMARC1; p=none"

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
		},
		Run: wildcard,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-wildcard-other", Standard: check.DMARC, Severity: check.Info,
			Title: "a wildcard answers at every DMARC name below the domain",
			Refs:  []check.Ref{check.RFC(9989, "4.10")},
			Doc: `A name that nobody has answers with text at its _dmarc name, since a wildcard TXT record stands for all names. The text is no
DMARC record, so receivers discard it. It is a fact to know when answers look odd; nothing has to be done.

Example:

    *.example.com. TXT "v=spf1 -all" also answers for _dmarc.news.example.com.`,
			CoveredBy: []string{"dmarc-spf-at-dmarc"},
		},
		Run: wildcardOther,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-np-moot-wildcard", Standard: check.DMARC, Severity: check.Notice,
			Title: "the policy for names that do not exist never applies",
			Refs:  []check.Ref{check.RFC(9989, "3.2.13")},
			Doc: `The record treats names that do not exist (np) in another way than those that do, but a wildcard makes every name exist:
receivers never see the denial that np asks for, and apply sp, or p.

**Fix:** give sp the level that np was to give, once the subdomains that send pass; or remove the wildcard.

Before:

    v=DMARC1; p=reject; sp=none; np=reject   beside   *.example.com. A 192.0.2.1

After:

    v=DMARC1; p=reject; sp=reject`,
		},
		Applies: hasOwn,
		Run:     npMootWildcard,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-np-moot-compact-denial", Standard: check.DMARC, Severity: check.Info,
			Title: "the zone's denials hide which names do not exist",
			Refs:  []check.Ref{check.RFC(9824, ""), check.RFC(9989, "3.2.13")},
			Doc: `The signed zone answers for a name that nobody has as if it existed without records, which is how compact denial of existence
works. Receivers that need a plain denial take every name for an existing one, and apply sp, or p, where np was meant.

**Fix:** set sp as well, as strictly as the subdomains that send allow.

Before:

    v=DMARC1; p=reject; sp=none; np=reject

After:

    v=DMARC1; p=reject; sp=quarantine; np=reject`,
		},
		Applies: hasOwn,
		Run:     npMootDenial,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-accepts-any-reports", Standard: check.DMARC, Severity: check.Info,
			Title: "the domain agrees to receive reports about every domain",
			Refs:  []check.Ref{check.RFC(9990, "4")},
			Doc: `A wildcard below _report._dmarc agrees to reports about any domain, so anyone can name an address here in a record of their own.
A report service works like that on purpose. Elsewhere it fills a mailbox with strangers' reports.

**Fix:** if it was not meant, name the domains one by one.

Before:

    *._report._dmarc.example.com. TXT "v=DMARC1"

After:

    example.net._report._dmarc.example.com. TXT "v=DMARC1"`,
			CoveredBy: []string{"dmarc-wildcard"},
		},
		Run: acceptsAny,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-ttl", Standard: check.DMARC, Severity: check.Info,
			Title: "an unusual time to live of the DMARC record",
			Refs:  []check.Ref{check.RFC(1035, "3.2.1")},
			Doc: `Below five minutes every receiver asks for the record again and again; above a day a change of the policy, or a way back from
it, reaches receivers late. An hour suits most. (A resolver counts the time down, so a short one is judged in zone files only.)

Example:

    _dmarc.example.com. 3600 TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"`,
		},
		Applies: hasOwners,
		Run:     timeToLive,
	},
}

func wrongName(f *Facts, r *check.Reporter) {
	type stray struct{ name, text string }
	var found []stray
	seeks := f.seeksStrays()
	everywhere := versioned(&f.Around.Random)
	for _, l := range append([]dns.Lookup{f.Exists}, f.Around.Strays...) {
		if l.Unknown() {
			r.Unknown(l.Error)
		}
		for _, text := range versioned(&l) {
			// What a wildcard says was not put at this name.
			if !slices.Contains(everywhere, text) && len(found) < maxTexts {
				found = append(found, stray{l.Name.String(), text})
			}
		}
	}
	if !f.Known && !seeks {
		f.unknown(r)
	}
	for _, s := range found {
		out := check.Finding{Subject: s.name, Record: s.text, Params: check.Params{"Name": s.name, "Right": subjectOf(f.Domain)}}
		old := check.RecordChange{Name: dns.Name(s.name).FQDN(), Type: "TXT", Old: []string{s.text}, New: []string{}}
		switch {
		case !seeks:
			out.Variant = "beside"
			out.Fix = &check.Fix{Verb: "leftover", Records: []check.RecordChange{old}}
		case len(found) == 1 && strings.HasPrefix(s.name, "_dmarc.www."):
			// It is a record for the host www, and may be meant as one, too.
			out.Fix = change(f.Steps[0], "", s.text)
		case len(found) == 1:
			out.Fix = change(f.Steps[0], "", s.text)
			out.Fix.Records = append(out.Fix.Records, old)
		}
		r.Report(out)
	}
}

func cnameAndTXT(f *Facts, r *check.Reporter) {
	own := f.Steps[0]
	switch {
	case own.Status == dns.StateUnknown:
		r.Unknown(own.Lookup.Error)
		return
	case own.Status != dns.StateFound || len(own.Lookup.Answer.Chain) > 0:
		return
	case f.Around.CNAME.Unknown():
		r.Unknown(f.Around.CNAME.Error)
		return
	case !f.bothServed():
		return
	case f.Around.Behind.Unknown():
		r.Unknown(f.Around.Behind.Error)
		return
	}
	here, there := slices.Sorted(slices.Values(versioned(&own.Lookup))), slices.Sorted(slices.Values(versioned(&f.Around.Behind)))
	if slices.Equal(here, there) {
		return // an alias that the server follows by itself
	}
	target := f.Around.CNAME.Records()[0].Host
	name := f.Domain.Child("_dmarc")
	r.Report(check.Finding{
		Subject: name.String(), Params: check.Params{"Name": name.String(), "Target": target.String()},
		Fix: &check.Fix{Records: []check.RecordChange{{Name: name.FQDN(), Type: "CNAME", Old: []string{target.FQDN()}, New: []string{}}}},
	})
}

// random tells whether the answer at a name that nobody has is known.
func (f *Facts) random(r *check.Reporter) bool {
	if f.Around.Random.Unknown() {
		r.Unknown(f.Around.Random.Error)
		return false
	}
	return true
}

// unread says unknown where the domain's own name gave no answer: that a
// wildcard was not seen says little then.
func (f *Facts) unread(r *check.Reporter) {
	if own := f.Steps[0]; own.Status == dns.StateUnknown {
		r.Unknown(own.Lookup.Error)
	}
}

func wildcard(f *Facts, r *check.Reporter) {
	if !f.random(r) {
		return
	}
	texts := versioned(&f.Around.Random)
	if f.unread(r); len(texts) > 0 {
		r.Report(check.Finding{
			Subject: f.Domain.Child("*").String(), Record: texts[0],
			Params: check.Params{"Domain": f.Domain.String(), "Random": f.Around.Random.Name.String()},
		})
	}
}

func wildcardOther(f *Facts, r *check.Reporter) {
	if !f.random(r) {
		return
	}
	if f.unread(r); !f.Around.Random.Found() || len(versioned(&f.Around.Random)) > 0 {
		return
	}
	r.Report(check.Finding{
		Subject: f.Domain.Child("*").String(), Record: f.Around.Random.Records()[0].Text(),
		Params: check.Params{"Domain": f.Domain.String(), "Random": f.Around.Random.Name.String()},
	})
}

// ghostsExist tells whether receivers take a name that nobody has for an
// existing one: its answer was no NXDOMAIN.
func (f *Facts) ghostsExist() bool {
	return f.Around.Random.State == dns.StateFound || f.Around.Random.State == dns.StateNoData
}

// mooted gives what makes a name that nobody has exist: "wildcard", or "denial"
// where it has no records of the types asked; "" where np works.
func (f *Facts) mooted(r *check.Reporter) string {
	switch {
	case !f.known(r), !f.npDiffers(), !f.random(r), !f.ghostsExist():
		return ""
	case f.Around.Random.Found() || len(f.Around.Random.Answer.Chain) > 0:
		return "wildcard"
	}
	var failed *dns.Error
	for _, l := range f.Around.Ghost {
		switch {
		case l.Found():
			return "wildcard"
		case l.Unknown():
			failed = l.Error
		case l.State == dns.StateNXDomain:
			return ""
		}
	}
	if failed != nil {
		r.Unknown(failed)
		return ""
	}
	return "denial"
}

// mootParams are what both rules say about np.
func (f *Facts) mootParams() check.Params {
	e := f.Record().Effect()
	return check.Params{
		"NP": e.Nonexistent.Policy, "Instead": e.Subdomain.Policy, "Tag": e.Subdomain.Tag,
		"Random": f.Domain.Child(randomLabel(f.Domain)).String(),
	}
}

func npMootWildcard(f *Facts, r *check.Reporter) {
	if f.mooted(r) == "wildcard" {
		r.Report(f.tagFinding("np", f.mootParams()))
	}
}

func npMootDenial(f *Facts, r *check.Reporter) {
	if f.mooted(r) != "denial" {
		return
	}
	signed := false
	for _, l := range f.Around.Ghost {
		if !l.Answer.Trusted {
			r.Unknown(check.Cause{Code: "dnssec-resolver-not-trusted", Params: check.Params{"Server": l.Answer.Server}})
			return
		}
		signed = signed || l.Answer.AD
	}
	if signed {
		r.Report(f.tagFinding("np", f.mootParams()))
	}
}

func acceptsAny(f *Facts, r *check.Reporter) {
	l := &f.Around.AnyReports
	if f.Steps[0].Status == dns.StateUnknown {
		r.Unknown(f.Steps[0].Lookup.Error)
		return
	}
	if l.Unknown() {
		r.Unknown(l.Error)
		return
	}
	for _, rr := range l.Records() {
		if _, ok := parseConsent(rr.Text()); ok {
			name := f.Domain.Child("*._report._dmarc").String()
			r.Report(check.Finding{Subject: name, Record: rr.Text(), Params: check.Params{"Name": name}})
			return
		}
	}
}

func timeToLive(f *Facts, r *check.Reporter) {
	if !f.known(r) {
		return
	}
	a := f.policy.Lookup.Answer
	short := a.TTLSec < shortTTL && strings.HasPrefix(a.Server, "zone ")
	if short || a.TTLSec > longTTL {
		r.Report(check.Finding{Subject: subjectOf(f.PolicyName), Params: check.Params{"Name": subjectOf(f.PolicyName), "TTL": int(a.TTLSec), "Short": short}})
	}
}
