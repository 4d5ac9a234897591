package report

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// Acceptance is a finding that the user accepts: it changes the exit code and
// what is to do, never the score.
type Acceptance struct {
	Rule    string
	Subject string // "" for every finding of the rule
	Reason  string
	Until   string // the last day, "" for none
	Over    bool   // the last day is over: the finding is back, with a note
	Line    int    // where the user says so
}

// Accept marks the findings of a report that the user accepts, notes in it the
// lines that were meant, and gives the rules of which all that was found is
// accepted. A rule that could not be told may well have been meant.
func Accept(r *Report, accepted []Acceptance) map[string]bool {
	silent := map[string]bool{}
	if len(accepted) == 0 {
		return silent
	}
	for i := range r.Results {
		res := &r.Results[i]
		open := 0
		for j := range res.Findings {
			f := &res.Findings[j]
			r.accept(f, res.ID, accepted)
			if f.Ignored == nil {
				open++
			}
			// What a root cause explains is meant too, though there is nothing to mark.
			for _, c := range f.Consequences {
				r.accept(&Finding{Subject: c.Subject}, c.Rule, accepted)
			}
		}
		if len(res.Findings) > 0 && open == 0 {
			silent[res.ID] = true
		}
		for _, a := range accepted {
			if res.Status == check.Unknown && a.Rule == res.ID {
				r.meant(a.Line)
			}
		}
	}
	return silent
}

func (r *Report) accept(f *Finding, rule string, accepted []Acceptance) {
	for _, a := range accepted {
		if a.Rule != rule || a.Subject != "" && !strings.EqualFold(a.Subject, f.Subject) {
			continue
		}
		r.meant(a.Line)
		note := &Ignored{Reason: a.Reason, Until: a.Until}
		if a.Over {
			f.Expired = note
		} else {
			f.Ignored, f.Expired = note, nil
			return
		}
	}
}

func (r *Report) meant(line int) {
	if !slices.Contains(r.AcceptedAt, line) {
		r.AcceptedAt = append(r.AcceptedAt, line)
	}
}
