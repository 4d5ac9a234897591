package report

import (
	"fmt"
	"strings"
)

// maxString is the most that one character-string of a TXT record holds
// (RFC 1035 §3.3).
const maxString = 255

// zoneLines are the lines of a zone file that publish one value. A text longer
// than one character-string is cut into several, which readers join without a
// space (RFC 7208 §3.3), inside parentheses so that it can be pasted as it is.
func zoneLines(name, rrtype, value string) []string {
	head := Escape(name) + " " + Escape(rrtype) + " "
	if rrtype != "TXT" {
		return []string{head + Escape(value)}
	}
	if len(value) <= maxString {
		return []string{head + quote(value)}
	}
	lines := []string{head + "("}
	for len(value) > 0 {
		n := min(maxString, len(value))
		if n < len(value) {
			// Break after a space where there is one near: people read these.
			if i := strings.LastIndexByte(value[:n], ' '); i > n-60 {
				n = i + 1
			}
		}
		lines = append(lines, "    "+quote(value[:n]))
		value = value[n:]
	}
	return append(lines, ")")
}

// zoneLine is zoneLines on one line.
func zoneLine(name, rrtype, value string) string {
	lines := zoneLines(name, rrtype, value)
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " ")
}

// quote writes a character-string in the form of RFC 1035 §5.1: any octet that
// does not print as ASCII becomes \DDD, so nothing in it can act on a terminal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
