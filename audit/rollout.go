package audit

import (
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/score"
)

// Rollout is the dated way of a domain to an enforced DMARC policy.
type Rollout struct {
	Profile  check.Profile
	Standing dmarc.Standing
	Stages   []RolloutStage
}

// RolloutStage is one stage and what must hold before the next one begins.
type RolloutStage struct {
	dmarc.Stage
	Gates []Gate
}

// Gate is a condition for going on.
type Gate struct {
	Code   string
	Status GateStatus
	Cause  check.Cause  // why it is not known
	Params check.Params // numbers of the condition
}

// GateStatus says how far a gate is open.
type GateStatus string

// The states of a gate. Manual ones only the owner can answer.
const (
	GateMet     GateStatus = "met"
	GateNotMet  GateStatus = "not-met"
	GateUnknown GateStatus = "unknown"
	GateManual  GateStatus = "manual"
)

// RolloutEvidence is what aggregate reports say of the mail in the domain's name.
type RolloutEvidence struct {
	Days     int // that the reports cover
	Messages int64
	Aligned  int64 // passed DMARC
	Unnamed  int   // sources of weight that nobody has identified
}

// Share of the mail that must pass before a policy is raised, in percent, and
// the days that the reports must cover.
const (
	gateWatch      = 98
	gateQuarantine = 99
	gateDays       = 14
)

// PlanRollout makes the ladder for an audited domain. Evidence is nil where
// no reports were given. It is an error when it is not known which record applies.
func PlanRollout(out *Outcome, o dmarc.RolloutOptions, evidence *RolloutEvidence) (*Rollout, error) {
	f := out.Facts
	if !f.DMARC.Known {
		for _, s := range f.DMARC.Steps {
			if s.Lookup.Unknown() {
				return nil, s.Lookup.Error
			}
		}
	}
	if out.Inference.Profile == check.ProfileParked {
		o.AtEnd, o.To = true, dmarc.Reject
	}
	if len(o.RUA) == 0 && out.Inference.Profile.Receives() {
		o.RUA = []string{"mailto:dmarc@" + f.Domain.String()}
	}
	at := f.DMARC.Standing()
	stages, err := dmarc.Rollout(f.Domain, at, o)
	if err != nil {
		return nil, err
	}
	r := &Rollout{Profile: out.Inference.Profile, Standing: at, Stages: []RolloutStage{}}
	state, _ := out.score()
	for _, s := range stages {
		stage := RolloutStage{Stage: s, Gates: []Gate{}}
		if !s.Until.IsZero() {
			stage.Gates = gates(s.Name, state, evidence)
		}
		r.Stages = append(r.Stages, stage)
	}
	return r, nil
}

// gates are what must hold before the stage is left.
func gates(stage string, state score.State, ev *RolloutEvidence) []Gate {
	manual := func(code string) Gate { return Gate{Code: code, Status: GateManual} }
	switch stage {
	case dmarc.StageWatch:
		return []Gate{
			gateOf("spf", state.Measures["spf-record"]), gateOf("dkim", state.Measures["dkim-key"]),
			gateOf("reports", state.Measures["dmarc-rua"]), aligned(ev, gateWatch), identified(ev),
		}
	case dmarc.StageQuarantine, dmarc.StageSubdomainQuarantine, dmarc.StageReject:
		return []Gate{gateOf("dkim", state.Measures["dkim-key"]), aligned(ev, gateQuarantine), manual("complaints")}
	}
	return []Gate{gateOf("dkim", state.Measures["dkim-key"]), aligned(ev, gateWatch), manual("lists")}
}

func gateOf(code string, m score.Measure) Gate {
	switch {
	case !m.Known:
		return Gate{Code: code, Status: GateUnknown, Cause: m.Cause}
	case m.Part == score.Nothing:
		return Gate{Code: code, Status: GateNotMet}
	}
	return Gate{Code: code, Status: GateMet}
}

// aligned asks for a share of the mail that passes, over enough days.
func aligned(ev *RolloutEvidence, percent int) Gate {
	g := Gate{Code: "aligned", Status: GateUnknown, Params: check.Params{"Percent": percent, "Days": gateDays}, Cause: check.Cause{Code: "no-reports"}}
	if ev == nil || ev.Messages == 0 {
		return g
	}
	g.Params["Share"] = float64(ev.Aligned*1000/ev.Messages) / 10 // rounded down: 97.99 is not 98
	g.Params["Seen"] = ev.Days
	g.Params["Messages"] = ev.Messages
	switch {
	case ev.Aligned*100 < ev.Messages*int64(percent):
		g.Status, g.Cause = GateNotMet, check.Cause{}
	case ev.Days < gateDays:
		g.Cause = check.Cause{Code: "reports-too-few", Params: check.Params{"Days": ev.Days, "Want": gateDays}}
	default:
		g.Status, g.Cause = GateMet, check.Cause{}
	}
	return g
}

func identified(ev *RolloutEvidence) Gate {
	g := Gate{Code: "identified", Status: GateManual, Params: check.Params{"Count": 0}}
	if ev == nil || ev.Messages == 0 {
		return g
	}
	g.Params["Count"] = ev.Unnamed
	if g.Status = GateMet; ev.Unnamed > 0 {
		g.Status = GateNotMet
	}
	return g
}

// Today is the day of a time, as plans count days: in UTC.
func Today(now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
