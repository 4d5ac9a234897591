package audit

import (
	"slices"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/spf"
	"github.com/postseal/postseal/starttls"
	"github.com/postseal/postseal/tlsrpt"
	"github.com/postseal/postseal/zone"
)

// evaluate runs every rule and relates root causes to their consequences over
// all standards. A further standard is one line here and one in Metas.
func evaluate(f *Facts) []check.Result {
	results := slices.Concat(
		check.Evaluate(spf.Rules, f.SPF),
		check.Evaluate(dkim.Rules, f.DKIM),
		check.Evaluate(dmarc.Rules, f.DMARC),
		check.Evaluate(mtasts.Rules, f.MTASTS),
		check.Evaluate(tlsrpt.Rules, f.TLSRPT),
		check.Evaluate(dane.Rules, f.DANE),
		check.Evaluate(dnssec.Rules, f.DNSSEC),
		check.Evaluate(bimi.Rules, f.BIMI),
		check.Evaluate(mx.Rules, f.MX),
		check.Evaluate(zone.Rules, f.Zone),
		check.Evaluate(starttls.Rules, f.STARTTLS),
		check.Evaluate(rules, f),
	)
	check.Relate(results)
	explainSplits(results)
	inReportOrder(results, func(r check.Result) check.Standard { return r.Rule.Standard })
	return results
}

// Metas lists the constant part of every rule, in report order.
func Metas() []*check.Meta {
	metas := slices.Concat(
		metasOf(spf.Rules), metasOf(dkim.Rules), metasOf(dmarc.Rules), metasOf(mtasts.Rules),
		metasOf(tlsrpt.Rules), metasOf(dane.Rules), metasOf(dnssec.Rules), metasOf(bimi.Rules), metasOf(mx.Rules), metasOf(zone.Rules),
		metasOf(starttls.Rules), metasOf(rules),
	)
	inReportOrder(metas, func(m *check.Meta) check.Standard { return m.Standard })
	return metas
}

func metasOf[F any](rules []check.Rule[F]) []*check.Meta {
	metas := make([]*check.Meta, len(rules))
	for i := range rules {
		metas[i] = &rules[i].Meta
	}
	return metas
}

// inReportOrder groups by standard and keeps the order of rules within one.
func inReportOrder[T any](list []T, standard func(T) check.Standard) {
	slices.SortStableFunc(list, func(a, b T) int {
		return slices.Index(check.Standards, standard(a)) - slices.Index(check.Standards, standard(b))
	})
}
