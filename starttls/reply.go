package starttls

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
)

// What a hostile server may cost at most. RFC 5321 §4.5.3.1.5 says 512 octets
// for a reply line; more is read and noted.
const (
	maxLine       = 2048
	maxReplyLines = 100
	maxReplyBytes = 16 << 10
	maxDialogue   = 64 << 10  // octets read outside TLS records, and inside, a session
	maxWire       = 256 << 10 // octets read from the socket a connection, handshake included
	lineAsSaid    = 512
)

var (
	errLine     = errors.New("a reply line is longer than 2048 octets")
	errReply    = errors.New("a reply has more than 100 lines or 16 KiB")
	errDialogue = errors.New("the server sent more than 64 KiB")
	errWire     = errors.New("the server sent more than 256 KiB")
	errNoCode   = errors.New("a reply does not begin with a code of three digits")
)

// cappedConn ends a connection that brings more than its share.
type cappedConn struct {
	net.Conn
	left int
}

func (c *cappedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errWire
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// reader takes lines off a connection without ever reading more than it must
// hold: what stays in buf is what the server sent unasked.
type reader struct {
	src   io.Reader
	buf   []byte
	total int
}

// line is the next line without its LF; the CR, if any, is kept.
func (r *reader) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(r.buf, '\n'); i >= 0 {
			if i >= maxLine {
				return nil, errLine
			}
			line := bytes.Clone(r.buf[:i])
			r.buf = r.buf[i+1:]
			return line, nil
		}
		if len(r.buf) >= maxLine {
			return nil, errLine
		}
		if r.total >= maxDialogue {
			return nil, errDialogue
		}
		chunk := make([]byte, 4096)
		n, err := r.src.Read(chunk)
		r.buf = append(r.buf, chunk[:n]...)
		r.total += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// reply is one reply: its code, that of the last line, and the text of each line.
type reply struct {
	code  int
	lines []string
	odd   []Oddity
}

func (r *reply) text() string { return strings.Join(r.lines, "\n") }

// readReply reads one whole reply, and passes each line to seen as it comes.
// With an error the reply holds what was understood until then.
func (r *reader) readReply(seen func(string)) (reply, error) {
	var rep reply
	size := 0
	for {
		raw, err := r.line()
		if err != nil {
			return rep, err
		}
		size += len(raw)
		text := strings.TrimSuffix(string(raw), "\r")
		seen(text)
		if len(text) == len(raw) {
			rep.note("bare-lf", text)
		}
		if len(raw)+1 > lineAsSaid {
			rep.note("long-line", text)
		}
		code, sep, rest, ok := splitReply(text)
		if !ok {
			return rep, errNoCode
		}
		if rep.code != 0 && rep.code != code {
			rep.note("mixed-codes", text)
		}
		if sep == 0 && rest != "" {
			rep.note("no-separator", text)
		}
		rep.code = code // of differing codes the last counts
		rep.lines = append(rep.lines, rest)
		if sep != '-' {
			return rep, nil
		}
		if len(rep.lines) >= maxReplyLines || size > maxReplyBytes {
			return rep, errReply
		}
	}
}

// note keeps the first oddity of each kind.
func (r *reply) note(kind, line string) {
	if !slices.ContainsFunc(r.odd, func(o Oddity) bool { return o.Kind == kind }) {
		r.odd = append(r.odd, Oddity{Kind: kind, Line: clip(line, 200)})
	}
}

// splitReply splits "250-SIZE 1000" (RFC 5321 §4.2). sep is '-', ' ' or 0 when
// neither stands there.
func splitReply(line string) (code int, sep byte, rest string, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, 0, "", false
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, 0, "", false
		}
		code = code*10 + int(c-'0')
	}
	rest = line[3:]
	if rest == "" {
		return code, 0, "", true
	}
	if rest[0] == '-' || rest[0] == ' ' {
		return code, rest[0], rest[1:], true
	}
	return code, 0, rest, true
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// keyword is the first word of a capability line, upper-case. The old form
// "AUTH=PLAIN LOGIN" is AUTH.
func keyword(line string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	word, _, _ = strings.Cut(word, "=")
	return strings.ToUpper(word)
}

// params are the words after the keyword, upper-case.
func params(line string) []string {
	line = strings.TrimSpace(line)
	i := strings.IndexAny(line, " =")
	if i < 0 {
		return nil
	}
	return strings.Fields(strings.ToUpper(line[i+1:]))
}

// capability finds a keyword among capability lines.
func capability(lines []string, word string) (line string, ok bool) {
	for _, l := range lines {
		if keyword(l) == word {
			return l, true
		}
	}
	return "", false
}

func has(lines []string, word string) bool {
	_, ok := capability(lines, word)
	return ok
}

// mechanisms lists the AUTH mechanisms offered, each once.
func mechanisms(lines []string) []string {
	out := []string{}
	for _, l := range lines {
		if keyword(l) != "AUTH" {
			continue
		}
		for _, m := range params(l) {
			if m = strings.TrimPrefix(m, "="); m != "" && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}
