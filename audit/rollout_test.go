package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dmarc/aggregate"
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
		for _, g := range gates(stage, state, ev, false) {
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
		{"just not enough", dmarc.StageWatch, &RolloutEvidence{Days: 30, Messages: 10000, Aligned: 9799, Senders: aggregate.Share{Sources: 2, Messages: 201}}, map[string]GateStatus{
			"spf": GateMet, "dkim": GateUnknown, "reports": GateNotMet, "aligned": GateNotMet, "identified": GateNotMet}},
		{"spoofing shuts nothing, and opens nothing", dmarc.StageWatch, &RolloutEvidence{Days: 30, Messages: 10000, Aligned: 1000, Unnamed: 9, UnnamedOf: 9000}, map[string]GateStatus{
			"spf": GateMet, "dkim": GateUnknown, "reports": GateNotMet, "aligned": GateUnknown, "identified": GateManual}},
		{"too few days", dmarc.StageQuarantine, &RolloutEvidence{Days: 27, Messages: 1000, Aligned: 1000}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateUnknown, "complaints": GateManual}},
		{"quarantine asks for more", dmarc.StageQuarantine, &RolloutEvidence{Days: 28, Messages: 1000, Aligned: 985, Senders: aggregate.Share{Sources: 1, Messages: 15}}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateNotMet, "complaints": GateManual}},
		{"and so does what rehearses reject", dmarc.StageRehearseReject, &RolloutEvidence{Days: 14, Messages: 1000, Aligned: 985, Senders: aggregate.Share{Sources: 1, Messages: 15}}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateNotMet, "lists": GateManual}},
		{"rehearsal of quarantine", dmarc.StageRehearseQuarantine, &RolloutEvidence{Days: 14, Messages: 1000, Aligned: 985, Forwarders: aggregate.Share{Sources: 1, Messages: 15}}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateMet, "lists": GateManual}},
		{"forged counts", dmarc.StageRehearseQuarantine, &RolloutEvidence{Days: 14, Messages: 1 << 62, Aligned: 1 << 62}, map[string]GateStatus{
			"dkim": GateUnknown, "aligned": GateMet, "lists": GateManual}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, status(c.stage, c.ev)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Only reports to come can tell about a stage that has not begun.
func TestGatesLater(t *testing.T) {
	ev := &RolloutEvidence{Days: 60, Messages: 1000, Aligned: 1000}
	for _, g := range gates(dmarc.StageQuarantine, score.State{}, ev, true) {
		if g.Code == "aligned" && (g.Status != GateUnknown || g.Cause.Code != "reports-later") {
			t.Errorf("got %s (%s), want unknown until then", g.Status, g.Cause.Code)
		}
	}
}

// TestEvidenceOf: what a rollout is told is what 'dmarc reports' says.
func TestEvidenceOf(t *testing.T) {
	if EvidenceOf(nil) != nil {
		t.Error("no reports are no evidence")
	}
	d := &aggregate.Domain{Days: 20, Tally: aggregate.Tally{Messages: 100, Failing: 30}}
	d.Answer.Senders = aggregate.Share{Sources: 4, Messages: 20}
	d.Answer.Unknown = aggregate.Share{Sources: 2, Messages: 3}
	d.Answer.Untold = aggregate.Share{Messages: 2}
	for _, name := range []string{"a", "b", "c", "d"} {
		d.Sources = append(d.Sources, aggregate.Source{Name: name, Kind: aggregate.Sender}, aggregate.Source{Name: "x", Kind: aggregate.Unknown})
	}
	want := &RolloutEvidence{Days: 20, Messages: 100, Aligned: 70, Senders: d.Answer.Senders, Unnamed: 2, UnnamedOf: 5, Breaking: []string{"a", "b", "c"}}
	if diff := cmp.Diff(want, EvidenceOf(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
