package report

import "strings"

// sinceView is what changed from an earlier run, as the page shows it.
type sinceView struct {
	Lead    string // when that was, and the score then
	Badge   string // for the head of the page: "61 (D) → 69: +8"
	Tone    string
	Note    string // why the two scores are not of one kind, "" where they are
	Groups  []sinceGroup
	Records []changeView
	More    string // records left out
	Nothing bool
}

type sinceGroup struct {
	Title string
	Tone  string
	Items []sinceItem
	More  string
}

type sinceItem struct {
	State               state
	Word, Message, Rule string
	Subject, Why, Link  string
}

// Bounds of the section; the JSON has all of it.
const (
	maxSince        = 30
	maxSinceRecords = 20
)

func (w words) sinceLast(r *Report, d *Document, links map[string]string) *sinceView {
	s := r.Since
	if s == nil {
		return nil
	}
	v := &sinceView{Tone: "none"}
	graded := !ungraded(r) && s.Grade != "" && s.Grade != "–"
	v.Lead = w.t("since.lead-ungraded", "When", w.moment(s.StartedAt))
	if s.Grade != "" && s.Grade != "–" {
		v.Lead = w.t("since.lead", "When", w.moment(s.StartedAt), "Score", w.integer(s.Score), "Grade", Escape(s.Grade))
	}
	if graded {
		change := r.Score.Value - s.Score
		sign := "±0"
		switch {
		case change > 0:
			sign, v.Tone = "▲ +"+w.integer(change), "ok"
		case change < 0:
			sign, v.Tone = "▼ "+w.integer(change), "error"
		}
		v.Badge = w.t("since.badge", "When", w.date(s.StartedAt), "Score", w.integer(s.Score), "Grade", Escape(s.Grade), "Change", sign)
	}
	switch {
	case s.ScoreVersion != 0 && d.Tool.ScoreVersion != 0 && s.ScoreVersion != d.Tool.ScoreVersion:
		v.Note = w.t("since.other-score")
	case s.RulesVersion != "" && d.Tool.RulesVersion != "" && s.RulesVersion != d.Tool.RulesVersion:
		v.Note = w.t("since.other-rules")
	}
	group := func(list []SinceFinding, title, tone string, link bool) {
		if len(list) == 0 {
			return
		}
		g := sinceGroup{Title: title, Tone: tone}
		for i, f := range list {
			if i == maxSince {
				g.More = w.count("lines-more", len(list)-i)
				break
			}
			item := sinceItem{State: severityState(f.Severity), Word: w.severity(f.Severity), Message: clip(Escape(f.Message), maxMessage), Rule: Escape(f.Rule), Subject: clip(Escape(f.Subject), 300), Why: w.sinceWhy(f.Why)}
			if link {
				item.Link = links[f.Rule]
			}
			g.Items = append(g.Items, item)
		}
		v.Groups = append(v.Groups, g)
	}
	group(s.New, w.count("since.new", len(s.New)), "error", true)
	group(s.Worse, w.count("since.worse", len(s.Worse)), "error", true)
	group(s.Fixed, w.count("since.fixed", len(s.Fixed)), "ok", false)
	group(s.Unclear, w.count("since.unclear", len(s.Unclear)), "unknown", false)
	for i, rec := range s.Records {
		if i == maxSinceRecords {
			v.More = w.count("lines-more", len(s.Records)-i)
			break
		}
		c := changeView{Name: clip(Escape(rec.Name), 260), Type: Escape(rec.Type)}
		for _, o := range rec.Old {
			c.Old = append(c.Old, clip(Escape(o), 500))
		}
		for _, n := range rec.New {
			c.New = append(c.New, valueView{Text: clip(Escape(n), 500)})
		}
		v.Records = append(v.Records, c)
	}
	v.Nothing = len(v.Groups) == 0 && len(v.Records) == 0
	return v
}

// sinceWhy says what else may have brought a finding, or how severe it was.
func (w words) sinceWhy(why string) string {
	switch why {
	case "notice", "warning", "info", "error":
		return w.t("since.was", "Severity", w.t("severity."+why))
	}
	return w.or("since.why", why, "")
}

// sinceLine says in one line what changed from an earlier run, "" without one.
func (w words) sinceLine(r *Report) string {
	s := r.Since
	if s == nil {
		return ""
	}
	var parts []string
	for _, c := range []struct {
		n    int
		text string
	}{
		{len(s.Fixed), w.count("since.short-fixed", len(s.Fixed))}, {len(s.New), w.count("since.short-new", len(s.New))},
		{len(s.Worse), w.count("since.short-worse", len(s.Worse))}, {len(s.Unclear), w.count("since.short-unclear", len(s.Unclear))},
	} {
		if c.n > 0 {
			parts = append(parts, c.text)
		}
	}
	if len(parts) == 0 {
		parts = append(parts, w.t("since.short-same"))
	}
	if !ungraded(r) && s.Grade != "" && s.Grade != "–" {
		parts = append(parts, w.t("since.short-score", "From", w.integer(s.Score), "To", w.integer(r.Score.Value)))
	}
	return w.t("since.line", "When", w.date(s.StartedAt), "What", strings.Join(parts, ", "))
}
