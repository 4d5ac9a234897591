package spf

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

const (
	maxName      = 253     // octets of a name that can be asked (§7.3)
	maxExpansion = 1 << 16 // octets that a text may grow to; a stranger wrote it
)

// target is the name that a term asks for, its macros expanded (§4.8). Its name
// is "" when it cannot be asked.
func (e *evaluation) target(t *Entry, domain at) at {
	if t.Domain == "" {
		return domain
	}
	text := t.Domain
	if t.hasMacro() {
		if !e.ascii {
			if m, _ := scanMacros(text, false); strings.ContainsAny(m.letters, "ls") {
				return at{text: text} // RFC 8616 §4: never matches
			}
		}
		var ok bool
		if text, ok = e.expand(text, domain); !ok {
			return at{text: t.Domain}
		}
	}
	text = strings.TrimSuffix(text, ".")
	for len(text) > maxName { // §7.3: labels go from the left
		_, rest, ok := strings.Cut(text, ".")
		if !ok {
			return at{text: text}
		}
		text = rest
	}
	n := dns.FromText(text)
	if n == dns.Root || n.Check() != nil {
		return at{text: text}
	}
	return at{text, n}
}

// expand replaces the macros of a macro-string whose syntax is right (§7.3).
// ok is false when the text grows out of bounds.
func (e *evaluation) expand(s string, domain at) (text string, ok bool) {
	b := make([]byte, 0, 2*len(s)+64)
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 || len(b) > maxExpansion {
			return string(append(b, s...)), len(b) <= maxExpansion
		}
		b = append(b, s[:i]...)
		switch s[i+1] {
		case '%':
			b = append(b, '%')
		case '_':
			b = append(b, ' ')
		case '-':
			b = append(b, "%20"...)
		default: // "{"
			end := i + strings.IndexByte(s[i:], '}')
			b = e.macro(b, s[i+2:end], domain)
			s = s[end+1:]
			continue
		}
		s = s[i+2:]
	}
}

// macro appends what stands for letter, transformers and delimiters.
func (e *evaluation) macro(b []byte, body string, domain at) []byte {
	letter := body[0]
	value := e.letter(letter|0x20, domain)
	digits := 1
	for digits < len(body) && isDigit(body[digits]) {
		digits++
	}
	keep := 0 // parts from the right; 0 is all
	if digits > 1 {
		n, err := strconv.Atoi(body[1:digits])
		if err == nil { // more than an int can hold is all
			keep = n
		}
	}
	delimiters := body[digits:]
	flip := delimiters != "" && delimiters[0]|0x20 == 'r'
	if flip {
		delimiters = delimiters[1:]
	}
	if delimiters == "" {
		if keep == 0 && !flip {
			return escape(b, value, letter)
		}
		delimiters = "."
	}
	parts := make([]string, 0, 8)
	for {
		i := strings.IndexAny(value, delimiters)
		if i < 0 {
			break
		}
		parts = append(parts, value[:i])
		value = value[i+1:]
	}
	parts = append(parts, value)
	if flip {
		slices.Reverse(parts)
	}
	if keep > 0 && keep < len(parts) {
		parts = parts[len(parts)-keep:]
	}
	return escape(b, strings.Join(parts, "."), letter)
}

// letter is the value of a macro letter (§7.2).
func (e *evaluation) letter(letter byte, domain at) string {
	switch letter {
	case 's':
		return e.local + "@" + e.origin
	case 'l':
		return e.local
	case 'o':
		return e.origin
	case 'd':
		return domain.text
	case 'i':
		return dotted(e)
	case 'p':
		return e.clientName(domain.name)
	case 'v':
		if e.ip.Is4() {
			return "in-addr"
		}
		return "ip6"
	case 'h':
		return e.q.HELO
	case 'c':
		return e.ip.String()
	case 'r':
		if e.q.Receiver == "" {
			return "unknown"
		}
		return e.q.Receiver
	default: // 't'
		now := time.Now
		if e.q.Now != nil {
			now = e.q.Now
		}
		return strconv.FormatInt(now().Unix(), 10)
	}
}

// dotted is the client's address as %{i} has it: an IPv6 address as nibbles
// (§7.3), in upper case as the test suite of the standard has them.
func dotted(e *evaluation) string {
	if e.ip.Is4() {
		return e.ip.String()
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, 64)
	for _, octet := range e.ip.AsSlice() {
		b = append(b, hex[octet>>4], '.', hex[octet&15], '.')
	}
	return string(b[:len(b)-1])
}

// escape appends a value; that of an upper-case letter with everything escaped
// that is not unreserved in a URL (§7.3, RFC 3986 §2.3).
func escape(b []byte, value string, letter byte) []byte {
	if letter|0x20 == letter {
		return append(b, value...)
	}
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(value); i++ {
		c := value[i]
		if isAlpha(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// explain is the explanation that the domain gives for a fail. Whatever is
// wrong with it, there is none (§6.2).
func (e *evaluation) explain() string {
	if e.exp == nil {
		return ""
	}
	target := e.target(e.exp, e.expAt)
	if target.name == "" {
		return ""
	}
	answer, err := e.r.Resolve(e.ctx, target.name, dns.TypeTXT)
	if err != nil || len(answer.Records) != 1 {
		return ""
	}
	text := answer.Records[0].Text()
	// explain-string = *( macro-string / SP ), §7.1
	for _, part := range strings.Split(text, " ") {
		if _, f := scanMacros(part, true); f != nil {
			return ""
		}
	}
	text, ok := e.expand(text, e.expAt)
	if !ok || !printable(text) { // §6.2: it may go into an SMTP reply
		return ""
	}
	return text
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
