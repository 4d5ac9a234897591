package check

import (
	"errors"
	"fmt"
	"slices"
)

// Reporter collects what one rule says about one set of facts.
type Reporter struct {
	result *Result
}

// Report adds a finding. A variant that the rule does not declare is a
// programming mistake and panics.
func (r *Reporter) Report(f Finding) {
	if f.Variant != "" && r.result.Rule.variant(f.Variant) == nil {
		panic(fmt.Sprintf("check: rule %s has no variant %q", r.result.Rule.ID, f.Variant))
	}
	r.result.Findings = append(r.result.Findings, f)
}

// Unknown says that the facts needed could not be had. A rule that also
// reported findings stays failed: what was seen was seen.
func (r *Reporter) Unknown(err error) {
	c := CauseOf(err)
	for _, have := range r.result.Causes {
		if have.Error() == c.Error() {
			return
		}
	}
	r.result.Causes = append(r.result.Causes, c)
}

// CauseOf gives the cause to show for an error.
func CauseOf(err error) Cause {
	if c, ok := errors.AsType[Causer](err); ok {
		return Cause{Code: c.CauseCode(), Params: c.CauseParams()}
	}
	return Cause{Code: "error", Params: Params{"Error": fmt.Sprint(err)}}
}

// Evaluate runs the rules over the facts and gives one result for each rule,
// in the order of the rules. A rule that lacks only what the user did not ask
// for does not apply to this run: nothing failed, so nothing is open.
func Evaluate[F any](rules []Rule[F], facts F) []Result {
	results := make([]Result, len(rules))
	for i := range rules {
		rule := &rules[i]
		res := &results[i]
		res.Rule = &rule.Meta
		if rule.Applies != nil && !rule.Applies(facts) {
			res.Status = NotApplicable
		} else {
			rule.Run(facts, &Reporter{res})
			switch {
			case len(res.Findings) > 0:
				res.Status = Fail
				res.Causes = nil
			case len(res.Causes) > 0 && !slices.ContainsFunc(res.Causes, Cause.open):
				res.Status = NotApplicable
			case len(res.Causes) > 0:
				res.Status = Unknown
			default:
				res.Status = Pass
			}
		}
		res.Severity = res.severity()
	}
	return results
}

// SeverityOf is the severity of one finding of the rule.
func (m *Meta) SeverityOf(f *Finding) Severity {
	if v := m.variant(f.Variant); v != nil {
		return v.Severity
	}
	return m.Severity
}

func (m *Meta) variant(name string) *Variant {
	for i := range m.Variants {
		if m.Variants[i].Name == name {
			return &m.Variants[i]
		}
	}
	return nil
}

func (r *Result) severity() Severity {
	if len(r.Findings) == 0 {
		return r.Rule.Severity
	}
	var worst Severity
	for i := range r.Findings {
		worst = max(worst, r.Rule.SeverityOf(&r.Findings[i]))
	}
	return worst
}

// Relate moves each finding that a root cause explains under that root cause
// (Meta.CoveredBy), in place. A rule all of whose findings moved is no longer
// failed but not applicable, with the cause "explained-by".
func Relate(results []Result) {
	byID := make(map[string]*Result, len(results))
	for i := range results {
		byID[results[i].Rule.ID] = &results[i]
	}
	type key struct {
		rule string
		n    int
	}
	// The root of a finding is found on the untouched findings first, so that
	// the order of rules does not matter; chains are followed to their top.
	cover := map[key]key{}
	for i := range results {
		res := &results[i]
		for n := range res.Findings {
			for _, root := range res.Rule.CoveredBy {
				k := coveringFinding(byID[root], res.Findings[n].Scope)
				if k >= 0 {
					cover[key{res.Rule.ID, n}] = key{root, k}
					break
				}
			}
		}
	}
	top := func(k key) (key, bool) {
		for range len(cover) + 1 {
			up, ok := cover[k]
			if !ok {
				return k, true
			}
			k = up
		}
		return k, false // a cycle: nobody is the root, so nothing moves
	}
	moved := map[key]bool{}
	for i := range results {
		res := &results[i]
		for n := range res.Findings {
			k := key{res.Rule.ID, n}
			root, ok := top(k)
			if !ok || root == k {
				continue
			}
			target := &byID[root.rule].Findings[root.n]
			target.Consequences = append(target.Consequences, Consequence{Rule: res.Rule.ID, Finding: res.Findings[n]})
			moved[k] = true
		}
	}
	for i := range results {
		res := &results[i]
		if len(res.Findings) == 0 {
			continue
		}
		var kept []Finding
		var roots []string
		for n, f := range res.Findings {
			k := key{res.Rule.ID, n}
			if !moved[k] {
				kept = append(kept, f)
				continue
			}
			if root, _ := top(k); !slices.Contains(roots, root.rule) {
				roots = append(roots, root.rule)
			}
		}
		res.Findings = kept
		if len(kept) == 0 {
			res.Status = NotApplicable
			for _, id := range roots {
				res.Causes = append(res.Causes, Cause{Code: "explained-by", Params: Params{"Rule": id}})
			}
		}
		res.Severity = res.severity()
	}
}

// coveringFinding is the index of the finding in res that covers the scope, or -1.
func coveringFinding(res *Result, scope string) int {
	if res == nil || res.Status != Fail {
		return -1
	}
	for i := range res.Findings {
		if s := res.Findings[i].Scope; s == "" || scope == "" || s == scope {
			return i
		}
	}
	return -1
}
