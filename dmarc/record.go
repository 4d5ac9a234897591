package dmarc

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Version is the value of the v tag, case-sensitive (RFC 9989 §4.8).
const Version = "DMARC1"

// Record is one DMARC policy record as published, for example
//
//	v=DMARC1; p=quarantine; np=reject; rua=mailto:dmarc@example.com
//
// Tags keep order and duplicates, unknown tags too. Of a tag that stands twice
// the first counts: RFC 9989 has no tie-break, and dmarc-tag-duplicate says so.
type Record struct {
	Text  string // as published
	Valid bool   // it starts with the tag v=DMARC1; else receivers do not see it
	Tags  []Tag  // without malformed elements
	RUA   []URI  // "rua", aggregate reports, RFC 9989 §4.7
	RUF   []URI  // "ruf", failure reports
}

// Tag is one tag=value pair.
type Tag struct {
	Name  string     // lower-case
	Value string     // without the white space around it
	Span  check.Span // name to value in the text
	value check.Span
	raw   string // the name as published
}

// URI is one report URI of a rua or ruf tag.
type URI struct {
	Tag    string     // "rua" or "ruf"
	Text   string     // as published, without a size limit
	Span   check.Span // in the record
	Valid  bool       // by syntax, RFC 9989 §4.8
	Scheme string     // lower-case
	Host   dns.Name   // of a mailto address or a URL
	Size   string     // the obsolete "!10m", without the mark
}

// Level is a policy word. The zero value is no level.
type Level int

// The levels, weakest first (RFC 9989 §4.7).
const (
	None Level = iota + 1
	Quarantine
	Reject
)

var levelWords = [...]string{"", "none", "quarantine", "reject"}

func (l Level) String() string {
	if l < 0 || int(l) >= len(levelWords) {
		return ""
	}
	return levelWords[l]
}

// ParseLevel reads a policy word; ABNF literals are case-insensitive. It gives
// zero for anything else.
func ParseLevel(s string) Level {
	for l := None; l <= Reject; l++ {
		if strings.EqualFold(s, levelWords[l]) {
			return l
		}
	}
	return 0
}

// Tag gives the first tag of that name, nil when there is none.
func (r *Record) Tag(name string) *Tag {
	for i := range r.Tags {
		if r.Tags[i].Name == name {
			return &r.Tags[i]
		}
	}
	return nil
}

// Has tells whether the tag stands in the record with a value.
func (r *Record) Has(name string) bool {
	t := r.Tag(name)
	return t != nil && t.Value != ""
}

// word is a tag's value in lower case where it is one of the words allowed,
// else the default.
func (r *Record) word(name, def string, allowed ...string) string {
	if t := r.Tag(name); t != nil {
		for _, w := range allowed {
			if strings.EqualFold(t.Value, w) {
				return w
			}
		}
	}
	return def
}

// Level is the level of p, sp or np; zero when the tag is absent or invalid.
func (r *Record) Level(name string) Level {
	if t := r.Tag(name); t != nil {
		return ParseLevel(t.Value)
	}
	return 0
}

// Testing tells whether the record has t=y.
func (r *Record) Testing() bool { return r.word("t", "n", "y", "n") == "y" }

// PSD is the value of psd: "y", "n" or the default "u".
func (r *Record) PSD() string { return r.word("psd", "u", "y", "n", "u") }

// Strict tells whether adkim or aspf asks for strict alignment.
func (r *Record) Strict(name string) bool { return r.word(name, "r", "r", "s") == "s" }

// ValidRUA tells whether one rua URI at least is right by syntax.
func (r *Record) ValidRUA() bool {
	for _, u := range r.RUA {
		if u.Valid {
			return true
		}
	}
	return false
}

// Broken tells whether the policy tags void the policy: no valid p, or an sp or
// np that is not valid. The record then says none, or nothing at all when it
// has no valid rua (RFC 9989 §4.10.1).
func (r *Record) Broken() bool {
	if r.Level("p") == 0 {
		return true
	}
	for _, name := range []string{"sp", "np"} {
		// An empty value is no dmarc-value (§4.8): the tag is discarded.
		if r.Has(name) && r.Level(name) == 0 {
			return true
		}
	}
	return false
}

// String prints the tags in their order, one space after each semicolon.
func (r *Record) String() string {
	parts := make([]string, len(r.Tags))
	for i, t := range r.Tags {
		parts[i] = t.Name + "=" + t.Value
	}
	return strings.Join(parts, "; ")
}

// tagOrder is the order in which records are written: p second for readers of
// RFC 7489 §6.4, the rest from policy to reports.
var tagOrder = []string{"v", "p", "sp", "np", "t", "psd", "adkim", "aspf", "rua", "ruf", "fo"}

// with is the text with the tag set: its value replaced, or the tag put in its
// place in tagOrder.
func (r *Record) with(name, value string) string {
	if t := r.Tag(name); t != nil {
		return splice(r.Text, t.value, value)
	}
	at := len(strings.TrimRight(r.Text, "; \t"))
	if i := indexOf(tagOrder, name); i > 0 {
		for _, before := range tagOrder[:i] {
			if t := r.Tag(before); t != nil {
				at = t.Span.End
			}
		}
	}
	return r.Text[:at] + "; " + name + "=" + value + r.Text[at:]
}

// without is the text with every tag of those names dropped.
func (r *Record) without(names ...string) string {
	text := r.Text
	for i := len(r.Tags) - 1; i >= 0; i-- {
		if indexOf(names, r.Tags[i].Name) >= 0 {
			text = cut(text, r.Tags[i].Span)
		}
	}
	return text
}

// cut drops an element and the semicolon before it, or after the first one.
func cut(text string, s check.Span) string {
	head := strings.TrimRight(text[:s.Start], " \t\r\n")
	if strings.HasSuffix(head, ";") {
		return strings.TrimRight(head[:len(head)-1], " \t\r\n") + text[s.End:]
	}
	tail := strings.TrimLeft(text[s.End:], " \t\r\n")
	return head + strings.TrimLeft(strings.TrimPrefix(tail, ";"), " \t\r\n")
}

func splice(text string, s check.Span, repl string) string {
	return text[:s.Start] + repl + text[s.End:]
}

func indexOf(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}
