package score_test

import (
	"fmt"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// What was not measured leaves both sums.
func ExampleCompute() {
	s := score.Compute(score.State{
		Profile: check.ProfileMail,
		Measures: map[score.CheckID]score.Measure{
			"dmarc-record": score.Of(score.Full),
			"dmarc-policy": score.Of(score.Most),
			"spf-record":   score.Of(score.Full),
			"dkim-key":     score.Not(check.Cause{Code: "no-selector-known"}),
		},
	})
	fmt.Println(s.Value, s.Grade, "measured:", s.Coverage)
	fmt.Println("between", s.Worst, "and", s.Best)
	// Output:
	// 85 – measured: 28
	// between 24 and 96
}
