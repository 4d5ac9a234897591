package report

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// ReplyDocument is what `explain` says of SMTP replies and `session` of a
// transcript: what their --format json prints.
type ReplyDocument struct {
	SchemaVersion   string        `json:"schema_version"`
	Tool            Tool          `json:"tool"`
	Lang            string        `json:"lang"`
	File            string        `json:"file"` // of a session, as given; "" for explain
	Form            string        `json:"form"` // what the input turned out to be
	Explanations    []Explanation `json:"explanations"`
	More            int           `json:"more"`             // replies that are not explained: too many of them
	Session         *SMTPSession  `json:"session"`          // nil where the input is no transcript
	Results         []Result      `json:"results"`          // of the rules over replies and sessions
	Messages        []SentMessage `json:"messages"`         // what was sent after DATA, by the rules over messages
	PatternsChecked string        `json:"patterns_checked"` // the day of the rows about providers
	Exit            Exit          `json:"exit"`
}

// Explanation is one reply and what it means.
type Explanation struct {
	Line         int      `json:"line"` // in the input, from 1
	Code         int      `json:"code"` // 0 where there is none
	Enhanced     string   `json:"enhanced"`
	Text         string   `json:"text"`    // as the server wrote it, credentials taken out
	Command      string   `json:"command"` // that it answers; "" unknown
	Class        string   `json:"class"`   // "success", "continue", "temporary", "permanent", "none", "malformed"
	Stage        string   `json:"stage"`   // "" unknown
	StageSource  string   `json:"stage_source"`
	Words        string   `json:"words"` // which row of the tables said so: stable
	Cause        string   `json:"cause"` // translated, as are the following
	Remedy       string   `json:"remedy"`
	BaseCause    string   `json:"base_cause"` // of the reply code alone, where that is less exact
	Provider     string   `json:"provider"`   // who wrote it, "" unknown
	Maybe        string   `json:"unverified"` // a cause that nobody has verified; "" for none
	MaybeRemedy  string   `json:"unverified_remedy"`
	ReadAs       int      `json:"read_as"` // the code to read it as, 0 for its own
	Retry        string   `json:"retry"`   // a word, as in the messages reply.retry
	RetryText    string   `json:"retry_text"`
	Actors       []string `json:"actors"`
	Commands     []string `json:"commands"` // to run
	Rules        []string `json:"rules"`    // to look at
	BlamedDomain string   `json:"blamed_domain"`
}

// SMTPSession is a transcript in numbers, and its commands.
type SMTPSession struct {
	Style       string     `json:"style"`
	Connections int        `json:"connections"`
	TLS         string     `json:"tls"` // "starttls", "implicit", "none-seen"
	TLSLine     int        `json:"tls_line"`
	Notes       int        `json:"notes"`
	Steps       []SMTPStep `json:"steps"`
}

// SMTPStep is one command and its answer.
type SMTPStep struct {
	Line     int    `json:"line"`
	Command  string `json:"command"` // redacted
	TLS      bool   `json:"tls"`
	Code     int    `json:"code"` // 0 where no answer was seen
	Enhanced string `json:"enhanced"`
}

// SentMessage is one message that a session sent.
type SentMessage struct {
	Line    int      `json:"line"` // of its first line
	Lines   int      `json:"lines"`
	Error   string   `json:"error"` // why its format was not looked at, translated
	Results []Result `json:"results"`
}

func (d *ReplyDocument) normal() *ReplyDocument {
	v := normal(reflect.ValueOf(*d)).Interface().(ReplyDocument)
	v.SchemaVersion = SchemaVersion
	return &v
}

// WriteReplyJSON writes explanations as JSON.
func WriteReplyJSON(w io.Writer, d *ReplyDocument) error {
	text, err := encode(d.normal(), "")
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// WriteReplyText writes explanations for a terminal. The server's text comes
// out escaped.
func WriteReplyText(w io.Writer, d *ReplyDocument, l *locale.Localizer, opts TextOptions) error {
	d = d.normal()
	if opts.Width <= 0 {
		opts.Width = 80
	}
	opts.Width = max(opts.Width, narrowestText)
	p := &textPrinter{words: words{l}, opts: opts}
	if d.Session != nil {
		p.session(d)
	}
	for i := range d.Explanations {
		if i > 0 || d.Session != nil {
			p.line()
		}
		p.explanation(&d.Explanations[i], d.Session != nil)
	}
	if d.More > 0 {
		p.line()
		p.line(p.r("more", check.Params{"N": d.More}))
	}
	p.replyFindings(d)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// r gives the message reply.<key>.
func (p *textPrinter) r(key string, params check.Params) string { return p.Text("reply."+key, params) }

// shownReply is how much of a server's text is shown.
const shownReply = 400

func (p *textPrinter) explanation(e *Explanation, numbered bool) {
	head := []string{}
	if e.Code != 0 {
		head = append(head, fmt.Sprintf("%03d", e.Code))
	}
	if e.Enhanced != "" {
		head = append(head, e.Enhanced)
	}
	title := p.r("class-name."+e.Class, nil)
	if len(head) > 0 {
		title = strings.Join(head, " ") + ": " + title
	}
	if numbered {
		title = p.r("at-line", check.Params{"Line": e.Line}) + " · " + title
	}
	p.line(p.tone("bold", p.tone(classTone(e.Class), p.wrap("  ", title))))
	if e.Command != "" {
		p.line("  ", p.tone("muted", p.wrap("  ", clip(Escape(e.Command), 200))))
	}
	if e.Text != "" {
		p.line("  ", p.tone("muted", p.wrap("  ", clip(Escape(e.Text), shownReply))))
	}
	p.labelled("cause", e.Cause)
	p.labelled("remedy", e.Remedy)
	if e.Maybe != "" {
		p.labelled("maybe", p.r("maybe-text", check.Params{"Text": e.Maybe, "Remedy": e.MaybeRemedy}))
	}
	if e.ReadAs != 0 {
		p.labelled("read-as", p.r("read-as-text", check.Params{"Code": e.ReadAs}))
	}
	p.labelled("stage", p.r("stage-"+e.StageSource, check.Params{"Stage": p.stageName(e.Stage)}))
	p.labelled("retry", e.RetryText)
	actors := make([]string, len(e.Actors))
	for i, a := range e.Actors {
		actors[i] = p.r("actor."+a, nil)
	}
	p.labelled("actors", strings.Join(actors, ", "))
	p.labelled("provider", e.Provider)
	for i, c := range e.Commands {
		label := ""
		if i == 0 {
			label = "checks"
		}
		p.labelled(label, Escape(c))
	}
	if len(e.Rules) > 0 {
		p.labelled("rules", strings.Join(e.Rules, ", "))
	}
}

func (p *textPrinter) stageName(stage string) string {
	if stage == "" {
		return ""
	}
	return p.r("stage-name."+stage, nil)
}

// labelColumn is where the text behind a label begins.
const labelColumn = 15

// labelled prints a text behind its label; the label "" continues the last one.
func (p *textPrinter) labelled(label, text string) {
	if text == "" {
		return
	}
	if label != "" {
		label = p.r("label."+label, nil)
	}
	indent := strings.Repeat(" ", labelColumn)
	p.line("  ", pad(label, labelColumn-2), p.wrap(indent, text))
}

func classTone(class string) string {
	switch class {
	case "success", "continue":
		return "ok"
	case "temporary":
		return "warning"
	}
	return "error"
}

// session is the head of a transcript.
func (p *textPrinter) session(d *ReplyDocument) {
	s := d.Session
	if d.File != "" {
		p.line(p.tone("bold", clip(Escape(d.File), p.opts.Width)))
	}
	p.line(p.wrap("", p.r("session-head", check.Params{
		"Commands": len(s.Steps), "Connections": s.Connections, "TLS": s.TLS, "Line": s.TLSLine, "Messages": len(d.Messages)})))
	if len(d.Explanations) == 0 {
		p.line(p.tone("ok", "✓ "), p.r("session-fine", nil))
	}
}

func (p *textPrinter) replyFindings(d *ReplyDocument) {
	s := &standing{}
	var unknown []*Result
	for i := range d.Results {
		s.Results = append(s.Results, &d.Results[i])
		if d.Results[i].Status == check.Unknown {
			unknown = append(unknown, &d.Results[i])
		}
	}
	list := worstFindings(s)
	if len(list)+len(unknown) > 0 {
		p.line()
	}
	for _, e := range list {
		p.finding("", e.res, &e.res.Findings[e.n])
	}
	p.unknown(unknown)
	if d.File != "" && len(list) == 0 {
		p.line()
		p.line(p.tone("ok", "✓ "), p.r("nothing-wrong", nil))
	}
	for i := range d.Messages {
		p.sentMessage(&d.Messages[i])
	}
}

func (p *textPrinter) sentMessage(m *SentMessage) {
	s := &standing{}
	for i := range m.Results {
		s.Results = append(s.Results, &m.Results[i])
	}
	p.line()
	p.line(p.tone("bold", p.wrap("", p.r("sent-message", check.Params{"Line": m.Line, "Lines": m.Lines}))))
	if m.Error != "" {
		p.line("  ", p.wrap("  ", Escape(m.Error)))
		return
	}
	shown, hidden := 0, 0
	for _, e := range worstFindings(s) {
		f := &e.res.Findings[e.n]
		if f.Severity == check.Info && !p.opts.Verbose {
			hidden++
			continue
		}
		p.finding("", e.res, f)
		shown++
	}
	if shown == 0 {
		p.line(p.tone("ok", "  ✓ "), p.m("no-finding", nil))
	}
	if hidden > 0 {
		p.line("    ", p.tone("muted", p.m("hidden", check.Params{"N": hidden})))
	}
}
