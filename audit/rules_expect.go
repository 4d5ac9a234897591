package audit

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/mtasts"
)

// Expect is what the user says that a domain must publish. The zero value
// expects nothing.
type Expect struct {
	DMARCPolicy string   // at least "none", "quarantine" or "reject"; "" for none of them
	SPFLookups  *int     // at most; nil for no bound
	Selectors   []string // each with a usable key; they must be among the request's too
	MTASTSMode  string   // at least "testing" or "enforce"; "" for neither
	DNSSEC      bool
}

// expectRules hold a domain to what its owner expects of it. They say what the
// catalogue's rules cannot: that something legal is not what was agreed.
var expectRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "expect-dmarc-policy", Standard: check.DMARC, Severity: check.Error,
			Title: "the DMARC policy is weaker than expected",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: "The configuration says which policy the domain must have at least (`expect: dmarc-policy`). The policy that\n" +
				"receivers apply to the domain is weaker, be it that the record changed, that it is broken, or that a parent's policy\n" +
				"now stands in for it.\n\n" +
				"**Fix:** restore the policy, or change the expectation if the change was meant.\n\n" +
				"Before: `v=DMARC1; p=none`. After: `v=DMARC1; p=reject`.",
		},
		Applies: func(f *Facts) bool { return f.Expect.DMARCPolicy != "" },
		Run: func(f *Facts, r *check.Reporter) {
			if known, _ := f.DMARC.InForce(); !known || !f.DMARC.Effective.Domain.Known {
				r.Unknown(check.Cause{Code: "dmarc-unknown"})
				return
			}
			found := f.DMARC.Effective.Domain.Policy // t=y is in it already
			if slices.Index(policyOrder, found) < slices.Index(policyOrder, f.Expect.DMARCPolicy) {
				r.Report(check.Finding{Subject: f.Domain.String(), Record: f.DMARC.PolicyRecord, Params: check.Params{
					"Domain": f.Domain.String(), "Found": orDash(found), "Wanted": f.Expect.DMARCPolicy,
				}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "expect-spf-lookups", Standard: check.SPF, Severity: check.Error,
			Title: "SPF costs more look-ups than expected",
			Refs:  []check.Ref{check.RFC(7208, "4.6.4")},
			Doc: "The configuration says how many DNS look-ups the SPF record may cost (`expect: max-spf-lookups`). Receivers stop at\n" +
				"ten. A bound below ten leaves room for what providers add to their records without telling anybody.\n\n" +
				"**Fix:** remove an include that is not needed any more, or raise the expectation.\n\n" +
				"Before: 9 look-ups where 8 are expected. After: an include less.",
		},
		Applies: func(f *Facts) bool { return f.Expect.SPFLookups != nil },
		Run: func(f *Facts, r *check.Reporter) {
			switch {
			case f.SPF.Lookup.Unknown():
				r.Unknown(f.SPF.Lookup.Error)
			case f.SPF.Tree == nil:
			case f.SPF.Tree.Lookups > *f.Expect.SPFLookups: // a lower bound is enough to be too many
				r.Report(check.Finding{Subject: f.Domain.String(), Record: f.SPF.InForce().String(), Params: check.Params{
					"Domain": f.Domain.String(), "N": f.SPF.Tree.Lookups, "Wanted": *f.Expect.SPFLookups,
				}})
			case f.SPF.Tree.Open:
				r.Unknown(f.SPF.Unanswered())
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "expect-dkim-selector", Standard: check.DKIM, Severity: check.Error,
			Title: "an expected DKIM selector has no usable key",
			Refs:  []check.Ref{check.RFC(6376, "3.6.2.1")},
			Doc: "The configuration names selectors that must have a key (`expect: selectors`). One of them has none that a verifier\n" +
				"takes: it is gone, revoked, unreadable or too short. Mail that is signed with it does not pass.\n\n" +
				"**Fix:** publish the key again, or take the selector out of the expectation once nothing signs with it.\n\n" +
				"Before: no TXT at `s1._domainkey.example.com`. After: `v=DKIM1; k=rsa; p=…`.",
		},
		Applies: func(f *Facts) bool { return len(f.Expect.Selectors) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			for _, name := range f.Expect.Selectors {
				i := slices.IndexFunc(f.DKIM.Selectors, func(s *dkim.Selector) bool { return strings.EqualFold(s.Name, name) })
				switch {
				case i >= 0 && f.DKIM.Selectors[i].Usable:
				case i >= 0 && f.DKIM.Selectors[i].Status == dkim.StatusUnknown:
					r.Unknown(f.DKIM.Selectors[i].Lookup.Error)
				default:
					subject := name + "._domainkey." + f.Domain.String()
					r.Report(check.Finding{Subject: subject, Params: check.Params{"Domain": f.Domain.String(), "Selector": name, "Name": subject}})
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "expect-mta-sts", Standard: check.MTASTS, Severity: check.Error,
			Title: "the MTA-STS policy is weaker than expected",
			Refs:  []check.Ref{check.RFC(8461, "3.2")},
			Doc: "The configuration says which MTA-STS mode the domain must have at least (`expect: mta-sts`). The policy that senders\n" +
				"find is weaker, broken or gone.\n\n" +
				"**Fix:** restore the record and the policy file, or change the expectation if the change was meant.\n\n" +
				"Before: `mode: testing`. After: `mode: enforce`.",
		},
		Applies: func(f *Facts) bool { return f.Expect.MTASTSMode != "" },
		Run: func(f *Facts, r *check.Reporter) {
			mode := ""
			switch {
			case f.MTASTS.Lookup.Unknown():
				r.Unknown(f.MTASTS.Lookup.Error)
				return
			case !f.MTASTS.Known():
				r.Unknown(check.Cause{Code: "mtasts-not-measured"})
				return
			case f.MTASTS.Valid:
				mode = f.MTASTS.Mode()
			}
			order := []string{"", mtasts.None, mtasts.Testing, mtasts.Enforce}
			if slices.Index(order, mode) < slices.Index(order, f.Expect.MTASTSMode) {
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{
					"Domain": f.Domain.String(), "Found": orDash(mode), "Wanted": f.Expect.MTASTSMode,
				}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "expect-dnssec", Standard: check.DNSSEC, Severity: check.Error,
			Title: "the domain is expected to be secured by DNSSEC and is not",
			Refs:  []check.Ref{check.RFC(4033, "5")},
			Doc: "The configuration says that the domain must be secured by DNSSEC (`expect: dnssec`). Its answers are not: the zone\n" +
				"is no longer signed, or the parent has no DS record for it.\n\n" +
				"**Fix:** sign the zone and have the registrar publish the DS record, or change the expectation.\n\n" +
				"Before: no DS at the parent. After: the DS of the key that signs.",
		},
		Applies: func(f *Facts) bool { return f.Expect.DNSSEC },
		Run: func(f *Facts, r *check.Reporter) {
			switch f.DNSSEC.State {
			case dnssec.Secure:
			case dnssec.Indeterminate:
				r.Unknown(f.DNSSEC.Unknown())
			default:
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String(), "Found": string(f.DNSSEC.State)}})
			}
		},
	},
}

// policyOrder are the policies of DMARC, weakest first; "" is no record.
var policyOrder = []string{"", "none", "quarantine", "reject"}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
