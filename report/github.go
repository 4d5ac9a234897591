package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/check"
)

// annotationsShown is how many annotations of a kind GitHub keeps of one step;
// the rest would be dropped without a word.
const annotationsShown = 10

var annotationCommands = map[check.Severity]string{check.Error: "error", check.Warning: "warning", check.Notice: "notice", check.Info: "notice"}

// WriteGitHub writes workflow commands that make annotations: the ten worst
// findings that nobody accepted, and how many more there are.
func WriteGitHub(w io.Writer, d *Document, lang string) error {
	d = Normalise(d)
	words := wordsFor(lang, d)
	list := worstOfAll(flatFindings(d, false))
	var b strings.Builder
	for i, f := range list {
		if i == annotationsShown {
			fmt.Fprintln(&b, words.count("github.more", len(list)-i))
			break
		}
		var where string
		if f.Location != nil || f.report.DeclaredAt != nil {
			at := f.place()
			where = fmt.Sprintf("file=%s,line=%d,", commandValue(at.File, true), at.Line)
		}
		text := f.report.Domain + ": " + f.Message
		if f.Fix != nil && f.Fix.Verb != "" {
			text += ". " + words.t("fix") + ": " + f.Fix.Verb
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", annotationCommands[f.Severity], where, commandValue(f.res.ID+" ("+f.Subject+")", true), commandValue(text, false))
	}
	for _, r := range d.Reports {
		if r.Error != "" {
			fmt.Fprintf(&b, "::warning title=%s::%s\n", commandValue(r.Domain, true), commandValue(words.t("incomplete", "Error", r.Error), false))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commandValue writes text so that a runner reads it back as one value: a
// stranger's record must not end the command and begin another.
func commandValue(s string, property bool) string {
	s = strings.ReplaceAll(Escape(s), "%", "%25")
	if property {
		s = strings.NewReplacer(":", "%3A", ",", "%2C").Replace(s)
	}
	return s
}
