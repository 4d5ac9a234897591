package bimi

import "github.com/postseal/postseal/check"

// Rules over DMARC, the gate that every receiver puts before BIMI.
var dmarcRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "bimi-dmarc-missing", Standard: check.BIMI, Severity: check.Warning,
			Title: "BIMI without DMARC", Refs: []check.Ref{core},
			Doc: `Receivers show a logo only for messages of a domain whose DMARC policy is enforced. Without a DMARC record the
BIMI record does nothing. Get DMARC in order first; it is also what protects the domain.

    before: (nothing at _dmarc.example.com)
    after:  _dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"`,
		},
		Applies: gated, Run: runDMARC("missing"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-dmarc-none", Standard: check.BIMI, Severity: check.Warning,
			Title: "DMARC does not enforce, so BIMI is off", Refs: []check.Ref{core, check.RFC(9989, "4.7")},
			Doc: `The policy of the domain and of the organization above it must be at least ` + "`" + `quarantine` + "`" + `. With ` + "`" + `none` + "`" + `, or with
` + "`" + `quarantine` + "`" + ` that ` + "`" + `t=y` + "`" + ` lowers to none, no receiver shows the logo.

    before: v=DMARC1; p=none; rua=mailto:dmarc@example.com
    after:  v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com`,
		},
		Applies: gated, Run: runDMARC("none"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-dmarc-sp-none", Standard: check.BIMI, Severity: check.Warning,
			Title: "sp=none turns BIMI off", Refs: []check.Ref{core},
			CoveredBy: []string{"bimi-dmarc-none"},
			Doc: `The draft closes the gate for the whole organization when its DMARC record leaves subdomains without a policy,
also for messages of the domain itself. Raise ` + "`" + `sp` + "`" + `, or leave it out where ` + "`" + `p` + "`" + ` is right for subdomains too.

    before: v=DMARC1; p=reject; sp=none
    after:  v=DMARC1; p=reject`,
		},
		Applies: gated, Run: runDMARC("sp-none"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-dmarc-pct", Standard: check.BIMI, Severity: check.Warning,
			Title: "pct below 100 turns BIMI off at some receivers", Refs: []check.Ref{core, check.RFC(9989, "A.6")},
			CoveredBy: []string{"bimi-dmarc-none"},
			Doc: `RFC 9989 removed the tag ` + "`" + `pct` + "`" + `. Receivers that still follow RFC 7489 show no logo while less than all mail is
covered. Remove the tag; a record without it is right for both.

    before: v=DMARC1; p=quarantine; pct=50
    after:  v=DMARC1; p=quarantine`,
		},
		Applies: gated, Run: runDMARC("pct"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-dmarc-testing", Standard: check.BIMI, Severity: check.Warning,
			Title: "t=y makes BIMI uncertain", Refs: []check.Ref{core, check.RFC(9989, "4.7")},
			CoveredBy: []string{"bimi-dmarc-none"},
			Doc: `With ` + "`" + `t=y` + "`" + ` receivers apply one level less than the policy says: reject acts as quarantine. Some count that as
enforced, others see a domain in testing and show no logo. Remove it once the tests are over.

    before: v=DMARC1; p=reject; t=y
    after:  v=DMARC1; p=reject`,
		},
		Applies: gated, Run: runDMARC("testing"),
	},
}
