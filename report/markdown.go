package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/check"
)

// markdownMax keeps a step summary below the 1 MiB above which the whole of it
// would be lost.
const markdownMax = 900 << 10

// markdownMarker lets a bot find the comment or issue that it wrote last time.
const markdownMarker = "<!-- postseal-report -->\n"

// WriteMarkdown writes a result as GitHub-flavoured Markdown for a step
// summary, a comment or an issue: headings from the third level, details
// folded, at most 900 KiB. Of more domains than fit the worst are shown.
func WriteMarkdown(w io.Writer, d *Document, lang string) error {
	d = Normalise(d)
	m := &markdown{words: wordsFor(lang, d)}
	m.b.WriteString(markdownMarker)
	if len(d.Reports) == 1 {
		m.domain(d.Reports[0])
	} else {
		m.fleet(worstFirst(d.Reports))
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

type markdown struct {
	words
	b strings.Builder
}

func (m *markdown) line(parts ...string) {
	for _, p := range parts {
		m.b.WriteString(p)
	}
	m.b.WriteByte('\n')
}

// fleet is a table of all domains, worst first, and below it each one folded,
// as far as there is room.
func (m *markdown) fleet(reports []*Report) {
	m.line("### postseal: ", m.count("index.domains", len(reports)))
	m.line()
	m.line("| ", strings.Join([]string{m.t("col.domain"), m.t("col.score"), m.t("col.grade"), m.t("col.coverage"), m.t("md.worst")}, " | "), " |")
	m.line("| --- | ---: | --- | ---: | --- |")
	row := func(r *Report) string {
		value, worst := "–", m.t("text.no-finding")
		if !ungraded(r) {
			value = m.integer(r.Score.Value)
		}
		if r.Error != "" {
			worst = m.t("incomplete", "Error", mdText(r.Error))
		} else if _, f := worstFinding(r); f != nil {
			worst = severityState(f.Severity).Symbol + " " + mdText(clip(f.Message, 300))
		}
		return fmt.Sprintf("| %s | %s | %s | %s %% | %s |\n", mdText(displayName(r)), value, mdText(r.Score.Grade), m.integer(r.Score.Coverage), worst)
	}
	rows := 0
	for _, r := range reports {
		// A third of the room is kept for what the table sums up.
		text := row(r)
		if m.b.Len()+len(text) > markdownMax*2/3 {
			break
		}
		m.b.WriteString(text)
		rows++
	}
	m.line()
	if rows < len(reports) {
		m.line(m.count("md.more", len(reports)-rows))
		m.line()
	}
	for i, r := range reports {
		one := &markdown{words: m.words}
		one.line("<details><summary>", mdText(displayName(r)), ": ", mdText(r.Verdict.Text), "</summary>")
		one.line()
		one.domain(r)
		one.line()
		one.line("</details>")
		one.line()
		if m.b.Len()+one.b.Len() > markdownMax-1000 {
			m.line(m.count("md.folded", len(reports)-i))
			return
		}
		m.b.WriteString(one.b.String())
	}
}

func displayName(r *Report) string {
	if r.DomainUnicode != "" && r.DomainUnicode != r.Domain {
		return r.DomainUnicode + " (" + r.Domain + ")"
	}
	return r.Domain
}

// domain is the report of one domain. What would not fit is left out whole:
// half a table is worse than none.
func (m *markdown) domain(r *Report) {
	score := m.t("text.ungraded")
	if !ungraded(r) {
		score = fmt.Sprintf("%s/100 %s", m.integer(r.Score.Value), mdText(r.Score.Grade))
	}
	m.line("### ", mdText(displayName(r)), ": ", score)
	m.line()
	if r.Error != "" {
		m.line("**", m.t("incomplete", "Error", mdText(r.Error)), "**")
		m.line()
	}
	m.line("**", mdText(r.Verdict.Text), "**")
	m.line()
	m.line(mdText(m.coverage(r)), " · ", mdText(m.profile(r.Profile.Name)))
	m.section(m.since(r))
	m.section(m.steps(r))
	m.section(m.standards(r))
	m.section(m.findings(r))
	m.section(m.notMeasured(r))
}

func (m *markdown) section(text string) {
	if text != "" && m.b.Len()+len(text) < markdownMax-1000 {
		m.b.WriteString("\n" + text)
	}
}

func (m *markdown) steps(r *Report) string {
	if len(r.NextSteps) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#### %s\n\n", m.t("text.steps"))
	for i, s := range r.NextSteps {
		gain := ""
		if !ungraded(r) {
			gain = fmt.Sprintf("%+d → %d %s, ", s.Gain, s.ScoreAfter, mdText(s.GradeAfter))
		}
		fmt.Fprintf(&b, "%d. %s (%s%s)\n", i+1, mdText(s.Title), gain, mdText(m.effort(s.Effort)))
		b.WriteString(mdRecords(s.Records, "   "))
	}
	return b.String()
}

// mdRecords are the lines to publish as an indented block of code.
func mdRecords(changes []check.RecordChange, indent string) string {
	var lines []string
	for _, c := range changes {
		for _, v := range c.New {
			lines = append(lines, zoneLines(c.Name, c.Type, v)...)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	text := strings.Join(lines, "\n"+indent)
	fence := mdFence(text)
	return "\n" + indent + fence + "dns\n" + indent + text + "\n" + indent + fence + "\n\n"
}

func (m *markdown) standards(r *Report) string {
	list := standings(r)
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#### %s\n\n|  | %s | %s |\n| --- | --- | --- |\n", m.t("text.standards"), m.t("md.standard"), m.t("md.standing"))
	for _, s := range list {
		fmt.Fprintf(&b, "| %s %s | %s | %s |\n", s.State.Symbol, m.stateWord(s.State), m.standard(s.Standard), mdText(m.standingLine(s)))
	}
	return b.String()
}

func (m *markdown) findings(r *Report) string {
	list := worstOfAll(flatFindings(&Document{Reports: []*Report{r}}, true))
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s</summary>\n\n| %s | %s | %s | %s |\n| --- | --- | --- | --- |\n",
		m.count("md.findings", len(list)), m.t("md.severity"), m.t("md.subject"), m.t("md.finding"), m.t("md.rule"))
	for _, f := range list {
		text := mdText(f.Message)
		if f.Ignored != nil {
			text += "<br>" + mdText(m.ignored(f.Ignored))
		}
		if f.Expired != nil {
			text += "<br>" + mdText(m.expired(f.Expired))
		}
		if f.Fix != nil && f.Fix.Verb != "" {
			text += "<br>" + m.t("fix") + ": " + mdText(f.Fix.Verb)
		}
		subject := mdText(f.Subject)
		if f.Location != nil {
			at := f.place()
			subject += fmt.Sprintf("<br>%s:%d", mdText(at.File), at.Line)
		}
		fmt.Fprintf(&b, "| %s %s | %s | %s | %s |\n", severityState(f.Severity).Symbol, m.severity(f.Severity), subject, text, f.res.ID)
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

func (m *markdown) notMeasured(r *Report) string {
	if len(r.NotMeasured) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s</summary>\n\n", m.t("text.not-measured", "N", notMeasuredWeight(r)))
	for _, n := range r.NotMeasured {
		fmt.Fprintf(&b, "- %s: %s\n", mdText(m.checkName(n.Check)), mdText(n.Cause))
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// mdText writes text so that Markdown shows it as it is: no mark-up, no link,
// no mention of a person that a stranger's record names.
func mdText(s string) string { return mdEscaper.Replace(Escape(s)) }

var mdEscaper = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "://", "&#58;//", "www.", "www&#46;",
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`, "~", `\~`, "$", `\$`,
)

// mdFence is a fence longer than any run of backticks in the text.
func mdFence(text string) string {
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	return strings.Repeat("`", max(3, longest+1))
}
