package report

import (
	"bytes"
	"regexp"
	"strings"
)

// Pages are mailed and kept in repositories, so they are written without what a
// browser does not need: end tags that HTML makes optional, quotes around plain
// words, the indentation of style and script. The files in templates/ stay as
// people write them. What is left has the same tree (TestShrink).

var (
	actions  = regexp.MustCompile(`\{\{.*?\}\}`)
	endTags  = regexp.MustCompile(`</(?:li|td|th|tr|dt|dd|thead|tbody)>`)
	quoted   = regexp.MustCompile(`(\s[a-zA-Z-]+)="([A-Za-z0-9_#.-]+)"([\s>])`)
	comments = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

// shrinkTemplate makes the template's own markup smaller; what actions between
// braces write is left alone.
func shrinkTemplate(src string) string {
	var b strings.Builder
	at := 0
	text := func(s string) {
		s = endTags.ReplaceAllString(s, "")
		for { // neighbours share the space between them
			next := quoted.ReplaceAllString(s, "$1=$2$3")
			if next == s {
				break
			}
			s = next
		}
		b.WriteString(s)
	}
	for _, m := range actions.FindAllStringIndex(src, -1) {
		text(src[at:m[0]])
		b.WriteString(src[m[0]:m[1]])
		at = m[1]
	}
	text(src[at:])
	return b.String()
}

// shrinkStyle drops comments, line ends and the last semicolon of each rule.
func shrinkStyle(css string) string {
	css = comments.ReplaceAllString(css, "")
	var b strings.Builder
	for line := range strings.Lines(css) {
		b.WriteString(strings.TrimSpace(line))
	}
	return strings.ReplaceAll(b.String(), ";}", "}")
}

// shrinkScript drops comment lines and indentation; line ends stay, which the
// language may need.
func shrinkScript(js string) string {
	js = comments.ReplaceAllString(js, "")
	var b strings.Builder
	for line := range strings.Lines(js) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// squeezeLines drops blank lines, which conditions that do not hold leave
// behind, and the spaces that begin or end a line. Preformatted text is kept as
// it is. Line ends stay: pages that are kept are compared by line.
func squeezeLines(page []byte) []byte {
	out := make([]byte, 0, len(page))
	open, end := []byte("<pre"), []byte("</pre>")
	page = plainText(page)
	for len(page) > 0 {
		plain, pre := page, []byte(nil)
		if i := bytes.Index(page, open); i >= 0 {
			n := bytes.Index(page[i:], end)
			if n < 0 {
				n = len(page) - i
			}
			plain, pre = page[:i], page[i:i+n]
		}
		page = page[len(plain)+len(pre):]
		for i, line := range bytes.Split(plain, []byte("\n")) {
			if i > 0 && len(out) > 0 && out[len(out)-1] != '\n' {
				out = append(out, '\n')
			}
			if i > 0 {
				line = bytes.TrimLeft(line, " \t")
			}
			out = append(out, line...)
		}
		out = append(out, pre...)
	}
	return out
}

// entities are the characters that templates spell out in text as well, where
// only in attributes there is a need to.
var entities = strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&#43;", "+")

// plainText writes them as themselves between tags. A tag ends at the first ">":
// the templates spell out those in attributes.
func plainText(page []byte) []byte {
	out := make([]byte, 0, len(page))
	for len(page) > 0 {
		text, tag := page, []byte(nil)
		if i := bytes.IndexByte(page, '<'); i >= 0 {
			n := bytes.IndexByte(page[i:], '>')
			if n < 0 {
				n = len(page) - i - 1
			}
			text, tag = page[:i], page[i:i+n+1]
		}
		page = page[len(text)+len(tag):]
		if bytes.IndexByte(text, '&') >= 0 {
			text = []byte(entities.Replace(string(text)))
		}
		out = append(append(out, text...), tag...)
	}
	return out
}
