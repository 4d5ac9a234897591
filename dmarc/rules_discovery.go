package dmarc

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Sizes of an answer: classic UDP (RFC 1035 §4.2.1), and what EDNS clients
// agreed on to keep clear of fragments.
const (
	classicUDP = 512
	safeUDP    = 1232
)

var discoveryRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-missing", Standard: check.DMARC, Severity: check.Error,
			Title: "no DMARC record applies to the domain",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The tree walk from the domain to its top-level domain found no valid DMARC record, so no
receiver applies DMARC: anyone can put the domain into the From line. Large mailbox providers also refuse or
junk bulk mail of domains without a record.

**Fix:** publish a record and start by watching; raise the policy when the reports are clean.
A domain that sends no mail can reject at once.

Before:

    no TXT record at _dmarc.example.com

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
			CoveredBy: []string{
				"dmarc-multiple-records", "dmarc-version-semicolon-missing", "dmarc-version-not-first", "dmarc-escaped-semicolon",
				"dmarc-separator-wrong", "dmarc-record-quotes", "dmarc-near-miss", "dmarc-spf-at-dmarc", "dmarc-cname-takeover", "dmarc-cname-broken",
			},
		},
		Run: missing,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-lookup-failed", Standard: check.DMARC, Severity: check.Error,
			Title: "a step of the DMARC tree walk could not be looked up",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1"), check.RFC(9989, "5.3.6")},
			Doc: `One of the names that receivers ask for a DMARC record gave no usable answer: a timeout, SERVFAIL or
a refusal. That is not "no record". While it lasts, receivers cannot apply the policy, and what lies above the
failed name in the walk cannot be told here either.

**Fix:** ask the name at each authoritative server and mend the one that fails; broken DNSSEC and servers that
drop queries for names with an underscore are the usual causes.

Example:

    dig TXT _dmarc.example.com @ns1.example.com must answer NOERROR or NXDOMAIN.`,
		},
		Run: lookupFailed,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-multiple-records", Standard: check.DMARC, Severity: check.Error,
			Title: "more than one DMARC record at one name",
			Refs:  []check.Ref{check.RFC(9989, "4.10")},
			Doc: `Two or more TXT records at one _dmarc name start with v=DMARC1. Receivers discard all of them: those of
RFC 9989 go on to the parent's record, which is often weaker or absent, and those of RFC 7489 apply no DMARC.

**Fix:** keep one record with the policy you want and all report addresses.

Before:

    v=DMARC1; p=reject and v=DMARC1; p=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Run: multiple,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-inherited", Standard: check.DMARC, Severity: check.Info,
			Title: "the policy is inherited from another name",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The domain has no DMARC record of its own; the record of its Organizational Domain decides. For a name
that exists that is sp (else p); for one that does not exist it is np (else sp, else p). Nothing is wrong
with that. Publish an own record only where the name needs another policy or other report addresses.

Example:

    mail from news.example.com follows sp=quarantine in v=DMARC1; p=reject; sp=quarantine at _dmarc.example.com.`,
		},
		Applies: hasRecord,
		Run:     inherited,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-only", Standard: check.DMARC, Severity: check.Warning,
			Title: "only the public suffix's record applies",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `Neither the domain nor its Organizational Domain has a DMARC record, so the one of the public suffix
(marked psd=y) applies. The registry then chooses the policy for your mail and receives the reports about it;
receivers that still follow RFC 7489 apply nothing.

**Fix:** publish an own record at the Organizational Domain.

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
		},
		Applies: hasRecord,
		Run:     psdOnly,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-unrelated-txt", Standard: check.DMARC, Severity: check.Notice,
			Title: "other text beside the DMARC record",
			Refs:  []check.Ref{check.RFC(9989, "4.10")},
			Doc: `TXT records that have nothing to do with DMARC stand at the same _dmarc name. Receivers discard them, so
the policy holds; but they make the answer larger, and some older programs stumble over them.

**Fix:** move or delete them.

Before:

    v=DMARC1; p=reject and site-verification=abc123 at _dmarc.example.com

After:

    v=DMARC1; p=reject alone`,
		},
		Applies: hasOwners,
		Run:     unrelated,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-spf-at-dmarc", Standard: check.DMARC, Severity: check.Error,
			Title: "an SPF record stands where the DMARC record belongs",
			Refs:  []check.Ref{check.RFC(9989, "4.5")},
			Doc: `The _dmarc name answers with an SPF record and none for DMARC. Mostly a wildcard TXT record or an alias to
the domain itself answers for every name. Receivers find no policy there.

**Fix:** publish a real record at the name; it takes precedence over the wildcard.

Before:

    *.example.com. TXT "v=spf1 -all"

After:

    in addition _dmarc.example.com. TXT "v=DMARC1; p=reject"`,
		},
		Run: spfAtDMARC,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname", Standard: check.DMARC, Severity: check.Info,
			Title: "the DMARC record is an alias",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2")},
			Doc: `The _dmarc name is a CNAME: whoever runs its target writes your policy. That is normal when a DMARC vendor
hosts the record, and receivers follow it. Know who the target belongs to, and remove the alias when you leave.

Example:

    _dmarc.example.com. CNAME example.com.dmarc.vendor.example.`,
		},
		Run: cname,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname-broken", Standard: check.DMARC, Severity: check.Error,
			Title: "the alias at the DMARC name leads nowhere",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2"), check.RFC(9989, "4.5")},
			Doc: `The _dmarc name is a CNAME whose target does not exist, has no TXT record, or leads round in a circle. There
is no policy there, though the zone looks as if there were one. It happens when a vendor's account ends.

**Fix:** replace the alias with a record, or mend its target.

Before:

    _dmarc.example.com. CNAME gone.vendor.example.

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
			CoveredBy: []string{"dmarc-cname-takeover"},
		},
		Run: cnameBroken,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname-takeover", Standard: check.DMARC, Severity: check.Error,
			Title: "the alias at the DMARC name leads into a domain nobody owns",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2")},
			Doc: `The _dmarc name is a CNAME into a domain that is not delegated. Whoever registers that domain sets your
policy (for instance p=none) and receives the reports about your mail.

**Fix:** remove the alias now and publish a record of your own.

Before:

    _dmarc.example.com. CNAME example.com.expired-vendor.net.

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
		},
		Run: cnameTakeover,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-deep-name", Standard: check.DMARC, Severity: check.Warning,
			Title: "a name of more than eight labels has no DMARC record of its own",
			Refs:  []check.Ref{check.RFC(9989, "5.1.8"), check.RFC(9989, "4.10")},
			Doc: `The tree walk asks eight names at most: after the name itself it jumps to the right-most seven labels. A record
at one of the names passed over is never seen, so a sender domain of more than eight labels must have its own.

**Fix:** publish a record at the full name.

Before:

    a record at _dmarc.b.c.d.e.f.g.example.com meant for a.b.c.d.e.f.g.example.com

After:

    _dmarc.a.b.c.d.e.f.g.example.com. TXT "v=DMARC1; p=reject"`,
		},
		Applies: func(f *Facts) bool { return len(f.Domain.Labels()) > maxQueries },
		Run:     deepName,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-7489-divergence", Standard: check.DMARC, Severity: check.Warning,
			Title:    "old and new receivers apply different policies",
			Variants: []check.Variant{{Name: "minor", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(9989, "4.10"), check.RFC(9989, "C.3")},
			Doc: `Receivers that follow RFC 9989 find the policy with the tree walk; many still follow RFC 7489 and its list of
public suffixes. For this domain the two come to different results, so the same message is treated differently
from one receiver to the next.

**Fix:** usually psd=n in the organisation's record, or dropping a record in between, makes both agree.

Before:

    v=DMARC1; p=reject at _dmarc.example.com.br under a registry that publishes a record without psd=y

After:

    v=DMARC1; p=reject; psd=n`,
			CoveredBy: []string{"dmarc-parent-record-no-psd", "dmarc-psd-only", "dmarc-multiple-records", "dmarc-pct", "dmarc-test-mode", "dmarc-np-invalid"},
		},
		Run: divergence,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-parent-record-no-psd", Standard: check.DMARC, Severity: check.Warning,
			Title: "a record above the organisation is taken for its own",
			Refs:  []check.Ref{check.RFC(9989, "11.8"), check.RFC(9989, "5.2")},
			Doc: `A name above your registrable domain, such as a public suffix, publishes a DMARC record without psd=y. The tree
walk takes that name as the Organizational Domain: its policy reaches your names, and strangers under the same
suffix are aligned with you.

**Fix:** say in your own record that the organisation begins there; the registry should add psd=y.

Before:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com.br

After:

    v=DMARC1; p=reject; psd=n; rua=mailto:dmarc@example.com.br`,
		},
		Run: parentRecord,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-answer-size", Standard: check.DMARC, Severity: check.Notice,
			Title:    "the answer with the DMARC record is large",
			Variants: []check.Variant{{Name: "large", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(1035, "4.2.1")},
			Doc: `The answer for the _dmarc name exceeds 512 octets, the limit of plain UDP, or 1232, above which packets are
split on the way. Receivers then ask again over TCP; where that is blocked, the policy is not found.

**Fix:** remove unrelated text at the name, and shorten the list of report addresses.

Before:

    a record with six addresses in rua and a verification token beside it

After:

    one record with one or two addresses`,
		},
		Run: answerSize,
	},
}

func missing(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.policy != nil {
		return
	}
	asked := make([]string, len(f.Steps))
	for i, s := range f.Steps {
		asked[i] = subjectOf(s.Name) + " " + string(s.Status)
	}
	out := check.Finding{Subject: subjectOf(f.Domain), Params: check.Params{"Domain": f.Domain.String(), "Asked": asked}}
	switch {
	case f.Profile == check.ProfileParked:
		out.Fix = change(f.Steps[0], "", "v=DMARC1; p=reject; adkim=s; aspf=s")
		out.Fix.Verb = "reject"
	case f.Profile.Receives():
		out.Fix = change(f.Steps[0], "", "v=DMARC1; p=none; rua="+f.mailbox())
	}
	r.Report(out)
}

func lookupFailed(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		switch e := s.Lookup.Error; {
		case s.Status != dns.StateUnknown || e.Kind == dns.Loop:
		case e.Authoritative:
			r.Report(check.Finding{Subject: subjectOf(s.Name), Params: check.Params{"Name": subjectOf(s.Name), "Kind": string(e.Kind)}})
		default:
			r.Unknown(e)
		}
	}
}

// multiple reports names of the organisation with several records. The merge
// is derived: the strictest policy, all addresses.
func multiple(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		if len(s.Records) < 2 || s.Name != f.Domain && !s.Name.IsUnder(f.psl.Name) {
			continue
		}
		fix := change(s, "", merge(s.Records))
		fix.Records[0].Name = s.Lookup.Answer.Owner().FQDN()
		fix.Records[0].Old = slices.Clone(s.Records)
		instead := ""
		if f.Known && f.policy != nil && s.Name != f.PolicyName {
			instead = subjectOf(f.PolicyName)
		}
		r.Report(check.Finding{
			Subject: subjectOf(s.Name), Record: s.Records[0], Fix: fix, Scope: subjectOf(s.Name),
			Params: check.Params{
				"Name": subjectOf(s.Name), "Count": len(s.Records), "Records": s.Records, "Instead": instead,
				"Policy": f.Effective.Domain.Policy, "Legacy": f.RFC7489.Policy,
			},
		})
	}
	if !f.Known {
		f.unknown(r)
	}
}

func inherited(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Own() {
		return
	}
	if f.Exists.Unknown() {
		r.Unknown(f.Exists.Error)
		return
	}
	p := f.Effective.Domain
	r.Report(f.tagFinding(p.Tag, check.Params{"Policy": p.Policy, "Tag": p.Tag, "Exists": !f.nonexistent()}))
}

func psdOnly(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Own() || !f.walk.PSD {
		return
	}
	out := f.tagFinding("psd", check.Params{"Policy": f.Effective.Domain.Policy, "Org": f.OrganizationalDomain.String()})
	out.Scope = ""
	if f.Profile.Receives() {
		out.Fix = change(&Step{Name: f.OrganizationalDomain}, "", "v=DMARC1; p=none; rua=mailto:dmarc@"+f.OrganizationalDomain.String())
	}
	r.Report(out)
}

func unrelated(f *Facts, r *check.Reporter) {
	if !f.known(r) {
		return
	}
	var texts []string
	for _, t := range f.texts {
		if t.step != f.policy || t.record.Valid {
			continue
		}
		if rule := t.problems[0].Rule; rule == "dmarc-unrelated-txt" || rule == "dmarc-spf-at-dmarc" {
			texts = append(texts, t.text)
		}
	}
	if len(texts) == 0 {
		return
	}
	fix := change(f.policy, texts[0], "")
	fix.Records[0].Old = texts
	r.Report(check.Finding{Subject: subjectOf(f.PolicyName), Record: texts[0], Fix: fix,
		Params: check.Params{"Name": subjectOf(f.PolicyName), "Count": len(texts), "Texts": texts}})
}

func spfAtDMARC(f *Facts, r *check.Reporter) {
	for _, t := range f.texts {
		if t.beside || t.record.Valid || t.problems[0].Rule != "dmarc-spf-at-dmarc" {
			continue
		}
		r.Report(check.Finding{Subject: subjectOf(t.step.Name), Record: t.text, Scope: subjectOf(t.step.Name) + t.scope,
			Params: check.Params{"Name": subjectOf(t.step.Name), "Alias": alias(t.step)}})
	}
	if !f.Known {
		f.unknown(r)
	}
}

// alias is the end of the CNAME chain at a step, "" where there is none.
func alias(s *Step) string {
	if a := s.Lookup.Answer; a != nil && len(a.Chain) > 0 {
		return a.Owner().String()
	}
	return ""
}

func cname(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		if s.Name != f.Domain && s != f.policy || s.Status != dns.StateFound {
			continue
		}
		if target := alias(s); target != "" {
			r.Report(check.Finding{Subject: subjectOf(s.Name), Params: check.Params{"Name": subjectOf(s.Name), "Target": target}})
		}
	}
	if f.Steps[0].Status == dns.StateUnknown {
		r.Unknown(f.Steps[0].Lookup.Error)
	}
}

func cnameBroken(f *Facts, r *check.Reporter) {
	own := f.Steps[0]
	state := string(own.Status)
	switch {
	case own.Lookup.Unknown() && own.Lookup.Error.Kind == dns.Loop:
		state = "loop"
	case own.Status == dns.StateUnknown:
		r.Unknown(own.Lookup.Error)
		return
	case own.Status == dns.StateFound || alias(own) == "" || f.wildcard:
		return
	}
	r.Report(f.aliasFinding(state))
}

func cnameTakeover(f *Facts, r *check.Reporter) {
	if own := f.Steps[0]; own.Status == dns.StateUnknown {
		r.Unknown(own.Lookup.Error)
		return
	}
	switch {
	case f.dangling.Unknown():
		r.Unknown(f.dangling.Error)
	case f.dangling.State == dns.StateNXDomain:
		out := f.aliasFinding(string(dns.NXDomain))
		out.Params["Registrable"] = f.dangling.Name.String()
		r.Report(out)
	}
}

// aliasFinding is a finding over an alias that leads nowhere.
func (f *Facts) aliasFinding(state string) check.Finding {
	name := f.Domain.Child("_dmarc")
	out := check.Finding{Subject: name.String(), Params: check.Params{"Name": name.String(), "Target": alias(f.Steps[0]), "State": state}}
	records := []check.RecordChange{{Name: name.FQDN(), Type: "CNAME", Old: []string{}, New: []string{}}}
	if a := f.Steps[0].Lookup.Answer; a != nil && len(a.Chain) > 0 {
		records[0].Old = append(records[0].Old, a.Chain[0].FQDN())
	}
	if f.Profile.Receives() {
		records = append(records, check.RecordChange{Name: name.FQDN(), Type: "TXT", Old: []string{}, New: []string{"v=DMARC1; p=none; rua=" + f.mailbox()}})
	}
	if len(records[0].Old) > 0 {
		out.Fix = &check.Fix{Records: records}
	}
	return out
}

func deepName(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Own() {
		return
	}
	var skipped []string
	for n := f.Domain.Parent(); len(n.Labels()) > jumpLabels; n = n.Parent() {
		skipped = append(skipped, subjectOf(n))
	}
	r.Report(check.Finding{Subject: subjectOf(f.Domain),
		Params: check.Params{"Domain": f.Domain.String(), "Labels": len(f.Domain.Labels()), "Skipped": skipped}})
}

// divergence compares the two models. A difference for names that do not exist
// is minor, and so is one that a psd=y above makes: the list of public suffixes
// lags behind it, and the owner cannot mend that.
func divergence(f *Facts, r *check.Reporter) {
	e, l := f.Effective, f.RFC7489
	if !e.Domain.Known || !e.Subdomain.Known || !e.Nonexistent.Known || !l.Known || !l.SubdomainKnown {
		f.unknown(r)
		if f.psl.Status == dns.StateUnknown {
			r.Unknown(f.psl.Lookup.Error)
		}
		if f.Exists.Unknown() && !f.Own() {
			r.Unknown(f.Exists.Error)
		}
		return
	}
	domain := e.Domain.Policy != l.Policy || l.Pct < 100 && ParseLevel(l.Policy) > None
	below := e.Subdomain.Policy != l.Subdomain
	ghosts := e.Nonexistent.Policy != l.Subdomain
	if !f.Own() && f.nonexistent() {
		ghosts, domain = ghosts || domain, false
	}
	org := f.OrganizationalDomain != "" && f.OrganizationalDomain != l.OrganizationalDomain
	if !domain && !below && !ghosts && (!org || f.policy == nil) {
		return // without a record nobody asks whose organisation it is
	}
	out := check.Finding{
		Subject: subjectOf(f.Domain),
		Params: check.Params{
			"Domain": f.Domain.String(), "New": word(e.Domain.Policy), "Old": word(l.Policy), "Pct": l.Pct,
			"NewBelow": word(e.Subdomain.Policy), "OldBelow": word(l.Subdomain), "NewGhost": word(e.Nonexistent.Policy),
			"NewOrg": f.OrganizationalDomain.String(), "OldOrg": l.OrganizationalDomain.String(),
		},
	}
	if !domain && !below || f.unlistedPSD() {
		out.Variant = "minor"
	}
	if f.policy != nil && !f.discarded() && f.parent() == nil {
		out.Scope = subjectOf(f.PolicyName)
	}
	r.Report(out)
}

// word shows a policy; DMARC that is not applied as a dash.
func word(policy string) string {
	if policy == "" {
		return "–"
	}
	return policy
}

// unlistedPSD tells whether the walk ended at a psd=y above the domain that the
// list of public suffixes does not have.
func (f *Facts) unlistedPSD() bool {
	last := f.Steps[len(f.Steps)-1]
	return last.Name != f.Domain && last.Kept && last.record.PSD() == "y" && !isPublicSuffix(last.Name)
}

// discarded tells whether a name of the walk has several records.
func (f *Facts) discarded() bool {
	for _, s := range f.Steps {
		if len(s.Records) > 1 {
			return true
		}
	}
	return false
}

// parent is the step above the organisation whose record says no psd, nil where
// there is none.
func (f *Facts) parent() *Step {
	for _, s := range f.Steps {
		if s.Kept && s.record.PSD() == "u" && s.Name != f.psl.Name && f.psl.Name.IsUnder(s.Name) {
			return s
		}
	}
	return nil
}

func parentRecord(f *Facts, r *check.Reporter) {
	s := f.parent()
	if s == nil {
		if f.OrganizationalDomain == "" {
			f.unknown(r)
		}
		return
	}
	out := check.Finding{
		Subject: subjectOf(s.Name), Record: s.record.Text,
		Params: check.Params{"Domain": f.Domain.String(), "Parent": s.Name.String(), "Name": subjectOf(s.Name), "Org": f.psl.Name.String()},
	}
	if !f.foreign() {
		out.Scope = out.Subject // the owner's own record stays the owner's
	}
	if f.psl.Kept {
		out.Fix = change(f.psl, f.psl.record.Text, f.psl.record.with("psd", "n"))
	}
	r.Report(out)
}

func answerSize(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		if s.Name != f.Domain && s != f.policy || s.Lookup.Answer == nil || f.foreign() && s == f.policy {
			continue
		}
		if size := s.Lookup.Answer.Size; size > classicUDP {
			out := check.Finding{Subject: subjectOf(s.Name), Params: check.Params{"Name": subjectOf(s.Name), "Size": size}}
			if size > safeUDP {
				out.Variant = "large"
			}
			r.Report(out)
		}
	}
	if f.Steps[0].Status == dns.StateUnknown {
		r.Unknown(f.Steps[0].Lookup.Error)
	}
}
