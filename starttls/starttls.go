// Package starttls probes the mail ports 25, 465 and 587 of a domain's mail
// hosts (RFC 3207, RFC 8314) and judges what it saw; IMAP and POP3 ports, and
// tests that go further, only where the user names them.
//
// It is the only package that opens an SMTP connection. The probe is a guest:
// it says who it is, one connection at a time to an address and port, sends
// EHLO, STARTTLS and QUIT and no mail. What a blocked port, a silent server or
// a 421 kept from being measured is unknown, never a fault.
//
// NewProber opens connections and keeps what they showed for the run; Start
// probes the hosts of one domain as soon as their addresses are known, and
// Wait gives the Facts. PKIX is judged here; DANE and MTA-STS are verdicts of
// their own, made elsewhere from the same certificates.
package starttls

import (
	"context"
	"net/netip"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about the mail ports of one domain.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	// NoHosts tells why there was nothing to probe: "null-mx", "no-mx",
	// "mx-unknown", "disabled" (the user said so), "offline", OtherPort; "" when
	// there was.
	NoHosts string  `json:"no_hosts"`
	Level   Level   `json:"tls_versions"` // which handshakes were asked for
	Hosts   []*Host `json:"hosts"`        // in MX preference order

	// Named are hosts for handing in or fetching mail that the user, or an SRV
	// record, named. There a closed port says something. A host may stand in
	// both lists; its session on a port is then the same.
	Named []*Host `json:"named_hosts,omitempty"`

	// Blocked tells that port 25 appears closed on our own network: nothing
	// ever connected on it in this run.
	Blocked bool `json:"blocked"`

	// Port25Works and IPv6Works tell that some server answered in this run on
	// port 25, and on it over IPv6: only then is a refusal the server's own.
	Port25Works bool `json:"port25_works"`
	IPv6Works   bool `json:"ipv6_works"`
}

// OtherPort is the NoHosts of facts about one port of one host, not 25.
const OtherPort = "other-port"

// Host is one mail host and a session for each of its addresses and ports.
type Host struct {
	Name     dns.Name   `json:"host"`
	Sessions []*Session `json:"sessions"` // by address, then port 25, 465, 587

	// Ports of a named host are those that were named. Others were looked at
	// beside them, and say nothing where they are closed or silent.
	Ports []uint16 `json:"named_ports,omitempty"`
	// Owner is the domain whose SRV records name the host, "" for one that the
	// user named: a certificate for that domain is good, too (RFC 6186 §6).
	Owner dns.Name `json:"named_by,omitempty"`

	over  bool            // beyond the cap of hosts
	asked map[Target]bool // targets that a run has added
}

// Target is one port of one address of one mail host.
type Target struct {
	Host dns.Name   `json:"host"`
	Addr netip.Addr `json:"address"`
	Port uint16     `json:"port"`
}

// Step is how far a session came. Later steps include the earlier ones.
type Step string

// The steps, in order. On port 465 the TLS handshake comes first, and a
// finished one counts as StepTLS whatever follows.
const (
	StepNone      Step = ""          // no connection
	StepConnected Step = "connected" // TCP
	StepGreeted   Step = "greeted"   // 220 was read
	StepEHLO      Step = "ehlo"      // EHLO or HELO was taken
	StepTLS       Step = "tls"       // the handshake was finished
	StepEHLOTLS   Step = "ehlo-tls"  // EHLO inside TLS was taken
)

var stepRank = map[Step]int{StepNone: 0, StepConnected: 1, StepGreeted: 2, StepEHLO: 3, StepTLS: 4, StepEHLOTLS: 5}

// Session is what one connection showed.
type Session struct {
	Target

	// Status is "ok" (the dialogue went to its end), "refused", "silent",
	// "special-address", "greeting-refused" (5xx to greeting or EHLO),
	// "temporary" (421, 4xx, or closed on us), "tarpit", "protocol" (not SMTP,
	// or over a limit), "network", "not-asked".
	Status string `json:"status"`
	Detail string `json:"detail"` // the system's or server's words
	Step   Step   `json:"step"`   // how far it came
	Code   int    `json:"code"`   // the reply code that ended it early, 0 otherwise

	Banner          string   `json:"banner"`           // the greeting without codes, lines joined by LF
	Capabilities    []string `json:"capabilities"`     // before TLS, verbatim without the code
	CapabilitiesTLS []string `json:"capabilities_tls"` // after TLS
	HELOOnly        bool     `json:"helo_only"`        // EHLO refused, HELO taken
	Oddities        []Oddity `json:"oddities"`         // replies that break the rules of SMTP

	// STARTTLS is "offered" (and 220 followed), "missing", "refused" (5xx),
	// "temporary" (4xx), "injected" (octets after the 220), "implicit" (465),
	// "plaintext" (465 that greets without TLS), "".
	STARTTLS string `json:"starttls"`
	Injected string `json:"injected"` // those octets, hex, the first 64

	TLS         *TLS   `json:"tls"` // nil without a finished handshake
	TLSError    string `json:"tls_error"`
	TLSTimedOut bool   `json:"tls_timed_out"` // a deadline cut one of the handshakes: no proof of a fault
	LargeHello  bool   `json:"large_hello"`   // the first handshake failed, one without post-quantum shares worked
	Fallback    bool   `json:"fallback"`      // only a handshake with old versions and suites worked

	Certificate *Cert       `json:"certificate"`
	Handshakes  *Handshakes `json:"handshakes"` // nil unless more than the first were asked for

	AuthBeforeTLS []string `json:"auth_before_tls"` // mechanisms
	AuthAfterTLS  []string `json:"auth_after_tls"`

	// ClearLogin is what takes a password before TLS on an IMAP or POP3 port:
	// "LOGIN", "USER", "AUTH=PLAIN" …; "" for nothing.
	ClearLogin string `json:"clear_login,omitempty"`

	Tests []Test `json:"tests,omitempty"` // that the user asked for
	Tries int    `json:"tries,omitempty"` // connections tried, where more than one
	Quit  string `json:"quit,omitempty"`  // "clean" or "unclean", where the answer to QUIT was waited for

	Transcript []Line  `json:"transcript"`
	ConnectMS  float64 `json:"connect_ms"`
	GreetingMS float64 `json:"greeting_ms"` // from the connection to the end of the greeting
	TookMS     float64 `json:"took_ms"`
}

// reached tells whether the session came that far.
func (s *Session) reached(step Step) bool { return stepRank[s.Step] >= stepRank[step] }

// TLS is what was negotiated.
type TLS struct {
	Version string `json:"version"` // "TLS 1.3"
	Suite   string `json:"suite"`   // IANA name
	Group   string `json:"group"`   // key exchange, "" when unknown
}

// Cert is the leaf certificate the server sent and what to make of it.
type Cert struct {
	Subject    string    `json:"subject"`
	CommonName string    `json:"common_name"`
	Issuer     string    `json:"issuer"`
	Serial     string    `json:"serial"` // hex
	Names      []string  `json:"names"`  // SAN DNS-IDs
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	KeyType    string    `json:"key_type"`
	Bits       int       `json:"bits"`
	Signature  string    `json:"signature"`   // the issuer's algorithm, as "SHA256-RSA"
	Usages     []string  `json:"usages"`      // extended key usages; none where the extension is absent
	MustStaple bool      `json:"must_staple"` // RFC 7633
	Stapled    bool      `json:"stapled"`     // an OCSP response came with it
	PublicCA   bool      `json:"public_ca"`   // the issuer is one of the public authorities
	SHA256     string    `json:"sha256"`      // of the DER, hex
	SPKISHA256 string    `json:"spki_sha256"` // of the key, hex
	Chain      []string  `json:"chain"`       // subjects as sent
	Built      []string  `json:"built"`       // subjects from the leaf to the root, where a path was found
	Order      string    `json:"order"`       // of the chain as sent: "", "unordered", "foreign", "root" (it is sent too)
	WeakSigner string    `json:"weak_signer"` // subject of the first but a root that is signed with MD5 or SHA-1

	// Verdict is PKIX for the host: "ok", "self-signed", "untrusted", "expired",
	// "name", "unparsable". Reason says of an untrusted one what is known to be
	// the cause: "chain-incomplete", "sigalg", "eku", or "".
	Verdict   string    `json:"verdict"`
	Reason    string    `json:"reason"`
	Detail    string    `json:"detail"`
	CheckedAt time.Time `json:"checked_at"` // the clock that the verdict is from

	// DER are the certificates as sent, leaf first, for DANE. They stay out of
	// reports and are kept on tapes.
	DER [][]byte `json:"-"`
}

// Line is one line of the dialogue.
type Line struct {
	From string  `json:"from"` // "S", "C", or "T" for a TLS event
	Text string  `json:"text"` // without the line end, raw
	MS   float64 `json:"ms"`   // since the connection was begun
}

// Oddity is a reply that breaks the rules of SMTP and was read all the same.
type Oddity struct {
	Step Step   `json:"step"` // StepConnected for the greeting
	Kind string `json:"kind"` // "bare-lf", "mixed-codes", "long-line", "no-separator"
	Line string `json:"line"`
}

// Prober opens one connection and reports it. It never fails: trouble is in
// the session's status.
type Prober interface {
	Probe(ctx context.Context, t Target) *Session
}

// HostSTARTTLS tells whether every measured address of the host offers
// STARTTLS on port 25 and keeps the promise; the worst address counts.
func (f *Facts) HostSTARTTLS(host dns.Name) (ok, known bool) {
	ok = true
	for _, s := range f.port25(host) {
		switch {
		case s.STARTTLS == "missing" || s.STARTTLS == "refused" || s.STARTTLS == "injected" || s.HELOOnly:
			return false, true
		case s.STARTTLS == "offered" && s.TLS != nil:
			known = true
		case s.handshakeFailed():
			return false, true
		}
	}
	return ok && known, known
}

// HostTLS grades the host's TLS on port 25 by its worst measured address:
// "full" is TLS 1.2 or newer with a certificate that PKIX trusts for the name,
// "opportunistic" any other certificate, "none" no TLS 1.2.
func (f *Facts) HostTLS(host dns.Name) (grade string, known bool) {
	if ok, known := f.HostSTARTTLS(host); !known || !ok {
		return "none", known
	}
	grade = "full"
	for _, s := range f.port25(host) {
		switch {
		case s.TLS == nil:
		case s.oldTLS():
			return "none", true
		case s.Certificate == nil || s.Certificate.Verdict != "ok":
			grade = "opportunistic"
		}
	}
	return grade, true
}

// port25 are the host's sessions on port 25.
func (f *Facts) port25(host dns.Name) []*Session {
	var out []*Session
	for _, h := range f.Hosts {
		if h.Name != host {
			continue
		}
		for _, s := range h.Sessions {
			if s.Port == 25 {
				out = append(out, s)
			}
		}
	}
	return out
}

// oldTLS tells that nothing newer than TLS 1.1 was negotiated.
func (s *Session) oldTLS() bool {
	return s.TLS != nil && (s.TLS.Version == "TLS 1.0" || s.TLS.Version == "TLS 1.1" || s.TLS.Version == "SSL 3.0")
}

// handshakeFailed tells that TLS was promised and no handshake, with new or
// old versions, came about by the server's own doing.
func (s *Session) handshakeFailed() bool {
	return s.STARTTLS == "offered" && s.TLS == nil && s.TLSError != "" && !s.TLSTimedOut &&
		(s.Certificate == nil || s.Certificate.Verdict != "unparsable")
}
