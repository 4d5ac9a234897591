package audit

import "github.com/postseal/postseal/report"

// Acceptance is a finding that the user accepts: it changes the exit code and
// what is to do, never the score.
type Acceptance struct {
	Rule    string
	Subject string // "" for every finding of the rule
	Reason  string
	Until   string // the last day, "" for none
	Over    bool   // the last day is over: the finding is back, with a note

	// Used is called when a finding is meant; nil for nobody to tell.
	Used func()
}

// accept marks the findings that the user accepts and gives the rules of which
// all that was found is accepted.
func accept(results []report.Result, accepted []Acceptance) map[string]bool {
	silent := map[string]bool{}
	if len(accepted) == 0 {
		return silent
	}
	for i := range results {
		res := &results[i]
		open := 0
		for j := range res.Findings {
			f := &res.Findings[j]
			mark(f, res.ID, accepted)
			if f.Ignored == nil {
				open++
			}
			// What a root cause explains is meant too, though there is nothing to mark.
			for _, c := range f.Consequences {
				mark(&report.Finding{Subject: c.Subject}, c.Rule, accepted)
			}
		}
		if len(res.Findings) > 0 && open == 0 {
			silent[res.ID] = true
		}
	}
	return silent
}

func mark(f *report.Finding, rule string, accepted []Acceptance) {
	for _, a := range accepted {
		if a.Rule != rule || a.Subject != "" && a.Subject != f.Subject {
			continue
		}
		if a.Used != nil {
			a.Used()
		}
		note := &report.Ignored{Reason: a.Reason, Until: a.Until}
		if a.Over {
			f.Expired = note
		} else {
			f.Ignored, f.Expired = note, nil
			return
		}
	}
}
