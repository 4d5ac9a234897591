package bimi

import (
	"regexp"
	"strings"

	"github.com/postseal/postseal/check"
)

// version begins every record; its case counts.
const version = "v=BIMI1"

var (
	candidate = regexp.MustCompile(`^v[ \t]*=[ \t]*BIMI1[ \t]*(;|$)`)
	nearMiss  = regexp.MustCompile(`(?i)^\s*"?v\s*=\s*bimi|\bv=BIMI1\b`)
)

// Record is a parsed TXT record, such as
//
//	v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem
type Record struct {
	Tags []Tag // all of them, in order, the version first

	Logo     URI      // "l", where the logo is; empty declines
	Evidence URI      // "a", where the mark certificate is; empty for none
	AVP      string   // "avp", "brand" or "personal"; "" when it is not there
	Prefixes []string // "lps", prefixes of local parts that have a selector of their own
}

// Tag is one tag as written.
type Tag struct {
	Name, Value string
	Span        check.Span // name to value
	ValueSpan   check.Span
}

// URI is the value of "l" or "a".
type URI struct {
	Given  bool // the tag is there
	Text   string
	Usable bool // one https URI with a host name
}

// declined tells that the record says on purpose that there is no logo.
func (r *Record) declined() bool {
	return r.Logo.Given && r.Logo.Text == "" && r.Evidence.Text == ""
}

// String prints the record as a generator would publish it.
func (r *Record) String() string {
	s := version + "; l=" + r.Logo.Text + "; a=" + r.Evidence.Text
	if r.AVP != "" {
		s += "; avp=" + r.AVP
	}
	if len(r.Prefixes) > 0 {
		s += "; lps=" + strings.Join(r.Prefixes, ",")
	}
	return s + ";"
}

// Problem is a fault of the record's text.
type Problem = check.Problem
