package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// Since is what changed from an earlier run to this one. Compare makes it.
type Since struct {
	StartedAt    time.Time `json:"started_at"` // of the earlier run, UTC
	Score        int       `json:"score"`
	Grade        string    `json:"grade"`
	Coverage     int       `json:"coverage"`
	ScoreVersion int       `json:"score_version"` // 0 where the earlier run does not say
	RulesVersion string    `json:"rules_version"`

	New   []SinceFinding `json:"new"`   // there now, and not then
	Fixed []SinceFinding `json:"fixed"` // there then, and not now
	// Worse was there then at a milder severity, which is said in Why.
	Worse []SinceFinding `json:"worse,omitempty"`
	// Unclear was there then; this time it could not be told.
	Unclear []SinceFinding `json:"unclear"`
	// Records are the DNS answers that differ, of the questions that both runs
	// asked and got answered.
	Records []RecordDiff `json:"records"`
}

// SinceFinding is one finding that came or went, in the words of its own run.
type SinceFinding struct {
	Rule     string         `json:"rule"`
	Standard check.Standard `json:"standard"`
	Severity check.Severity `json:"severity"`
	Subject  string         `json:"subject"`
	Message  string         `json:"message"`

	// Why tells what else may have brought it than a change of the domain:
	// "new-rule" (the earlier run did not know the rule), "first-measured" (it
	// could not tell), or "".
	Why string `json:"why"`

	Location *Location `json:"location,omitempty"` // where a file holds the record
}

// RecordDiff is one answer of DNS then and now.
type RecordDiff struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	Old  []string `json:"old"` // went
	New  []string `json:"new"` // came
}

// Compare says in each report of a run what changed since an earlier run of the
// same domain. A domain that the earlier run does not have, or could not audit,
// stays without. What was not measured in one of the two is no change.
func Compare(old, new *Document) {
	before := map[string]*Report{}
	for _, r := range old.Reports {
		before[strings.ToLower(r.Domain)] = r
	}
	for _, r := range new.Reports {
		b := before[strings.ToLower(r.Domain)]
		if b == nil || b == r || b.Error != "" {
			continue
		}
		s := &Since{
			StartedAt: b.StartedAt, Score: b.Score.Value, Grade: b.Score.Grade, Coverage: b.Score.Coverage,
			ScoreVersion: old.Tool.ScoreVersion, RulesVersion: old.Tool.RulesVersion, Records: recordDiffs(b, r),
			New: []SinceFinding{}, Fixed: []SinceFinding{}, Unclear: []SinceFinding{},
		}
		s.findings(b, r)
		r.Since = s
	}
}

// findings pairs the findings of two runs by rule and subject: messages hold
// numbers and dates that change by themselves.
func (s *Since) findings(then, now *Report) {
	had, have := present(then), present(now)
	rulesThen, rulesNow := byRule(then), byRule(now)
	each(then, func(res *Result, f *Finding) {
		if have.take(res.ID, f.Subject) {
			return
		}
		current := rulesNow[res.ID]
		switch {
		case current == nil: // nobody looks any more: neither there nor gone
		case current.Status == check.Unknown || now.Error != "":
			s.Unclear = append(s.Unclear, sinceFinding(res, f, ""))
		default:
			s.Fixed = append(s.Fixed, sinceFinding(res, f, ""))
		}
	})
	was := severest(then)
	each(now, func(res *Result, f *Finding) {
		if had.take(res.ID, f.Subject) {
			if past := was[[2]string{res.ID, strings.ToLower(f.Subject)}]; past < f.Severity {
				s.Worse = append(s.Worse, sinceFinding(res, f, past.String()))
			}
			return
		}
		why := ""
		if past := rulesThen[res.ID]; past == nil {
			why = "new-rule"
		} else if past.Status == check.Unknown {
			why = "first-measured"
		}
		s.New = append(s.New, sinceFinding(res, f, why))
	})
	worstFirst := func(a, b SinceFinding) int { return cmp.Compare(b.Severity, a.Severity) }
	slices.SortStableFunc(s.New, worstFirst)
	slices.SortStableFunc(s.Fixed, worstFirst)
	slices.SortStableFunc(s.Unclear, worstFirst)
}

func sinceFinding(res *Result, f *Finding, why string) SinceFinding {
	return SinceFinding{Rule: res.ID, Standard: res.Standard, Severity: f.Severity, Subject: f.Subject, Message: f.Message, Why: why, Location: f.Location}
}

func each(r *Report, do func(*Result, *Finding)) {
	for i := range r.Results {
		for j := range r.Results[i].Findings {
			do(&r.Results[i], &r.Results[i].Findings[j])
		}
	}
}

// tally counts what is there by rule and subject.
type tally map[[2]string]int

// severest is the worst severity of each rule at each subject.
func severest(r *Report) map[[2]string]check.Severity {
	worst := map[[2]string]check.Severity{}
	note := func(rule, subject string, s check.Severity) {
		key := [2]string{rule, strings.ToLower(subject)}
		worst[key] = max(worst[key], s)
	}
	each(r, func(res *Result, f *Finding) {
		note(res.ID, f.Subject, f.Severity)
		for _, c := range f.Consequences {
			note(c.Rule, c.Subject, c.Severity)
		}
	})
	return worst
}

// take tells whether one is left, and takes it.
func (t tally) take(rule, subject string) bool {
	key := [2]string{rule, strings.ToLower(subject)}
	t[key]--
	return t[key] >= 0
}

// present counts findings and what they explain: a fault that moves below its
// root cause, or from there to a line of its own, is still the same fault.
func present(r *Report) tally {
	t := tally{}
	each(r, func(res *Result, f *Finding) {
		t[[2]string{res.ID, strings.ToLower(f.Subject)}]++
		for _, c := range f.Consequences {
			t[[2]string{c.Rule, strings.ToLower(c.Subject)}]++
		}
	})
	return t
}

func byRule(r *Report) map[string]*Result {
	rules := map[string]*Result{}
	for i := range r.Results {
		rules[r.Results[i].ID] = &r.Results[i]
	}
	return rules
}

// recordDiffs compares the answers of the questions that both runs asked. An
// SOA is left out: its serial changes with anything.
func recordDiffs(then, now *Report) []RecordDiff {
	type question struct{ name, rrtype string }
	key := func(q *Query) question { return question{strings.ToLower(q.Name), q.Type} }
	past := map[question]*Query{}
	for i := range then.Queries {
		if q := &then.Queries[i]; q.State != "unknown" && q.Type != "SOA" {
			past[key(q)] = q
		}
	}
	diffs := []RecordDiff{}
	seen := map[question]bool{}
	for i := range now.Queries {
		q := &now.Queries[i]
		p := past[key(q)]
		if p == nil || q.State == "unknown" || seen[key(q)] {
			continue
		}
		seen[key(q)] = true
		d := RecordDiff{Name: q.Name, Type: q.Type, Old: missing(p.Answer, q.Answer), New: missing(q.Answer, p.Answer)}
		if len(d.Old)+len(d.New) > 0 {
			diffs = append(diffs, d)
		}
	}
	slices.SortStableFunc(diffs, func(a, b RecordDiff) int { return strings.Compare(a.Name, b.Name) })
	return diffs
}

// missing are the texts of one list that another has not, sorted: DNS has no
// order in an answer.
func missing(of, in []string) []string {
	list := []string{}
	for _, s := range of {
		if !slices.Contains(in, s) {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
