package check_test

import (
	"errors"
	"fmt"

	"github.com/postseal/postseal/check"
)

// facts are what was observed: a record, or why there is none to judge.
type facts struct {
	record string
	err    error
}

// A rule is constant data and one pure function.
var rules = []check.Rule[facts]{{
	Meta: check.Meta{ID: "demo-empty", Title: "the record is empty", Severity: check.Warning},
	Run: func(f facts, r *check.Reporter) {
		switch {
		case f.err != nil:
			r.Unknown(f.err)
		case f.record == "":
			r.Report(check.Finding{Subject: "example.com"})
		}
	},
}}

func ExampleEvaluate() {
	for _, f := range []facts{{record: "v=demo"}, {}, {err: errors.New("no reply")}} {
		for _, res := range check.Evaluate(rules, f) {
			fmt.Println(res.Rule.ID, res.Status)
			for _, c := range res.Causes {
				fmt.Println(" ", c.Code, c.Params["Error"])
			}
		}
	}
	// Output:
	// demo-empty pass
	// demo-empty fail
	// demo-empty unknown
	//   error no reply
}
