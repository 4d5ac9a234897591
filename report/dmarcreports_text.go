package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// barWidth is how many cells the bar of aligned mail has at most.
const barWidth = 50

// dmarcReports prints what reports say of one domain.
func (p *textPrinter) dmarcReports(v *reportsView) {
	p.line(p.tone("bold", Escape(v.Domain)), "  ", p.reportsPolicy(v))
	p.line(p.wrap("  ", p.reportsLine(v)))
	if v.Messages > 0 {
		p.line()
		p.line("  ", p.reportsBar(v))
		p.line("  ", p.wrap("  ", p.dr("aligned", "Messages", p.drCount("messages", v.Messages), "Percent", p.decimal(v.Percent), "Failing", p.integer(int(v.Failing)))))
		p.line("  ", p.wrap("  ", p.reportsParts(v)))
		for _, s := range p.reportsDone(v) {
			p.line("  ", p.wrap("    ", s))
		}
	}
	p.line()
	p.line(p.tone("bold", p.wrap("", p.reportsAnswer(v))))
	if gate := p.reportsGate(v); gate != "" {
		p.line("  ", p.wrap("  ", gate))
	}
	if head := p.reportsWouldHead(v); head != "" {
		p.line("  ", p.wrap("  ", head))
	}
	for _, would := range p.reportsWould(v) {
		p.line(p.tone(would.Tone, "  "+would.Symbol+" "), p.wrap("    ", would.Text))
	}
	if len(v.Sources) > 0 {
		p.line()
		p.reportsSources(v)
	}
}

// reportsParts says what passed.
func (w words) reportsParts(v *reportsView) string {
	var parts []string
	for _, part := range []struct {
		key string
		n   int64
	}{{"both", v.Both}, {"dkim", v.DKIM}, {"spf", v.SPF}, {"neither", v.Failing}} {
		parts = append(parts, w.dr(part.key)+" "+w.integer(int(part.n)))
	}
	return strings.Join(parts, " · ")
}

// reportsDone says what receivers did with the mail, and why.
func (w words) reportsDone(v *reportsView) []string {
	var lines []string
	if s := w.reportsList("disposition", v.Dispositions); s != "" {
		lines = append(lines, w.dr("applied", "List", s))
	}
	if s := w.reportsList("reason", v.Overrides); s != "" {
		lines = append(lines, w.dr("overrides", "List", s))
	}
	return lines
}

// reportsBar draws the share of aligned mail. Mail that fails is never drawn
// as none.
func (p *textPrinter) reportsBar(v *reportsView) string {
	wide := min(barWidth, p.opts.Width-4)
	n := int(float64(wide) * float64(v.Messages-v.Failing) / float64(v.Messages))
	return p.tone("ok", strings.Repeat("█", n)) + p.tone("error", strings.Repeat("░", wide-n))
}

// reportsSources prints the table of sources.
func (p *textPrinter) reportsSources(v *reportsView) {
	p.line(p.tone("bold", p.wrap("", p.dr("caption"))))
	failing, messages, days := p.dr("col-failing"), p.dr("col-messages"), p.dr("col-days")
	failW, allW, daysW := utf8.RuneCountInString(failing), utf8.RuneCountInString(messages), utf8.RuneCountInString(days)
	nameW := utf8.RuneCountInString(p.dr("col-source"))
	for _, s := range v.Sources {
		failW = max(failW, utf8.RuneCountInString(p.integer(int(s.Failing))))
		allW = max(allW, utf8.RuneCountInString(p.integer(int(s.Messages))))
		nameW = max(nameW, utf8.RuneCountInString(p.sourceName(s)))
	}
	nameW = min(nameW, max(p.opts.Width-failW-allW-daysW-34, 18))
	indent := 2 + failW + 2 + allW + 2 + daysW + 2 + nameW + 2
	below := p.opts.Width-indent < 20 // no room beside the numbers
	numbers := func(failing, messages, days string) string {
		return "  " + padLeft(failing, failW) + "  " + padLeft(messages, allW) + "  " + padLeft(days, daysW)
	}
	head := numbers(failing, messages, days)
	if below {
		p.line(p.tone("muted", head))
		p.line("      ", p.tone("muted", p.dr("col-source")+": "+p.dr("col-kind")))
	} else {
		p.line(p.tone("muted", head+"  "+pad(p.dr("col-source"), nameW)+"  "+p.dr("col-kind")))
	}
	for _, s := range v.Sources {
		kind := p.sourceKind(s)
		if why := p.sourceWhy(s); why != "" {
			kind += ": " + why
		}
		lead := numbers(p.integer(int(s.Failing)), p.integer(int(s.Messages)), p.integer(s.Days))
		if below {
			p.line(lead)
			p.line("      ", p.tone(kindTones[s.Kind], p.wrap("      ", clip(p.sourceName(s), p.opts.Width-8)+": "+kind)))
			continue
		}
		lead += "  " + pad(clip(p.sourceName(s), nameW), nameW) + "  "
		// The cell wraps within its column.
		lines := strings.Split(Wrap(p.opts.Width-indent, "", kind), "\n")
		for i, l := range lines {
			if i > 0 {
				lead = strings.Repeat(" ", indent)
			}
			p.line(lead, p.tone(kindTones[s.Kind], l))
		}
	}
	for _, more := range p.reportsMore(v, len(v.Sources)) {
		p.line("  ", p.tone("muted", p.wrap("  ", more)))
	}
}

// dmarcReportsCSV writes a line a source. The last line of a domain with
// sources that are not listed has the source "(others)".
func dmarcReportsCSV(out io.Writer, domains []*reportsView) error {
	w := csv.NewWriter(out)
	err := w.Write([]string{"domain", "source", "by", "provider", "looks_like", "why", "messages", "aligned_both", "aligned_dkim_only",
		"aligned_spf_only", "failing", "overridden", "broken_signature", "applied", "days", "first", "last", "addresses"})
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	line := func(cells ...string) {
		for i := range cells {
			cells[i] = csvCell(cells[i])
		}
		if err == nil {
			err = w.Write(cells)
		}
	}
	for _, d := range domains {
		for _, s := range d.Sources {
			addresses := strings.Join(s.Addresses, " ")
			if s.More {
				addresses += " …"
			}
			line(d.Domain, s.Name, s.By, s.Provider, s.Kind, s.Why, n(s.Messages), n(s.Both), n(s.DKIM), n(s.SPF), n(s.Failing),
				n(s.Overridden), n(s.Broken), n(s.Applied), n(int64(s.Days)), s.First, s.Last, addresses)
		}
		if o := d.Others; o.Messages > 0 {
			line(d.Domain, "(others)", "", "", "", "", n(o.Messages), n(o.Both), n(o.DKIM), n(o.SPF), n(o.Failing), "", "", "", "", "", "", "")
		}
	}
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// csvCell makes text safe in a spreadsheet: what begins like a formula is quoted,
// and nothing hidden remains.
func csvCell(s string) string {
	s = Escape(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
