package aggregate

// Answer says in numbers whether the next stricter policy is safe, by the gates
// of the rollout: enough days, enough of the volume aligned, every remaining
// source accounted for.
type Answer struct {
	Code string `json:"code"` // one of the Answer… constants
	Next string `json:"next"` // the policy that would come next: quarantine, reject, or "" at the top

	NeedDays    int     `json:"need_days"`
	NeedPercent float64 `json:"need_percent"`

	// The failing messages, by what their sources look like; Untold is mail of
	// sources that were too many to be told apart.
	Senders    Share `json:"senders"`
	Forwarders Share `json:"forwarders"`
	Unknown    Share `json:"unknown"`
	Untold     Share `json:"untold"`
}

// Share is failing mail of one kind of source.
type Share struct {
	Sources  int   `json:"sources"`
	Messages int64 `json:"messages"`
}

// The answers.
const (
	AnswerNone   = "none"   // no mail was reported
	AnswerTop    = "top"    // the policy is reject, in force
	AnswerLittle = "little" // too few days to say
	AnswerFix    = "fix"    // mail that looks like the domain's own fails: set its sources up first
	AnswerLook   = "look"   // nothing clearly the domain's own fails, but sources are not accounted for
	AnswerReady  = "ready"  // the gate is passed
)

// gates are what the stages of the rollout ask for before the next one.
type gate struct {
	next    string
	days    int
	percent float64
}

func nextGate(p Published) gate {
	switch {
	case p.P == "reject" && p.Testing:
		return gate{"reject", 14, 99}
	case p.P == "reject":
		return gate{}
	case p.P == "quarantine" && p.Testing:
		return gate{"quarantine", 14, 98}
	case p.P == "quarantine":
		return gate{"reject", 28, 99}
	}
	return gate{"quarantine", 14, 98}
}

// Need is what the gate to the next policy asks for: days with reports, and the
// share of the mail that is aligned, in percent. Past p=reject it is that of
// quarantine, for what comes below the domain.
func Need(policy string, testing bool) (days int, percent float64) {
	g := nextGate(Published{P: policy, Testing: testing})
	if g.next == "" {
		g = nextGate(Published{P: "quarantine"})
	}
	return g.days, g.percent
}

// answer judges. d.Sources are all of them; rest is mail of those not told apart.
func answer(d *Domain, rest Tally) Answer {
	g := nextGate(d.Policy)
	a := Answer{Next: g.next, NeedDays: g.days, NeedPercent: g.percent, Untold: Share{Messages: rest.Failing}}
	for _, s := range d.Sources {
		to := map[Kind]*Share{Sender: &a.Senders, Forwarder: &a.Forwarders, Unknown: &a.Unknown}[s.Kind]
		if to != nil {
			to.Sources++
			to.Messages = sum(to.Messages, s.Failing)
		}
	}
	switch {
	case d.Messages == 0:
		a.Code = AnswerNone
	case g.next == "":
		a.Code = AnswerTop
	case d.Days < g.days:
		a.Code = AnswerLittle
	case percent(d.Aligned(), sum(d.Aligned(), a.Senders.Messages)) < g.percent:
		a.Code = AnswerFix
	case d.Percent < g.percent, a.Senders.Messages+a.Unknown.Messages+a.Untold.Messages > 0:
		a.Code = AnswerLook
	default:
		a.Code = AnswerReady
	}
	return a
}
