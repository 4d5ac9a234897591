package dmarc

import (
	"regexp"
	"strings"

	"github.com/postseal/postseal/check"
)

var (
	// RFC 9989 §4.8: "v" equals %s"DMARC1", then a separator or the end.
	versionTag = regexp.MustCompile(`^v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)`)

	versionElement = regexp.MustCompile(`^(?i:v)[ \t]*=[ \t]*DMARC1$`)
	versionSpace   = regexp.MustCompile(`^v[ \t]*=[ \t]*DMARC1([ \t]+)[^; \t,|\r\n]`)
	versionEscape  = regexp.MustCompile(`^v[ \t]*=[ \t]*DMARC1[ \t]*(\\+;)`)
	versionOther   = regexp.MustCompile(`^v[ \t]*=[ \t]*DMARC1([ \t]*[,|\r\n][ \t\r\n]*)[a-zA-Z]+[ \t]*=`)

	// What people meant as a version: a wrong case, a space or dot inside, a
	// colon for the equals sign, a word for the letter.
	versionMeant = regexp.MustCompile(`^(?i)(?:(?:v|dmarc)\s*[=:]+\s*["'“”]?\s*d\s*marc\s*[-_=:]?\s*1?(?:\.\d+)?|d\s*marc\s*1(?:\.\d+)?|dmarc\s*[=:])`)
	versionSPF   = regexp.MustCompile(`^(?i)\s*"?v\s*=\s*spf1`)
)

// isVersioned tells whether the text starts with a valid version tag: such
// records, and no others, take part in the tree walk (RFC 9989 §4.10 step 2).
func isVersioned(text string) bool { return versionTag.MatchString(text) }

// versionProblem says what a text is that does not start with a valid version
// tag. Every such text gets exactly one problem; dmarc-unrelated-txt where
// nobody meant DMARC.
func versionProblem(text string) Problem {
	if m := versionEscape.FindStringSubmatchIndex(text); m != nil {
		return Problem{Rule: "dmarc-escaped-semicolon", Span: span(m[2], m[3]),
			Fixed: escapedSemicolon.ReplaceAllString(text, ";")}
	}
	if strings.Contains(text, `"`) {
		// Quotes that were typed into the data; without them it would be a record.
		if bare := strings.TrimSpace(strings.ReplaceAll(text, `"`, "")); isVersioned(bare) || versionEscape.MatchString(bare) {
			i := strings.IndexByte(text, '"')
			return Problem{Rule: "dmarc-record-quotes", Span: span(i, i+1),
				Fixed: escapedSemicolon.ReplaceAllString(bare, ";")}
		}
	}
	if m := versionOther.FindStringSubmatchIndex(text); m != nil {
		return Problem{Rule: "dmarc-separator-wrong", Span: span(m[2], m[3]),
			Params: check.Params{"Separator": strings.TrimSpace(text[m[2]:m[3]]), "Tag": "v"}, Fixed: reseparate(text)}
	}
	if m := versionSpace.FindStringSubmatchIndex(text); m != nil {
		return Problem{Rule: "dmarc-version-semicolon-missing", Span: span(m[2], m[3]), Fixed: splice(text, span(m[2], m[3]), "; ")}
	}
	for i, e := range elements(text) {
		if i > 0 && versionElement.MatchString(text[e.Start:e.End]) {
			rest := strings.TrimSpace(cut(text, e))
			return Problem{Rule: "dmarc-version-not-first", Span: e, Fixed: joinVersion(rest)}
		}
	}
	if versionSPF.MatchString(text) {
		return Problem{Rule: "dmarc-spf-at-dmarc", Span: span(0, len(text))}
	}
	lead := len(text) - len(strings.TrimLeft(text, " \t\r\n\"'`\\\u00a0\u200b\ufeff“”‘’"))
	if m := versionMeant.FindStringIndex(text[lead:]); m != nil {
		end := lead + m[1]
		return Problem{Rule: "dmarc-near-miss", Span: span(0, end),
			Params: check.Params{"Start": hexOf(text, 12)}, Fixed: afterVersion(text[end:])}
	}
	return Problem{Rule: "dmarc-unrelated-txt", Span: span(0, len(text))}
}

var tagStart = regexp.MustCompile(`^(?i:[a-z]+)[ \t]*=`)

// afterVersion is a record with what stood after a mistyped version; "" where
// that does not begin with a tag, so that no repair can be told.
func afterVersion(rest string) string {
	rest = strings.Trim(rest, " \t\r\n\"'`“”‘’;,|:.\\\u00a0")
	if rest != "" && !tagStart.MatchString(rest) {
		return ""
	}
	return joinVersion(rest)
}

// joinVersion puts the version before what is left of a record.
func joinVersion(rest string) string {
	rest = strings.TrimLeft(rest, "; \t")
	if rest == "" {
		return "v=" + Version
	}
	return "v=" + Version + "; " + rest
}

// hexOf shows the first octets, so that a no-break space or a byte order mark
// can be told from a space.
func hexOf(s string, n int) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s) && i < n; i++ {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}

func span(start, end int) check.Span { return check.Span{Start: start, End: end} }
