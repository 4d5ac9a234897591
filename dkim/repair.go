package dkim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// maxRepairs bounds how often repairs are made anew: one may uncover another.
const maxRepairs = 4

// repair undoes the damage that copying a record does and names it, each kind
// once. What it returns is graded instead of the text, without being scored.
// Whole tells whether no damage is left, so that the text can be proposed.
func repair(s source) (fixed source, problems []Problem, whole bool) {
	for range maxRepairs {
		changed := false
		for _, step := range []func(source) ([]edit, *Problem){ownerName, escapes, quotes, nonASCII, separators} {
			edits, p := step(s)
			if p == nil {
				continue
			}
			p.refused = true
			if !slices.ContainsFunc(problems, func(q Problem) bool { return q.Rule == p.Rule }) {
				problems = append(problems, *p)
			}
			changed = changed || len(edits) > 0
			s = s.apply(edits)
		}
		if !changed {
			return s, problems, true
		}
	}
	return s, problems, false
}

// inOrder puts the strings of a record into order whose end stands before its
// beginning: two fields of a panel, filled the wrong way round. It is believed
// only where the text so put together is a whole key.
func inOrder(s source) (source, *Problem) {
	at := strings.Index(s.text, "v=DKIM1")
	if at < 4 {
		return s, nil
	}
	end, _, _ := strings.Cut(s.text[:at], ";")
	if end = strings.Trim(end, fws); strings.Trim(strings.TrimRight(end, "="), base64Alphabet+fws) != "" {
		return s, nil
	}
	turned := s.text[at:] + s.text[:at]
	k, problems := ParseKey(turned) // begins with the version: it is not turned again
	if k.Bits == 0 || slices.ContainsFunc(problems, func(p Problem) bool { return p.refused }) {
		return s, nil
	}
	out := source{text: turned, size: s.size, at: make([]int, 0, len(turned))}
	for i := range len(turned) {
		out.at = append(out.at, s.place((i+at)%len(turned)))
	}
	return out, &Problem{Rule: "dkim-p-truncated", Variant: "order", Verb: "order", Span: s.span(0, at), refused: true}
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// ownerPrefix is an owner name, as a zone file or a panel shows it, in front of a record.
var ownerPrefix = regexp.MustCompile(`(?i)^[\s"']*([a-z0-9_.-]*_domainkey[a-z0-9_.-]*)(?:\s+(?:[0-9]+\s+)?(?:in\s+)?txt)?(?:\s*[:=]\s*|\s+)["'(]*\s*(?:v|k|p|h|s|t|n|g)\s*=`)

func ownerName(s source) ([]edit, *Problem) {
	if len(s.text) == 0 || !strings.Contains(strings.ToLower(s.text[:min(len(s.text), 300)]), "_domainkey") {
		return nil, nil
	}
	m := ownerPrefix.FindStringSubmatchIndex(s.text)
	if m == nil {
		return nil, nil
	}
	end := m[1] - 1 // before "v=": back over the "=" and its name
	for end > m[3] && strings.IndexByte("vkphstngVKPHSTNG", s.text[end]) < 0 {
		end--
	}
	return []edit{{0, end, ""}}, &Problem{
		Rule: "dkim-value-has-owner-name", Span: s.span(m[2], m[3]), Verb: "",
		Params: check.Params{"Owner": s.text[m[2]:m[3]]},
	}
}

// escapesOf zone files and shells, and what they stand for.
var escapesOf = []struct{ from, to string }{
	{`\;`, ";"}, {`\059`, ";"}, {`\032`, " "}, {`\"`, ""}, {slashQuote, ""},
}

// slashQuote is what some panels make of an escaped quote. A slash is base64 too,
// and a key may end in one before a real quote: only where the text begins so, or
// no base64 stands before it, is it an escape.
const slashQuote = `/"`

func base64Char(c byte) bool { return strings.IndexByte(base64Alphabet+"=", c) >= 0 }

func escapes(s source) ([]edit, *Problem) {
	var edits []edit
	slashed := strings.HasPrefix(strings.TrimLeft(s.text, fws), slashQuote)
	for i := 0; i < len(s.text); i++ {
		if c := s.text[i]; c != '\\' && c != '/' {
			continue
		}
		for _, e := range escapesOf {
			if strings.HasPrefix(s.text[i:], e.from) && (e.from != slashQuote || slashed || i == 0 || !base64Char(s.text[i-1])) {
				edits = append(edits, edit{i, i + len(e.from), e.to})
				i += len(e.from) - 1
				break
			}
		}
	}
	if len(edits) == 0 {
		return nil, nil
	}
	first := edits[0]
	return edits, &Problem{
		Rule: "dkim-escaped-semicolon", Span: s.span(first.start, first.end),
		Params: check.Params{"Text": s.text[first.start:first.end], "Count": len(edits)},
	}
}

func quotes(s source) ([]edit, *Problem) {
	if strings.IndexByte(s.text, '"') < 0 {
		return nil, nil
	}
	var edits []edit
	for _, e := range elements(s) {
		if strings.Trim(e.name(s), `"`+fws) == "n" {
			continue // quoted-printable, where the octet is legal: RFC 6376 §3.6.1
		}
		if name := e.name(s); !e.bare && tagName.MatchString(name) && !isKnown(strings.ToLower(name)) {
			continue // nobody reads the tag, and the grammar allows it: §3.2
		}
		for i := e.start; i < e.end; i++ {
			if s.text[i] == '"' {
				edits = append(edits, edit{i, i + 1, ""})
			}
		}
	}
	if len(edits) == 0 {
		return nil, nil
	}
	return edits, &Problem{
		Rule: "dkim-literal-quote", Span: s.span(edits[0].start, edits[0].end),
		Params: check.Params{"Count": len(edits)},
	}
}

// nonASCII replaces the characters that word processors and web pages put in.
// Any other is left where it is: what it should have been cannot be told.
func nonASCII(s source) ([]edit, *Problem) {
	var edits []edit
	var first, firstEnd, count int
	var name string
	for i := 0; i < len(s.text); {
		if s.text[i] <= 0x7E {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[i:])
		if count++; count == 1 {
			first, firstEnd = i, i+size
			name = fmt.Sprintf("U+%04X", r)
			if r == utf8.RuneError && size == 1 || r == 0x7F {
				name = fmt.Sprintf("0x%02X", s.text[i])
			}
		}
		switch {
		case strings.ContainsRune("\u00A0\u2002\u2003\u2009\u202F\u3000", r):
			edits = append(edits, edit{i, i + size, " "})
		case strings.ContainsRune("\u200B\u200C\u200D\u200E\u200F\u2060\uFEFF\u00AD“”„‟‘’‚«»", r):
			edits = append(edits, edit{i, i + size, ""})
		}
		i += size
	}
	if count == 0 {
		return nil, nil
	}
	return edits, &Problem{
		Rule: "dkim-non-ascii", Span: s.span(first, firstEnd),
		Params: check.Params{"Char": name, "Count": count},
	}
}

var (
	// A base64 value has "=" only at its end, so "k=r" after a space is never part of one.
	spacedTag = regexp.MustCompile(`[\s,]+([vkphstng])\s*=\s*[^=\s;,]`)
	gluedTag  = regexp.MustCompile(`^(?:DKIM1|rsa|ed25519)([kphstng])\s*=\s*[^=\s;,]`)
)

func separators(s source) ([]edit, *Problem) {
	var edits []edit
	var tag string
	for i, e := range elements(s) {
		name, value := e.name(s), e.value(s)
		if e.bare || name == "n" {
			continue
		}
		if i == 0 && name == "v" && !strings.HasPrefix(strings.ToUpper(value), "DKIM") {
			return nil, nil // another protocol's record
		}
		add := func(from, to int, name string) {
			if tag == "" {
				tag = name
			}
			edits = append(edits, edit{e.valueStart + from, e.valueStart + to, "; "})
		}
		if m := gluedTag.FindStringSubmatchIndex(value); m != nil && (name == "v" || name == "k") {
			add(m[2], m[2], value[m[2]:m[3]])
		}
		for _, m := range spacedTag.FindAllStringSubmatchIndex(value, 16) {
			add(m[0], m[2], value[m[2]:m[3]])
		}
	}
	if len(edits) == 0 {
		return nil, nil
	}
	at := edits[0].start
	return edits, &Problem{
		Rule: "dkim-separator-missing", Span: s.span(at, max(at+1, edits[0].end)),
		Params: check.Params{"Tag": tag},
	}
}
