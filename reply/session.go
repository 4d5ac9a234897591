package reply

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// Session is a transcript, read line by line.
type Session struct {
	Style       string `json:"style"`        // whose marks the lines have; "plain" for none
	Connections int    `json:"connections"`  // greetings seen, at least one
	Greeted     bool   `json:"greeted"`      // it begins with the server's greeting
	ImplicitTLS bool   `json:"implicit_tls"` // it says that TLS was on from the start
	Plain       bool   `json:"plain"`        // the user says that it was not
	TLSLine     int    `json:"tls_line"`     // of the first line over TLS; 0 for none
	Notes       int    `json:"notes"`        // lines that neither side said; not kept

	Steps    []*Step    `json:"steps"`
	Messages []*Content `json:"messages"`
	Dots     []Dot      `json:"dots"`
	LF       LineEnds   `json:"line_ends"`
}

// Step is one command and what came back.
type Step struct {
	Line       int    `json:"line"`
	Verb       string `json:"verb"` // in capitals; "." is the end of the message
	Text       string `json:"text"` // as sent, redacted
	Stage      Stage  `json:"stage"`
	TLS        bool   `json:"tls"`
	Connection int    `json:"connection"` // from 1
	Reply      *Reply `json:"reply"`      // nil where none was seen

	Mechanism  string `json:"mechanism"`  // of AUTH
	Credential bool   `json:"credential"` // something was sent for AUTH, inline or after a 334
	Unprompted int    `json:"unprompted"` // line at which it was sent without a 334; 0 for none
	StaleEHLO  bool   `json:"stale_ehlo"` // no EHLO between the start of TLS and this
	Offered    bool   `json:"offered"`    // the last EHLO listed STARTTLS, so TLS was not on

	key string // what makes a repetition the same, credentials in it: never shown
}

// Content is a message as it was sent after DATA, dots undone.
type Content struct {
	Line   int    `json:"line"`  // of its first line
	Lines  int    `json:"lines"` // of the transcript
	Ended  bool   `json:"ended"` // by a line with a dot
	Octets []byte `json:"-"`
}

// Dot is a line of a message that begins with one dot (RFC 5321 §4.5.2).
type Dot struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	Ends bool   `json:"ends"` // it is the dot alone, and the text goes on behind it
}

// LineEnds counts how the lines of the input end.
type LineEnds struct {
	CRLF   int  `json:"crlf"`
	LF     int  `json:"lf"`
	Offset int  `json:"offset"` // of the first LF without CR
	Line   int  `json:"line"`   // its line
	Raw    bool `json:"raw"`    // the user says that the octets are as sent
}

// reader walks through a transcript.
type reader struct {
	s       *Session
	style   *style
	replies []*Reply
	open    *Reply  // a reply whose last line is still to come
	waiting []*Step // without an answer, the oldest first
	auth    *Step   // that still exchanges lines
	prompt  bool    // a 334 waits for the client
	body    *Content
	dotted  *Content // ended by a dot that nobody has answered yet
	lastDot Dot
	tls     bool
	stale   bool // TLS has begun and no EHLO came
	offered bool // the last EHLO listed STARTTLS
	sender  string
	rcpts   string
	secrets secrets
}

// implicit are signs that a tool spoke TLS from the start.
var implicit = regexp.MustCompile(`(?i)^(?:SSL-Session:|\s*Verify return code|New, (?:TLSv|SSLv)|=== TLS started|.*\bSSL connection using|.*smtps://|.*\bSMTP_SSL\b|.*\bport 465\b|.*:465\b)|^CONNECTED\([0-9A-F]+\)`)

func readSession(lines []textLine, st *style, o Options) (*Session, []*Reply) {
	r := &reader{style: st, tls: o.ImplicitTLS, s: &Session{
		Style: st.name, ImplicitTLS: o.ImplicitTLS, Plain: o.Plain, Steps: []*Step{}, Messages: []*Content{}, Dots: []Dot{}}}
	r.s.LF.Raw = o.Raw
	if o.ImplicitTLS {
		r.s.TLSLine = 1
	}
	for _, l := range lines {
		r.lineEnd(l)
		who, text, tls := st.read(l.text)
		if tls && !r.tls {
			r.startTLS(l.number)
		}
		if st.server == nil {
			who = r.guess(text)
		}
		parts := []string{text}
		if st.python {
			parts = strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		}
		for _, part := range parts {
			switch who {
			case server:
				r.server(part, l.number)
			case client:
				r.client(part, l.number)
			default:
				r.note(part, l.number)
			}
		}
	}
	r.finish()
	return r.s, r.replies
}

func (r *reader) lineEnd(l textLine) {
	switch {
	case l.crlf:
		r.s.LF.CRLF++
	case l.lf:
		if r.s.LF.LF++; r.s.LF.LF == 1 {
			r.s.LF.Offset, r.s.LF.Line = l.offset+len(l.text), l.number
		}
	}
}

// guess says who spoke a line without marks.
func (r *reader) guess(text string) side {
	trimmed := strings.TrimSpace(text)
	switch {
	case r.body != nil:
		return client
	case replyLine.MatchString(trimmed):
		return server
	case trimmed == "" || strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "$ "):
		return note
	case r.auth != nil && (r.prompt || !r.auth.Credential), command.MatchString(trimmed):
		return client
	case r.afterData():
		return client
	}
	return note
}

// afterData tells whether the last command was DATA, and nothing answered it.
func (r *reader) afterData() bool {
	n := len(r.waiting)
	return n > 0 && r.waiting[n-1].Verb == "DATA"
}

func (r *reader) note(text string, number int) {
	if strings.TrimSpace(text) == "" {
		return
	}
	r.s.Notes++
	if !r.tls && !r.s.Plain && implicit.MatchString(text) {
		r.s.ImplicitTLS = true
		r.tls = true
		if r.s.TLSLine == 0 {
			r.s.TLSLine = number
		}
	}
}

func (r *reader) startTLS(number int) {
	r.tls, r.stale, r.offered = true, true, false
	if r.s.TLSLine == 0 {
		r.s.TLSLine = number
	}
}

// server takes one line that the server said.
func (r *reader) server(text string, number int) {
	l, more, ok := parseLine(strings.TrimSpace(text), number)
	if !ok {
		r.note(text, number)
		return
	}
	if r.open == nil {
		r.open = &Reply{}
		r.replies = append(r.replies, r.open)
	}
	r.open.add(l)
	if more {
		return
	}
	done := r.open
	r.open = nil
	r.answered(done)
}

// answered gives a reply to the oldest command without one.
func (r *reader) answered(rep *Reply) {
	if len(r.waiting) == 0 {
		rep.Stage = StageOther
		if rep.Code == 220 || len(r.s.Steps) == 0 || rep.Code == 554 {
			// Nobody asked: a server greets, and another connection begins.
			rep.Stage = StageGreeting
			if len(r.s.Steps) == 0 && r.s.Connections == 0 {
				r.s.Greeted = true
			} else {
				r.tls, r.stale, r.offered = r.s.ImplicitTLS, false, false
			}
			r.s.Connections++
		}
		return
	}
	st := r.waiting[0]
	rep.Stage, rep.Command, st.Reply = st.Stage, st.Text, rep
	if st.Verb == "AUTH" && rep.Code == 334 {
		r.auth, r.prompt = st, true
		return // its answer is still to come
	}
	r.waiting = r.waiting[1:]
	switch {
	case st.Verb == "AUTH":
		r.auth, r.prompt = nil, false
	case st.Verb == "EHLO":
		r.offered = slices.ContainsFunc(rep.Lines, func(l Line) bool { return strings.EqualFold(strings.TrimSpace(l.Text), "STARTTLS") })
	case st.Verb == "STARTTLS" && rep.Code == 220:
		r.startTLS(rep.Line + len(rep.Lines))
	case st.Verb == "DATA" && rep.class() != 3:
		r.body = nil
	case st.Verb == "DATA" && r.body == nil:
		r.begin()
	case st.Verb == ".":
		r.dotted = nil
	}
}

func (r *reader) begin() {
	r.body = &Content{}
	r.s.Messages = append(r.s.Messages, r.body)
}

// client takes one line that the client said.
func (r *reader) client(text string, number int) {
	switch {
	case r.body != nil:
		r.content(text, number)
		return
	case r.dotted != nil && !command.MatchString(strings.TrimSpace(text)) && len(r.waiting) > 0 && r.waiting[0].Verb == ".":
		// Nobody answered the dot, and this is no command: the dot stood in the text.
		r.lastDot.Ends = true
		r.s.Dots = append(r.s.Dots, r.lastDot)
		r.s.Steps = r.s.Steps[:len(r.s.Steps)-1]
		r.waiting = r.waiting[:len(r.waiting)-1]
		r.body, r.dotted = r.dotted, nil
		r.body.Ended = false
		r.body.Octets = append(r.body.Octets, ".\r\n"...)
		r.content(text, number)
		return
	case r.afterData() && !command.MatchString(strings.TrimSpace(text)):
		r.begin() // the 354 was left out
		r.content(text, number)
		return
	case r.auth != nil && (r.prompt || !command.MatchString(strings.TrimSpace(text))):
		r.credential(text, number)
		return
	}
	r.command(strings.TrimRight(text, " \t\r"), number)
}

// credential takes a line of an AUTH exchange. What it says is never kept.
func (r *reader) credential(text string, number int) {
	text = strings.TrimSpace(text)
	if text == "" && !r.prompt {
		return
	}
	if !r.prompt && r.auth.Unprompted == 0 && !r.auth.Credential {
		r.auth.Unprompted = number
	}
	if text != "*" {
		r.auth.Credential = true
		r.auth.key += "\x00" + text
		r.secrets.add(text)
	}
	r.prompt = false
}

var authLine = regexp.MustCompile(`(?i)^AUTH\s+(\S+)(?:\s+(.*))?$`)

// command takes a line with a command.
func (r *reader) command(text string, number int) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return
	}
	verb, _, _ := strings.Cut(strings.ToUpper(trimmed), " ")
	switch upper := strings.ToUpper(trimmed); {
	case strings.HasPrefix(upper, "MAIL FROM"):
		verb = "MAIL"
	case strings.HasPrefix(upper, "RCPT TO"):
		verb = "RCPT"
	}
	st := &Step{Line: number, Text: trimmed, TLS: r.tls, Offered: r.offered && !r.tls, Connection: max(r.s.Connections, 1), key: strings.ToLower(trimmed)}
	if m := authLine.FindStringSubmatch(trimmed); m != nil {
		st.Mechanism = strings.ToUpper(cut(m[1], 40))
		st.Text = "AUTH " + st.Mechanism
		st.key = trimmed
		if !authMechanism.MatchString(m[1]) && base64Token.MatchString(m[1]) && len(m[1]) > 20 {
			st.Mechanism, st.Text, st.Credential = "", "AUTH "+Redacted, true // no mechanism, the credential itself
			r.secrets.add(m[1])
		}
		if m[2] != "" {
			st.Text += " " + Redacted
			st.Credential = true
			for _, token := range strings.Fields(m[2]) {
				r.secrets.add(token)
			}
		}
		verb, r.auth = "AUTH", st
	} else if !command.MatchString(trimmed) {
		// Credentials that a server refused half-way are sent on as "commands".
		verb, st.Text = "", redact(trimmed)
		if base64Token.MatchString(trimmed) || r.afterAuth() {
			st.Text = Redacted
			r.secrets.add(trimmed)
		}
	}
	st.Verb, st.Stage = verb, verbStage(verb)
	switch verb {
	case "EHLO", "HELO", "LHLO":
		r.stale = false
		r.sender, r.rcpts = "", ""
	case "MAIL":
		r.sender, r.rcpts = st.key, ""
	case "RCPT":
		r.rcpts += "\x00" + st.key
		st.key = r.sender + "\x00" + st.key
	case "RSET":
		r.sender, r.rcpts = "", ""
	}
	st.StaleEHLO = r.stale && verb != "QUIT" && verb != "NOOP" && verb != "RSET" && verb != ""
	st.Text = cut(st.Text, maxRecord)
	r.s.Steps = append(r.s.Steps, st)
	r.waiting = append(r.waiting, st)
}

// afterAuth tells whether the last command was AUTH.
func (r *reader) afterAuth() bool {
	n := len(r.s.Steps)
	return n > 0 && r.s.Steps[n-1].Verb == "AUTH"
}

// content takes a line of the message.
func (r *reader) content(text string, number int) {
	b := r.body
	if b.Line == 0 {
		b.Line = number
	}
	b.Lines = number - b.Line + 1
	text = strings.TrimSuffix(text, "\r")
	if strings.TrimRight(text, " \t") == "." {
		b.Ended = true
		r.body, r.dotted = nil, b
		r.lastDot = Dot{Line: number, Text: "."}
		sum := sha256.Sum256(b.Octets)
		st := &Step{Line: number, Verb: ".", Text: ".", Stage: StageMessage, TLS: r.tls, Connection: max(r.s.Connections, 1),
			key: r.sender + r.rcpts + hex.EncodeToString(sum[:])}
		r.s.Steps = append(r.s.Steps, st)
		r.waiting = append(r.waiting, st)
		return
	}
	if strings.HasPrefix(text, ".") {
		if strings.HasPrefix(text, "..") {
			text = text[1:]
		} else {
			r.s.Dots = append(r.s.Dots, Dot{Line: number, Text: cut(redact(text), maxRecord)})
		}
	}
	b.Octets = append(b.Octets, text...)
	b.Octets = append(b.Octets, '\r', '\n')
}

// finish takes what the session sent as credentials out of everything kept.
func (r *reader) finish() {
	r.s.Connections = max(r.s.Connections, 1)
	for _, rep := range r.replies {
		rep.Text, rep.Command = r.clean(rep.Text), r.clean(rep.Command)
		for i := range rep.Lines {
			rep.Lines[i].Text = r.clean(rep.Lines[i].Text)
		}
	}
	for _, st := range r.s.Steps {
		st.Text = r.clean(st.Text)
	}
	for i := range r.s.Dots {
		r.s.Dots[i].Text = r.clean(r.s.Dots[i].Text)
	}
	for _, m := range r.s.Messages {
		m.Octets = []byte(r.secrets.scrub(string(m.Octets)))
	}
}

func (r *reader) clean(text string) string { return r.secrets.scrub(redact(text)) }
