package bimi

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/postseal/postseal/check"
)

// Options say what a record should hold.
type Options struct {
	Logo, Evidence string   // https URIs; Evidence may be empty
	AVP            string   // "brand", "personal" or "" to leave it out
	Decline        bool     // no logo, on purpose
	Prefixes       []string // of local parts that have a selector of their own
}

// Generate makes the text of a record. The problems are what our own audit
// would say of it; the error is that of options that exclude each other.
func Generate(o Options) (string, []check.GenProblem, error) {
	if o.Decline && (o.Logo != "" || o.Evidence != "" || o.AVP != "") {
		return "", nil, fmt.Errorf("bimi: a record that declines has neither logo nor certificate")
	}
	if !o.Decline && o.Logo == "" {
		return "", nil, fmt.Errorf("bimi: no logo given")
	}
	// A semicolon would end the value and begin a tag that nobody asked for.
	encode := strings.NewReplacer(";", "%3B", ",", "%2C")
	rec := &Record{Logo: URI{Given: true, Text: encode.Replace(o.Logo)}, Evidence: URI{Given: true, Text: encode.Replace(o.Evidence)}, AVP: o.AVP, Prefixes: o.Prefixes}
	text := rec.String()
	_, found := Parse(text)
	var problems []check.GenProblem
	for _, p := range found {
		severity := check.Error
		switch p.Rule {
		case "bimi-declined":
			continue
		case "bimi-a-missing":
			severity = check.Notice
		case "bimi-l-suffix":
			severity = check.Warning
		}
		problems = append(problems, check.GenProblem{ID: p.Rule, Severity: severity, Variant: p.Variant, Params: p.Params})
	}
	return text, problems, nil
}

var label = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// ValidSelector tells whether s is one or more labels (the sub-domain of RFC
// 5321 §4.1.2, with periods between).
func ValidSelector(s string) bool {
	for l := range strings.SplitSeq(s, ".") {
		if !label.MatchString(l) {
			return false
		}
	}
	return true
}
