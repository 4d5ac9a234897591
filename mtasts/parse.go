package mtasts

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/tlsfields"
)

// ParseRecord reads the text of one candidate. It never stops: the record is
// what could be understood, the problems say what could not. Unknown
// extensions, duplicates and order are kept.
func ParseRecord(text string) (*Record, []Problem) {
	r := &Record{}
	var problems []Problem
	add := func(rule, variant string, span check.Span, params check.Params) {
		if params == nil {
			params = check.Params{}
		}
		problems = append(problems, Problem{Rule: rule, Variant: variant, Span: &span, Params: params})
	}
	if spaced, ok := version.Candidate(text); spaced && ok {
		semicolon := strings.IndexByte(text, ';')
		add("mtasts-record-version-delimiter", "", check.Span{Start: len(version), End: semicolon}, nil)
	}
	fields, tail := version.Fields(text)
	ids, broken := 0, false
	for _, f := range fields {
		switch {
		case f.Empty:
			add("mtasts-record-syntax", "empty", f.Span, nil)
			broken = true
		case f.NoEquals:
			add("mtasts-record-syntax", "equals", f.Span, check.Params{"Field": f.Name})
			broken = true
		case f.Space:
			add("mtasts-record-syntax", "space", f.Span, check.Params{"Field": f.Name})
			broken = true
		case f.BadName:
			add("mtasts-record-syntax", "name", f.Span, check.Params{"Field": f.Name})
			broken = true
		case f.Name == "id": // case-sensitive: "ID" is an extension
			ids++
			switch {
			case ids > 1:
				// RFC 8461 §3.2, last paragraph: the first of a repeated field counts.
				add("mtasts-record-id-duplicate", "", f.Span, check.Params{"Second": f.Value})
			case !isID(f.Value):
				add("mtasts-record-id-invalid", idFault(f.Value), f.ValueSpan, check.Params{"ID": f.Value, "Length": len(f.Value)})
			default:
				r.ID = f.Value
			}
		case !tlsfields.IsValue(f.Value):
			add("mtasts-record-syntax", "value", f.Span, check.Params{"Field": f.Name})
			broken = true
		default:
			r.Extensions = append(r.Extensions, f)
			add("mtasts-record-extension", "", f.Span, check.Params{"Field": f.Name, "Value": f.Value})
		}
	}
	if tail != nil {
		add("mtasts-record-syntax", "tail", *tail, nil)
		broken = true
	}
	// A broken field may well be the id: one defect is one finding.
	if ids == 0 && !broken {
		problems = append(problems, Problem{Rule: "mtasts-record-id-missing", Params: check.Params{}})
	}
	return r, problems
}

func isID(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tlsfields.IsAlnum(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= MaxIDLen
}

// idFault is the variant of mtasts-record-id-invalid.
func idFault(s string) string {
	switch {
	case s == "":
		return "empty"
	case len(s) > MaxIDLen && isID(s[:MaxIDLen]) && isID(s[MaxIDLen:][:1]):
		return "long"
	}
	return ""
}

// lenientID digs an id out of text that no sender accepts, for a fix; "" when
// there is nothing to keep.
func lenientID(text string) string {
	for part := range strings.SplitSeq(text, ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || !strings.EqualFold(strings.Trim(name, " \t\"'"), "id") {
			continue
		}
		var b strings.Builder
		for i := 0; i < len(value) && b.Len() < MaxIDLen; i++ {
			if tlsfields.IsAlnum(value[i]) {
				b.WriteByte(value[i])
			}
		}
		return b.String()
	}
	return ""
}
