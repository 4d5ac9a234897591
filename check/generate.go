package check

import "slices"

// GenProblem is what a generator says about the record that was asked for. At
// severity error it is a refusal: our own audit would object to the record. All
// else is a warning that goes with it.
//
// As an error it can be shown as a cause, for generators that make one thing
// and give up at the first obstacle.
type GenProblem struct {
	ID       string   // "gen-spf-lookups", or the rule that would report the record; never changes meaning
	Severity Severity // of this case
	Variant  string   // a form with words of its own, "" for the only one
	Params   Params
	Err      error // what lies below a refusal, nil for none
}

// MessageID is where the words of the problem stand in the message files.
func (p *GenProblem) MessageID() string {
	if p.Variant == "" {
		return p.ID + ".message"
	}
	return p.ID + ".message-" + p.Variant
}

// Error is for logs; readers get the words of MessageID.
func (p *GenProblem) Error() string {
	s := Cause{p.ID, p.Params}.Error()
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	return s
}

func (p *GenProblem) Unwrap() error { return p.Err }

// Refused tells whether one of the problems forbids the record.
func Refused(problems []GenProblem) bool {
	return slices.ContainsFunc(problems, func(p GenProblem) bool { return p.Severity == Error })
}
