// Package zonetext writes what stands in zone files (RFC 1035 §5.1).
package zonetext

import (
	"fmt"
	"strings"
)

// MaxString is the most octets one character-string holds (RFC 1035 §3.3).
const MaxString = 255

// Quote writes one character-string. Any octet that does not print as ASCII
// becomes \DDD, so that nothing in it can act on a terminal.
func Quote(s string) string {
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
