package reply

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// maxExplained bounds how many replies of one input are explained.
const maxExplained = 20

// Build puts everything read into words of one language. In a transcript the
// refusals are explained; where there is none, and only if last says so, the
// last reply.
func Build(f *Facts, stage Stage, last bool, l *locale.Localizer) *report.ReplyDocument {
	d := &report.ReplyDocument{
		Lang: string(l.Lang), Form: string(f.Form), Results: report.Results(evaluate(f), l), PatternsChecked: PatternsChecked,
		Explanations: []report.Explanation{}, Messages: []report.SentMessage{},
	}
	var told []*Reply
	for _, r := range f.Replies {
		if f.Session == nil || r.class() > 3 || r.class() == 0 {
			told = append(told, r)
		}
	}
	if n := len(f.Replies); len(told) == 0 && last && n > 0 {
		told = f.Replies[n-1:]
	}
	for i, r := range told {
		if i == maxExplained {
			d.More = len(told) - i
			break
		}
		d.Explanations = append(d.Explanations, explanation(Explain(r, stage), l))
	}
	if f.Session != nil {
		d.Session = f.Session.summary()
	}
	return d
}

func explanation(e *Explanation, l *locale.Localizer) report.Explanation {
	r := e.Reply
	out := report.Explanation{
		Line: r.Line, Code: r.Code, Enhanced: r.Enhanced.String(), Text: r.Text, Command: r.Command, Class: e.Class,
		Stage: string(e.Stage), StageSource: e.StageHow, Words: strings.TrimPrefix(e.Words, "reply."),
		Cause: l.Text(e.Words+".cause", nil), Remedy: l.Text(e.Words+".remedy", nil),
		Provider: e.Provider, ReadAs: e.ReadAs, Retry: e.Retry, RetryText: l.Text("reply.retry."+e.Retry, nil),
		Actors: e.Actors, Commands: []string{}, Rules: []string{}, BlamedDomain: e.Domain,
	}
	if r.Enhanced.Class != 0 && r.Code != 0 && r.Enhanced.Class != r.class() {
		out.Remedy += " " + l.Text("reply.act-on-base", check.Params{"Code": r.Code})
	}
	if e.Base != "" {
		out.BaseCause = l.Text(e.Base+".cause", nil)
	}
	if e.Maybe != "" {
		out.Maybe, out.MaybeRemedy = l.Text(e.Maybe+".cause", nil), l.Text(e.Maybe+".remedy", nil)
	}
	for _, c := range e.Checks {
		if strings.HasPrefix(c, "postseal ") {
			if e.Domain != "" {
				c = strings.Replace(c, " DOMAIN", " "+e.Domain, 1)
			}
			out.Commands = append(out.Commands, c)
			continue
		}
		out.Rules = append(out.Rules, c)
	}
	return out
}

// summary is the session without what only rules need.
func (s *Session) summary() *report.SMTPSession {
	out := &report.SMTPSession{Style: s.Style, Connections: s.Connections, TLS: "none-seen", TLSLine: s.TLSLine, Notes: s.Notes, Steps: []report.SMTPStep{}}
	switch {
	case s.ImplicitTLS:
		out.TLS = "implicit"
	case s.TLSLine > 0:
		out.TLS = "starttls"
	}
	for _, st := range s.Steps {
		row := report.SMTPStep{Line: st.Line, Command: st.Text, TLS: st.TLS}
		if st.Reply != nil {
			row.Code, row.Enhanced = st.Reply.Code, st.Reply.Enhanced.String()
		}
		out.Steps = append(out.Steps, row)
	}
	return out
}
