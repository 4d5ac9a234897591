package audit

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dmarc/aggregate"
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
	Days       int // on which there are reports
	Begin, End time.Time
	Messages   int64
	Aligned    int64 // passed DMARC

	// What fails, by what its sources look like.
	Senders    aggregate.Share // the domain's own
	Forwarders aggregate.Share // lists and forwarders
	Unnamed    int             // sources that nobody has identified
	UnnamedOf  int64           // their messages, and those of sources too many to be told apart
	Breaking   []string        // the first few of Senders, by name
}

// namesShown of the senders that would break.
const namesShown = 3

// EvidenceOf takes from reports what a rollout asks of them; nil for nil.
func EvidenceOf(d *aggregate.Domain) *RolloutEvidence {
	if d == nil {
		return nil
	}
	ev := &RolloutEvidence{
		Days: d.Days, Begin: d.Begin, End: d.End, Messages: d.Messages, Aligned: d.Aligned(),
		Senders: d.Answer.Senders, Forwarders: d.Answer.Forwarders,
		Unnamed: d.Answer.Unknown.Sources, UnnamedOf: d.Answer.Unknown.Messages + d.Answer.Untold.Messages,
		Breaking: []string{},
	}
	for i := range d.Sources {
		if src := &d.Sources[i]; src.Kind == aggregate.Sender && len(ev.Breaking) < namesShown {
			ev.Breaking = append(ev.Breaking, src.Name)
		}
	}
	return ev
}

// PlanRollout makes the ladder for an audited domain. Evidence is nil where
// no reports were given. It is an error when it is not known which record applies.
func PlanRollout(out *Outcome, o dmarc.RolloutOptions, evidence *RolloutEvidence) (*Rollout, error) {
	f := out.Facts
	if !f.DMARC.Known && !f.DMARC.OnlySuffixUnknown() {
		for _, s := range f.DMARC.Steps {
			if s.Lookup.Unknown() {
				return nil, s.Lookup.Error
			}
		}
	}
	profile := out.Inference.Profile
	if profile == check.ProfileParked && evidence != nil && evidence.Aligned > 0 && out.Inference.Source != "flag" {
		profile = check.ProfileSendOnly // mail of its own passes somewhere: it sends, whatever SPF and MX say
	}
	if profile == check.ProfileParked {
		o.AtEnd, o.To = true, dmarc.Reject
	}
	if len(o.RUA) == 0 && profile.Receives() {
		o.RUA = []string{"mailto:dmarc@" + f.Domain.String()}
	}
	at := f.DMARC.Standing()
	stages, err := dmarc.Rollout(f.Domain, at, o)
	if err != nil {
		return nil, err
	}
	r := &Rollout{Profile: profile, Standing: at, Stages: []RolloutStage{}}
	state, _ := out.score()
	for i, s := range stages {
		if at.Own {
			s.Consent = slices.DeleteFunc(s.Consent, func(c check.RecordChange) bool { return consents(f.DMARC, c.Name) })
		}
		stage := RolloutStage{Stage: s, Gates: []Gate{}}
		if !s.Until.IsZero() {
			stage.Gates = gates(s.Name, state, evidence, i > 0)
		}
		r.Stages = append(r.Stages, stage)
	}
	return r, nil
}

// consents tells whether the record at that name is there already.
func consents(f *dmarc.Facts, name string) bool {
	return slices.ContainsFunc(f.Destinations, func(d *dmarc.Destination) bool {
		return d.Authorized == "yes" && dmarc.ConsentName(f.Domain, d.Host).FQDN() == name
	})
}

// gates are what must hold before the stage is left. What reports say of one
// that has not begun, only reports to come can tell.
func gates(stage string, state score.State, ev *RolloutEvidence, later bool) []Gate {
	aligned := func(policy string, testing bool) Gate { return aligned(ev, policy, testing, later) }
	dkim := gateOf("dkim", state.Measures["dkim-key"])
	switch stage {
	case dmarc.StageWatch:
		return []Gate{
			gateOf("spf", state.Measures["spf-record"]), dkim,
			gateOf("reports", state.Measures["dmarc-rua"]), aligned("none", false), identified(ev, later),
		}
	case dmarc.StageRehearseQuarantine:
		return []Gate{dkim, aligned("quarantine", true), lists(ev, later)}
	case dmarc.StageRehearseReject:
		return []Gate{dkim, aligned("reject", true), lists(ev, later)}
	}
	return []Gate{dkim, aligned("quarantine", false), {Code: "complaints", Status: GateManual}}
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

// aligned asks for a share of the mail that passes, over enough days: the gate
// of 'postseal dmarc reports'. Mail that looks like somebody else's keeps it
// open until somebody has looked; it does not shut it.
func aligned(ev *RolloutEvidence, policy string, testing, later bool) Gate {
	days, percent := aggregate.Need(policy, testing)
	g := Gate{Code: "aligned", Status: GateUnknown, Params: check.Params{"Percent": percent, "Days": days}, Cause: check.Cause{Code: "no-reports"}}
	switch {
	case ev == nil || ev.Messages <= 0:
		return g
	case later:
		g.Cause.Code = "reports-later"
		return g
	}
	share := shareOf(ev.Aligned, ev.Messages)
	maps.Copy(g.Params, check.Params{"Share": share, "Seen": ev.Days, "Messages": ev.Messages,
		"Begin": ev.Begin.Format(time.DateOnly), "End": ev.End.Format(time.DateOnly)})
	switch {
	case shareOf(ev.Aligned, ev.Aligned+min(ev.Senders.Messages, ev.Messages)) < percent:
		g.Status, g.Cause = GateNotMet, check.Cause{}
	case ev.Days < days:
		g.Cause = check.Cause{Code: "reports-too-few", Params: check.Params{"Days": ev.Days, "Want": days}}
	case share < percent:
		g.Cause = check.Cause{Code: "reports-others", Params: check.Params{"Share": share, "Messages": ev.Messages}}
	default:
		g.Status, g.Cause = GateMet, check.Cause{}
	}
	return g
}

// shareOf is a share in percent, rounded down to a tenth: 97.99 is not 98. The
// counts are strangers', and may be as large as a forger likes.
func shareOf(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return math.Floor(float64(part)/float64(whole)*1000+1e-9) / 10
}

// identified asks who fails. What looks like the domain's own has to be set up;
// of the rest only the owner can say whose it is.
func identified(ev *RolloutEvidence, later bool) Gate {
	g := Gate{Code: "identified", Status: GateManual, Params: check.Params{}}
	switch {
	case ev == nil || ev.Messages <= 0 || later:
	case ev.Senders.Messages > 0:
		g.Status = GateNotMet
		g.Params = check.Params{"Count": ev.Senders.Sources, "Messages": ev.Senders.Messages, "Names": ev.Breaking}
	case ev.UnnamedOf > 0:
		g.Params = check.Params{"Count": ev.Unnamed, "Messages": ev.UnnamedOf}
	default:
		g.Status = GateMet
	}
	return g
}

// lists asks whether those who pass mail on know; how much that is, reports say.
func lists(ev *RolloutEvidence, later bool) Gate {
	g := Gate{Code: "lists", Status: GateManual, Params: check.Params{}}
	if ev != nil && ev.Forwarders.Messages > 0 && !later {
		g.Params = check.Params{"Count": ev.Forwarders.Sources, "Messages": ev.Forwarders.Messages}
	}
	return g
}

// Today is the day of a time, as plans count days: in UTC.
func Today(now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
