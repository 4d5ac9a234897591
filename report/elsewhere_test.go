package report

import (
	"testing"

	"github.com/postseal/postseal/check"
)

// TestExplainedElsewhere: a standard whose only fault is told below another
// standard's finding is not shown as good.
func TestExplainedElsewhere(t *testing.T) {
	r := &Report{Results: []Result{
		{ID: "spf-missing", Standard: check.SPF, Status: check.NotApplicable, CauseCode: "explained-by"},
		{ID: "spf-ptr", Standard: check.SPF, Status: check.Pass},
		{ID: "mx-domain-nxdomain", Standard: check.MX, Status: check.Fail, Severity: check.Error, Findings: []Finding{{
			Severity:     check.Error,
			Consequences: []Consequence{{Rule: "spf-missing", Severity: check.Warning, Title: "no SPF record"}},
		}}},
	}}
	for _, s := range standings(r) {
		want := map[check.Standard]state{check.SPF: stateWarning, check.MX: stateError}[s.Standard]
		if s.State != want {
			t.Errorf("%s: got %v, want %v", s.Standard, s.State, want)
		}
	}
}

// TestNothingButFacts: a standard of which only a fact to know can be told has
// shown nothing that could be good.
func TestNothingButFacts(t *testing.T) {
	missing := Result{ID: "dane-tlsa-missing", Standard: check.DANE, Status: check.Fail, Severity: check.Info, Findings: []Finding{{Severity: check.Info}}}
	for _, c := range []struct {
		results []Result
		want    state
	}{
		{[]Result{missing, {ID: "dane-no-match", Standard: check.DANE, Status: check.NotApplicable}}, stateNone},
		{[]Result{missing, {ID: "dane-no-match", Standard: check.DANE, Status: check.Pass}}, stateOK},
	} {
		if got := standings(&Report{Results: c.results})[0].State; got != c.want {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

// TestNoRecordIsNotGood: checks that no stray TLSA record trips are no DANE.
func TestNoRecordIsNotGood(t *testing.T) {
	for state, want := range map[string]state{"nxdomain": stateNone, "nodata": stateNone, "found": stateOK, "unknown": stateOK} {
		r := reportWith("dane", `{"hosts":[{"host":"mx","lookup":{"state":"`+state+`"}}]}`)
		r.Results = []Result{{ID: "dane-wrong-owner", Standard: check.DANE, Status: check.Pass}}
		if got := standings(r)[0].State; got != want {
			t.Errorf("%s: got %v, want %v", state, got, want)
		}
	}
}
