package reply

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrNotReply says that there is no reply in the text.
var ErrNotReply = errors.New("reply: no SMTP reply in it")

// maxReplies bounds how many replies of one input are kept.
const maxReplies = 2000

// Parse finds the replies in pasted text, whatever form it has. Only text
// without any reply, or beyond MaxOctets and MaxLines, is an error; the error
// quotes nothing of it.
func Parse(raw []byte) (*Facts, error) {
	lines, err := split(raw)
	if err != nil {
		return nil, err
	}
	if style := transcriptStyle(lines); style != nil {
		f := &Facts{Form: FormTranscript}
		f.Session, f.Replies = readSession(lines, style, Options{})
		return f, nil
	}
	text := make([]string, len(lines))
	for i := range lines {
		text[i] = redact(lines[i].text)
	}
	for _, form := range []struct {
		form Form
		read func([]string) []*Reply
	}{
		{FormReply, readReplies}, {FormDSN, readDSN}, {FormException, readException}, {FormLog, readLog}, {FormStatus, readStatus},
		{FormNetwork, readNetwork},
	} {
		if rs := form.read(text); len(rs) > 0 {
			return &Facts{Form: form.form, Replies: rs[:min(len(rs), maxReplies)]}, nil
		}
	}
	return nil, ErrNotReply
}

// Options are what a user knows of a transcript.
type Options struct {
	Raw         bool // the octets are as they went over the wire: LF ends count
	ImplicitTLS bool // TLS was on from the start, as on port 465
	Plain       bool // it was not
}

// ErrNotSession says that the text is no transcript.
var ErrNotSession = errors.New("reply: no SMTP session in it: it needs commands and replies")

// ParseSession reads a transcript that the user says is one.
func ParseSession(octets []byte, o Options) (*Facts, error) {
	lines, err := split(octets)
	if err != nil {
		return nil, err
	}
	style := transcriptStyle(lines)
	if style == nil {
		return nil, ErrNotSession
	}
	f := &Facts{Form: FormTranscript}
	f.Session, f.Replies = readSession(lines, style, o)
	return f, nil
}

// textLine is one line of the input without its end.
type textLine struct {
	text   string
	number int
	offset int  // of the first octet
	crlf   bool // it ended in CRLF
	lf     bool // it ended in LF alone
}

func split(raw []byte) ([]textLine, error) {
	if len(raw) > MaxOctets {
		return nil, fmt.Errorf("reply: larger than %d MiB", MaxOctets>>20)
	}
	if bytes.Count(raw, []byte("\n")) > MaxLines {
		return nil, fmt.Errorf("reply: more than %d lines", MaxLines)
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	var lines []textLine
	for at := 0; at < len(raw); {
		n := bytes.IndexByte(raw[at:], '\n')
		l := textLine{number: len(lines) + 1, offset: at}
		end := len(raw)
		if n >= 0 {
			end = at + n
			l.lf = true
		}
		text := raw[at:end]
		if l.lf && bytes.HasSuffix(text, []byte("\r")) {
			text, l.crlf, l.lf = text[:len(text)-1], true, false
		}
		l.text = string(text)
		lines = append(lines, l)
		if at = end + 1; n < 0 {
			break
		}
	}
	return lines, nil
}

var replyLine = regexp.MustCompile(`^(\d{3})(?:([ -])(.*))?$`)

// parseLine reads one line of a reply; more says that others follow.
func parseLine(text string, number int) (l Line, more, ok bool) {
	m := replyLine.FindStringSubmatch(strings.TrimRight(text, " \t\r"))
	if m == nil {
		return l, false, false
	}
	l.Number = number
	l.Code, _ = strconv.Atoi(m[1])
	rest := m[3]
	l.Enhanced, rest = cutEnhanced(rest)
	l.Text = cut(rest, maxText)
	return l, m[2] == "-", true
}

var enhancedCode = regexp.MustCompile(`^#?([245])\.(\d{1,3})\.(\d{1,3})(?:[\s:,;]|$)`)

// cutEnhanced takes an enhanced code off the front of a reply's text
// (RFC 2034). Some servers write a number sign before it or a colon behind it.
func cutEnhanced(text string) (Enhanced, string) {
	text = strings.TrimLeft(text, " ")
	m := enhancedCode.FindStringSubmatch(text)
	if m == nil {
		return Enhanced{}, text
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	return Enhanced{n(1), n(2), n(3)}, strings.TrimLeft(text[len(m[0]):], " \t")
}

// add joins a line to the reply. The last line decides (RFC 5321 §4.2.1).
func (r *Reply) add(l Line) {
	if r.Line == 0 {
		r.Line = l.Number
	}
	r.Lines = append(r.Lines, l)
	r.Code = l.Code
	if l.Enhanced.Class != 0 {
		r.Enhanced = l.Enhanced
	}
	if l.Text != "" && len(r.Text) < maxText {
		r.Text = cut(strings.TrimSpace(r.Text+" "+l.Text), maxText)
	}
}

// readReplies reads text that begins with a reply. Lines that are none are the
// wrapped rest of the one above.
func readReplies(lines []string) []*Reply {
	var list []*Reply
	var cur *Reply
	open := false
	for i, text := range lines {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		inline := unfoldInline(text)
		for _, part := range inline {
			l, more, ok := parseLine(part, i+1)
			switch {
			case !ok && cur == nil:
				return nil
			case !ok:
				if len(cur.Text) < maxText {
					cur.Text = cut(cur.Text+" "+part, maxText)
				}
				continue
			case !open:
				if len(list) == maxReplies {
					return list
				}
				cur = &Reply{}
				list = append(list, cur)
			}
			cur.add(l)
			open = more
		}
	}
	return list
}

// unfoldInline cuts a reply that a log wrote onto one line back into its
// lines: "550-5.7.1 a 550-5.7.1 b 550 5.7.1 c".
func unfoldInline(text string) []string {
	m := replyLine.FindStringSubmatch(text)
	if m == nil || m[2] != "-" {
		return []string{text}
	}
	mark := m[1]
	e, _ := cutEnhanced(m[3])
	var parts []string
	from := 0
	for at := 4; at < len(text); {
		i := strings.Index(text[at:], " "+mark)
		if i < 0 {
			break
		}
		i += at
		rest := text[i+1+len(mark):]
		next, _ := cutEnhanced(strings.TrimLeft(rest, "- "))
		if rest != "" && (rest[0] == '-' || rest[0] == ' ') && next == e {
			parts = append(parts, text[from:i])
			from = i + 1
		}
		at = i + 1
	}
	return append(parts, text[from:])
}

var statusLine = regexp.MustCompile(`^\s*([245]\.\d{1,3}\.\d{1,3})(?:[\s:,;]|$)`)

// readStatus takes an enhanced code without a reply code, as bounces show it.
func readStatus(lines []string) []*Reply {
	for i, text := range lines {
		if strings.TrimSpace(text) == "" {
			continue
		}
		if !statusLine.MatchString(text) {
			return nil
		}
		e, rest := cutEnhanced(strings.TrimSpace(text))
		return []*Reply{{Enhanced: e, Text: cut(rest, maxText), Line: i + 1}}
	}
	return nil
}

// networkWords are how programs and systems call a connection that failed.
var networkWords = []struct {
	re *regexp.Regexp
	is Network
}{
	{regexp.MustCompile(`(?i)connection refused|ECONNREFUSED|errno 111\b|conex[aã]o recusada|actively refused`), NetRefused},
	{regexp.MustCompile(`(?i)wrong[ _]version[ _]number|first record does not look like a TLS handshake`), NetPlain},
	{regexp.MustCompile(`(?i)certificate[ _]verify[ _]failed|self[- ]signed certificate|unable to verify the first certificate|certificate has expired|x509: certificate|hostname mismatch`), NetCertificate},
	{regexp.MustCompile(`(?i)timed[ -]?out|ETIMEDOUT|timeout|errno 110\b|tempo esgotado`), NetTimeout},
	{regexp.MustCompile(`(?i)no route to host|network is unreachable|EHOSTUNREACH|ENETUNREACH`), NetUnreachable},
	{regexp.MustCompile(`(?i)name or service not known|ENOTFOUND|EDNS\b|nodename nor servname|no such host|host not found|getaddrinfo`), NetName},
	{regexp.MustCompile(`(?i)connection reset|ECONNRESET|lost connection|connection unexpectedly closed|broken pipe|EPIPE|remote host closed|server closed the connection`), NetClosed},
}

// readNetwork finds a failure before any reply.
func readNetwork(lines []string) []*Reply {
	for i, text := range lines {
		for _, w := range networkWords {
			if w.re.MatchString(text) {
				return []*Reply{{Network: w.is, Text: cut(strings.TrimSpace(text), maxText), Line: i + 1, Stage: StageConnect}}
			}
		}
	}
	return nil
}
