package report

import (
	"fmt"
	"strings"
)

// transcriptView is one SMTP dialogue, with everybody who led the same.
type transcriptView struct {
	Title string   // host, address and port of the first
	Also  []string // of the others
	Named bool     // the others' dialogues differ in the server's own name
	Word  string
	Lines []transcriptLine
	More  string
}

// transcriptLine is a line and who said it: "C" we, "S" the server, "T" what
// happened to the connection.
type transcriptLine struct{ From, Text string }

// Bounds of the dialogues on a page; the JSON has them whole.
const (
	maxTranscripts = 40
	maxDialogue    = 50
	maxLine        = 200
)

// transcripts shows what was said. Servers of one house say the same on every
// address, but for their own name in it: that is shown once.
func (w words) transcripts(v *starttlsView) []transcriptView {
	if v == nil {
		return nil
	}
	var views []transcriptView
	seen := map[string]int{} // what was said: where in views
	first := map[int]string{}
	for _, h := range v.Hosts {
		if h == nil {
			continue
		}
		for _, s := range h.Sessions {
			if s == nil || len(s.Transcript) == 0 {
				continue
			}
			title := fmt.Sprintf("%s  %s  %d", Escape(h.Name), Escape(s.Addr), s.Port)
			said := sayings(h.Name, s)
			if at, ok := seen[said]; ok {
				views[at].Also = append(views[at].Also, title)
				views[at].Named = views[at].Named || h.Name != first[at]
				continue
			}
			if len(views) == maxTranscripts {
				continue
			}
			seen[said], first[len(views)] = len(views), h.Name
			t := transcriptView{Title: title, Word: w.or("session", s.Status, Escape(s.Status))}
			for i, l := range s.Transcript {
				if i == maxDialogue {
					t.More = w.count("lines-more", len(s.Transcript)-i)
					break
				}
				t.Lines = append(t.Lines, transcriptLine{Escape(clip(l.From, 4)), clip(Escape(l.Text), maxLine)})
			}
			views = append(views, t)
		}
	}
	return views
}

// sayings are a session's state and lines, with a NUL, which no line of SMTP
// holds, for the server's own name.
func sayings(host string, s *sessionView) string {
	var b strings.Builder
	b.WriteString(s.Status)
	host = strings.TrimSuffix(host, ".")
	for _, l := range s.Transcript {
		text := l.Text
		if host != "" {
			text = strings.ReplaceAll(text, host, "\x00")
		}
		fmt.Fprintf(&b, "\n%q %q", l.From, text)
	}
	return b.String()
}
