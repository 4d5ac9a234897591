package dmarc

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

var policyRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-policy-none", Standard: check.DMARC, Severity: check.Warning,
			Title: "the policy only watches",
			Refs:  []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "4.10.1")},
			Doc: `The policy that applies to the domain is none: receivers report about mail that fails, and deliver it. That is the right start
and meets what large providers ask of bulk senders, but it protects nobody from forged mail.

**Fix:** read the reports until every real source passes aligned, then go to quarantine (with t=y for a rehearsal), and further
to reject where it suits.

Before:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-p-missing", "dmarc-parked-policy"}, foreignCauses...),
		},
		Applies: enforceable,
		Run:     policyNone,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-policy-none-no-rua", Standard: check.DMARC, Severity: check.Error,
			Title: "the policy does nothing at all",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The policy that applies is none, and there is no valid address for reports. So nothing happens to mail that fails, and nobody
hears of it: the record has no effect.

**Fix:** add rua with a mailbox that somebody reads, then raise the policy.

Before:

    v=DMARC1; p=none

After:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com`,
			CoveredBy: slices.Concat(ruaCauses, foreignCauses),
		},
		Applies: enforceable,
		Run:     policyNoneNoRUA,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-policy-quarantine", Standard: check.DMARC, Severity: check.Info,
			Title: "the policy is quarantine",
			Refs:  []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "7.4")},
			Doc: `Mail that fails DMARC is to be treated as suspicious, mostly put into the junk folder. That is enforcement. Reject is stronger;
for domains whose people write to mailing lists RFC 9989 does not advise it, because lists break the alignment of their mail.

Example:

    v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com`,
			CoveredBy: foreignCauses,
		},
		Applies: enforceable,
		Run:     policyIs(Quarantine),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-policy-reject-users", Standard: check.DMARC, Severity: check.Info,
			Title: "the policy is reject",
			Refs:  []check.Ref{check.RFC(9989, "7.4"), check.RFC(9989, "8")},
			Doc: `Mail that fails DMARC is to be refused. Sign everything with DKIM, as SPF alone does not survive forwarding. Where people post
to mailing lists from this domain, some of their mail will bounce; RFC 9989 asks such domains to pass through a phase of none
and one of quarantine first.

Example:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: foreignCauses,
		},
		Applies: enforceable,
		Run:     policyIs(Reject),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-sp-weaker", Standard: check.DMARC, Severity: check.Warning,
			Title: "subdomains have a weaker policy than the domain",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The record asks for less on subdomains than on the domain itself. Whoever wants to deceive takes any existing name below it,
which looks just as trustworthy in a From line.

**Fix:** remove sp, so that subdomains follow p, once their mail passes; give a subdomain that is not ready a record of its own.

Before:

    v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-parked-policy", "dmarc-policy-none", "dmarc-policy-none-no-rua"}, foreignCauses...),
		},
		Applies: enforceable,
		Run:     spWeaker,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-np-weaker", Standard: check.DMARC, Severity: check.Warning,
			Title: "invented subdomains have a weaker policy than the domain",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The tag np, for subdomains that do not exist, is weaker than p. No real mail comes from such names, so a forger who invents a
subdomain is treated better than one who forges the domain itself.

**Fix:** set np=reject; it can break no real mail.

Before:

    v=DMARC1; p=reject; np=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; np=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-parked-policy", "dmarc-policy-none", "dmarc-policy-none-no-rua"}, foreignCauses...),
		},
		Applies: enforceable,
		Run:     npWeaker,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-np-inherits-weak", Standard: check.DMARC, Severity: check.Warning,
			Title: "invented subdomains fall back to the weaker policy of subdomains",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `There is no np, and sp is weaker than p. Subdomains that do not exist follow sp, not p, so a forger can invent any name below
the domain and meets the weaker policy.

**Fix:** add np=reject; it can break no real mail, whatever sp has to be.

Before:

    v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; sp=none; np=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-parked-policy"}, foreignCauses...),
		},
		Applies: enforceable,
		Run:     npInheritsWeak,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-np-advice", Standard: check.DMARC, Severity: check.Notice,
			Title: "invented subdomains could be rejected at once",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The policy for subdomains that do not exist is below reject, because np is absent and it follows the rest. Such names send no
mail, so np=reject protects them today, without waiting for the reports.

**Fix:** add np=reject.

Before:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=none; np=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-p-missing", "dmarc-parked-policy"}, foreignCauses...),
		},
		Applies: enforceable,
		Run:     npAdvice,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-sp-np-ignored", Standard: check.DMARC, Severity: check.Notice,
			Title: "subdomain policies where they have no effect",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The record has sp or np, but stands at a name that is not the Organizational Domain. Receivers take those tags only from the
record of the Organizational Domain (or of a public suffix), so they say nothing here.

**Fix:** remove them; or, if this subtree is an organisation of its own, add psd=n.

Before:

    v=DMARC1; p=reject; sp=none   at _dmarc.mail.example.com

After:

    v=DMARC1; p=reject   at _dmarc.mail.example.com`,
		},
		Applies: hasOwn,
		Run:     spNPIgnored,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-test-mode", Standard: check.DMARC, Severity: check.Warning,
			Title: "the test mode lowers the policy",
			Refs:  []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "A.6")},
			Doc: `With t=y receivers apply one level less: reject acts as quarantine, quarantine as none. Receivers that only know RFC 7489
ignore t and enforce in full, so the test already costs mail there.

**Fix:** drop t=y when the reports are clean.

Before:

    v=DMARC1; p=reject; t=y; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: foreignCauses,
		},
		Applies: enforceable,
		Run:     testMode,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-test-mode-moot", Standard: check.DMARC, Severity: check.Notice,
			Title: "the test mode has nothing to lower",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The record has t=y, which lowers the policy by one level, but all of p, sp and np say none: there is nothing below none, and
the tag has no effect. It may stay behind unnoticed and weaken a later policy.

**Fix:** remove it.

Before:

    v=DMARC1; p=none; t=y; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com`,
			CoveredBy: foreignCauses,
		},
		Applies: enforceable,
		Run:     testModeMoot,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-alignment-strict", Standard: check.DMARC, Severity: check.Info,
			Title: "alignment is strict",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `With adkim=s or aspf=s the domain of the signature or of the bounce address must be exactly the one in From. Services that
sign or bounce with a subdomain such as em.example.com then fail DMARC. That is a choice; check it before adding a service.

Example:

    v=DMARC1; p=reject; adkim=s; aspf=s`,
			CoveredBy: foreignCauses,
		},
		Applies: func(f *Facts) bool { return hasRecord(f) && f.Profile != check.ProfileParked },
		Run:     alignmentStrict,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-parked-policy", Standard: check.DMARC, Severity: check.Warning,
			Title: "a domain without mail does not reject",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The domain sends no mail, so every message from it is forged, and yet its DMARC policy (or the one for its subdomains) is not
reject. Domains without mail are taken gladly by forgers, because nobody watches them.

**Fix:** reject for the domain and all below it.

Before:

    v=DMARC1; p=none

After:

    v=DMARC1; p=reject; adkim=s; aspf=s`,
			// A broken policy tag is the defect where its repair rejects as well.
			CoveredBy: []string{"dmarc-policy-none-no-rua", "dmarc-bare-version", "dmarc-p-missing", "dmarc-p-invalid", "dmarc-sp-invalid", "dmarc-np-invalid"},
		},
		Applies: func(f *Facts) bool { return hasRecord(f) && f.Profile == check.ProfileParked },
		Run:     parkedPolicy,
	},
}

// applied is the tag that applies to the domain and its level before t.
func (f *Facts) applied() (tag string, level Level) {
	tag = f.Effective.Domain.Tag
	return tag, f.Record().Level(tag)
}

// judged tells whether the applying tag can be told; an inherited policy needs
// to know whether the name exists.
func (f *Facts) judged(r *check.Reporter) bool {
	if !f.known(r) {
		return false
	}
	if !f.Effective.Domain.Known {
		r.Unknown(f.Exists.Error)
	}
	return f.Effective.Domain.Known
}

func policyNone(f *Facts, r *check.Reporter) {
	if !f.judged(r) {
		return
	}
	tag, level := f.applied()
	// A record without p counts as p=none (§4.7); only dmarc-p-missing says so.
	if level == None || f.Record().Tag("p") == nil {
		if f.Record().ValidRUA() {
			r.Report(f.tagFinding(tag, check.Params{"Tag": tag}))
		}
	}
}

func policyNoneNoRUA(f *Facts, r *check.Reporter) {
	if !f.judged(r) {
		return
	}
	tag, level := f.applied()
	if level != None || f.Record().ValidRUA() {
		return
	}
	out := f.tagFinding(tag, check.Params{"Tag": tag})
	if f.Profile.Receives() && f.Record().Tag("rua") == nil {
		out.Fix = change(f.policy, f.PolicyRecord, f.Record().with("rua", "mailto:dmarc@"+f.PolicyName.String()))
	}
	r.Report(out)
}

// policyIs reports the level of a domain that sends, as a fact.
func policyIs(want Level) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if !f.judged(r) {
			return
		}
		if tag, level := f.applied(); level == want && f.Profile.Sends() && !f.Effective.Domain.Testing {
			r.Report(f.tagFinding(tag, check.Params{"Tag": tag}))
		}
	}
}

// organizational tells whether the record that applies is one whose sp and np count.
func (f *Facts) organizational(r *check.Reporter) bool {
	return f.knownOrg(r) && (f.walk.PSD || f.PolicyName == f.OrganizationalDomain)
}

// tagScope is the scope of sp-weaker and np-weaker: what dmarc-policy-none
// explains when that very tag applies to an inheriting name.
func (f *Facts) tagScope(tag string) string {
	if !f.Own() && f.Effective.Domain.Tag == tag {
		return subjectOf(f.PolicyName)
	}
	return subjectOf(f.PolicyName) + "#" + tag
}

func spWeaker(f *Facts, r *check.Reporter) {
	if !f.organizational(r) {
		return
	}
	rec := f.Record()
	if sp := rec.Level("sp"); sp != 0 && sp < rec.Level("p") {
		out := f.tagFinding("sp", check.Params{"P": rec.Level("p").String(), "SP": sp.String()})
		out.Scope = f.tagScope("sp")
		out.Fix = change(f.policy, rec.Text, rec.without("sp"))
		r.Report(out)
	}
}

func npWeaker(f *Facts, r *check.Reporter) {
	if !f.organizational(r) {
		return
	}
	rec := f.Record()
	if np := rec.Level("np"); np != 0 && np < rec.Level("p") {
		out := f.tagFinding("np", check.Params{"P": rec.Level("p").String(), "NP": np.String()})
		out.Scope = f.tagScope("np")
		out.Fix = change(f.policy, rec.Text, rec.with("np", "reject"))
		r.Report(out)
	}
}

func npInheritsWeak(f *Facts, r *check.Reporter) {
	if !f.organizational(r) {
		return
	}
	rec := f.Record()
	if sp := rec.Level("sp"); !rec.Has("np") && sp != 0 && sp < rec.Level("p") {
		out := f.tagFinding("sp", check.Params{"P": rec.Level("p").String(), "SP": sp.String()})
		out.Scope = subjectOf(f.PolicyName) + "#np"
		out.Fix = change(f.policy, rec.Text, rec.with("np", "reject"))
		r.Report(out)
	}
}

func npAdvice(f *Facts, r *check.Reporter) {
	if !f.organizational(r) {
		return
	}
	rec := f.Record()
	p, sp := max(rec.Level("p"), None), rec.Level("sp")
	if rec.Has("np") || sp != 0 && sp < p {
		return
	}
	falls := p
	if sp != 0 {
		falls = sp
	}
	if falls < Reject {
		out := f.tagFinding("", check.Params{"Policy": falls.String()})
		out.Fix = change(f.policy, rec.Text, rec.with("np", "reject"))
		if f.Own() && f.ghostsExist() {
			out.Fix.Verb = "moot"
		}
		r.Report(out)
	}
}

func spNPIgnored(f *Facts, r *check.Reporter) {
	if !f.knownOrg(r) || f.walk.PSD || f.Domain == f.OrganizationalDomain {
		return
	}
	var tags []string
	for _, name := range []string{"sp", "np"} {
		if f.Record().Has(name) {
			tags = append(tags, name)
		}
	}
	if len(tags) == 0 {
		return
	}
	out := f.tagFinding(tags[0], check.Params{"Tags": strings.Join(tags, ", "), "Org": f.OrganizationalDomain.String()})
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().without("sp", "np"))
	r.Report(out)
}

// enforces tells whether one of the policies of the record that count is above none.
func (f *Facts) enforces() bool {
	rec := f.Record()
	if rec.Broken() {
		return false
	}
	if rec.Level("p") > None {
		return true
	}
	org := f.OrganizationalDomain == "" || f.walk.PSD || f.PolicyName == f.OrganizationalDomain
	return org && (rec.Level("sp") > None || rec.Level("np") > None)
}

func testMode(f *Facts, r *check.Reporter) {
	if !f.known(r) || !f.Record().Testing() || !f.enforces() {
		return
	}
	e := f.Effective
	out := f.tagFinding("t", check.Params{
		"Policy": word(e.Domain.Policy), "Below": word(e.Subdomain.Policy), "Ghosts": word(e.Nonexistent.Policy), "Old": word(f.RFC7489.Policy),
	})
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().without("t"))
	r.Report(out)
}

func testModeMoot(f *Facts, r *check.Reporter) {
	if !f.known(r) || !f.Record().Testing() || f.enforces() {
		return
	}
	out := f.tagFinding("t", nil)
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().without("t"))
	r.Report(out)
}

func alignmentStrict(f *Facts, r *check.Reporter) {
	if !f.known(r) {
		return
	}
	var tags []string
	for _, name := range []string{"adkim", "aspf"} {
		if f.Record().Strict(name) {
			tags = append(tags, name)
		}
	}
	if len(tags) > 0 {
		r.Report(f.tagFinding(tags[0], check.Params{"Tags": strings.Join(tags, ", ")}))
	}
}

func parkedPolicy(f *Facts, r *check.Reporter) {
	if !f.known(r) {
		return
	}
	rec := f.Record()
	rejects := func(tag string) bool { return !rec.Has(tag) || rec.Level(tag) == Reject }
	if rec.Level("p") == Reject && rejects("sp") && rejects("np") {
		return
	}
	out := f.tagFinding("p", check.Params{"Record": rec.Text})
	out.Scope = ""
	text := "v=DMARC1; p=reject; adkim=s; aspf=s"
	if list := addURIs(nil, rec.RUA); len(list) > 0 && f.Own() {
		text += "; rua=" + strings.Join(list, ",")
	}
	if f.Own() {
		out.Fix = change(f.policy, rec.Text, text)
	} else {
		out.Fix = change(f.Steps[0], "", text)
	}
	r.Report(out)
}
