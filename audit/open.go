package audit

import (
	"reflect"
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// evaluateAs runs the rules for the profile told. Where a failed look-up leaves
// it open, the domain is judged as each profile it may have, and only what all
// of them say is said: a parked domain whose MX answer was lost is not to blame
// for lacking DKIM.
func evaluateAs(f *Facts, in Inference) []check.Result {
	if len(in.Open) == 0 {
		settle(f, in.Profile)
		return evaluate(f)
	}
	var agreed []check.Result
	for _, p := range in.Open {
		settle(f, p)
		results := evaluate(f)
		if agreed == nil {
			agreed = results
			continue
		}
		for i := range agreed {
			agreed[i] = agree(agreed[i], results[i], in.Cause)
		}
	}
	settle(f, in.Profile)
	return agreed
}

// agree is what two results of one rule have in common.
func agree(a, b check.Result, cause check.Cause) check.Result {
	unknown := check.Result{Rule: a.Rule, Status: check.Unknown, Severity: a.Rule.Severity, Causes: []check.Cause{cause}}
	switch {
	case a.Status == check.Unknown:
		return a
	case b.Status == check.Unknown:
		return b
	case a.Status == check.Fail && b.Status == check.Fail:
		if b.Severity < a.Severity {
			a, b = b, a
		}
		a.Findings = slices.DeleteFunc(slices.Clone(a.Findings), func(x check.Finding) bool {
			return !slices.ContainsFunc(b.Findings, func(y check.Finding) bool { return y.Subject == x.Subject })
		})
		if len(a.Findings) == 0 {
			return unknown
		}
		for i := range a.Findings { // what to publish depends on the profile, too
			x := &a.Findings[i]
			y := b.Findings[slices.IndexFunc(b.Findings, func(y check.Finding) bool { return y.Subject == x.Subject })]
			if !reflect.DeepEqual(x.Fix, y.Fix) {
				x.Fix = nil
			}
		}
		return a
	case a.Status == check.Fail || b.Status == check.Fail:
		return unknown
	case a.Status != b.Status || explained(a) == explained(b):
		if a.Status == check.Pass {
			return a
		}
		return b
	}
	return unknown // the root cause that explains it in one of the profiles is none in the other
}

// explained tells whether all that the rule found stands below a root cause.
func explained(r check.Result) bool {
	return slices.ContainsFunc(r.Causes, func(c check.Cause) bool { return c.Code == "explained-by" })
}

// Score measures the outcome. Where the profile is open the table is that of
// mail, less what some profile in question does not ask for and the domain does
// not have; best and worst are those of all the profiles.
func (out *Outcome) score() (score.State, score.Score) {
	f, in := out.Facts, out.Inference
	state := measure(f, out.Results)
	if len(in.Open) == 0 {
		return state, score.Compute(state)
	}
	best, worst := 0, 100
	caps := state.Caps
	for _, p := range in.Open {
		settle(f, p)
		one := measure(f, evaluate(f))
		s := score.Compute(one)
		best, worst = max(best, s.Best), min(worst, s.Worst)
		for id, m := range state.Measures {
			if !has(p, id) && m.Known && m.Part < score.Full {
				state.Measures[id] = score.Not(in.Cause)
			}
		}
		caps = slices.DeleteFunc(caps, func(c score.OpenCap) bool {
			return !slices.ContainsFunc(s.Caps, func(o score.Cap) bool { return o.ID == c.ID })
		})
	}
	settle(f, in.Profile)
	state.Caps = caps
	s := score.Compute(state)
	s.Best, s.Worst = best, worst
	s.Value = min(max(s.Value, worst), best)
	return state, s
}

func has(p check.Profile, id score.CheckID) bool {
	return slices.ContainsFunc(score.Groups(p), func(g score.Group) bool {
		return slices.ContainsFunc(g.Checks, func(c score.Check) bool { return c.ID == id })
	})
}
