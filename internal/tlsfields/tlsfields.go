// Package tlsfields reads the TXT record grammar that MTA-STS (RFC 8461 §3.1)
// and TLS-RPT (RFC 8460 §3) share: a version, then fields `name=value` that are
// separated by a semicolon with optional white space around it.
//
// It only splits and points; which names and values are right is the standards'
// own matter. It never stops at a fault.
package tlsfields

import (
	"regexp"
	"strings"

	"github.com/postseal/postseal/check"
)

// Version is the literal that a record begins with, such as "v=STSv1".
type Version string

// Candidate tells whether the text begins with the version and a semicolon.
// Spaced says that white space stands between the two: the grammar allows it,
// the rule for discarding records does not name it, so readers differ.
func (v Version) Candidate(text string) (spaced, ok bool) {
	rest, ok := strings.CutPrefix(text, string(v))
	if !ok {
		return false, false
	}
	trimmed := strings.TrimLeft(rest, " \t")
	return trimmed != rest, strings.HasPrefix(trimmed, ";")
}

// nearMiss tells whether text that is no candidate was clearly meant to be one:
// it begins like the version in any case and spacing, or has it further in.
func (v Version) nearMiss(text string) bool {
	_, word, _ := strings.Cut(string(v), "=")
	stem := strings.TrimRight(word, "v0123456789")
	like := regexp.MustCompile(`(?i)^\s*v\s*=\s*` + stem)
	return like.MatchString(text) || strings.Contains(text, string(v))
}

// Field is one field as written.
type Field struct {
	Name, Value string
	Span        check.Span // without the white space around it
	ValueSpan   check.Span

	// Empty, NoEquals, Space and BadName say what is wrong with its form:
	// nothing between two semicolons, no "=", white space around the "=", a
	// name outside the grammar. At most one is set.
	Empty, NoEquals, Space, BadName bool
}

// Fields splits the text of a candidate. tail is the white space after the last
// field when no semicolon follows it, which the grammar has no place for; nil
// otherwise.
func (v Version) Fields(text string) (fields []Field, tail *check.Span) {
	start := strings.IndexByte(text, ';') + 1
	for {
		end := len(text)
		semicolon := strings.IndexByte(text[start:], ';')
		if semicolon >= 0 {
			end = start + semicolon
		}
		f := field(text, start, end)
		last := semicolon < 0
		if !f.Empty || !last { // after the final delimiter nothing need follow
			fields = append(fields, f)
		}
		if last {
			if !f.Empty && f.Span.End < len(text) {
				tail = &check.Span{Start: f.Span.End, End: len(text)}
			}
			return fields, tail
		}
		start = end + 1
	}
}

func field(text string, start, end int) Field {
	for start < end && isSpace(text[start]) {
		start++
	}
	stop := end
	for stop > start && isSpace(text[stop-1]) {
		stop--
	}
	f := Field{Span: check.Span{Start: start, End: stop}}
	if start == stop {
		f.Empty = true
		f.Span = check.Span{Start: max(start-1, 0), End: min(end+1, len(text))} // the semicolons: an empty span shows nothing
		f.ValueSpan = f.Span
		return f
	}
	eq := strings.IndexByte(text[start:stop], '=')
	if eq < 0 {
		f.Name, f.NoEquals = text[start:stop], true
		f.ValueSpan = check.Span{Start: stop, End: stop}
		return f
	}
	f.Name, f.Value = text[start:start+eq], text[start+eq+1:stop]
	f.ValueSpan = check.Span{Start: start + eq + 1, End: stop}
	switch {
	case strings.TrimRight(f.Name, " \t") != f.Name || strings.TrimLeft(f.Value, " \t") != f.Value:
		f.Space = true
		f.Name = strings.TrimRight(f.Name, " \t")
	case !IsName(f.Name):
		f.BadName = true
	}
	return f
}

// IsName tells whether s is an extension name: a letter or digit and up to 31 of
// letters, digits, "_", "-" and "." (RFC 8461 §3.1, §3.2).
func IsName(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !IsAlnum(s[i]) && (i == 0 || strings.IndexByte("_-.", s[i]) < 0) {
			return false
		}
	}
	return true
}

// IsValue tells whether s is an extension value: visible ASCII without "=" and ";".
func IsValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == '=' || s[i] == ';' {
			return false
		}
	}
	return s != ""
}

// IsAlnum tells whether c is an ASCII letter or digit.
func IsAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
