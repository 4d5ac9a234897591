package report

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks text at spaces into lines of at most width columns, the later
// ones after the indent; a word that is longer stands alone.
func Wrap(width int, indent, text string) string {
	width = max(width-utf8.RuneCountInString(indent), 20)
	var b strings.Builder
	col := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case col+1+n > width:
			b.WriteString("\n" + indent)
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
}
