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

// rules judge Facts, in report order.
var rules = complete(formatRules, spfRules, dkimRules, dmarcRules, authresRules, arcRules, bulkRules)

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
	metas := make([]*check.Meta, len(rules))
	for i := range rules {
		metas[i] = &rules[i].Meta
	}
	return metas
}

// Evaluate runs every rule and relates root causes to their consequences.
func Evaluate(f *Facts) []check.Result {
	results := check.Evaluate(rules, f)
	check.Relate(results)
	return results
}
