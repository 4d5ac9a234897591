package audit

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// zoneRules relate the records of a domain that has no mail.
var zoneRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mx-parked-incomplete", Standard: check.MX, Severity: check.Notice,
			Title: "a domain without mail does not say so in every record",
			Refs:  []check.Ref{check.RFC(7505, "3"), check.RFC(7208, ""), check.RFC(9989, "")},
			Doc: `The domain has no mail hosts, and no SPF record that lets anybody send. Forgers like such names because nobody looks after
them. Three records together tell every server that nothing comes from it: SPF that lets nobody pass, DMARC that asks to reject and,
where the name has an address, a null MX.

**Fix:** publish all three. What is missing is also named at the standard that it belongs to.

Before:

    example.com.  TXT  "v=spf1 -all"

After:

    example.com.         TXT  "v=spf1 -all"
    example.com.         MX   0 .
    _dmarc.example.com.  TXT  "v=DMARC1; p=reject"`,
		},
		Applies: func(f *Facts) bool { return f.Profile == check.ProfileParked },
		Run: func(f *Facts, r *check.Reporter) {
			m := measurer{f: f}
			var missing []string
			for _, part := range []struct {
				record string
				in     score.Measure
			}{{"SPF -all", m.spfClosed()}, {"MX 0 .", m.mxNull()}, {"DMARC p=reject", m.dmarcReject()}} {
				switch {
				case !part.in.Known:
					r.Unknown(part.in.Cause)
				case part.in.Part != score.Full:
					missing = append(missing, part.record)
				}
			}
			if len(missing) > 0 {
				r.Report(check.Finding{Subject: f.Domain.String(), Scope: f.Domain.String(), Params: check.Params{
					"Domain": f.Domain.String(), "Missing": strings.Join(missing, ", ")}})
			}
		},
	},
}
