package report

import "fmt"

// sinceGroups are what changed, in the order in which people ask.
func (w words) sinceGroups(s *Since) []struct {
	title string
	list  []SinceFinding
} {
	return []struct {
		title string
		list  []SinceFinding
	}{
		{w.count("since.new", len(s.New)), s.New}, {w.count("since.worse", len(s.Worse)), s.Worse},
		{w.count("since.fixed", len(s.Fixed)), s.Fixed}, {w.count("since.unclear", len(s.Unclear)), s.Unclear},
	}
}

// since prints every finding that came, went or grew worse since an earlier run.
func (p *textPrinter) since(r *Report) {
	s := r.Since
	if s == nil {
		return
	}
	p.line()
	p.line(p.tone("bold", p.t("since.title")))
	for _, g := range p.sinceGroups(s) {
		if len(g.list) == 0 {
			continue
		}
		p.line("  ", p.wrap("  ", g.title))
		for i, f := range g.list {
			if i == maxSince {
				p.line("    ", p.count("lines-more", len(g.list)-i))
				break
			}
			text := clip(Escape(f.Message), maxMessage)
			if why := p.sinceWhy(f.Why); why != "" {
				text += " (" + why + ")"
			}
			text = p.wrap("      ", text)
			p.line("    ", p.tone(severityState(f.Severity).Code, severityState(f.Severity).Symbol), " ", text, p.ruleID("      ", text, f.Rule))
		}
	}
}

// since is the same as Markdown, "" where nothing came or went.
func (m *markdown) since(r *Report) string {
	if r.Since == nil {
		return ""
	}
	text := mdText(m.sinceLine(r)) + "\n"
	for _, g := range m.sinceGroups(r.Since) {
		if len(g.list) == 0 {
			continue
		}
		text += fmt.Sprintf("\n<details><summary>%s</summary>\n\n", mdText(g.title))
		for i, f := range g.list {
			if i == maxSince {
				text += "- " + m.count("lines-more", len(g.list)-i) + "\n"
				break
			}
			why := m.sinceWhy(f.Why)
			if why != "" {
				why = " (" + why + ")"
			}
			text += fmt.Sprintf("- %s %s%s\n", severityState(f.Severity).Symbol, mdText(clip(f.Message, 300)), mdText(why))
		}
		text += "\n</details>\n"
	}
	return text
}
