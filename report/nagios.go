package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/check"
)

// NagiosState is a state of the monitoring plug-in interface, and the exit
// code that tells it.
type NagiosState int

// The states.
const (
	NagiosOK NagiosState = iota
	NagiosWarning
	NagiosCritical
	NagiosUnknown
)

func (s NagiosState) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s] }

// Scores below these are a warning and critical.
const (
	nagiosWarnBelow     = 80
	nagiosCriticalBelow = 60
)

// NagiosOf judges a document: critical below 60, a warning below 80 or with an
// error that nobody accepted, unknown where nothing was graded. Of several
// domains the worst counts, and what is certain comes before what is unknown.
func NagiosOf(d *Document) NagiosState {
	worst := NagiosOK
	if len(d.Reports) == 0 {
		worst = NagiosUnknown
	}
	order := map[NagiosState]int{NagiosOK: 0, NagiosUnknown: 1, NagiosWarning: 2, NagiosCritical: 3}
	for _, r := range d.Reports {
		if s := nagiosOf(r); order[s] > order[worst] {
			worst = s
		}
	}
	return worst
}

func nagiosOf(r *Report) NagiosState {
	switch {
	case ungraded(r) || r.Incomplete:
		return NagiosUnknown
	case r.Score.Value < nagiosCriticalBelow:
		return NagiosCritical
	case r.Score.Value < nagiosWarnBelow || openFindings(r)[check.Error] > 0:
		return NagiosWarning
	}
	return NagiosOK
}

// WriteNagios writes what a monitoring system reads of a plug-in: one line with
// the state and the numbers to draw, and below it the findings.
func WriteNagios(w io.Writer, d *Document, lang string) error {
	d = Normalise(d)
	words := wordsFor(lang, d)
	state := NagiosOf(d)
	var b strings.Builder
	if len(d.Reports) == 1 {
		r := d.Reports[0]
		fmt.Fprintf(&b, "POSTSEAL %s: %s %s", state, nagiosText(r.Domain), words.nagiosScore(r))
		if n := openFindings(r)[check.Error]; n > 0 {
			b.WriteString(", " + words.count("count.error", n))
		}
		fmt.Fprintf(&b, " | %s\n", strings.Join(nagiosData(r, ""), " "))
	} else {
		var data []string
		states := map[NagiosState]int{}
		for _, r := range d.Reports {
			states[nagiosOf(r)]++
			data = append(data, nagiosData(r, r.Domain+"_")...)
		}
		fmt.Fprintf(&b, "POSTSEAL %s: %s", state, words.count("index.domains", len(d.Reports)))
		for _, s := range []NagiosState{NagiosCritical, NagiosWarning, NagiosUnknown} {
			if states[s] > 0 {
				fmt.Fprintf(&b, ", %d %s", states[s], s)
			}
		}
		if len(data) > 0 {
			b.WriteString(" | " + strings.Join(data, " "))
		}
		b.WriteByte('\n')
	}
	for _, f := range worstOfAll(flatFindings(d, false)) {
		if f.Severity < check.Warning {
			break
		}
		fmt.Fprintf(&b, "%s %s: %s (%s)\n", words.severity(f.Severity), nagiosText(f.report.Domain), nagiosText(f.Message), f.res.ID)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (w words) nagiosScore(r *Report) string {
	if ungraded(r) {
		return w.t("text.ungraded")
	}
	return fmt.Sprintf("%d/100 (%s)", r.Score.Value, r.Score.Grade)
}

// nagiosData are a domain's numbers: value, the two lines that graphs draw,
// least, most.
func nagiosData(r *Report, prefix string) []string {
	var data []string
	label := func(name string) string {
		if prefix == "" {
			return name
		}
		return "'" + strings.ReplaceAll(nagiosText(prefix+name), "'", "''") + "'"
	}
	if !ungraded(r) {
		data = append(data, fmt.Sprintf("%s=%d;%d;%d;0;100", label("score"), r.Score.Value, nagiosWarnBelow, nagiosCriticalBelow))
	}
	if n, ok := spfLookups(r); ok {
		data = append(data, fmt.Sprintf("%s=%d;9;10;0", label("spf_lookups"), n))
	}
	data = append(data, fmt.Sprintf("%s=%d%%;;;0;100", label("measured"), r.Score.Coverage))
	return data
}

// nagiosText keeps text on its line and out of the numbers: the first "|" ends
// what people read.
func nagiosText(s string) string { return strings.ReplaceAll(Escape(s), "|", "¦") }
