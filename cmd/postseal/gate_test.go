package main

import (
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/score"
)

// TestGate holds exit codes to what was seen: findings and low scores are 1,
// what could not be had is 3 and never a low score.
func TestGate(t *testing.T) {
	one := func(s check.Status, sev check.Severity, value, coverage int) *report.Report {
		return &report.Report{Domain: "example.com", Score: score.Score{Value: value, Coverage: coverage},
			Results: []report.Result{{ID: "x", Status: s, Findings: []report.Finding{{Severity: sev}}}}}
	}
	cut := one(check.Unknown, check.Error, 0, 0)
	cut.Incomplete = true
	for _, c := range []struct {
		name string
		gate gateFlags
		rep  *report.Report
		want int
	}{
		{"an error", gateFlags{failOn: "error"}, one(check.Fail, check.Error, 90, 100), 1},
		{"a warning below the bar", gateFlags{failOn: "error"}, one(check.Fail, check.Warning, 90, 100), 0},
		{"a warning at the bar", gateFlags{failOn: "warning"}, one(check.Fail, check.Warning, 90, 100), 1},
		{"info at the bar", gateFlags{failOn: "info"}, one(check.Fail, check.Info, 90, 100), 1},
		{"switched off", gateFlags{failOn: "none"}, one(check.Fail, check.Error, 90, 100), 0},
		{"unknown is no finding", gateFlags{failOn: "info"}, one(check.Unknown, check.Error, 90, 100), 0},
		{"a low score", gateFlags{failOn: "none", minScore: 91}, one(check.Pass, check.Info, 90, 100), 1},
		{"a score at the bar", gateFlags{failOn: "none", minScore: 90}, one(check.Pass, check.Info, 90, 100), 0},
		{"not all measured", gateFlags{failOn: "error"}, one(check.Pass, check.Info, 90, 99), 0},
		{"not all measured, and that matters", gateFlags{failOn: "error", incomplete: true}, one(check.Pass, check.Info, 90, 99), 3},
		{"all measured", gateFlags{failOn: "error", incomplete: true}, one(check.Pass, check.Info, 90, 100), 0},
		{"findings outrank that", gateFlags{failOn: "error", incomplete: true}, one(check.Fail, check.Error, 90, 99), 1},
		{"nothing could be asked", gateFlags{failOn: "error"}, cut, 3},
		{"nothing could be asked: no low score", gateFlags{failOn: "error", minScore: 80}, cut, 3},
		{"nothing measured: no low score", gateFlags{failOn: "error", minScore: 80}, one(check.Unknown, check.Info, 0, 0), 0},
	} {
		if got := c.gate.judge(&report.Document{Reports: []*report.Report{c.rep}}); got.Code != c.want {
			t.Errorf("%s: got %d (%q), want %d", c.name, got.Code, got.Reasons, c.want)
		}
	}
}
