// Package check is the vocabulary of the auditor: rules, results and findings.
//
// A rule is constant data and one pure function over the facts of one standard.
// Evaluate runs rules over facts and gives one Result for each; Relate then
// attaches the consequences of a defect to its root cause, so that one defect
// is one finding. Nothing here does I/O, reads a clock or knows a language:
// a finding carries named parameters, and the words live in internal/locale.
package check

import (
	"fmt"
	"strconv"
)

// Severity says how bad a finding is. The zero value is no severity.
type Severity int

// The four severities, mildest first.
const (
	Info    Severity = iota + 1 // a fact; never lowers a score
	Notice                      // a SHOULD, hygiene, a legacy leftover
	Warning                     // works today, leaves an attack open
	Error                       // not in force, anyone can pass, or a take-over is possible
)

var severityWords = words[Severity]{Info: "info", Notice: "notice", Warning: "warning", Error: "error"}

func (s Severity) String() string                { return severityWords.word(s) }
func (s Severity) MarshalText() ([]byte, error)  { return severityWords.marshal(s) }
func (s *Severity) UnmarshalText(b []byte) error { return severityWords.unmarshal(s, b) }

// ParseSeverity reads one of the words info, notice, warning and error.
func ParseSeverity(s string) (Severity, error) {
	var v Severity
	err := v.UnmarshalText([]byte(s))
	return v, err
}

// Status is what a rule said. The zero value is no verdict, so that a forgotten
// assignment shows instead of passing.
type Status int

// The statuses. Unknown means the facts could not be had; it is never "missing".
const (
	NoVerdict Status = iota
	Pass
	Fail
	NotApplicable
	Unknown
)

var statusWords = words[Status]{
	NoVerdict: "no-verdict", Pass: "pass", Fail: "fail", NotApplicable: "not-applicable", Unknown: "unknown",
}

func (s Status) String() string                { return statusWords.word(s) }
func (s Status) MarshalText() ([]byte, error)  { return statusWords.marshal(s) }
func (s *Status) UnmarshalText(b []byte) error { return statusWords.unmarshal(s, b) }

// Standard names what a rule is about, spelt as in JSON and on the command line.
type Standard string

// The standards, in the order in which reports show them.
const (
	SPF      Standard = "spf"
	DKIM     Standard = "dkim"
	DMARC    Standard = "dmarc"
	MTASTS   Standard = "mta-sts"
	TLSRPT   Standard = "tls-rpt"
	DANE     Standard = "dane"
	DNSSEC   Standard = "dnssec"
	BIMI     Standard = "bimi"
	MX       Standard = "mx"
	STARTTLS Standard = "starttls"
	Lint     Standard = "lint"    // of files that are not published yet
	Message  Standard = "message" // of one message, never of a domain
	Reply    Standard = "reply"   // of what a server answered, never of a domain
)

// Standards lists every standard in report order.
var Standards = []Standard{SPF, DKIM, DMARC, MTASTS, TLSRPT, DANE, DNSSEC, BIMI, MX, STARTTLS, Lint, Message, Reply}

// Profile is what the audited domain does with mail. The empty profile is
// unknown: the answer that decides (MX or SPF) could not be had.
type Profile string

// The profiles of the score.
const (
	ProfileUnknown     Profile = ""
	ProfileMail        Profile = "mail"
	ProfileSendOnly    Profile = "send-only"
	ProfileReceiveOnly Profile = "receive-only"
	ProfileParked      Profile = "parked"
)

// Profiles lists the profiles a user can name.
var Profiles = []Profile{ProfileMail, ProfileSendOnly, ProfileReceiveOnly, ProfileParked}

// Sends tells whether the domain sends mail. An unknown profile counts as
// sending: silence about a defect would be the worse mistake.
func (p Profile) Sends() bool {
	return p == ProfileMail || p == ProfileSendOnly || p == ProfileUnknown
}

// Receives tells whether the domain takes mail; an unknown profile counts as doing so.
func (p Profile) Receives() bool {
	return p == ProfileMail || p == ProfileReceiveOnly || p == ProfileUnknown
}

// ParseProfile reads the name of a profile.
func ParseProfile(s string) (Profile, error) {
	for _, p := range Profiles {
		if string(p) == s {
			return p, nil
		}
	}
	return ProfileUnknown, fmt.Errorf("check: unknown profile %q (one of %v)", s, Profiles)
}

// Ref says where a requirement is written.
type Ref struct {
	Doc     string `json:"doc"`     // "RFC 9989", or the name of a provider's page
	Section string `json:"section"` // "4.7", without the section sign; "" for the whole document
	URL     string `json:"url"`
}

// RFC is a reference to a section of an RFC.
func RFC(number int, section string) Ref {
	n := strconv.Itoa(number)
	url := "https://www.rfc-editor.org/rfc/rfc" + n + ".html"
	if section != "" {
		anchor := "section-"
		if section[0] >= 'A' && section[0] <= 'Z' {
			anchor = "appendix-"
		}
		url += "#" + anchor + section
	}
	return Ref{Doc: "RFC " + n, Section: section, URL: url}
}

// Params are the named parameters of a message. Values are strings, ints,
// bools or []string, so that they survive JSON. Text that a stranger wrote
// stays raw here; whoever prints it escapes it.
type Params = map[string]any

// Variant is a named form of a rule whose severity differs by context.
// Its message has its own entry, "<rule>.<variant>".
type Variant struct {
	Name     string
	Severity Severity
}

// Meta is the constant part of a rule.
type Meta struct {
	ID       string // kebab-case, prefixed by its standard; never changes meaning
	Standard Standard
	Title    string    // what is wrong, one line, English, no full stop
	Severity Severity  // of a finding without a variant
	Variants []Variant // forms with a severity of their own
	Refs     []Ref
	Doc      string // markdown: what, why it matters, how to fix, an example before and after

	// CoveredBy names the root causes: a finding of this rule becomes a
	// consequence where one of these rules reports the same scope.
	CoveredBy []string
}

// Rule is constant data and one pure function over the facts of a standard.
type Rule[F any] struct {
	Meta
	Applies func(F) bool // nil means always; false gives not-applicable, never pass
	Run     func(F, *Reporter)
}

// Span is a range of octets in a record as published: [Start, End).
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// RecordChange is one RRset to change. Old lists what is published now and
// goes away, New what takes its place; either may be empty.
type RecordChange struct {
	Name string   `json:"name"` // absolute, with the final dot
	Type string   `json:"type"`
	Old  []string `json:"old"`
	New  []string `json:"new"`
}

// Fix says what to publish, as data. Verb names the message "<rule>.fix" or
// "<rule>.fix.<Verb>" when a rule has several.
type Fix struct {
	Verb    string         `json:"-"`
	Records []RecordChange `json:"records"`
}

// Finding is one thing wrong.
type Finding struct {
	Subject string // the DNS name without final dot, host:port or URL it is about
	Variant string // "" or one of the rule's variants
	Params  Params
	Record  string // the text it was found in, octets as published; "" where there is none
	Span    *Span  // the part of Record meant; nil for the whole
	Fix     *Fix   // nil where no record to publish can be derived

	// Scope narrows what covers what: findings of different non-empty
	// scopes are different defects. Empty means the whole standard.
	Scope string

	Consequences []Consequence // findings of other rules that this one explains
}

// Consequence is a finding explained by its root cause.
type Consequence struct {
	Rule    string
	Finding Finding
}

// Cause says why something could not be told. The code names the message
// "cause.<Code>".
type Cause struct {
	Code   string
	Params Params
}

func (c Cause) Error() string       { return c.Code + fmt.Sprint(c.Params) }
func (c Cause) CauseCode() string   { return c.Code }
func (c Cause) CauseParams() Params { return c.Params }

const notAskedFor = "not-asked-for"

// NotAskedFor is the cause of a rule that needs a measurement which is made only
// on request. flag is what to say on the command line to have it made.
func NotAskedFor(flag string) Cause {
	return Cause{Code: notAskedFor, Params: Params{"Flag": flag}}
}

// open tells that something was to be measured and could not be.
func (c Cause) open() bool { return c.Code != notAskedFor }

// Causer is an error that can be shown as a cause. *dns.Error is one.
type Causer interface {
	error
	CauseCode() string
	CauseParams() Params
}

// Result is what one rule said about one domain.
type Result struct {
	Rule     *Meta
	Status   Status
	Severity Severity // the highest among the findings, else the rule's own
	Findings []Finding
	Causes   []Cause // why it is unknown, or explained elsewhere
}
