package mtasts

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/tlsfields"
)

// version begins every record (RFC 8461 §3.1).
const version tlsfields.Version = "v=STSv1"

// Limits of the standard.
const (
	MaxIDLen      = 32                     // RFC 8461 §3.1
	MaxMaxAge     = 31557600 * time.Second // RFC 8461 §3.2
	MaxPolicySize = 64 << 10               // RFC 8461 §3.3, suggested
)

// Record is a parsed TXT record, such as
//
//	v=STSv1; id=20160831085700Z;
type Record struct {
	ID         string // "id", 1 to 32 letters and digits; "" when absent
	Extensions []tlsfields.Field
}

// String prints the record as a generator would publish it.
func (r *Record) String() string {
	s := string(version) + "; id=" + r.ID
	for _, e := range r.Extensions {
		s += "; " + e.Name + "=" + e.Value
	}
	return s
}

// Modes of a policy (RFC 8461 §5).
const (
	Enforce = "enforce"
	Testing = "testing"
	None    = "none"
)

// Policy is a parsed policy file (RFC 8461 §3.2).
type Policy struct {
	Version       string        `json:"version"`
	Mode          string        `json:"mode"`    // "enforce", "testing", "none", or as written
	MaxAge        time.Duration `json:"-"`       // "max_age", seconds on the wire
	MaxAgeSeconds int64         `json:"max_age"` // the same for JSON; -1 when absent or invalid
	MX            []string      `json:"mx"`      // patterns as written, those out of grammar too

	Extensions []Line `json:"-"` // keys that nobody knows yet, well formed

	modeSpan, maxAgeSpan check.Span
	mxSpans              []check.Span // of MX, in step
}

// Line is one key and value of a policy file.
type Line struct {
	Number     int // from 1
	Key, Value string
	KeySpan    check.Span
	ValueSpan  check.Span
}

// String prints the policy file: line feeds, a final one, and the keys in the
// order version, mode, mx, max_age.
func (p *Policy) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: %s\nmode: %s\n", p.Version, p.Mode)
	for _, mx := range p.MX {
		fmt.Fprintf(&b, "mx: %s\n", mx)
	}
	fmt.Fprintf(&b, "max_age: %d\n", p.MaxAgeSeconds)
	for _, e := range p.Extensions {
		fmt.Fprintf(&b, "%s: %s\n", e.Key, e.Value)
	}
	return b.String()
}

// Problem is one thing wrong with a record or policy file.
type Problem = check.Problem

// idFor is a record that names the id, as fixes show it.
func idFor(id string) string { return (&Record{ID: id}).String() }

// RecordName is where the record of a domain lives.
func RecordName(domain dns.Name) dns.Name { return domain.Child("_mta-sts") }

// PolicyHost is the host that serves the policy of a domain (RFC 8461 §3.3).
func PolicyHost(domain dns.Name) dns.Name { return domain.Child("mta-sts") }

// PolicyURL is where the policy of a domain lives.
func PolicyURL(domain dns.Name) string {
	return "https://" + PolicyHost(domain).String() + "/.well-known/mta-sts.txt"
}

func seconds(n int64) string { return strconv.FormatInt(n, 10) }
