package message

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// fws are the octets of folding white space (RFC 6376 §2.8).
const fws = " \t\r\n"

// maxTags is how many elements of a tag-list are read: there are 14 tags.
const maxTags = 100

// tagList is a signature as written: DKIM-Signature, ARC-Message-Signature or
// ARC-Seal (RFC 6376 §3.2). It keeps order, duplicates and unknown tags.
type tagList struct {
	text   string
	tags   []tag
	faults []Fault
}

type tag struct {
	name, value string
	span        check.Span // name to value in the text
	at          check.Span // the value
}

// Fault is one reason why a signature cannot be valid as it is written.
type Fault struct {
	Code string      `json:"code"` // as Signature.Reason
	Tag  string      `json:"tag"`  // "" where none is meant
	Text string      `json:"text"` // what is wrong, as written
	Span *check.Span `json:"span"` // in the value of the field; nil for the whole
	kind string      // of a syntax fault, for its words
}

var tagName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// parseTags reads a tag-list to its end, whatever is wrong on the way.
func parseTags(text string) *tagList {
	l := &tagList{text: text, faults: []Fault{}}
	seen := map[string]bool{}
	for start, n := 0, 0; start <= len(text); n++ {
		end := len(text)
		if i := strings.IndexByte(text[start:], ';'); i >= 0 {
			end = start + i
		}
		from, to := trimSpan(text, start, end)
		last := end == len(text)
		start = end + 1
		if n == maxTags {
			l.fault("many", "", check.Span{Start: from, End: len(text)})
			break
		}
		if from == to {
			if !last || n == 0 { // the list may end in a semicolon
				l.fault("empty", "", check.Span{Start: min(end, len(text)), End: min(end+1, len(text))})
			}
			continue
		}
		name, _, ok := strings.Cut(text[from:to], "=")
		if !ok {
			l.fault("bare", "", check.Span{Start: from, End: to})
			continue
		}
		vs, ve := trimSpan(text, from+len(name)+1, to)
		t := tag{name: strings.TrimRight(name, fws), span: check.Span{Start: from, End: to}, at: check.Span{Start: vs, End: ve}}
		t.value = text[vs:ve]
		switch {
		case !tagName.MatchString(t.name):
			l.fault("name", "", t.span)
			continue
		case seen[t.name]:
			l.fault("duplicate", t.name, t.span)
			continue
		}
		seen[t.name] = true
		if i := strings.IndexFunc(t.value, control); i >= 0 {
			l.fault("octet", t.name, t.at)
		}
		l.tags = append(l.tags, t)
	}
	return l
}

// control tells octets that no tag-value has. Beyond ASCII they are UTF-8 of
// internationalised mail (RFC 8616 §5).
func control(r rune) bool { return r < ' ' && !strings.ContainsRune(fws, r) || r == 0x7F }

func trimSpan(text string, start, end int) (int, int) {
	for start < end && strings.IndexByte(fws, text[start]) >= 0 {
		start++
	}
	for end > start && strings.IndexByte(fws, text[end-1]) >= 0 {
		end--
	}
	return start, end
}

func (l *tagList) fault(kind, name string, at check.Span) {
	l.add("syntax", kind, name, &at)
}

func (l *tagList) add(code, kind, name string, at *check.Span) {
	f := Fault{Code: code, Tag: name, Span: at, kind: kind}
	if at != nil {
		f.Text = l.text[at.Start:at.End]
	}
	l.faults = append(l.faults, f)
}

// get gives the first tag of that name, nil where there is none.
func (l *tagList) get(name string) *tag {
	for i := range l.tags {
		if l.tags[i].name == name {
			return &l.tags[i]
		}
	}
	return nil
}

// value is the tag's value, "" where there is none.
func (l *tagList) value(name string) string {
	if t := l.get(name); t != nil {
		return t.value
	}
	return ""
}

// withoutSpace takes white space out, which base64 may hold anywhere.
func withoutSpace(s string) string {
	if strings.ContainsAny(s, fws) {
		return strings.Join(strings.Fields(s), "")
	}
	return s
}

// base64 reads the value of b= or bh=; false, with a fault, where it is none.
func (l *tagList) base64(name string) ([]byte, bool) {
	t := l.get(name)
	if t == nil {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(withoutSpace(t.value))
	if err != nil || len(data) == 0 {
		l.fault("base64", name, t.span)
		return nil, false
	}
	return data, true
}

// maxDigits keeps numbers within what a time can be (RFC 6376 §3.5 on "t": up
// to 12 digits must be understood).
const maxDigits = 12

// number reads a tag of decimal digits; -1 where there is none or, with a
// fault, where it is no number.
func (l *tagList) number(name string) int64 {
	t := l.get(name)
	if t == nil {
		return -1
	}
	n, err := strconv.ParseUint(t.value, 10, 63)
	if err != nil || strings.Trim(t.value, "0123456789") != "" || len(t.value) > 76 {
		l.fault("number", name, t.span)
		return -1
	}
	if len(strings.TrimLeft(t.value, "0")) > maxDigits {
		return 999_999_999_999 // beyond the year 30000: the same for any purpose here
	}
	return int64(n)
}

// names splits a list at its colons (h=, q=).
func names(value string) []string {
	list := strings.Split(value, ":")
	for i := range list {
		list[i] = strings.Trim(list[i], fws)
	}
	return list
}
