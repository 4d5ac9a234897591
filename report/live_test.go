package report

import (
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

func TestWhatIf(t *testing.T) {
	finding := func(subject string) []Finding {
		return []Finding{{Subject: subject, Location: &Location{File: "f", Line: 3}}}
	}
	live := &Document{Reports: []*Report{
		{Domain: "a", Score: score.Score{Value: 50}, Results: []Result{{ID: "gone", Status: check.Fail, Findings: finding("a")}, {ID: "x", Status: check.Pass}}},
		{Domain: "b", Incomplete: true, Error: "timed out"},
	}}
	after := &Document{Reports: []*Report{
		{Domain: "a", Results: []Result{{ID: "gone", Status: check.Pass}, {ID: "x", Status: check.Fail, Findings: finding("a")}}},
		{Domain: "b"},
	}}
	WhatIf(live, after)
	a, b := after.Reports[0], after.Reports[1]
	if a.Live.Score.Value != 50 || a.Since == nil || len(a.Since.New) != 1 || a.Since.New[0].Location.Line != 3 || len(a.Since.Fixed) != 1 {
		t.Errorf("a: %+v, %+v", a.Live, a.Since)
	}
	if !b.Live.Asked || b.Live.Score != nil || b.Live.Error != "timed out" || b.Since != nil {
		t.Errorf("b: %+v, %+v", b.Live, b.Since)
	}
	if WhatIf(nil, after); after.Reports[0].Live.Asked {
		t.Error("nobody was asked")
	}
}
