package dmarc

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// Problem is one thing wrong with a record's text.
type Problem struct {
	Rule    string // the rule that reports it
	Variant string // of that rule
	Tag     string // the tag concerned, "" for the record
	Span    check.Span
	Params  check.Params
	Fixed   string // the whole text without this problem; "" where it cannot be derived
	Verb    string // which fix phrase, where the rule has several
}

// The tags in force, and those that RFC 9989 §9.3 made historic.
var (
	knownTags    = tagOrder
	historicTags = []string{"pct", "rf", "ri"}
)

var (
	tagName          = regexp.MustCompile(`^[a-zA-Z]+$`)
	escapedSemicolon = regexp.MustCompile(`\\+;`)
	// A comma, bar or line end where a semicolon was meant: a tag follows.
	wrongSeparator = regexp.MustCompile(`[ \t]*[,|\r\n][ \t,|\r\n]*(?i:v|p|sp|np|t|psd|adkim|aspf|rua|ruf|fo|pct|rf|ri)[ \t]*=`)
	// Only a space between two tags.
	missingSeparator = regexp.MustCompile(`[ \t]+(?i:p|sp|np|t|psd|adkim|aspf|rua|ruf|fo|pct|rf|ri)[ \t]*=`)
)

const spaces = " \t\r\n"

// Parse reads a record and everything wrong with it. It never stops at the
// first fault, and no text is too broken: what does not start with a valid
// version gets one problem that says what it is, and its tags as far as they
// can be read. Problems stand in the order of their spans.
func Parse(text string) (*Record, []Problem) {
	p := &parser{rec: &Record{Text: text, Valid: isVersioned(text)}}
	p.tags()
	p.uris()
	if !p.rec.Valid {
		p.problems = []Problem{versionProblem(text)}
		if p.problems[0].Rule != "dmarc-unrelated-txt" && p.problems[0].Rule != "dmarc-spf-at-dmarc" {
			p.charset()
		}
	} else {
		p.charset()
		p.characters()
		p.order()
		p.values()
	}
	slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Span.Start - b.Span.Start })
	return p.rec, p.problems
}

type parser struct {
	rec      *Record
	problems []Problem
}

func (p *parser) add(x Problem) {
	if x.Params == nil {
		x.Params = check.Params{}
	}
	p.problems = append(p.problems, x)
}

// elements are the spans between semicolons, without the white space around
// them. A line end counts as white space here, as it does for most receivers;
// dmarc-value-charset reports it.
func elements(text string) []check.Span {
	var out []check.Span
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] != ';' {
			continue
		}
		out = append(out, trim(text, span(start, i), spaces))
		start = i + 1
	}
	return out
}

// trim narrows a span by the characters of set at both its ends.
func trim(text string, s check.Span, set string) check.Span {
	for s.Start < s.End && strings.IndexByte(set, text[s.Start]) >= 0 {
		s.Start++
	}
	for s.End > s.Start && strings.IndexByte(set, text[s.End-1]) >= 0 {
		s.End--
	}
	return s
}

// tags splits the text into tags and reports elements that are none.
func (p *parser) tags() {
	text := p.rec.Text
	list := elements(text)
	for i, e := range list {
		body := text[e.Start:e.End]
		switch {
		case body != "":
		case i == len(list)-1: // the final separator is allowed
			continue
		default:
			p.emptyElement(e)
			continue
		}
		eq := strings.IndexByte(body, '=')
		if p.continuesList(body, eq) {
			p.listSeparator(e)
			continue
		}
		name := body
		if eq >= 0 {
			name = strings.TrimRight(body[:eq], spaces)
		}
		if eq < 0 || !tagName.MatchString(name) {
			x := Problem{Rule: "dmarc-tag-malformed", Tag: "@" + fmt.Sprint(e.Start), Span: e, Params: check.Params{"Element": body}}
			if e.Start > 0 {
				x.Fixed = cut(text, e)
			}
			p.add(x)
			continue
		}
		v := trim(text, span(e.Start+eq+1, e.End), spaces)
		p.rec.Tags = append(p.rec.Tags, Tag{
			Name: strings.ToLower(name), Value: text[v.Start:v.End], Span: e, value: v, raw: name,
		})
	}
}

// emptyElement reports ";;", once a record.
func (p *parser) emptyElement(e check.Span) {
	for _, x := range p.problems {
		if x.Rule == "dmarc-element-empty" {
			return
		}
	}
	at := span(max(e.Start-1, 0), min(e.Start+1, len(p.rec.Text)))
	p.add(Problem{Rule: "dmarc-element-empty", Span: at, Fixed: strings.TrimSpace(emptyElements.ReplaceAllString(p.rec.Text, ";"))})
}

var emptyElements = regexp.MustCompile(`;(?:[ \t\r\n]*;)+`)

// charset reports octets outside printable ASCII, once an element.
func (p *parser) charset() {
	text := p.rec.Text
	for _, e := range elements(text) {
		var points []string
		at := -1
		for i := e.Start; i < e.End; {
			c, n := utf8.DecodeRuneInString(text[i:e.End])
			if (c < 0x20 || c > 0x7e) && !(c == '\t' && besideSeparator(text, i)) {
				if at < 0 {
					at = i
				}
				if len(points) < 8 {
					points = append(points, point(c, n, text[i]))
				}
			}
			i += n
		}
		if at < 0 {
			// A line end beside a semicolon is no WSP either.
			at = lineEndBefore(text, e.Start)
			if at < 0 || e.Start == e.End {
				continue
			}
			points = []string{fmt.Sprintf("U+%04X", text[at])}
		}
		_, n := utf8.DecodeRuneInString(text[at:])
		x := Problem{Rule: "dmarc-value-charset", Tag: "@" + fmt.Sprint(e.Start), Span: span(at, at+n),
			Params: check.Params{"Points": strings.Join(points, " "), "Element": text[e.Start:e.End]}}
		name, _, _ := strings.Cut(asciiOnly(text[e.Start:e.End]), "=")
		switch strings.ToLower(strings.Trim(name, spaces)) {
		case "v", "p", "sp", "np":
			x.Variant = "policy"
		}
		if fixed := asciiOnly(text); isVersioned(fixed) {
			x.Fixed = fixed
		}
		p.add(x)
	}
}

func point(c rune, n int, raw byte) string {
	if c == utf8.RuneError && n <= 1 {
		return fmt.Sprintf("0x%02X", raw)
	}
	return fmt.Sprintf("U+%04X", c)
}

// besideSeparator tells whether only white space lies between offset i and a
// semicolon or equals sign: there a tab is the grammar's WSP.
func besideSeparator(text string, i int) bool {
	l := strings.TrimRight(text[:i], " \t")
	r := strings.TrimLeft(text[i:], " \t")
	return l == "" || r == "" || strings.ContainsRune(";=", rune(l[len(l)-1])) || strings.ContainsRune(";=", rune(r[0]))
}

// lineEndBefore is the offset of a CR or LF in the white space before offset i, or -1.
func lineEndBefore(text string, i int) int {
	head := strings.TrimRight(text[:i], spaces)
	if n := strings.IndexAny(text[len(head):i], "\r\n"); n >= 0 {
		return len(head) + n
	}
	return -1
}

// asciiOnly turns spaces of other scripts and line ends into spaces and drops
// what else is not printable ASCII.
func asciiOnly(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\u00a0' || c == '\u2003' || c == '\u2002' || c == '\u2009' || c == '\n' || c == '\t':
			return ' '
		case c == '\u2013' || c == '\u2011':
			return '-'
		case c < 0x20 || c > 0x7e:
			return -1
		}
		return c
	}, s)
}

// characters reports quotes, escaped semicolons, wrong separators and the style
// of white space.
func (p *parser) characters() {
	text := p.rec.Text
	if i := strings.IndexByte(text, '"'); i >= 0 {
		p.add(Problem{Rule: "dmarc-record-quotes", Span: span(i, i+1), Fixed: strings.TrimSpace(strings.ReplaceAll(text, `"`, ""))})
	}
	for _, t := range p.rec.Tags {
		if strings.HasSuffix(t.Value, `\`) && strings.HasPrefix(text[t.Span.End:], ";") {
			p.add(Problem{Rule: "dmarc-escaped-semicolon", Tag: t.Name, Span: span(t.Span.End-1, t.Span.End+1),
				Fixed: escapedSemicolon.ReplaceAllString(text, ";")})
			break
		}
	}
	for _, t := range p.rec.Tags {
		if m := wrongSeparator.FindStringIndex(t.Value); m != nil {
			sep := strings.TrimSpace(t.Value[m[0]:m[1]])[:1]
			if strings.ContainsAny(t.Value[m[0]:m[0]+1], "\r\n") {
				sep = "newline"
			}
			p.add(Problem{Rule: "dmarc-separator-wrong", Tag: t.Name, Span: span(t.value.Start+m[0], t.value.Start+m[1]),
				Params: check.Params{"Separator": sep, "Tag": t.Name}, Fixed: reseparate(text)})
		}
	}
	for _, t := range p.rec.Tags {
		gap := text[t.Span.Start:t.value.Start]
		after := text[t.Span.End:]
		after = after[:len(after)-len(strings.TrimLeft(after, " \t"))]
		before := strings.TrimRight(text[:t.Span.Start], " \t")
		if strings.ContainsAny(gap, " \t") || strings.Contains(after, "\t") || strings.Contains(text[len(before):t.Span.Start], "\t") {
			p.add(Problem{Rule: "dmarc-whitespace-style", Span: span(t.Span.Start, t.value.Start), Fixed: p.rec.String()})
			break
		}
	}
}

// reseparate puts "; " where a comma, bar or line end stands before a tag.
func reseparate(text string) string {
	return wrongSeparator.ReplaceAllStringFunc(text, func(m string) string {
		return "; " + strings.TrimLeft(m, " \t,|\r\n")
	})
}

// order reports duplicates, letter case, unknown tags, empty values and a p in
// a late place.
func (p *parser) order() {
	seen := map[string]*Tag{}
	for i := range p.rec.Tags {
		t := &p.rec.Tags[i]
		known := slices.Contains(knownTags, t.Name) || slices.Contains(historicTags, t.Name)
		if first := seen[t.Name]; first != nil {
			x := Problem{Rule: "dmarc-tag-duplicate", Tag: t.Name, Span: t.Span,
				Params: check.Params{"Tag": t.Name, "First": first.Value, "Second": t.Value}, Fixed: cut(p.rec.Text, t.Span)}
			if slices.Contains([]string{"v", "p", "sp", "np"}, t.Name) {
				x.Variant = "policy"
			}
			p.add(x)
			continue
		}
		seen[t.Name] = t
		if known && t.raw != t.Name {
			p.add(Problem{Rule: "dmarc-tag-case", Tag: t.Name, Span: span(t.Span.Start, t.Span.Start+len(t.raw)),
				Params: check.Params{"Tag": t.raw, "Right": t.Name}, Fixed: splice(p.rec.Text, span(t.Span.Start, t.Span.Start+len(t.raw)), t.Name)})
		}
		if !known {
			p.unknown(t)
		}
		if t.Value == "" && t.Name != "p" {
			p.add(Problem{Rule: "dmarc-tag-empty", Tag: t.Name, Span: t.Span, Params: check.Params{"Tag": t.Name}, Fixed: cut(p.rec.Text, t.Span)})
		}
	}
	if t := p.rec.Tag("p"); t != nil && len(p.rec.Tags) > 1 && p.rec.Tags[1].Name != "p" {
		p.add(Problem{Rule: "dmarc-p-not-second", Tag: "p", Span: t.Span, Params: check.Params{"Before": p.rec.Tags[1].Name}, Fixed: p.pSecond(t)})
	}
}

// pSecond is the text with p moved right behind the version.
func (p *parser) pSecond(t *Tag) string {
	el := p.rec.Text[t.Span.Start:t.Span.End]
	rest := cut(p.rec.Text, t.Span)
	end := p.rec.Tags[0].Span.End
	return rest[:end] + "; " + el + rest[end:]
}

// unknown reports a tag that is not registered, with the one it looks like.
func (p *parser) unknown(t *Tag) {
	x := Problem{Rule: "dmarc-tag-unknown", Tag: t.Name, Span: t.Span, Params: check.Params{"Tag": t.raw, "Suggestion": ""}}
	if s := nearestTag(t.Name); s != "" {
		x.Variant = "typo"
		x.Params["Suggestion"] = s
		if p.rec.Tag(s) == nil && suits(s, t.Value) {
			x.Fixed = p.renamed(t, s)
		}
	}
	p.add(x)
}

// renamed is the text with another name for the tag.
func (p *parser) renamed(t *Tag, name string) string {
	return splice(p.rec.Text, span(t.Span.Start, t.Span.Start+len(t.raw)), name)
}

// suits tells whether a tag of so few words may have that value: foo=bar is no
// fo that was misspelt.
func suits(tag, value string) bool {
	if tag == "p" {
		return ParseLevel(value) != 0
	}
	_, problems := Parse("v=DMARC1; p=none; ruf=mailto:a@b.example; " + tag + "=" + value)
	return !slices.ContainsFunc(problems, func(x Problem) bool { return x.Rule == "dmarc-"+tag+"-invalid" })
}

// spelled are words that people write for tags.
var spelled = map[string]string{"policy": "p", "subpolicy": "sp", "psp": "sp", "report": "rua"}

// nearestTag is the tag within edit distance 2 that a name is most like, ""
// when none is. A name that would have to change in every letter is like nothing.
func nearestTag(name string) string {
	best, found := 3, ""
	try := func(word, tag string) {
		if d := distance(name, word); d < best && d < max(len(name), len(word)) {
			best, found = d, tag
		}
	}
	for _, tag := range knownTags {
		try(tag, tag)
	}
	for _, word := range []string{"policy", "subpolicy", "report"} {
		try(word, spelled[word])
	}
	return found
}

// distance counts single-letter edits and swaps of neighbours; names longer
// than any typo of a tag are far from everything.
func distance(a, b string) int {
	if len(a) > 16 || len(b) > 16 {
		return 16
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
