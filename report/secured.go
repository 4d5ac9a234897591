package report

import (
	"strings"
	"unicode/utf8"
)

// securedView is how secure each name is that mail depends on.
type securedView struct {
	Rows []securedRow
}

type securedRow struct {
	Name, What string
	State      cell
}

// maxSecured bounds the rows of the table.
const maxSecured = 60

func (w words) secured(v *dnssecView) *securedView {
	if v == nil || len(v.Names) < 2 { // the domain alone is told by the card
		return nil
	}
	s := &securedView{}
	for _, n := range v.Names[:min(len(v.Names), maxSecured)] {
		tone := stateUnknown
		switch n.State {
		case "secure":
			tone = stateOK
		case "insecure":
			tone = stateNone
		case "bogus":
			tone = stateError
		}
		s.Rows = append(s.Rows, securedRow{
			Name: clip(Escape(n.Name), 260), What: w.or("secured-what", n.What, clip(Escape(n.What), 60)),
			State: toned(tone, w.or("secured-state", n.State, clip(Escape(n.State), 60)), ""),
		})
	}
	return s
}

// securedHow says which of the two ways the states are known.
func (w words) securedHow(v *dnssecView) string {
	switch {
	case v.Validated || v.Method == "validated":
		return w.t("dnssec-validated")
	case v.Method == "ad" && v.Resolver != "":
		return w.t("dnssec-word", "Server", clip(Escape(v.Resolver), 260))
	}
	return ""
}

// securedTable is that table on a terminal.
func (p *textPrinter) securedTable(r *Report) {
	v := factsOf[dnssecView](r, "dnssec")
	s := p.words.secured(v)
	if s == nil {
		return
	}
	p.line()
	title := p.t("secured.caption")
	if how := p.securedHow(v); how != "" {
		title += " (" + how + ")"
	}
	p.line(p.tone("bold", p.wrap("", title)))
	wide := [2]int{}
	for _, row := range s.Rows {
		wide[0] = max(wide[0], utf8.RuneCountInString(row.State.Word))
		wide[1] = max(wide[1], utf8.RuneCountInString(row.What))
	}
	for _, row := range s.Rows {
		lead := "  " + p.tone(row.State.Tone, row.State.Symbol+" "+pad(row.State.Word, wide[0])) + "  "
		if wide[0]+wide[1]+8+utf8.RuneCountInString(row.Name) <= p.opts.Width {
			p.line(lead, pad(row.What, wide[1]), "  ", row.Name)
			continue
		}
		p.line(lead, row.What)
		p.line(strings.Repeat(" ", 6), row.Name)
	}
}
