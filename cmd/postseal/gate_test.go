package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
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
		if got := c.gate.judge(&report.Document{Reports: []*report.Report{c.rep}}, locale.Must(locale.English)); got.Code != c.want {
			t.Errorf("%s: got %d (%q), want %d", c.name, got.Code, got.Reasons, c.want)
		}
	}
}

// TestReasons holds the reasons of an exit to the language of the run, and
// their codes to none.
func TestReasons(t *testing.T) {
	weak := &report.Report{Domain: "xn--caf-dma.example", DomainUnicode: "café.example", Score: score.Score{Value: 40, Coverage: 90},
		Results: []report.Result{{ID: "x", Status: check.Fail, Findings: []report.Finding{{Severity: check.Error}}}}}
	cut := &report.Report{Domain: "b.example", Incomplete: true, Error: "no answer"}
	g := gateFlags{failOn: "warning", minScore: 60, incomplete: true}
	codes := []string{"findings", "score", "coverage", "incomplete"}
	for _, c := range []struct {
		lang locale.Lang
		want []string
	}{
		{locale.English, []string{"café.example: 1 finding at severity warning or worse", "café.example: score 40 is below 60",
			"café.example: only 90 of 100 points could be measured", "b.example: no answer"}},
		{locale.Portuguese, []string{"café.example: 1 achado com gravidade alerta ou pior", "café.example: a nota 40 está abaixo de 60",
			"café.example: só foi possível medir 90 dos 100 pontos", "b.example: no answer"}},
	} {
		l := locale.Must(c.lang)
		got := g.judge(&report.Document{Reports: []*report.Report{weak, cut}}, l)
		if diff := cmp.Diff(c.want, got.Reasons); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", c.lang, diff)
		}
		if diff := cmp.Diff(codes, got.ReasonCodes); diff != "" {
			t.Errorf("%s: codes (-want +got):\n%s", c.lang, diff)
		}
		last := exitWith(got, l).Error()
		if more := map[locale.Lang]string{locale.English: "; and 1 more", locale.Portuguese: "; e mais 1"}[c.lang]; !strings.HasSuffix(last, more) {
			t.Errorf("%s: the last line %q does not end in %q", c.lang, last, more)
		}
	}
}

// TestReasonsOfResults: the same for commands without a score.
func TestReasonsOfResults(t *testing.T) {
	pt := locale.Must(locale.Portuguese)
	two := []report.Result{{Status: check.Fail, Findings: []report.Finding{{Severity: check.Error}, {Severity: check.Warning}}}}
	g := gateFlags{failOn: "warning", incomplete: true}
	if got, want := g.judgeResults("a.eml", two, pt).Reasons[0], "a.eml: 2 achados com gravidade alerta ou pior"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := g.judgeResults("a.eml", []report.Result{{Status: check.Unknown}}, pt)
	if want := "a.eml: 1 regra não pôde ser avaliada"; got.Reasons[0] != want || got.ReasonCodes[0] != "unknown" || got.Code != exitIncomplete {
		t.Errorf("got %+v, want %q", got, want)
	}
}
