package message

import (
	"slices"

	"github.com/postseal/postseal/check"
)

type (
	rule     = check.Rule[*Facts]
	variants = []check.Variant
	refs     = []check.Ref
)

// Rules judge Facts, in report order.
var Rules = complete(formatRules, spfRules, dkimRules, dmarcRules, authresRules, arcRules, bulkRules)

// complete joins the groups and fills in what all rules share.
func complete(groups ...[]rule) []rule {
	rules := slices.Concat(groups...)
	for i := range rules {
		rules[i].Standard = check.Message
	}
	return rules
}

// Metas lists the constant part of every rule, in report order.
func Metas() []*check.Meta {
	metas := make([]*check.Meta, len(Rules))
	for i := range Rules {
		metas[i] = &Rules[i].Meta
	}
	return metas
}

// Evaluate runs every rule and relates root causes to their consequences.
func Evaluate(f *Facts) []check.Result {
	results := check.Evaluate(Rules, f)
	check.Relate(results)
	return results
}
