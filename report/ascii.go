package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// stand is what stands for a character of ours where only ASCII is shown. What
// marks a state keeps a shape of its own: it must not hang on colour.
var stand = map[rune]string{
	'✓': "+", '✗': "x", '·': "-", '–': "-", '—': "-", '−': "-", '…': "...", '→': "->", '←': "<-", '↳': ">", '↑': "^", '↓': "v",
	'“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '‘': "'", '’': "'", '§': "sec. ", '×': "x", '≥': ">=", '≤': "<=", '≠': "!=", '≈': "~",
	'•': "*", '●': "*", '○': "o", '◐': "o", '▲': "^", '▼': "v", '■': "#", '□': "#", '█': "#", '░': ".",
	'─': "-", '│': "|", '├': "|", '└': "`", '┌': ",", '┐': ",", '┘': "'", '┤': "|", '┬': "-", '┴': "-", '┼': "+",
	'\u00a0': " ", '\u202f': " ", '°': " deg", 'º': "o", 'ª': "a", '²': "2", '³': "3",
	// The letters of Portuguese, for what they are without their accents. Those of
	// other languages come from names, where one letter for another is another name.
	'á': "a", 'à': "a", 'â': "a", 'ã': "a", 'é': "e", 'ê': "e", 'í': "i", 'ó': "o", 'ô': "o", 'õ': "o", 'ú': "u", 'ç': "c",
	'Á': "A", 'À': "A", 'Â': "A", 'Ã': "A", 'É': "E", 'Ê': "E", 'Í': "I", 'Ó': "O", 'Ô': "O", 'Õ': "O", 'Ú': "U", 'Ç': "C",
}

// ASCII spells text with ASCII alone: symbols, dashes, quotes and lines by what
// is nearest, the letters of Portuguese without accents, and every other
// character as the escape that Escape uses.
func ASCII(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }); i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		t, known := stand[r]
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(s[i])
		case known:
			b.WriteString(t)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// ASCIIWriter passes text on as ASCII. A character must not be divided between
// two writes; all our text is written by lines or more.
type ASCIIWriter struct{ W io.Writer }

// Write writes the text as ASCII and counts the octets that it was given.
func (a ASCIIWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(a.W, ASCII(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
