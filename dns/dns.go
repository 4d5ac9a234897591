// Package dns asks DNS questions and keeps what the answers say.
//
// It is the only importer of github.com/miekg/dns. Everyone else sees Name,
// Type, Answer and Resolver. NXDOMAIN and "no data" are answers, told apart by
// Answer.Status, because SPF's void look-ups (RFC 7208 §4.6.4) and a missing
// policy depend on the difference. An error is "no usable answer" and is always
// an *Error: timeout, SERVFAIL, REFUSED, a lame server, a truncated answer that
// TCP could not complete.
//
// NewRun builds the resolver of a run: a Client (UDP with TCP fallback, TLS,
// HTTPS) below a recorder and a cache with single flight. Overlay puts zone
// files in front of it, with the semantics of an authoritative server. WithLog
// keeps what one domain's audit asked.
package dns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Resolver answers one question. It is safe for concurrent use.
type Resolver interface {
	// Resolve asks for the RRset of that name and type. The error, if any, is
	// an *Error and means that no usable answer was had.
	Resolve(ctx context.Context, name Name, qtype Type) (Answer, error)
}

// Status says what kind of answer it is. The zero value is no answer.
type Status string

// The kinds of answer.
const (
	Found    Status = "found"
	NXDomain Status = "nxdomain" // the name does not exist (RFC 8020)
	NoData   Status = "nodata"   // the name exists, or nobody can tell, without this type
)

// Answer is a usable answer to one question. It is shared by all who asked:
// treat it as read-only.
type Answer struct {
	Name    Name          `json:"name"`
	Type    Type          `json:"type"`
	Status  Status        `json:"status"`
	Records []Record      `json:"records"` // of the type asked, at the end of the chain
	Chain   []Name        `json:"chain"`   // CNAME targets passed, in order; the last owns Records
	TTL     time.Duration `json:"-"`       // the shortest of the answer; of a denial, RFC 2308 §5

	// AD is the authenticated-data bit, and only set when the resolver can be
	// trusted for it: loopback, DoT, DoH or --trust-ad.
	AD bool `json:"ad"`
	// Trusted tells whether AD could have been believed; without it, AD=false
	// means "could not tell", not "insecure".
	Trusted bool `json:"trusted"`
	// Validated tells that AD is our own finding (--dnssec=validate), and not
	// the resolver's word.
	Validated bool `json:"validated,omitempty"`

	// Zone is the zone that denies, from the SOA beside a denial; "" where the
	// reply had none.
	Zone Name `json:"zone"`

	Server string        `json:"server"`  // who answered: "192.0.2.53:53", "tls://…", "zone example.com.zone"
	Took   time.Duration `json:"-"`       // of the exchange on the wire, whoever asked first; 0 from zone files
	Size   int           `json:"size"`    // octets of header, question and answer; owners compressed, data not
	TookMS float64       `json:"took_ms"` // Took in milliseconds, for reports
	TTLSec uint32        `json:"ttl"`     // TTL in seconds, for reports

	Packets int `json:"-"` // messages sent for it, whoever asked first

	Questions int `json:"-"` // put beyond this one, to validate
}

// Owner is the name that owns the records: the end of the CNAME chain.
func (a *Answer) Owner() Name {
	if len(a.Chain) > 0 {
		return a.Chain[len(a.Chain)-1]
	}
	return a.Name
}

// Record is one resource record. Exactly one of the typed fields is set for
// the types listed there; Data has every type in presentation form.
type Record struct {
	Name Name   `json:"name"`
	Type Type   `json:"type"`
	TTL  uint32 `json:"ttl"`  // seconds
	Data string `json:"data"` // RDATA in presentation form, RFC 1035 §5.1
	Line int    `json:"-"`    // of the zone file; 0 when it came from the network
	Col  int    `json:"-"`    // of the record's first character in that line, in octets from 1

	Strings []string   `json:"-"` // TXT and SPF: the character-strings, unjoined, raw octets
	Addr    netip.Addr `json:"-"` // A and AAAA
	Host    Name       `json:"-"` // the target of CNAME, NS, PTR, MX and SRV
	Pref    uint16     `json:"-"` // MX preference; SRV priority
	SRV     *SRV       `json:"-"`
	TLSA    *TLSA      `json:"-"`
	CAA     *CAA       `json:"-"`
	SOA     *SOA       `json:"-"`
}

// Text is a TXT record's character-strings joined without a separator
// (RFC 7208 §3.3, RFC 6376 §3.6.2.2), raw octets.
func (r *Record) Text() string { return strings.Join(r.Strings, "") }

// SRV is what an SRV record says beyond its target (RFC 2782).
type SRV struct{ Priority, Weight, Port uint16 }

// TLSA is a TLSA record (RFC 6698 §2.1). Data is raw octets.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// CAA is a CAA record (RFC 8659 §4.1): whether a certification authority may
// issue, or whom it tells. Tag and Value are as published, raw octets.
type CAA struct {
	Flags uint8
	Tag   string
	Value string
}

// Critical tells whether an authority that does not know the tag must refuse to
// issue (RFC 8659 §4.1): bit 0, the most significant one.
func (c *CAA) Critical() bool { return c.Flags&0x80 != 0 }

// SOA is the part of a SOA record that an audit needs.
type SOA struct {
	MName, RName Name
	Serial       uint32
	Minimum      uint32
}

// Kind tells why there was no usable answer.
type Kind string

// The kinds of error.
const (
	Timeout   Kind = "timeout"
	ServFail  Kind = "servfail"
	Refused   Kind = "refused"
	Lame      Kind = "lame"      // the server answered for a zone it does not serve
	Truncated Kind = "truncated" // TC over UDP and no answer over TCP
	Malformed Kind = "malformed" // the reply could not be read, or was not for the question
	Offline   Kind = "offline"   // nothing may leave the machine and no zone file answers
	Network   Kind = "network"   // the server could not be reached
	Loop      Kind = "loop"      // the CNAME chain never ends
	BadName   Kind = "bad-name"  // the name cannot be asked: a label over 63 or a name over 253 octets
	Cancelled Kind = "cancelled" // the caller's context ended

	NotRecorded Kind = "not-recorded" // the recording that is played has no answer
)

// Error is "no usable answer".
type Error struct {
	Name   Name   `json:"name"`
	Type   Type   `json:"type"`
	Kind   Kind   `json:"kind"`
	Server string `json:"server"`
	Detail string `json:"detail"` // the rcode or the system's own words

	// Authoritative says that each authoritative server was asked and failed:
	// the fault is the domain's own, not ours.
	Authoritative bool `json:"authoritative"`

	// Flaw is what our own validation found wrong; the Kind is then ServFail.
	Flaw Flaw `json:"flaw,omitempty"`

	Packets int   `json:"-"` // messages sent in vain
	Err     error `json:"-"` // the cause, for errors.Is

	Questions int `json:"-"` // put beyond this one, to validate
}

func (e *Error) Error() string {
	s := fmt.Sprintf("dns: %s %s: %s", e.Name, e.Type, e.Kind)
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	if e.Server != "" {
		s += " from " + e.Server
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// CauseCode and CauseParams let an Error be shown as the cause of an unknown.
func (e *Error) CauseCode() string {
	if e.Flaw != "" {
		return "dns-bogus"
	}
	return "dns-" + string(e.Kind)
}

// CauseParams are the parameters of that cause: Name, Type, Server and Detail.
func (e *Error) CauseParams() map[string]any {
	return map[string]any{"Name": e.Name.String(), "Type": e.Type.String(), "Server": e.Server, "Detail": e.Detail}
}

// State is the outcome of a look-up with its third answer.
type State string

// The three answers, the second in its two forms.
const (
	StateFound          = State(Found)
	StateNXDomain       = State(NXDomain)
	StateNoData         = State(NoData)
	StateUnknown  State = "unknown"
)

// Lookup is one question and its outcome as a fact: found, not there, or could
// not tell with the cause. The zero value was never asked.
type Lookup struct {
	Name   Name    `json:"name"`
	Type   Type    `json:"type"`
	State  State   `json:"state"`
	Answer *Answer `json:"answer"` // nil when unknown
	Error  *Error  `json:"error"`  // set when unknown
}

// Ask resolves and keeps the outcome as a fact. It never fails: a cancelled
// context is unknown like any other trouble, and the caller that gathers
// checks its context once at the end.
func Ask(ctx context.Context, r Resolver, name Name, qtype Type) Lookup {
	l := Lookup{Name: name, Type: qtype}
	a, err := r.Resolve(ctx, name, qtype)
	if err != nil {
		l.State, l.Error = StateUnknown, AsError(err, name, qtype)
		return l
	}
	l.State, l.Answer = State(a.Status), &a
	return l
}

// Found, Absent and Unknown are the three answers.
func (l *Lookup) Found() bool   { return l.State == StateFound }
func (l *Lookup) Absent() bool  { return l.State == StateNXDomain || l.State == StateNoData }
func (l *Lookup) Unknown() bool { return l.State == StateUnknown }

// Asked tells whether the question was put at all.
func (l *Lookup) Asked() bool { return l.State != "" }

// Records are the records found, nil otherwise.
func (l *Lookup) Records() []Record {
	if l.Answer == nil {
		return nil
	}
	return l.Answer.Records
}
