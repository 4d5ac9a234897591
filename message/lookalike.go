package message

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

// inText finds addresses and domains in a display name.
var inText = regexp.MustCompile(`(?i)(?:[a-z0-9._%+\-]+@)?(?:[a-z0-9](?:[a-z0-9\-]*[a-z0-9])?\.)+[a-z]{2,24}\b`)

// otherAddress finds in the display name an address or a domain that is not of
// the address itself. A domain without an @ counts if its last label is a
// top-level domain: "Node.js" is none.
func otherAddress(m Mailbox) (string, bool) {
	for _, text := range inText.FindAllString(cut(m.Display, maxRecord), 20) {
		_, host, address := strings.Cut(text, "@")
		if !address {
			host = text
		}
		n, err := dns.ParseDomain(host)
		if err != nil || n.IsUnder(m.Domain) || m.Domain.IsUnder(n) {
			continue
		}
		if _, icann := publicsuffix.PublicSuffix(n.String()); address || icann {
			return text, true
		}
	}
	return "", false
}

// confusable tells whether a label of the domain mixes scripts, or is written
// wholly in letters that look like Latin ones; skeleton is what it looks like.
// The table is small on purpose: it has the Cyrillic and Greek letters that are
// drawn like Latin ones in common typefaces (compare UTS 39 §4).
func confusable(d dns.Name) (skeleton string, odd bool) {
	text := d.Unicode()
	if d == "" || text == d.String() {
		return "", false
	}
	var out []string
	for _, label := range strings.Split(text, ".") {
		var b strings.Builder
		scripts := map[string]bool{}
		latin, letters, imitates := false, 0, 0
		for _, c := range label {
			s := scriptOf(c)
			if s != "" {
				scripts[s] = true
				letters++
			}
			latin = latin || s == "Latin"
			if like, ok := lookalikes[c]; ok {
				imitates++
				b.WriteRune(like)
				continue
			}
			b.WriteRune(c)
		}
		out = append(out, b.String())
		if len(scripts) > 1 && !eastAsian(scripts) || imitates > 0 && imitates == letters && !latin {
			odd = true
		}
	}
	return strings.Join(out, "."), odd
}

func scriptOf(c rune) string {
	for _, name := range []string{"Latin", "Cyrillic", "Greek", "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Arabic", "Hebrew", "Armenian", "Georgian", "Thai", "Devanagari", "Cherokee"} {
		if unicode.Is(unicode.Scripts[name], c) {
			return name
		}
	}
	if unicode.IsLetter(c) {
		return "other"
	}
	return ""
}

// eastAsian tells whether the scripts are such as Japanese, Korean and Chinese
// are written in together, Latin letters included (UTS 39 §5.2).
func eastAsian(scripts map[string]bool) bool {
	for s := range scripts {
		switch s {
		case "Latin", "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo":
		default:
			return false
		}
	}
	return true
}

var lookalikes = map[rune]rune{
	'а': 'a', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'ӏ': 'l', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's',
	'х': 'x', 'у': 'y', 'ԝ': 'w', 'ѵ': 'v', 'α': 'a', 'ι': 'i', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'υ': 'u', 'κ': 'k', 'χ': 'x',
}
