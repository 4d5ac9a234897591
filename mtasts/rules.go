package mtasts

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(recordRules, hostRules, responseRules, policyRules, mxRules, deepRules)

// rfc is a section of the standard.
func rfc(section string) []check.Ref { return []check.Ref{check.RFC(8461, section)} }
