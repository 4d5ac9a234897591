package mx

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// apexRules look at what stands at the top of the zone.
var apexRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dns-apex-cname", Standard: check.MX, Severity: check.Error,
			Title: "the domain itself is an alias",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2")},
			Doc: `A CNAME record stands at the registered domain, where the zone's own SOA and NS records have to stand. DNS forbids
other records beside an alias: resolvers that find the alias first never see the domain's MX, SPF and other TXT records and take those of
the target instead, and which of them they find is chance.

A name below the registered domain may be an alias; its mail then goes where the target's MX records say.

**Fix:** use what the DNS provider offers for this purpose (ALIAS, ANAME, a flattened CNAME), or publish the addresses themselves.

Before:

    example.com.  CNAME  shop.platform.example.

After:

    example.com.  A   5.6.7.8
    example.com.  MX  10 mx1.example.com.`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			// Only of a registered domain is it certain that a zone begins there.
			if own, _, ok := registrableOf(f.Domain); !ok || own != f.Domain {
				return
			}
			if f.Lookup.Unknown() {
				r.Unknown(f.Lookup.Error)
				return
			}
			if a := f.Lookup.Answer; a != nil && len(a.Chain) > 0 {
				var chain []string
				for _, n := range a.Chain {
					chain = append(chain, n.String())
				}
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{
					"Domain": f.Domain.String(), "Chain": strings.Join(chain, " → ")}})
			}
		},
	},
}
