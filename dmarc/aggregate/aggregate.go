// Package aggregate reads DMARC aggregate reports, those of RFC 9990 and those
// of RFC 7489 Appendix C, and sums them up: who sends as a domain, and what
// would become of that mail under a stricter policy.
//
// Walk finds reports in files, folders, archives and mail, and hands over one
// after the other; Summary adds them up, Selectors harvests DKIM selectors.
//
// Reports come from strangers: every size is bounded, and what cannot be read
// is reported and skipped. A report counts whole or not at all. Memory does not
// grow with the number of rows: a report of a million is read twice rather than
// kept.
package aggregate

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/postseal/postseal/dns"
)

// Format is which of the two standards a report follows.
type Format string

// The formats.
const (
	RFC9990 Format = "rfc9990" // by its namespace, or by elements that only it has
	RFC7489 Format = "rfc7489"
)

// Report is one aggregate report without its rows, which Each gives. Text is
// as the reporter wrote it: escape it before showing it.
type Report struct {
	Source string // where it was read: a path, with the entry or attachment after a colon

	Format    Format
	Version   string // "version"
	Org       string // "org_name"
	Email     string // "email"
	ID        string // "report_id", unique among those to one domain (RFC 9990 §3.5.1)
	Generator string // "generator", RFC 9990 only
	Begin     time.Time
	End       time.Time
	Errors    []string // "error": what the reporter found wrong with the record
	Policy    Policy

	Rows     int   // that Each will give
	Messages int64 // the sum of their counts
	BadRows  int   // left out: no usable count

	kept   []Row // all rows, unless there are more than rowsKept
	replay func(each func(*Row) error) error
}

// Policy is what the reporter found published, the defaults filled in by it or
// "" where it says nothing.
type Policy struct {
	Domain          dns.Name // "domain": where the record that was applied is published
	P, SP, NP       string   // none, quarantine or reject
	ADKIM, ASPF     string   // r or s
	Testing         string   // y or n (RFC 9990)
	Pct             int      // RFC 7489; 100 where not given
	DiscoveryMethod string   // psl or treewalk (RFC 9990)
}

// Row is one "record": a number of messages that shared an address, their
// identifiers and their results.
type Row struct {
	Addr        netip.Addr // IPv4 is never in IPv6 form; invalid where the report gives none
	Count       int64      // of messages, at least 1
	Disposition string     // none, quarantine, reject, pass (RFC 9990), other, or ""
	DKIM, SPF   bool       // passed and aligned ("policy_evaluated")
	Reasons     []Reason   // why the policy was not applied

	HeaderFrom   dns.Name // the policy domain where the report gives none
	EnvelopeFrom dns.Name // "" for the null reverse-path, and where not given

	Signatures []Signature
	SPFChecks  []SPFCheck
}

// aligned tells that the messages pass DMARC.
func (r *Row) aligned() bool { return r.DKIM || r.SPF }

// Reason is why the receiver did something else than the policy asks for.
type Reason struct {
	Type    string // local_policy, mailing_list, policy_test_mode, trusted_forwarder, forwarded, sampled_out or other
	Comment string // as the receiver wrote it
}

// Signature is one "dkim" of "auth_results", uninterpreted by DMARC.
type Signature struct {
	Domain   dns.Name // d=
	Selector string   // s=, lower-case; "" where an old report gives none
	Result   string   // a word of RFC 8601 §2.7.1, other, or ""
}

// SPFCheck is one "spf" of "auth_results", uninterpreted by DMARC.
type SPFCheck struct {
	Domain dns.Name
	Scope  string // mfrom or helo, "" where not given
	Result string // a word of RFC 8601 §2.7.2, other, or ""
}

// each gives the rows in the order of the report. It may be called more than
// once, while the function that got the report from Walk runs. The row, and the
// lists in it, are the callee's only until it returns.
func (r *Report) each(f func(*Row) error) error {
	give := func(row *Row) error {
		if row.HeaderFrom == "" {
			row.HeaderFrom = r.Policy.Domain
		}
		return f(row)
	}
	if r.replay != nil {
		return r.replay(give)
	}
	for i := range r.kept {
		if err := give(&r.kept[i]); err != nil {
			return err
		}
	}
	return nil
}

// mid is the middle of the reporting period: the day that its mail counts for,
// also where a reporter's day is not that of UTC.
func (r *Report) mid() time.Time { return r.Begin.Add(r.End.Sub(r.Begin) / 2) }

// Limits bound what a walk reads. The zero value of a field means its default.
type Limits struct {
	Files      int   // files looked at
	FileSize   int64 // octets of one file, an mbox too
	Message    int64 // octets of one mail message
	Parts      int   // entries of an archive, parts of a message
	ReportSize int64 // octets of XML that one file or message may unpack to
	Ratio      int64 // of unpacked to packed octets, once 4 MiB are unpacked
	Rows       int   // of one report
}

// defaultLimits leave room for the largest reports that receivers send.
func defaultLimits() Limits {
	return Limits{
		Files: 1_000_000, FileSize: 2 << 30, Message: 64 << 20, Parts: 10_000,
		ReportSize: 512 << 20, Ratio: 200, Rows: 5_000_000,
	}
}

func (l Limits) orDefault() Limits {
	d := defaultLimits()
	for _, f := range []struct{ field, def *int }{{&l.Files, &d.Files}, {&l.Parts, &d.Parts}, {&l.Rows, &d.Rows}} {
		if *f.field <= 0 {
			*f.field = *f.def
		}
	}
	for _, f := range []struct{ field, def *int64 }{
		{&l.FileSize, &d.FileSize}, {&l.Message, &d.Message}, {&l.ReportSize, &d.ReportSize}, {&l.Ratio, &d.Ratio},
	} {
		if *f.field <= 0 {
			*f.field = *f.def
		}
	}
	return l
}

// Bounds that no report comes near and nobody needs to set.
const (
	maxDepth      = 24       // of XML elements; the deepest field is at 6
	maxToken      = 64 << 10 // octets of one tag, text or comment
	maxField      = 1024     // octets kept of one text
	maxSignatures = 100      // kept of a row (RFC 9990 §3.1.3 asks for no more)
	maxReasons    = 16       // kept of a row
	maxSPF        = 8        // kept of a row
	maxErrors     = 16       // "error" texts kept of a report
	maxCount      = 1e12     // messages of one row
	rowsKept      = 10_000   // of one report in memory; beyond, it is read twice
)

// Stats count what a walk came across.
type Stats struct {
	Files      int `json:"files"`      // looked at
	Reports    int `json:"reports"`    // handed over
	Duplicates int `json:"duplicates"` // reports that had come before
	Skipped    int `json:"skipped"`    // files, entries and attachments that could not be read
}

// limitError is a limit that was exceeded.
type limitError struct{ what string }

func (e *limitError) Error() string { return e.what }

func tooMuch(format string, args ...any) error { return &limitError{fmt.Sprintf(format, args...)} }
