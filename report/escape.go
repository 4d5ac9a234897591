package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// Escape makes text that a stranger wrote safe to show on one line of a
// terminal, a CI log or a page: control characters, characters that reorder or
// hide their neighbours, and octets that are not UTF-8 become visible escapes
// (\x1b, \u202e). What prints stays as it is, the backslash too.
func Escape(s string) string {
	if !needsEscape(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && !shows(r):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shows(r):
			b.WriteString(s[i : i+size])
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func needsEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return !utf8.ValidString(s) || strings.ContainsFunc(s, hides)
		}
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func hides(r rune) bool { return !shows(r) }

// shows tells whether a character is seen when printed. The no-break spaces are
// let through, because our own sentences use them; the fillers and joiners are
// letters and marks to Unicode, but nobody sees them.
func shows(r rune) bool {
	switch {
	case r == 0x00a0 || r == 0x202f:
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0,
		r >= 0x180b && r <= 0x180f, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef:
		return false
	}
	return unicode.IsPrint(r)
}

// validText spells octets that are not UTF-8 as \xNN, so that JSON keeps them,
// and moves the span along.
func validText(s string, span *check.Span) (string, *check.Span) {
	if span != nil {
		sp := *span
		if sp.Start < 0 || sp.End > len(s) || sp.Start > sp.End {
			span = nil
		} else {
			span = &sp
		}
	}
	if utf8.ValidString(s) {
		return s, span
	}
	var b strings.Builder
	moved := func(old int) int { t, _ := validText(s[:old], nil); return len(t) }
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	if span != nil {
		span = &check.Span{Start: min(moved(span.Start), b.Len()), End: min(moved(span.End), b.Len())}
	}
	return b.String(), span
}

// clip cuts text to that many characters and says so with an ellipsis.
func clip(s string, runes int) string {
	if len(s) <= runes || utf8.RuneCountInString(s) <= runes {
		return s
	}
	n := 0
	for i := range s {
		if n == runes-1 {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
