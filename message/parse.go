package message

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// The most that is read of one message. Real mail stays far below: servers take
// 10 to 50 MiB, and a header of a few hundred fields is already odd.
const (
	MaxOctets = 50 << 20
	MaxFields = 10_000
)

// ErrNoHeader says that the file does not begin with a header field.
var ErrNoHeader = errors.New("message: no header field at the beginning")

// Parse splits a message into its fields and its body. Odd content is our
// subject and no error; an error is only a file that has no header at all, or
// that is larger than MaxOctets and MaxFields allow.
//
// A file all of whose lines end in LF is converted to CRLF, as the message was
// on its way. Any other mixture is kept as it is.
func Parse(raw []byte) (*Message, error) {
	if len(raw) > MaxOctets {
		return nil, fmt.Errorf("message: larger than %d MiB", MaxOctets>>20)
	}
	m := &Message{}
	if rest, ok := bytes.CutPrefix(raw, []byte("\xef\xbb\xbf")); ok {
		m.BOM, raw = true, rest
	}
	if rest, ok := cutMbox(raw); ok {
		m.Mbox, raw = true, rest
	}
	m.Raw = raw
	if onlyLF(raw) {
		m.LF, m.Raw = true, toCRLF(raw)
	}
	if err := m.split(); err != nil {
		return nil, err
	}
	return m, nil
}

// cutMbox drops the line that stands before each message of an mbox file
// (RFC 4155 appendix A). It is no header field: "From " has no colon.
func cutMbox(raw []byte) (rest []byte, ok bool) {
	if !bytes.HasPrefix(raw, []byte("From ")) && !bytes.HasPrefix(raw, []byte(">From ")) {
		return raw, false
	}
	end := bytes.IndexByte(raw, '\n')
	if end < 0 {
		return nil, true
	}
	return raw[end+1:], true
}

// onlyLF tells whether lines end in LF and no CR stands anywhere before one.
func onlyLF(raw []byte) bool {
	return bytes.IndexByte(raw, '\n') >= 0 && !bytes.Contains(raw, []byte("\r\n"))
}

func toCRLF(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+bytes.Count(raw, []byte("\n")))
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\n')
		if i < 0 {
			return append(out, raw...)
		}
		out = append(out, raw[:i]...)
		out = append(out, '\r', '\n')
		raw = raw[i+1:]
	}
	return out
}

// split finds the fields and the body. The header ends at the empty line, or,
// as mail servers do, at the first line that can be no part of it.
func (m *Message) split() error {
	line := 1
	if m.Mbox {
		line++
	}
	rest, at := m.Raw, 0
	take := func() []byte {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		l := rest[:n]
		rest = rest[n:]
		at += n
		line++
		return l
	}
	for len(rest) > 0 {
		start, first := at, line
		l := take()
		if len(bytes.TrimRight(l, "\r\n")) == 0 && l[len(l)-1] == '\n' {
			m.Body = rest
			if m.Body == nil {
				m.Body = []byte{}
			}
			break
		}
		name, ok := fieldName(l)
		if !ok {
			m.Broken, m.Body = first, m.Raw[start:]
			break
		}
		if len(m.Fields) == MaxFields {
			return fmt.Errorf("message: more than %d header fields", MaxFields)
		}
		colon := start + bytes.IndexByte(l, ':')
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			take()
		}
		m.Fields = append(m.Fields, Field{
			Name: name, Key: strings.ToLower(name), Value: unfold(m.Raw[colon+1 : at]), Raw: m.Raw[start:at:at], Offset: start, Line: first,
		})
	}
	if len(m.Fields) == 0 {
		return ErrNoHeader
	}
	return nil
}

// fieldName is what stands before the colon, if a field can begin so (RFC 5322
// §3.6.8). White space before the colon is of the obsolete syntax (§4.5).
func fieldName(line []byte) (string, bool) {
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || len(name) == 0 {
		return "", false
	}
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return "", false
		}
	}
	return string(name), true
}

// unfold takes the line ends out (RFC 5322 §2.2.3), and white space around.
func unfold(raw []byte) string {
	s := string(raw)
	if strings.IndexByte(s, '\n') >= 0 {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", ""), "\n", "")
	}
	return strings.Trim(s, " \t\r")
}

// all gives the fields of that name, in lower case, top first, by their index.
func (m *Message) all(key string) []int {
	var list []int
	for i := range m.Fields {
		if m.Fields[i].Key == key {
			list = append(list, i)
		}
	}
	return list
}

// first is the topmost field of that name, in lower case, or nil.
func (m *Message) first(key string) *Field {
	for i := range m.Fields {
		if m.Fields[i].Key == key {
			return &m.Fields[i]
		}
	}
	return nil
}
