package report

import (
	"slices"
	"strings"
)

type findingView struct {
	ID, Rule     string
	N            int
	State        state
	Word         string
	Title        string
	Message      string
	Subject      string
	Why          string
	Record       *recordView // where it is not among the card's records
	Verb         string
	Changes      []changeView
	Steps        []int // numbers of the next steps that show the changes instead
	Refs         []refView
	Consequences []consequenceView
	Ignored      string
}

type refView struct{ Text, URL string }

type consequenceView struct {
	State                         state
	Word, Message, Subject, Title string
	Rule                          string
}

// findingAt is the n-th finding of a rule's result.
type findingAt struct {
	res *Result
	n   int
}

// worstFindings are the findings of a standard, the worst first and those that
// were accepted last.
func worstFindings(s *standing) []findingAt {
	var list []findingAt
	for _, res := range s.Results {
		for n := range res.Findings {
			list = append(list, findingAt{res, n})
		}
	}
	slices.SortStableFunc(list, func(a, b findingAt) int {
		fa, fb := &a.res.Findings[a.n], &b.res.Findings[b.n]
		if (fa.Ignored == nil) != (fb.Ignored == nil) {
			if fa.Ignored == nil {
				return -1
			}
			return 1
		}
		return int(fb.Severity) - int(fa.Severity)
	})
	return list
}

// findingViews numbers the findings of a card, the worst first, and marks in
// the published records what they are about.
func (w words) findingViews(r *Report, s *standing, published []publishedText) ([]recordView, []findingView) {
	entries := worstFindings(s)
	marks := make([][]mark, len(published))
	var views []findingView
	told := map[string]bool{} // the reason is told once for all findings of a rule
	for i, e := range entries {
		f := &e.res.Findings[e.n]
		v := w.finding(r.Domain, e.res, e.n, i+1)
		if told[e.res.ID] {
			v.Why = ""
		}
		told[e.res.ID] = true
		at := slices.IndexFunc(published, func(p publishedText) bool { return p.text == f.Record })
		switch {
		case f.Record == "":
		case at < 0:
			var m []mark
			if f.Span != nil {
				m = []mark{{span: *f.Span, severity: f.Severity}}
			}
			rec := w.record("", "", f.Record, m)
			for k := range rec.Segments {
				rec.Segments[k].Refs = nil
			}
			v.Record = &rec
		case f.Span != nil:
			marks[at] = append(marks[at], mark{*f.Span, f.Severity, ref{i + 1, v.ID, severityState(f.Severity).Code}})
		}
		views = append(views, v)
	}
	var records []recordView
	for i, p := range published {
		records = append(records, w.record(p.owner, p.rrtype, p.text, marks[i]))
	}
	return records, views
}

func (w words) finding(domain string, res *Result, n, number int) findingView {
	f := &res.Findings[n]
	v := findingView{
		ID: findingID(res.ID, n), Rule: res.ID, N: number, State: severityState(f.Severity), Word: w.severity(f.Severity),
		Title: Escape(res.Title), Message: clip(Escape(f.Message), maxMessage), Subject: clip(Escape(f.Subject), 300), Why: Escape(res.Why),
	}
	if f.Fix != nil {
		v.Verb = sentence(Escape(f.Fix.Verb))
		v.Changes = w.changeViews(domain, f.Fix.Records)
	}
	for _, r := range res.Refs {
		text := Escape(r.Doc)
		if r.Section != "" {
			text += " §" + Escape(r.Section)
		}
		v.Refs = append(v.Refs, refView{text, safeLink(r.URL)})
	}
	for _, c := range f.Consequences {
		v.Consequences = append(v.Consequences, consequenceView{
			severityState(c.Severity), w.severity(c.Severity), clip(Escape(c.Message), maxMessage), clip(Escape(c.Subject), 300), Escape(c.Title), c.Rule,
		})
	}
	if f.Ignored != nil {
		v.Ignored = w.ignored(f.Ignored)
	} else if f.Expired != nil {
		v.Ignored = w.expired(f.Expired)
	}
	return v
}

// sentence gives a phrase its capital letter.
func sentence(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}

// unknownViews groups what could not be told by why.
func unknownViews(results []*Result) []unknownView {
	var views []unknownView
	for _, res := range results {
		cause := Escape(res.Cause)
		at := slices.IndexFunc(views, func(v unknownView) bool { return v.Cause == cause })
		if at < 0 {
			views = append(views, unknownView{Cause: cause})
			at = len(views) - 1
		}
		views[at].Rules = append(views[at].Rules, ruleView{Escape(res.Title), res.ID})
	}
	for i := range views {
		views[i].Fold = len(views[i].Rules) > 4 || len(views) > 2
	}
	return views
}

func ruleViews(results []*Result) []ruleView {
	var views []ruleView
	for _, res := range results {
		views = append(views, ruleView{Escape(res.Title), res.ID})
	}
	return views
}
