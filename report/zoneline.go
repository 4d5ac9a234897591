package report

import (
	"strings"

	"github.com/postseal/postseal/internal/zonetext"
)

// zoneLines are the lines of a zone file that publish one value. A text longer
// than one character-string is cut into several, which readers join without a
// space (RFC 7208 §3.3), inside parentheses so that it can be pasted as it is.
func zoneLines(name, rrtype, value string) []string {
	head := Escape(name) + " " + Escape(rrtype) + " "
	if rrtype != "TXT" {
		return []string{head + Escape(value)}
	}
	if len(value) <= zonetext.MaxString {
		return []string{head + zonetext.Quote(value)}
	}
	lines := []string{head + "("}
	for len(value) > 0 {
		n := min(zonetext.MaxString, len(value))
		if n < len(value) {
			// Break after a space where there is one near: people read these.
			if i := strings.LastIndexByte(value[:n], ' '); i > n-60 {
				n = i + 1
			}
		}
		lines = append(lines, "    "+zonetext.Quote(value[:n]))
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
