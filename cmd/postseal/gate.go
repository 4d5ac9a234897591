package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// gateFlags say when a run fails.
type gateFlags struct {
	failOn     string
	minScore   int
	incomplete bool
	baseline   string // path of an earlier result

	// minScoreOf is the score that the configuration asks of a domain; nil for none.
	minScoreOf func(domain string) int
}

func (g *gateFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.failOn, "fail-on", "error", "exit 1 at findings of this `SEVERITY` or worse: error, warning, notice, info, none")
	cmd.Flags().IntVar(&g.minScore, "min-score", 0, "exit 1 when a score is below `N`")
	complete(cmd, "fail-on", "error", "warning", "notice", "info", "none")
	cmd.Flags().StringVar(&g.baseline, "baseline", "", "let only findings fail the run that are new or worse than in the JSON result in this `FILE`")
	cmd.Flags().BoolVar(&g.incomplete, "fail-on-incomplete", false, "exit 3 when anything could not be measured")
}

func (g *gateFlags) check() error {
	if g.failOn != "none" {
		if _, err := check.ParseSeverity(g.failOn); err != nil {
			return usage("--fail-on %q is none of error, warning, notice, info, none", g.failOn)
		}
	}
	if g.minScore < 0 || g.minScore > 100 {
		return usage("--min-score %d is not between 0 and 100", g.minScore)
	}
	return nil
}

// because adds a reason: a code for machines, the same in every language, and
// what the message exit.<code> says for people.
func because(e *report.Exit, l *locale.Localizer, code string, params check.Params) {
	e.ReasonCodes = append(e.ReasonCodes, code)
	e.Reasons = append(e.Reasons, l.Text("exit."+code, params))
}

// judge says which exit code the document earns and why. Findings outrank an
// incomplete audit: they are certain.
func (g *gateFlags) judge(doc *report.Document, l *locale.Localizer) report.Exit {
	e := report.Exit{Reasons: []string{}, ReasonCodes: []string{}, FailOn: g.failOn}
	var incomplete report.Exit
	for _, r := range doc.Reports {
		results, code := r.Results, "findings"
		if g.baseline != "" && r.Since != nil {
			results, code = only(r, slices.Concat(r.Since.New, r.Since.Worse)), "new-findings"
		}
		if n := g.findings(results); n > 0 {
			because(&e, l, code, check.Params{"Name": shown(r), "N": n, "Severity": g.severity(l)})
		}
		// Where nothing was measured there is no score that could be too low.
		if least := g.least(r.Domain); !r.Incomplete && r.Score.Coverage > 0 && r.Score.Value < least {
			because(&e, l, "score", check.Params{"Name": shown(r), "Score": r.Score.Value, "Least": least})
		}
		switch {
		case r.Incomplete:
			because(&incomplete, l, "incomplete", check.Params{"Name": shown(r), "Cause": r.Error})
		case g.incomplete && r.Score.Coverage < 100:
			because(&incomplete, l, "coverage", check.Params{"Name": shown(r), "Points": r.Score.Coverage})
		}
	}
	switch {
	case len(e.Reasons) > 0:
		e.Code = exitFindings
	case len(incomplete.Reasons) > 0:
		e.Code = exitIncomplete
	}
	e.Reasons = append(e.Reasons, incomplete.Reasons...)
	e.ReasonCodes = append(e.ReasonCodes, incomplete.ReasonCodes...)
	return e
}

// severity is the word for the threshold.
func (g *gateFlags) severity(l *locale.Localizer) string {
	return l.Text("report.severity."+g.failOn, nil)
}

// shown is the domain as people write it.
func shown(r *report.Report) string {
	if r.DomainUnicode != "" {
		return r.DomainUnicode
	}
	return r.Domain
}

// least is the score that a domain must have: its own bound, else that of all.
func (g *gateFlags) least(domain string) int {
	if g.minScoreOf != nil {
		if n := g.minScoreOf(domain); n > 0 {
			return n
		}
	}
	return g.minScore
}

func (g *gateFlags) findings(results []report.Result) int {
	if g.failOn == "none" {
		return 0
	}
	least, err := check.ParseSeverity(g.failOn)
	if err != nil {
		return 0 // check() has refused it already
	}
	n := 0
	for _, res := range results {
		if res.Status != check.Fail {
			continue
		}
		for _, f := range res.Findings {
			if f.Severity >= least && f.Ignored == nil {
				n++
			}
		}
	}
	return n
}
