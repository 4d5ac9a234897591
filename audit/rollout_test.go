package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/score"
)

// TestGates: what is measured opens a gate, what is not known leaves it open to
// question, and only the owner can answer for people.
func TestGates(t *testing.T) {
	state := score.State{Measures: map[score.CheckID]score.Measure{
		"spf-record": score.Of(score.Full),
		"dkim-key":   score.Not(check.Cause{Code: "no-selector-known"}),
		"dmarc-rua":  score.Of(score.Nothing),
	}}
	status := func(stage string, ev *RolloutEvidence) map[string]GateStatus {
		got := map[string]GateStatus{}
		for _, g := range gates(stage, state, ev) {
			got[g.Code] = g.Status
		}
		return got
	}
	cases := []struct {
		name  string
		stage string
		ev    *RolloutEvidence
		want  map[string]GateStatus
	}{
		{"no reports", dmarc.StageWatch, nil, map[string]GateStatus{
			"spf": GateMet, "dkim": GateUnknown, "reports": GateNotMet, "aligned": GateUnknown, "identified": GateManual}},
		{"enough mail passes", dmarc.StageWatch, &RolloutEvidence{Days: 14, Messages: 1000, Aligned: 980}, map[string]GateStatus{
			"spf": GateMet, "dkim": GateUnknown, "reports": GateNotMet, "aligned": GateMet, "identified": GateMet}},
		{"just not enough", dmarc.StageWatch, &RolloutEvidence{Days: 30, Messages: 10000, Aligned: 9799, Unnamed: 2}, map[string]GateStatus{
			"spf": GateMet, "dkim": GateUnknown, "reports": GateNotMet, "aligned": GateNotMet, "identified": GateNotMet}},
		{"too few days", dmarc.StageQuarantine, &RolloutEvidence{Days: 13, Messages: 1000, Aligned: 1000}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateUnknown, "complaints": GateManual}},
		{"quarantine asks for more", dmarc.StageQuarantine, &RolloutEvidence{Days: 20, Messages: 1000, Aligned: 985}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateNotMet, "complaints": GateManual}},
		{"rehearsal", dmarc.StageRehearseReject, &RolloutEvidence{Days: 20, Messages: 1000, Aligned: 985}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateMet, "lists": GateManual}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, status(c.stage, c.ev)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
