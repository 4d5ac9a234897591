// Package report is what an audit found, ready to print, and its formats: one
// file each, a writer in and nothing else. A report queries nothing and judges
// nothing. Its JSON is a contract (report/schema.json): snake_case, lists never
// null, additions only within a major version. Every other format is made from
// what that JSON holds, so that a saved result renders the same as a live one.
package report

import (
	"encoding/json"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// SchemaVersion is the version of the JSON contract.
const SchemaVersion = "1.0"

// Document is one run: the object that --format json prints.
type Document struct {
	SchemaVersion string    `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	Lang          string    `json:"lang"` // of titles and messages
	Reports       []*Report `json:"reports"`
	Exit          Exit      `json:"exit"`
}

// Tool says what made the document.
type Tool struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	RulesVersion string `json:"rules_version"` // changes with any rule's ID, severity or condition
	ScoreVersion int    `json:"score_version"`
}

// Exit is the exit code and why.
type Exit struct {
	Code        int      `json:"code"`
	Reasons     []string `json:"reasons"`           // in the language of the run
	ReasonCodes []string `json:"reason_codes"`      // one for each reason, the same in every language: "findings", "score"
	FailOn      string   `json:"fail_on,omitempty"` // severity that fails the run, "none", or "" where nothing was said
}

// Report is one domain.
type Report struct {
	Domain        string      `json:"domain"`
	DomainUnicode string      `json:"domain_unicode"`
	StartedAt     time.Time   `json:"started_at"` // UTC, whole seconds
	DurationMS    int64       `json:"duration_ms"`
	Profile       Profile     `json:"profile"`
	Score         score.Score `json:"score"`
	Verdict       Verdict     `json:"verdict"`
	Results       []Result    `json:"results"` // every rule, in the order of standards and rules
	NextSteps     []NextStep  `json:"next_steps"`
	NotMeasured   []Missing   `json:"not_measured"`
	Network       Network     `json:"network"`

	// SenderRequirements are what large mailbox providers ask of senders.
	SenderRequirements []SenderProvider `json:"sender_requirements"`

	// DMARCReports are what aggregate reports say of the domain; nil, and not in
	// the JSON, where none were given.
	DMARCReports *DMARCReports `json:"dmarc_reports,omitempty"`

	// AcceptedAt are the lines of the configuration whose acceptances were meant.
	AcceptedAt []int `json:"-"`

	// DeclaredAt is where a list or configuration file names the domain; nil, and
	// not in the JSON, where the command line did.
	DeclaredAt *Location `json:"declared_at,omitempty"`

	// Live compares a what-if with what DNS answers now; nil, and not in the
	// JSON, where the report is of what is published.
	Live *Live `json:"live,omitempty"`

	// Facts by standard, exactly as the standards' Facts marshal.
	Facts map[string]json.RawMessage `json:"facts"`
	// Queries are the DNS questions of the run in the order of their answers.
	Queries []Query `json:"queries"`
	// Since is set when the run was compared with an earlier one.
	Since *Since `json:"since,omitempty"`

	Incomplete bool   `json:"incomplete"` // the audit was cut short
	Error      string `json:"error"`      // why it was, "" otherwise
}

// Profile is what the domain does with mail and how that was told.
type Profile struct {
	Name   check.Profile `json:"name"`
	Source string        `json:"source"` // "config", "flag", "inferred"
	Reason string        `json:"reason"` // translated
	Bulk   bool          `json:"bulk"`   // a bulk sender by the user's word
}

// Verdict is the one sentence a manager reads, translated, and its code.
type Verdict struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Result is what one rule said.
type Result struct {
	ID        string         `json:"id"`
	Standard  check.Standard `json:"standard"`
	Severity  check.Severity `json:"severity"`
	Status    check.Status   `json:"status"`
	Title     string         `json:"title"`
	Why       string         `json:"why"` // why it matters, translated plain text; "" where nothing is wrong
	Refs      []check.Ref    `json:"refs"`
	Cause     string         `json:"cause"` // translated; "" unless unknown or explained elsewhere
	CauseCode string         `json:"cause_code"`
	Findings  []Finding      `json:"findings"`
}

// Finding is one thing wrong.
type Finding struct {
	Subject      string         `json:"subject"`
	Severity     check.Severity `json:"severity"`
	Variant      string         `json:"variant"`
	Message      string         `json:"message"`
	Params       check.Params   `json:"params"`
	Record       string         `json:"record"`
	Span         *check.Span    `json:"span"`
	Fix          *Fix           `json:"fix"`
	Ignored      *Ignored       `json:"ignored"`
	Expired      *Ignored       `json:"expired,omitempty"`  // it was accepted until a day that is over
	Location     *Location      `json:"location,omitempty"` // where a file holds the record; nil for records in DNS
	Consequences []Consequence  `json:"consequences"`
}

// Location is a place in a file that the user named. Lines and columns count
// from 1; 0 is not known.
type Location struct {
	File   string `json:"file"` // as the user wrote it
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Fix says what to publish.
type Fix struct {
	Verb    string               `json:"verb"` // translated phrase
	Records []check.RecordChange `json:"records"`
}

// Ignored says that the user accepts a finding, and why.
type Ignored struct {
	Reason string `json:"reason"`
	Until  string `json:"until"`
}

// Consequence is a finding that its root cause explains.
type Consequence struct {
	Rule     string         `json:"rule"`
	Severity check.Severity `json:"severity"`
	Title    string         `json:"title"`
	Message  string         `json:"message"`
	Subject  string         `json:"subject"`
}

// NextStep is one stair: what to do, what to publish, where it leads.
type NextStep struct {
	Rule       string               `json:"rule"`
	Title      string               `json:"title"`  // what to do, translated
	Effort     string               `json:"effort"` // "minutes", "hours", "weeks"
	Gain       int                  `json:"gain"`
	ScoreAfter int                  `json:"score_after"`
	GradeAfter string               `json:"grade_after"`
	Records    []check.RecordChange `json:"records"`
}

// Missing is a part of the score that was not measured.
type Missing struct {
	Check  string `json:"check"`
	Weight int    `json:"weight"`
	Cause  string `json:"cause"` // translated
}

// Network counts what the run sent.
type Network struct {
	DNSQueries      int `json:"dns_queries"` // distinct (name, type)
	DNSPackets      int `json:"dns_packets"` // sent, retries included
	HTTPSRequests   int `json:"https_requests"`
	SMTPConnections int `json:"smtp_connections"`
}

// Query is one DNS question as evidence.
type Query struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	State  string   `json:"state"`  // found, nxdomain, nodata, unknown
	Answer []string `json:"answer"` // RDATA in presentation form, CNAMEs first
	TTL    uint32   `json:"ttl"`
	AD     bool     `json:"ad"`
	Server string   `json:"server"`
	TookMS float64  `json:"took_ms"`
	Error  string   `json:"error"`
}
