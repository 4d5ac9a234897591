package report

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// MessageDocument is one look at one message: what `message --format json` prints.
type MessageDocument struct {
	SchemaVersion string   `json:"schema_version"`
	Tool          Tool     `json:"tool"`
	Lang          string   `json:"lang"`
	Message       *Message `json:"message"`
	Exit          Exit     `json:"exit"`
}

// Message is what was found about one message.
type Message struct {
	File      string          `json:"file"` // as given; "-" is standard input
	From      string          `json:"from"` // the author's address as written; "" where there is none
	Verdict   Verdict         `json:"verdict"`
	Mechanism []MessageResult `json:"mechanisms"` // SPF, each signature, DMARC, ARC
	Evidence  []MessageSource `json:"evidence"`   // what is known of the delivery, and from where
	Notes     []string        `json:"notes"`      // about the file, translated
	Results   []Result        `json:"results"`
	AuthRes   string          `json:"authentication_results"` // the value of the field (RFC 8601)
	Facts     json.RawMessage `json:"facts"`
	Domain    string          `json:"author_domain"`
	Counts    map[string]int  `json:"counts"` // findings by severity
}

// MessageResult is one line of the table.
type MessageResult struct {
	Method   string `json:"method"`   // "SPF", "DKIM", "DMARC", "ARC"
	Result   string `json:"result"`   // as RFC 8601 spells it; "unknown" where nothing could be told
	Identity string `json:"identity"` // whose result it is
	Aligned  string `json:"aligned"`  // "yes", "no", "unknown"; "" where the question does not arise
	Detail   string `json:"detail"`   // translated
}

// MessageSource is one thing known of the delivery.
type MessageSource struct {
	What   string `json:"what"` // "ip", "helo", "mail_from"
	Value  string `json:"value"`
	Source string `json:"source"` // "given", "header", "unknown"
}

// normal gives a copy that holds to the contract of the JSON.
func (d *MessageDocument) normal() *MessageDocument {
	v := normal(reflect.ValueOf(*d)).Interface().(MessageDocument)
	v.SchemaVersion = SchemaVersion
	return &v
}

// WriteMessageJSON writes what was found about a message as JSON.
func WriteMessageJSON(w io.Writer, d *MessageDocument) error {
	text, err := encode(d.normal(), "")
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// WriteMessageText writes what was found about a message for a terminal, the
// verdict first. Text of the message comes out escaped.
func WriteMessageText(w io.Writer, d *MessageDocument, l *locale.Localizer, opts TextOptions) error {
	d = d.normal()
	if opts.Width <= 0 {
		opts.Width = 80
	}
	opts.Width = max(opts.Width, narrowestText)
	p := &textPrinter{words: words{l}, opts: opts}
	m := d.Message
	head := m.File
	if m.From != "" {
		head = m.From
	}
	p.line(p.tone("bold", clip(Escape(head), opts.Width)))
	p.line(p.tone(verdictTone(m.Verdict.Code), p.wrap("", Escape(m.Verdict.Text))))
	p.mechanisms(m)
	p.messageFindings(m)
	p.evidence(m)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// m gives the message msg.<key>.
func (p *textPrinter) m(key string, params check.Params) string { return p.Text("msg."+key, params) }

func verdictTone(code string) string {
	switch {
	case strings.HasPrefix(code, "pass"):
		return "ok"
	case strings.HasPrefix(code, "fail"):
		return "error"
	case code == "open":
		return "unknown"
	}
	return "warning"
}

func resultTone(result string) string {
	switch result {
	case "pass":
		return "ok"
	case "unknown", "temperror":
		return "unknown"
	case "none", "neutral", "softfail":
		return "warning"
	}
	return "error"
}

// widestIdentity is how much of an identity the table shows.
const widestIdentity = 40

func (p *textPrinter) mechanisms(m *Message) {
	p.line()
	resultW, identityW := 0, 0
	for _, r := range m.Mechanism {
		resultW = max(resultW, utf8.RuneCountInString(Escape(r.Result)))
		identityW = max(identityW, utf8.RuneCountInString(clip(Escape(r.Identity), widestIdentity)))
	}
	for _, r := range m.Mechanism {
		lead := fmt.Sprintf("  %-5s  ", r.Method)
		result := pad(Escape(r.Result), resultW) + "  "
		identity := pad(clip(Escape(r.Identity), widestIdentity), identityW) + "  "
		var rest []string
		if r.Aligned != "" {
			rest = append(rest, p.m("aligned-"+r.Aligned, nil))
		}
		if r.Detail != "" {
			rest = append(rest, clip(Escape(r.Detail), 2*p.opts.Width))
		}
		text := strings.Join(rest, "; ")
		if text == "" {
			result, identity = strings.TrimRight(result, " "), strings.TrimRight(identity, " ")
		}
		indent := utf8.RuneCountInString(lead + result + identity)
		if p.opts.Width-indent < 24 && utf8.RuneCountInString(text)+indent > p.opts.Width { // no room beside it
			p.line(lead, p.tone(resultTone(r.Result), result), identity)
			p.line("         ", p.tone("muted", p.wrap("         ", text)))
			continue
		}
		p.line(lead, p.tone(resultTone(r.Result), result), identity, p.tone("muted", p.wrap(strings.Repeat(" ", indent), text)))
	}
}

// messageFindings prints every finding, the worst first; those that only inform
// when asked to.
func (p *textPrinter) messageFindings(m *Message) {
	s := &standing{}
	var unknown []*Result
	hidden := 0
	for i := range m.Results {
		res := &m.Results[i]
		if res.Status == check.Unknown {
			unknown = append(unknown, res)
		}
		s.Results = append(s.Results, res)
	}
	first := true
	for _, e := range worstFindings(s) {
		f := &e.res.Findings[e.n]
		if f.Severity == check.Info && !p.opts.Verbose {
			hidden++
			continue
		}
		if first {
			p.line()
			first = false
		}
		p.finding(m.Domain, e.res, f)
	}
	if first {
		p.line()
		p.line(p.tone("ok", "  ✓ "), p.m("no-finding", nil))
	}
	if hidden > 0 {
		p.line("    ", p.tone("muted", p.wrap("    ", p.m("hidden", check.Params{"N": hidden}))))
	}
	if len(unknown) > 0 {
		p.line()
		p.unknown(unknown)
	}
}

// evidence says what the results rest on.
func (p *textPrinter) evidence(m *Message) {
	p.line()
	for _, e := range m.Evidence {
		text := p.m("source-"+e.Source, check.Params{"What": p.m("what-"+e.What, nil), "Value": clip(Escape(e.Value), 200)})
		p.line("  ", p.wrap("    ", text))
	}
	for _, n := range m.Notes {
		p.line("  ", p.wrap("    ", Escape(n)))
	}
}
