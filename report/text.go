package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// TextOptions say how WriteText prints.
type TextOptions struct {
	Lang    string // of the words; "" is the document's own
	Color   bool   // whether to colour: the caller knows of terminals and NO_COLOR
	Width   int    // columns; 0 is 80
	Verbose bool   // every finding and unknown instead of one line a standard
	Quiet   bool   // a line a domain and nothing else: score and grade
	Links   bool   // rule IDs are links (OSC 8): the caller knows of terminals
}

// idsShown is how many rules left open for one reason are named.
const idsShown = 8

// narrowestText is how narrow text can be: 40 columns, of which ASCII leaves two
// for stand-ins that are longer than what they stand for.
const narrowestText = 38

// standingRoom is the least room for what is said of a standard beside its name.
const standingRoom = 24

// stepsShown is how many next steps fit one screen.
const stepsShown = 3

// WriteText writes a result for a person at a terminal: one screen for one
// domain, a table for several. Text from strangers comes out escaped.
func WriteText(w io.Writer, d *Document, opts TextOptions) error {
	d = Normalise(d)
	if opts.Width <= 0 {
		opts.Width = 80
	}
	opts.Width = max(opts.Width, narrowestText)
	p := &textPrinter{words: wordsFor(opts.Lang, d), opts: opts}
	switch {
	case opts.Quiet:
		for _, r := range d.Reports {
			p.quiet(r)
		}
	case len(d.Reports) == 0:
		p.line(p.t("text.nothing"))
	case len(d.Reports) == 1:
		p.domain(d.Reports[0])
	default:
		p.fleet(worstFirst(d.Reports))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

type textPrinter struct {
	words
	opts TextOptions
	b    strings.Builder
}

func (p *textPrinter) line(parts ...string) {
	p.b.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.b.WriteByte('\n')
}

var toneSGR = map[string]string{
	"ok": "32", "warning": "33", "error": "31", "info": "36", "notice": "36",
	"unknown": "35", "partly": "35", "none": "2", "muted": "2", "bold": "1",
}

func (p *textPrinter) tone(tone, s string) string {
	if !p.opts.Color || s == "" || toneSGR[tone] == "" {
		return s
	}
	return "\x1b[" + toneSGR[tone] + "m" + s + "\x1b[0m"
}

// wrap breaks text at spaces into lines, the later ones indented.
func (p *textPrinter) wrap(indent, text string) string {
	return Wrap(p.opts.Width, indent, text)
}

func (p *textPrinter) domain(r *Report) {
	head := p.tone("bold", displayDomain(r)) + "  " + p.tone(gradeTone(r.Score.Grade), p.verdictInShort(r))
	coverage, profile := p.shortCoverage(r), p.profile(r.Profile.Name)
	if utf8.RuneCountInString(displayDomain(r)+coverage+profile)+16 > p.opts.Width {
		p.line(head)
		p.line("  ", p.wrap("  ", coverage+" · "+profile))
	} else {
		p.line(head, "  ", coverage, " · ", profile)
	}
	if r.Incomplete || r.Error != "" {
		p.line(p.tone("error", p.wrap("  ", p.t("incomplete", "Error", Escape(r.Error)))))
	}
	p.line(p.wrap("", Escape(r.Verdict.Text)))
	for i, c := range r.Score.Caps {
		if i == 0 || p.opts.Verbose { // the lowest comes first, and decides
			p.line(p.wrap("  ", p.capText(r, c)))
		}
	}
	if line := p.sinceLine(r); line != "" {
		p.line(p.wrap("  ", line))
	}
	p.steps(r)
	p.standards(r)
	p.dmarcReportsLine(r)
	p.senders(r)
	if p.opts.Verbose {
		p.since(r)
		p.findings(r)
		p.policyTable(r)
		p.securedTable(r)
	}
	p.notMeasured(r)
}

// quiet prints a report as one line.
func (p *textPrinter) quiet(r *Report) {
	p.line(displayDomain(r), "  ", p.tone(gradeTone(r.Score.Grade), p.verdictInShort(r)))
}

// verdictInShort is score and grade, or that there is none.
func (p *textPrinter) verdictInShort(r *Report) string {
	if ungraded(r) {
		return p.t("text.ungraded")
	}
	return p.integer(r.Score.Value) + "/100 " + r.Score.Grade
}

func displayDomain(r *Report) string {
	if r.DomainUnicode != "" && r.DomainUnicode != r.Domain {
		return Escape(r.DomainUnicode) + " (" + Escape(r.Domain) + ")"
	}
	return Escape(r.Domain)
}

func (w words) coverage(r *Report) string {
	s := r.Score
	if s.Coverage >= 100 {
		return w.t("coverage-full")
	}
	if s.Best == s.Worst {
		return w.t("coverage", "N", s.Coverage)
	}
	return w.t("coverage-range", "N", s.Coverage, "Worst", s.Worst, "Best", s.Best)
}

// shortCoverage is coverage in the few words that a terminal's first line has room for.
func (w words) shortCoverage(r *Report) string {
	s := r.Score
	switch {
	case s.Coverage >= 100:
		return w.t("coverage-full")
	case s.Best == s.Worst:
		return w.t("coverage", "N", s.Coverage)
	default:
		return w.t("text.coverage", "N", s.Coverage, "Worst", s.Worst, "Best", s.Best)
	}
}

func (p *textPrinter) steps(r *Report) {
	if len(r.NextSteps) == 0 {
		return
	}
	p.line()
	p.line(p.tone("bold", p.t("text.steps")))
	shown := r.NextSteps
	if !p.opts.Verbose && len(shown) > stepsShown {
		shown = shown[:stepsShown]
	}
	for i, s := range shown {
		gain := fmt.Sprintf("%+d → %d %s", s.Gain, s.ScoreAfter, s.GradeAfter)
		if s.Gain == 0 {
			gain = fmt.Sprintf("→ %d %s", s.ScoreAfter, s.GradeAfter)
		}
		if ungraded(r) {
			gain = "" // without a grade there is no score to count up to
		}
		title, effort, between := Escape(s.Title), p.effort(s.Effort), "  "
		if utf8.RuneCountInString(title+gain+effort)+8 > p.opts.Width {
			between = "\n    "
		}
		p.line(fmt.Sprintf("%2d  ", i+1), p.wrap("    ", title), between, p.tone(gradeTone(s.GradeAfter), gain), strings.Repeat(" ", 2*min(len(gain), 1)), p.tone("muted", effort))
		for _, c := range s.Records {
			p.change(r.Domain, c)
		}
	}
	if n := len(r.NextSteps) - len(shown); n > 0 {
		p.line("    ", p.tone("muted", p.count("text.more-steps", n)))
	}
}

// change prints what to paste, and as zone file comments what goes away.
func (p *textPrinter) change(domain string, c check.RecordChange) {
	if outside(domain, c.Name) {
		p.line("    ", p.tone("muted", p.wrap("    ; ", "; "+p.t("elsewhere", "Domain", Escape(domain)))))
	}
	if len(c.New) == 0 || p.opts.Verbose {
		for _, v := range c.Old {
			p.line("    ", p.tone("muted", "; "+p.t("text.remove")+" "+zoneLine(c.Name, c.Type, v)))
		}
	}
	for _, v := range c.New {
		for _, l := range zoneLines(c.Name, c.Type, v) {
			p.line("    ", l)
		}
	}
}

func (p *textPrinter) standards(r *Report) {
	list := standings(r)
	if len(list) == 0 {
		return
	}
	p.line()
	p.line(p.tone("bold", p.t("text.standards")))
	wordW, nameW := 0, 0
	for _, s := range list {
		wordW = max(wordW, utf8.RuneCountInString(p.stateWord(s.State)))
		nameW = max(nameW, utf8.RuneCountInString(p.standard(s.Standard)))
	}
	for _, s := range list {
		if s.Standard == check.BIMI && s.State == stateNone {
			continue // optional, and nothing is published
		}
		lead := fmt.Sprintf("  %s  %s  ", pad(s.State.Symbol+" "+p.stateWord(s.State), wordW+2), pad(p.standard(s.Standard), nameW))
		indent := utf8.RuneCountInString(lead)
		if p.opts.Width-indent < standingRoom { // no room beside the name
			p.line(p.tone(s.State.Code, lead))
			p.line("      ", p.wrap("      ", clip(p.standingLine(s), 3*p.opts.Width)))
			continue
		}
		// Two lines hold nearly every title whole: cut short, one may say the opposite.
		room := max(p.opts.Width-indent, 20)
		p.line(p.tone(s.State.Code, lead), p.wrap(strings.Repeat(" ", indent), clip(p.standingLine(s), 2*room)))
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func (w words) stateWord(s state) string { return w.t("state." + s.Code) }

// standingLine says in one line how it stands with a standard.
func (w words) standingLine(s *standing) string {
	switch {
	case len(s.Unknown) == 1 && (s.State == stateUnknown || s.State == statePartly && (s.Worst == nil || s.Worst.Severity < check.Notice)):
		return Escape(s.Unknown[0].Cause)
	case s.State == stateUnknown:
		return w.count("count.unknown", len(s.Unknown))
	case s.Worst != nil && s.Worst.Severity >= check.Notice:
		line := Escape(s.WorstIn.Title)
		if n := s.Counts[check.Error] + s.Counts[check.Warning] + s.Counts[check.Notice] - 1; n > 0 {
			line += " (+" + w.integer(n) + ")"
		}
		return line
	case s.Elsewhere != nil && s.Elsewhere.Severity >= check.Notice:
		return Escape(s.Elsewhere.Title)
	case s.State == statePartly:
		return w.count("count.unknown", len(s.Unknown))
	case s.State == stateAccepted:
		return w.count("count.ignored", s.Ignored)
	case s.State == stateNone:
		return w.t("card.none")
	default:
		return w.count("card.passed", len(s.Passed))
	}
}

func (p *textPrinter) findings(r *Report) {
	for _, s := range standings(r) {
		if s.Worst == nil && len(s.Unknown) == 0 && s.Ignored == 0 {
			continue
		}
		p.line()
		p.line(p.tone("bold", p.standard(s.Standard)))
		for _, e := range worstFindings(s) {
			p.finding(r.Domain, e.res, &e.res.Findings[e.n])
		}
		p.unknown(s.Unknown)
	}
}

// ruleID is the ID of a rule after text that began at the indent, on a line of
// its own where the last one has no room for it.
func (p *textPrinter) ruleID(indent, text, id string) string {
	text = indent + text
	if utf8.RuneCountInString(text[strings.LastIndexByte(text, '\n')+1:]+"  "+id) > p.opts.Width {
		return "\n" + indent + p.rule(id)
	}
	return "  " + p.rule(id)
}

// unknown says each cause once: an audit without a network leaves dozens of
// rules open for one reason.
func (p *textPrinter) unknown(results []*Result) {
	var causes []string
	by := map[string][]*Result{}
	for _, res := range results {
		if by[res.Cause] == nil {
			causes = append(causes, res.Cause)
		}
		by[res.Cause] = append(by[res.Cause], res)
	}
	for _, c := range causes {
		if same := by[c]; len(same) == 1 {
			text := p.wrap("    ", Escape(same[0].Title)+": "+Escape(c))
			p.line(p.tone("unknown", "  ? "), text, p.ruleID("    ", text, same[0].ID))
			continue
		}
		p.line(p.tone("unknown", "  ? "), p.wrap("    ", Escape(c)))
		if len(by[c]) > idsShown {
			p.line("    ", p.tone("muted", p.count("count.unknown", len(by[c]))))
			continue
		}
		ids := make([]string, len(by[c]))
		for i, res := range by[c] {
			ids[i] = res.ID
		}
		p.line("    ", p.tone("muted", p.wrap("    ", strings.Join(ids, ", "))))
	}
}

func (p *textPrinter) finding(domain string, res *Result, f *Finding) {
	st := severityState(f.Severity)
	word := p.severity(f.Severity)
	subject := Escape(p.subject(f.Subject))
	p.line("  ", p.tone(st.Code, st.Symbol+" "+word), "  ", subject, p.ruleID("    ", word+"  "+subject, res.ID))
	p.line("    ", p.wrap("    ", Escape(f.Message)))
	if f.Ignored != nil {
		p.line("    ", p.wrap("    ", p.ignored(f.Ignored)))
	}
	if f.Expired != nil {
		p.line("    ", p.wrap("    ", p.expired(f.Expired)))
	}
	if f.Fix != nil {
		if f.Fix.Verb != "" {
			p.line("    ", p.wrap("      ", p.t("fix")+": "+Escape(f.Fix.Verb)))
		}
		for _, c := range f.Fix.Records {
			p.change(domain, c)
		}
	}
	for _, c := range f.Consequences {
		text := p.wrap("      ", Escape(c.Message))
		p.line("    ↳ ", text, p.ruleID("      ", text, c.Rule))
	}
}

func (w words) expired(i *Ignored) string {
	return w.t("expired", "Reason", Escape(i.Reason), "Until", Escape(i.Until))
}

func (w words) ignored(i *Ignored) string {
	if i.Until == "" {
		return w.t("ignored", "Reason", Escape(i.Reason))
	}
	return w.t("ignored-until", "Reason", Escape(i.Reason), "Until", Escape(i.Until))
}

func (p *textPrinter) notMeasured(r *Report) {
	if len(r.NotMeasured) == 0 || r.Incomplete && !p.opts.Verbose {
		return // of what was cut short the first lines say why
	}
	p.line()
	p.line(p.tone("bold", p.t("text.not-measured", "N", notMeasuredWeight(r))))
	var checks []string
	for i, m := range r.NotMeasured {
		checks = append(checks, p.checkName(m.Check))
		if i+1 == len(r.NotMeasured) || r.NotMeasured[i+1].Cause != m.Cause {
			p.line(p.tone("unknown", "  ? "), p.wrap("    ", strings.Join(checks, ", ")+": "+Escape(m.Cause)))
			checks = nil
		}
	}
}

func (w words) checkName(id string) string { return w.scoreWord("check", id, id) }

// capText says which open finding holds the score, and where.
func (w words) capText(r *Report, c score.Cap) string {
	title := w.scoreWord("cap", string(c.ID), ruleTitle(r, c.Rule))
	return w.t("capped", "Cap", c.Cap, "Title", title)
}

// scoreWord is a word of the score's own table, as plain text.
func (w words) scoreWord(kind, id, fallback string) string {
	if s, ok := w.Lookup("score."+kind+"."+id, nil); ok {
		return strings.ReplaceAll(s, "`", "")
	}
	return Escape(fallback)
}

// fleet prints several domains, worst first.
func (p *textPrinter) fleet(reports []*Report) {
	nameW := utf8.RuneCountInString(p.t("col.domain"))
	for _, r := range reports {
		nameW = max(nameW, utf8.RuneCountInString(Escape(r.Domain)))
	}
	nameW = min(nameW, max(p.opts.Width/2, 20))
	cols := []string{p.t("col.score"), p.t("col.grade"), p.t("col.coverage"), p.t("col.profile")}
	profileW := utf8.RuneCountInString(cols[3])
	for _, r := range reports {
		profileW = max(profileW, utf8.RuneCountInString(p.profile(r.Profile.Name)))
	}
	p.line(p.tone("bold", pad(p.t("col.domain"), nameW)+"  "+padLeft(cols[0], 6)+"  "+pad(cols[1], 5)+"  "+padLeft(cols[2], 9)+"  "+cols[3]))
	for _, r := range reports {
		value := p.integer(r.Score.Value)
		if ungraded(r) {
			value = "–"
		}
		p.line(pad(clip(Escape(r.Domain), nameW), nameW), "  ", padLeft(value, max(6, utf8.RuneCountInString(cols[0]))), "  ",
			p.tone(gradeTone(r.Score.Grade), pad(r.Score.Grade, max(5, utf8.RuneCountInString(cols[1])))), "  ",
			padLeft(p.integer(r.Score.Coverage)+" %", max(9, utf8.RuneCountInString(cols[2]))), "  ", p.profile(r.Profile.Name))
	}
	p.line()
	for _, r := range reports {
		res, f := worstFinding(r)
		lead := Escape(r.Domain) + ": "
		if r.Error != "" {
			p.line(p.tone("error", "✗ "), p.wrap("  ", lead+p.t("incomplete", "Error", Escape(r.Error))))
			continue
		}
		if f == nil {
			p.line(p.tone("ok", "✓ "), lead, p.t("text.no-finding"))
			continue
		}
		st := severityState(f.Severity)
		p.line(p.tone(st.Code, st.Symbol+" "), p.wrap("  ", lead+clip(Escape(f.Message), 300)), "  ", p.rule(res.ID))
	}
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s))) + s
}
