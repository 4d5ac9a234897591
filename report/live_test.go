package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

func TestCompare(t *testing.T) {
	res := func(id string, status check.Status, subjects ...string) Result {
		r := Result{ID: id, Status: status}
		for _, s := range subjects {
			r.Findings = append(r.Findings, Finding{Subject: s})
		}
		return r
	}
	caused := res("root", check.Fail, "d")
	caused.Findings[0].Consequences = []Consequence{{Rule: "moved", Subject: "d"}}
	live := &Report{Results: []Result{
		res("kept", check.Fail, "d", "d"), res("gone", check.Fail, "d"), res("untold", check.Unknown),
		res("lost", check.Fail, "d"), res("moved", check.Fail, "d"), res("root", check.Pass),
	}}
	after := &Report{Results: []Result{
		res("kept", check.Fail, "d", "d", "d"), res("gone", check.Pass), res("untold", check.Fail, "d"),
		res("lost", check.Unknown), res("moved", check.NotApplicable), caused,
	}}
	got := Compare(after, live)
	var fresh, fixed []string
	for _, c := range got.New {
		fresh = append(fresh, c.Rule)
	}
	for _, c := range got.Fixed {
		fixed = append(fixed, c.Rule)
	}
	if diff := cmp.Diff([]string{"kept", "root"}, fresh); diff != "" {
		t.Errorf("new (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gone"}, fixed); diff != "" {
		t.Errorf("fixed (-want +got):\n%s", diff)
	}
	if l := Compare(after, nil); l.Asked || l.Score != nil || l.New == nil {
		t.Errorf("without a live audit: %+v", l)
	}
}
