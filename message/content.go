package message

import "github.com/postseal/postseal/check"

// EvaluateFormat runs the rules about how a message is written, and no others:
// for a message of which nothing is known but its octets, and without a
// network. Rules that need DNS do not apply.
func EvaluateFormat(m *Message) []check.Result {
	f := &Facts{Message: m, Delivery: &Delivery{}}
	f.gatherFormat()
	results := check.Evaluate(complete(fromRules, headerRules, octetRules), f)
	check.Relate(results)
	return results
}
