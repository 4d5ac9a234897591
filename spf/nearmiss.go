package spf

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/dns"
)

// nearVersion matches the beginnings that people write for "v=spf1": with
// something in front, spaces inside, a letter l or a 2 for the 1, no v.
var nearVersion = regexp.MustCompile(`(?i)^((?:(?:txt|spf)\s*[:=]?\s*["']*)?(?:v\s*[=:]?\s*=?\s*(?:spf|sfp|psf|spff)\s*[1l2i]?|spf\s*1))(.*)$`)

// nearMiss tells whether a text that fails the version test is evidently meant
// as SPF, where its faulty beginning ends, and what it should be. Texts
// without an SPF term are spared: they may be tokens of a site verification.
func nearMiss(text string) (fixed string, end int, ok bool) {
	if len(text) > 4096 || isRecord(text) {
		return "", 0, false
	}
	trimmed := strings.TrimLeftFunc(text, func(r rune) bool {
		return r <= ' ' || strings.ContainsRune("\"'`()\ufeff\u00a0\u200b\ufffd\u201c\u201d", r)
	})
	m := nearVersion.FindStringSubmatch(strings.ReplaceAll(trimmed, "\n", " "))
	if m == nil {
		return "", 0, false
	}
	head, rest := m[1], m[2]
	end = len(text) - len(rest)
	if rest != "" && (isDigit(rest[0]) || rest[0] == '.') { // v=spf10, spf2.0/pra
		return "", 0, false
	}
	last := head[len(head)-1]
	if isAlpha(last) && last|0x20 == 'f' && rest != "" && isAlpha(rest[0]) { // v=spfoo
		return "", 0, false
	}
	body := strings.TrimLeft(rest, " \t;,:\"'\u00a0\u200b\ufeff")
	body = strings.TrimRight(body, " \t\"'")
	rec, _ := Parse(Version + " " + body)
	known := slices.ContainsFunc(rec.Terms, func(e Entry) bool { return e.Kind.Mechanism() || e.Kind == Redirect })
	if !known {
		return "", 0, false
	}
	fixed = rec.rewrite(nil)
	if last == '1' && trimmed == text && rest != "" && rest[0] != ' ' && !isAlpha(rest[0]) { // the separator that should have been a space
		_, size := utf8.DecodeRuneInString(rest)
		end += size
	}
	return fixed, min(end, len(text)), true
}

// glue is a boundary between two character-strings at which joining them glues
// two terms together.
type glue struct {
	at         int // offset of the boundary in the joined text
	start, end int // the glued text
}

// glued finds such boundaries (§3.3). Splitting inside a term is legal.
func glued(parts []string) []glue {
	var found []glue
	text := strings.Join(parts, "")
	at := 0
	for i := 0; i+1 < len(parts); i++ {
		at += len(parts[i])
		if at == 0 || at >= len(text) || text[at-1] == ' ' || text[at] == ' ' || len(found) >= 10 {
			continue
		}
		start := strings.LastIndexByte(text[:at], ' ') + 1
		end := len(text)
		if n := strings.IndexByte(text[at:], ' '); n >= 0 {
			end = at + n
		}
		left, right := text[start:at], text[at:end]
		e, f := parseTerm(right)
		if f != nil || e.Kind == Unknown {
			continue
		}
		if l, f := parseTerm(left); start > 0 && (f != nil || l.Kind == Unknown) || start == 0 && !strings.EqualFold(left, Version) {
			continue
		}
		found = append(found, glue{at, start, end})
	}
	return found
}

// ungluedText is the joined text with a space at each of those boundaries.
func ungluedText(text string, at []glue) string {
	var b strings.Builder
	last := 0
	for _, g := range at {
		b.WriteString(text[last:g.at] + " ")
		last = g.at
	}
	return b.String() + text[last:]
}

// gluedRecords are the TXT records at the name, joined, with such boundaries,
// as far as they are SPF or would be without them.
func (f *Facts) gluedRecords() map[string][]glue {
	found := map[string][]glue{}
	for _, rr := range f.Lookup.Records() {
		if text := rr.Text(); len(rr.Strings) > 1 && len(text) <= 65535 {
			if at := glued(rr.Strings); len(at) > 0 && isRecord(ungluedText(text, at)) {
				found[text] = at
			}
		}
	}
	return found
}

// answerSize estimates the DNS answer for all TXT at the name: header,
// question, and each record with a compressed owner (RFC 1035 §4.1).
func answerSize(l *dns.Lookup) int {
	size := 12 + len(l.Name) + 2 + 4
	for _, rr := range l.Records() {
		size += 2 + 10
		for _, s := range rr.Strings {
			size += 1 + len(s)
		}
	}
	return size
}
