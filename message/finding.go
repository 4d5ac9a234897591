package message

import (
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// Bounds of what a finding carries: a field may have megabytes.
const (
	maxParam  = 200  // octets of one parameter
	maxRecord = 2000 // octets of a field as evidence
)

// at is a finding on one field, with the field as its record.
func (f *Facts) at(field int, params check.Params) check.Finding {
	fd := &f.Message.Fields[field]
	params["Field"], params["Line"] = fd.Name, fd.Line
	record := fd.Name + ": " + fd.Value
	return check.Finding{Subject: clip(fd.Name), Params: params, Record: cut(record, maxRecord)}
}

// advice is a fix in words: there is no record to publish.
func advice(verb string) *check.Fix {
	return &check.Fix{Verb: verb, Records: []check.RecordChange{}}
}

// clip shortens text of the message for a sentence.
func clip(s string) string { return cut(s, maxParam) }

// cut shortens text to that many octets, at a character, and says so.
func cut(s string, octets int) string {
	if len(s) <= octets {
		return s
	}
	end := octets - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func addresses(list []Mailbox) string {
	var b strings.Builder
	for i, m := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(m.Address)
		if b.Len() > maxParam {
			break
		}
	}
	return clip(b.String())
}
