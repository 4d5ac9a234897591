package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// source is a text together with the place of each of its octets in the text as
// published, so that what is found after a repair still points at the record.
type source struct {
	text string
	at   []int // nil while nothing was changed
	size int   // of the text as published
}

func newSource(text string) source { return source{text: text, size: len(text)} }

// span is the range [i, j) of the text in the text as published.
func (s source) span(i, j int) check.Span {
	start, end := s.place(i), s.place(j)
	if j > i {
		end = s.place(j-1) + 1
	}
	start, end = min(start, s.size), min(end, s.size)
	return check.Span{Start: start, End: max(start, end)}
}

func (s source) place(i int) int {
	switch {
	case s.at == nil:
		return i
	case i < len(s.at):
		return s.at[i]
	}
	return s.size
}

// edit replaces [start, end) of a text.
type edit struct {
	start, end int
	new        string
}

// apply makes the edits, which must be in order and must not overlap.
func (s source) apply(edits []edit) source {
	if len(edits) == 0 {
		return s
	}
	out := source{size: s.size, at: make([]int, 0, len(s.text))}
	var b strings.Builder
	from := 0
	keep := func(to int) {
		b.WriteString(s.text[from:to])
		for i := from; i < to; i++ {
			out.at = append(out.at, s.place(i))
		}
	}
	for _, e := range edits {
		keep(e.start)
		b.WriteString(e.new)
		out.at = append(out.at, slices.Repeat([]int{s.place(e.start)}, len(e.new))...)
		from = e.end
	}
	keep(len(s.text))
	out.text = b.String()
	return out
}

const fws = " \t\r\n" // RFC 6376 §2.8, without insisting on what follows a line break

// element is one tag-spec with its places in the source.
type element struct {
	start, end           int // without surrounding white space
	nameEnd              int
	valueStart, valueEnd int
	bare                 bool
}

func (e element) name(s source) string  { return s.text[e.start:e.nameEnd] }
func (e element) value(s source) string { return s.text[e.valueStart:e.valueEnd] }

// elements splits a tag-list at its semicolons. Empty elements are kept: start
// equals end in them.
func elements(s source) []element {
	var list []element
	for from := 0; from <= len(s.text); {
		to := len(s.text)
		if i := strings.IndexByte(s.text[from:], ';'); i >= 0 {
			to = from + i
		}
		list = append(list, newElement(s.text, from, to))
		from = to + 1
	}
	return list
}

func newElement(text string, from, to int) element {
	start, end := trim(text, from, to)
	e := element{start: start, end: end, nameEnd: end, valueStart: end, valueEnd: end, bare: true}
	if i := strings.IndexByte(text[start:end], '='); i >= 0 {
		e.bare = false
		_, e.nameEnd = trim(text, start, start+i)
		e.valueStart, e.valueEnd = trim(text, start+i+1, end)
	}
	return e
}

func trim(text string, from, to int) (start, end int) {
	for from < to && strings.IndexByte(fws, text[from]) >= 0 {
		from++
	}
	for to > from && strings.IndexByte(fws, text[to-1]) >= 0 {
		to--
	}
	return from, to
}

// tags are the elements as a caller sees them, empty ones left out.
func tags(s source, list []element) []Tag {
	out := []Tag{}
	for _, e := range list {
		if e.start == e.end {
			continue
		}
		out = append(out, Tag{
			Name: e.name(s), Value: e.value(s), Bare: e.bare,
			Span:  s.span(e.start, e.end),
			name:  s.span(e.start, e.nameEnd),
			value: s.span(e.valueStart, e.valueEnd),
		})
	}
	return out
}
