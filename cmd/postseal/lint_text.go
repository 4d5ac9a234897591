package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/score"
)

// lintText prints what-ifs: per domain the score now and after the merge, what
// the change takes away and brings, and what else is wrong, with its place.
type lintText struct {
	strings.Builder
	width   int
	color   bool
	links   bool // rule IDs are links
	verbose bool
	l       *locale.Localizer
}

// Bounds of what is printed without -v.
const (
	lintShown   = 12  // findings of one list
	lintMessage = 400 // octets of one message
)

func (p *lintText) print(w io.Writer, d *report.Document) error {
	for i, r := range d.Reports {
		if i > 0 {
			p.WriteByte('\n')
		}
		p.domain(r)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *lintText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("lint."+id, params))
}

func (p *lintText) paint(code, s string) string {
	if !p.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *lintText) graded(s *score.Score) string {
	if s.Grade == "" || s.Grade == "–" {
		return p.l.Text("lint.ungraded", nil) // so little was measured that a number would mislead
	}
	return fmt.Sprintf("%d %s", s.Value, s.Grade)
}

func (p *lintText) domain(r *report.Report) {
	name := report.Escape(shown(r))
	after := p.text("after", check.Params{"Score": p.graded(&r.Score)})
	switch {
	case r.Live == nil || !r.Live.Asked:
	case r.Live.Score == nil:
		after = p.text("now-unknown", nil) + " → " + after
	default:
		after = p.text("now", check.Params{"Score": p.graded(r.Live.Score)}) + " → " + after
	}
	p.WriteString(strings.Replace(heading(p.width, name, after), name, p.paint("1", name), 1))
	if r.Score.Coverage < 100 {
		p.WriteString(paragraph(p.width, "  ", p.text("measured", check.Params{"N": r.Score.Coverage})))
	}
	if r.Incomplete {
		p.WriteString(paragraph(p.width, "  ", report.Escape(r.Error)))
	}
	if r.Live != nil && r.Live.Error != "" {
		p.WriteString(paragraph(p.width, "  ", p.text("live-error", check.Params{"Error": r.Live.Error})))
	}
	shown := map[string]int{}
	if r.Since != nil {
		p.changed("fixed", true, r.Since.Fixed)
		p.changed("new", false, fresh(r))
		for _, c := range fresh(r) {
			shown[c.Rule+"\n"+c.Subject+"\n"+c.Message]++
		}
	}
	p.rest(r, shown)
}

// changed lists findings that come or go.
func (p *lintText) changed(title string, gone bool, list []report.SinceFinding) {
	list = p.worth(list)
	if len(list) == 0 {
		return
	}
	p.WriteByte('\n')
	p.WriteString(p.paint("1", p.text(title, check.Params{"N": len(list)})) + "\n")
	for i, c := range list {
		if i == lintShown && !p.verbose {
			p.WriteString("  " + p.text("more", check.Params{"N": len(list) - i}) + "\n")
			break
		}
		mark, code := severityMark(c.Severity)
		if gone {
			mark, code = "✓ ", "32"
		}
		p.entry(mark, code, c.Severity, c.Location, c.Subject, c.Rule, c.Message)
	}
}

// worth leaves out what only informs, unless everything is asked for.
func (p *lintText) worth(list []report.SinceFinding) []report.SinceFinding {
	if p.verbose {
		return list
	}
	var kept []report.SinceFinding
	for _, c := range list {
		if c.Severity > check.Info {
			kept = append(kept, c)
		}
	}
	return kept
}

func severityMark(s check.Severity) (mark, code string) {
	switch s {
	case check.Error:
		return "✗ ", "31"
	case check.Warning:
		return "! ", "33"
	}
	return "· ", "36"
}

// entry is one finding: where it is, which rule says it, and what it says.
func (p *lintText) entry(mark, code string, sev check.Severity, at *report.Location, subject, rule, message string) {
	head := p.l.Text("report.severity."+sev.String(), nil)
	if at != nil {
		head += "  " + report.Escape(placeText(at))
	} else {
		head += "  " + report.Escape(subject)
	}
	between := "  "
	if utf8.RuneCountInString("  "+mark+head+between+rule) > p.width {
		between = "\n    "
	}
	id := p.paint("2", rule)
	if p.links {
		id = report.Hyperlink(report.RulePage(p.l.Lang, rule), id)
	}
	p.WriteString("  " + p.paint(code, mark) + head + between + id + "\n")
	if len(message) > lintMessage && !p.verbose {
		message = strings.ToValidUTF8(message[:lintMessage], "") + "…"
	}
	p.WriteString(paragraph(p.width, "    ", report.Escape(message)))
}

func placeText(at *report.Location) string {
	s := at.File
	if at.Line > 0 {
		s += fmt.Sprintf(":%d", at.Line)
		if at.Column > 0 {
			s += fmt.Sprintf(":%d", at.Column)
		}
	}
	return s
}

// rest lists the findings that are not new: what the files hold first, by
// severity.
func (p *lintText) rest(r *report.Report, shown map[string]int) {
	type item struct {
		res *report.Result
		f   *report.Finding
	}
	var list []item
	for _, files := range []bool{true, false} {
		for sev := check.Error; sev >= check.Info; sev-- {
			for i := range r.Results {
				res := &r.Results[i]
				for j := range res.Findings {
					f := &res.Findings[j]
					k := res.ID + "\n" + f.Subject + "\n" + f.Message
					switch {
					case f.Severity != sev || (res.Standard == check.Lint) != files || sev == check.Info && !p.verbose && res.ID != "lint-not-literal":
					case shown[k] > 0:
						shown[k]--
					default:
						list = append(list, item{res, f})
					}
				}
			}
		}
	}
	if len(list) == 0 {
		return
	}
	p.WriteByte('\n')
	title := "findings"
	if r.Live != nil && r.Live.Asked {
		title = "others"
	}
	p.WriteString(p.paint("1", p.text(title, check.Params{"N": len(list)})) + "\n")
	for i, it := range list {
		if i == lintShown && !p.verbose {
			p.WriteString("  " + p.text("more", check.Params{"N": len(list) - i}) + "\n")
			return
		}
		mark, code := severityMark(it.f.Severity)
		p.entry(mark, code, it.f.Severity, it.f.Location, it.f.Subject, it.res.ID, it.f.Message)
		if it.f.Fix != nil && it.f.Fix.Verb != "" && it.res.Standard == check.Lint {
			p.WriteString(paragraph(p.width, "    → ", report.Escape(it.f.Fix.Verb)))
		}
	}
}
