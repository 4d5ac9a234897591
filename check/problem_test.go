package check

import (
	"errors"
	"testing"
)

// TestProblems: a rule reports the problems of its own name, with their variant
// and words at the place that the caller gives, and stops before they are many.
func TestProblems(t *testing.T) {
	var problems []Problem
	for range MaxPerText + 3 {
		problems = append(problems, Problem{Rule: "other"},
			Problem{Rule: "mine", Variant: "v", Span: &Span{Start: 1, End: 2}, Params: Params{"A": 1}, Scope: "s"})
	}
	r := &Reporter{&Result{Rule: &Meta{ID: "mine", Variants: []Variant{{Name: "v"}}}}}
	r.Problems("mine", problems, func(p *Problem) Finding { return Finding{Subject: "here", Span: p.Span} })
	if len(r.result.Findings) != MaxPerText {
		t.Fatalf("got %d findings, want %d", len(r.result.Findings), MaxPerText)
	}
	f := r.result.Findings[0]
	if f.Subject != "here" || f.Variant != "v" || f.Scope != "s" || f.Params["A"] != 1 || f.Span == nil || f.Span.End != 2 {
		t.Errorf("got %+v", f)
	}
}

// TestStage: a rule over a step that was not reached does not apply; one over a
// step that nobody could tell of applies and is unknown.
func TestStage(t *testing.T) {
	for _, c := range []struct {
		reached bool
		cause   error
		status  Status
	}{
		{false, nil, NotApplicable},
		{true, nil, Pass},
		{false, errors.New("no answer"), Unknown},
	} {
		s := Stage[int](func(int) (bool, error) { return c.reached, c.cause })
		ran := false
		got := Evaluate([]Rule[int]{{Meta: Meta{ID: "x-y"}, Applies: s.Applies, Run: s.Judge(func(int, *Reporter) { ran = true })}}, 0)
		if got[0].Status != c.status || ran != (c.status == Pass) {
			t.Errorf("reached %v, cause %v: got %s, want %s (judged: %v)", c.reached, c.cause, got[0].Status, c.status, ran)
		}
	}
}
