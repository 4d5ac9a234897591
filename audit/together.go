package audit

import "github.com/postseal/postseal/dkim"

// Together compares the domains of one run with each other and judges them anew:
// what only shows beside others is part of what a domain is told. Nil outcomes
// are skipped; a run of one domain stays as it is. It asks nothing, and the order
// of the list does not matter.
func Together(list []*Outcome) {
	var facts []*dkim.Facts
	for _, out := range list {
		if out != nil && out.Facts != nil && out.Facts.DKIM != nil {
			facts = append(facts, out.Facts.DKIM)
		}
	}
	if len(facts) < 2 {
		return
	}
	dkim.Batch(facts)
	for _, out := range list {
		if out != nil && out.Facts != nil {
			out.Results = evaluateAs(out.Facts, out.Inference)
		}
	}
}
