package reply

import (
	"slices"

	"github.com/postseal/postseal/check"
)

type (
	rule     = check.Rule[*Facts]
	variants = []check.Variant
	refs     = []check.Ref
)

// rules judge Facts, in report order: the replies, then the session.
var rules = complete(codeRules, sessionRules)

func complete(groups ...[]rule) []rule {
	rules := slices.Concat(groups...)
	for i := range rules {
		rules[i].Standard = check.Reply
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

// evaluate runs every rule.
func evaluate(f *Facts) []check.Result {
	results := check.Evaluate(rules, f)
	check.Relate(results)
	return results
}

// maxFindings bounds what one rule says about one input.
const maxFindings = 20

// limited reports until there are enough findings of one rule.
type limited struct {
	r *check.Reporter
	n int
}

func (l *limited) report(f check.Finding) {
	if l.n++; l.n <= maxFindings {
		l.r.Report(f)
	}
}
