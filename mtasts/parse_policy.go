package mtasts

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/tlsfields"
)

// parsePolicy reads the body of a policy file. It never stops: the policy is
// what could be understood, the problems say what could not, with offsets and
// line numbers. Lines may end in LF or CRLF (RFC 8461 §3.2: the prose says
// CRLF, the grammar both).
func parsePolicy(body []byte) (*Policy, []Problem) {
	p := &policyParser{
		policy: &Policy{MaxAgeSeconds: -1, MX: []string{}},
		first:  map[string]Line{},
	}
	start := 0
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		// Without the mark the first key would be U+FEFF "version". What follows
		// is read as the author meant it: one defect is one finding.
		p.add(Problem{Rule: "mtasts-policy-bom", Span: &check.Span{Start: 0, End: 3}, Line: 1})
		start = 3
	}
	if text := bytes.TrimLeft(body[start:], " \t\r\n"); len(text) > 0 && text[0] == '<' {
		at := len(body) - len(text)
		p.problems = nil // a mark before a page is the page's
		p.add(Problem{Rule: "mtasts-policy-html", Span: &check.Span{Start: at, End: min(at+80, len(body))},
			Params: check.Params{"Start": string(text[:min(80, len(text))])}})
		return p.policy, p.problems
	}
	if len(bytes.TrimSpace(body[start:])) == 0 {
		p.add(Problem{Rule: "mtasts-policy-syntax", Variant: "empty"})
		return p.policy, p.problems
	}
	p.lines(body, start)
	p.required()
	return p.policy, p.problems
}

type policyParser struct {
	policy   *Policy
	problems []Problem
	first    map[string]Line // the first line of each key but mx
	parsed   int             // lines that were key: value
}

func (p *policyParser) add(pr Problem) {
	if pr.Params == nil {
		pr.Params = check.Params{}
	}
	if pr.Line > 0 {
		pr.Params["Line"] = pr.Line
	}
	p.problems = append(p.problems, pr)
}

func (p *policyParser) lines(body []byte, start int) {
	for number := 1; start < len(body); number++ {
		end, next := lineEnd(body, start)
		p.line(string(body[start:end]), start, number)
		start = next
	}
}

// lineEnd gives the end of the line that begins at start, without LF or CRLF,
// and where the next one begins.
func lineEnd(body []byte, start int) (end, next int) {
	i := bytes.IndexByte(body[start:], '\n')
	if i < 0 {
		return len(body), len(body)
	}
	end, next = start+i, start+i+1
	if end > start && body[end-1] == '\r' {
		end--
	}
	return end, next
}

func trimBlank(line string) string { return strings.TrimRight(line, " \t") }

func (p *policyParser) line(text string, start, number int) {
	span := check.Span{Start: start, End: start + len(text)}
	trimmed := trimBlank(text)
	switch {
	case trimmed == "":
		p.add(Problem{Rule: "mtasts-policy-blank-line", Span: &span, Line: number})
		return
	case strings.HasPrefix(trimmed, "#"), strings.HasPrefix(trimmed, ";"), strings.HasPrefix(trimmed, "//"):
		p.add(Problem{Rule: "mtasts-policy-comment", Span: &span, Line: number, Params: check.Params{"Text": trimmed}})
		return
	}
	key, value, fault := splitLine(trimmed)
	if fault != "" {
		p.add(Problem{Rule: "mtasts-policy-syntax", Variant: fault, Span: &span, Line: number,
			Params: check.Params{"Text": trimmed}, Scope: brokenScope(trimmed, fault, number)})
		return
	}
	p.parsed++
	valueAt := start + len(trimmed) - len(value)
	p.field(Line{
		Number: number, Key: key, Value: value,
		KeySpan:   check.Span{Start: start, End: start + len(key)},
		ValueSpan: check.Span{Start: valueAt, End: valueAt + len(value)},
	})
}

// brokenScope ties a broken line to the key that it was meant to give, so that
// the absence of that key is not a second finding. A line with a bare CR may
// have swallowed any of them.
func brokenScope(text, fault string, number int) string {
	if fault == "cr" {
		return ""
	}
	word := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '=' || r <= ' ' })
	if len(word) > 0 && knownKey(word[0]) {
		return "key:" + word[0]
	}
	return fmt.Sprintf("line %d", number)
}

// splitLine cuts `key:*WSP value`. The fault is the variant of
// mtasts-policy-syntax. An extension's value may hold colons and inner spaces.
func splitLine(text string) (key, value, fault string) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\r':
			return "", "", "cr"
		case c < 0x20 && c != '\t' || c == 0x7f:
			return "", "", "control"
		}
	}
	if !utf8.ValidString(text) {
		return "", "", "utf8"
	}
	key, rest, ok := strings.Cut(text, ":")
	if !ok {
		return "", "", "colon"
	}
	if !tlsfields.IsName(key) {
		return "", "", "key"
	}
	value = strings.TrimLeft(rest, " \t")
	if value == "" && !knownKey(key) || strings.Contains(value, "\t") {
		return "", "", "value"
	}
	return key, value, ""
}

var knownKeys = []string{"version", "mode", "max_age", "mx"}

func knownKey(key string) bool {
	for _, k := range knownKeys {
		if k == key {
			return true
		}
	}
	return false
}

func (p *policyParser) field(l Line) {
	if l.Key == "mx" {
		p.policy.MX = append(p.policy.MX, l.Value)
		p.policy.mxSpans = append(p.policy.mxSpans, l.ValueSpan)
		if fault := patternFault(l.Value); fault != "" {
			p.add(Problem{Rule: "mtasts-policy-mx-invalid", Variant: fault, Span: &l.ValueSpan, Line: l.Number, Params: check.Params{"Pattern": l.Value}})
		}
		return
	}
	if have, again := p.first[l.Key]; again {
		// RFC 8461 §3.2: of a repeated field other than mx the first counts.
		variant := ""
		if have.Value != l.Value {
			variant = "differs"
		}
		p.add(Problem{Rule: "mtasts-policy-duplicate-key", Variant: variant, Span: &l.ValueSpan, Line: l.Number,
			Params: check.Params{"Key": l.Key, "First": have.Value, "Second": l.Value}})
		return
	}
	p.first[l.Key] = l
	switch l.Key {
	case "version":
		p.policy.Version = l.Value
		if l.Value != "STSv1" {
			p.add(Problem{Rule: "mtasts-policy-version", Span: &l.ValueSpan, Line: l.Number, Params: check.Params{"Value": l.Value}})
		}
	case "mode":
		p.policy.Mode, p.policy.modeSpan = l.Value, l.ValueSpan
		if l.Value != Enforce && l.Value != Testing && l.Value != None {
			p.add(Problem{Rule: "mtasts-policy-mode", Span: &l.ValueSpan, Line: l.Number, Params: check.Params{"Value": l.Value}})
		}
	case "max_age":
		p.policy.maxAgeSpan = l.ValueSpan
		n, ok := parseMaxAge(l.Value)
		if !ok {
			p.add(Problem{Rule: "mtasts-policy-max-age", Span: &l.ValueSpan, Line: l.Number, Params: check.Params{"Value": l.Value}})
			return
		}
		p.policy.MaxAgeSeconds, p.policy.MaxAge = n, time.Duration(n)*time.Second
	default:
		p.policy.Extensions = append(p.policy.Extensions, l)
		if meant := meantKey(l.Key); meant != "" {
			p.add(Problem{Rule: "mtasts-policy-key-near-miss", Span: &l.KeySpan, Line: l.Number, Scope: "key:" + meant,
				Params: check.Params{"Key": l.Key, "Meant": meant}})
		}
	}
}

// required reports the keys that are not there. Where not one line could be
// read, the syntax findings say it all.
func (p *policyParser) required() {
	if p.parsed == 0 && hasFatal(p.problems, []string{"mtasts-policy-syntax"}) {
		p.collapse()
		return
	}
	missing := func(rule, key string) {
		p.add(Problem{Rule: rule, Variant: "missing", Scope: "key:" + key})
	}
	for _, key := range []string{"version", "mode", "max_age"} {
		if _, ok := p.first[key]; !ok {
			missing("mtasts-policy-"+strings.ReplaceAll(key, "_", "-"), key)
		}
	}
	// A file without a legal mode is not asked for hosts: it is invalid already.
	if m := p.policy.Mode; (m == Enforce || m == Testing) && len(p.policy.MX) == 0 {
		p.add(Problem{Rule: "mtasts-policy-mx-missing", Scope: "key:mx", Params: check.Params{"Mode": m}})
	}
}

// collapse makes one problem of a body that is no text at all: compressed, or
// an image.
func (p *policyParser) collapse() {
	for _, pr := range p.problems {
		if pr.Variant == "control" || pr.Variant == "utf8" {
			p.problems = nil
			p.add(Problem{Rule: "mtasts-policy-syntax", Variant: "binary"})
			return
		}
	}
}

// parseMaxAge reads 1*10DIGIT of at most 31557600 (RFC 8461 §3.2).
func parseMaxAge(s string) (int64, bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n <= int64(MaxMaxAge/time.Second)
}

// meantKey is the known key that an unknown one was probably meant to be, or "".
func meantKey(key string) string {
	norm := func(s string) string {
		return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
	}
	for _, known := range knownKeys {
		if norm(key) == norm(known) || len(key) > 1 && oneEdit(strings.ToLower(key), known) {
			return known
		}
	}
	return ""
}

// oneEdit tells whether one insertion, deletion or substitution makes b of a.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i == len(a) || a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}
