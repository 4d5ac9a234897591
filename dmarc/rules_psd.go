package dmarc

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

var psdRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-psd-y-ordinary", Standard: check.DMARC, Severity: check.Error,
			Title: "an ordinary domain calls itself a public suffix",
			Refs:  []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "4.10.2")},
			Doc: `The record says psd=y, which is for registries, at a name that is no public suffix. Each name below it becomes an
organisation of its own: relaxed alignment between the domain and its subdomains breaks, and their policy walk ends here.

**Fix:** remove psd, or write psd=n if the organisation begins here.

Before:

    v=DMARC1; p=reject; psd=y; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Applies: func(f *Facts) bool { return hasOwn(f) && f.Profile != check.ProfileParked },
		Run:     psdOrdinary,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-y-ruf", Standard: check.DMARC, Severity: check.Error,
			Title: "a public suffix asks for failure reports",
			Refs:  []check.Ref{check.RFC(9989, "10.2"), check.RFC(9991, "2")},
			Doc: `A record with psd=y must not have ruf where the names below belong to different organisations: failure reports would show the
registry the mail of its registrants. Reporters ignore the tag without an agreement. Whether several organisations live below
cannot be seen from DNS.

**Fix:** remove ruf.

Before:

    v=DMARC1; p=none; psd=y; ruf=mailto:dmarc@registry.example

After:

    v=DMARC1; p=none; psd=y`,
		},
		Applies: hasOwn,
		Run:     psdRUF,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-y-rua", Standard: check.DMARC, Severity: check.Notice,
			Title: "a public suffix asks for aggregate reports",
			Refs:  []check.Ref{check.RFC(9989, "10.1"), check.RFC(9989, "6")},
			Doc: `With rua in a record with psd=y the registry receives reports on the mail of all names below that have no record of their own.
That shows who sends how much mail through whom. For a brand's own top-level domain it is useful; elsewhere it deserves a
thought.

Example:

    v=DMARC1; p=none; psd=y; rua=mailto:dmarc@registry.example`,
		},
		Applies: hasOwn,
		Run:     psdRUA,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-missing", Standard: check.DMARC, Severity: check.Error,
			Title: "a public suffix does not say that it is one",
			Refs:  []check.Ref{check.RFC(9989, "5.2")},
			Doc: `The name is a public suffix, and its DMARC record lacks psd=y. The tree walk then takes the suffix for the Organizational
Domain of everyone below it: all registrants are aligned with each other and inherit its policy.

**Fix:** add psd=y.

Before:

    v=DMARC1; p=none

After:

    v=DMARC1; p=none; psd=y`,
		},
		Applies: hasOwn,
		Run:     psdMissing,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-n-alignment", Standard: check.DMARC, Severity: check.Notice,
			Title: "the organisation ends below another of its names",
			Refs:  []check.Ref{check.RFC(9989, "4.10.2")},
			Doc: `The record says psd=n while a name above it in the same registrable domain has a DMARC record too. The subtree is then an
organisation of its own: mail from it no longer aligns with SPF or DKIM domains of the parent, and the parent's policy does
not reach it.

**Fix:** nothing if that is meant; otherwise remove psd=n.

Before:

    v=DMARC1; p=reject; psd=n   at _dmarc.mail.example.com

After:

    v=DMARC1; p=reject   at _dmarc.mail.example.com`,
		},
		Applies: hasOwners,
		Run:     psdNAlignment,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-subdomain-record-no-rua", Standard: check.DMARC, Severity: check.Notice,
			Title: "a subdomain's own record has no report address",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The subdomain has a DMARC record without rua, while the organisation's record has one. Tags are not inherited from one record to
the other, so reports about the subdomain's mail stopped with its own record.

**Fix:** add rua to it.

Before:

    v=DMARC1; p=reject   at _dmarc.mail.example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com   at _dmarc.mail.example.com`,
			CoveredBy: []string{"dmarc-rua-missing"},
		},
		Applies: hasOwn,
		Run:     subdomainNoRUA,
	},
}

func psdOrdinary(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Record().PSD() != "y" || isPublicSuffix(f.Domain) {
		return
	}
	out := f.tagFinding("psd", nil)
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().without("psd"))
	r.Report(out)
}

func psdRUF(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Record().PSD() != "y" || !f.Record().Has("ruf") {
		return
	}
	out := f.tagFinding("ruf", nil)
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().without("ruf", "fo"))
	r.Report(out)
}

func psdRUA(f *Facts, r *check.Reporter) {
	if f.known(r) && f.Record().PSD() == "y" && f.Record().Has("rua") {
		r.Report(f.tagFinding("rua", nil))
	}
}

func psdMissing(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Record().PSD() == "y" || !isPublicSuffix(f.Domain) {
		return
	}
	out := f.tagFinding("psd", nil)
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().with("psd", "y"))
	r.Report(out)
}

func psdNAlignment(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Record().PSD() != "n" {
		return
	}
	for _, s := range f.walk.beyond {
		if s.Kept && s.Name.IsUnder(f.psl.Name) {
			out := f.tagFinding("psd", check.Params{"Parent": s.Name.String()})
			r.Report(out)
			return
		}
		if s.Status == dns.StateUnknown && s.Name.IsUnder(f.psl.Name) {
			r.Unknown(s.Lookup.Error)
		}
	}
}

func subdomainNoRUA(f *Facts, r *check.Reporter) {
	if !f.knownOrg(r) || f.Record().ValidRUA() || f.OrganizationalDomain == f.Domain {
		return
	}
	for _, s := range f.Steps {
		if s.Name != f.OrganizationalDomain || !s.Kept || !s.record.ValidRUA() {
			continue
		}
		list := strings.Join(addURIs(nil, s.record.RUA), ",")
		out := f.tagFinding("rua", check.Params{"Org": s.Name.String(), "RUA": list})
		out.Fix = change(f.policy, f.PolicyRecord, f.Record().with("rua", list))
		r.Report(out)
	}
}
