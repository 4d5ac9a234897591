// Package starttls probes the mail ports 25, 465 and 587 of a domain's mail
// hosts (RFC 3207, RFC 8314) and judges what it saw.
//
// It is the only package that opens an SMTP connection. The probe is a guest:
// it says who it is, one connection at a time to an address and port, sends
// EHLO, STARTTLS and QUIT and no mail. What a blocked port, a silent server or
// a 421 kept from being measured is unknown, never a fault.
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
	// "mx-unknown", "disabled" (the user said so), "offline"; "" when there was.
	NoHosts string  `json:"no_hosts"`
	Hosts   []*Host `json:"hosts"` // in MX preference order

	// Blocked tells that port 25 appears closed on our own network: nothing
	// ever connected on it in this run.
	Blocked bool `json:"blocked"`
}

// Host is one mail host and a session for each of its addresses and ports.
type Host struct {
	Name     dns.Name   `json:"host"`
	Sessions []*Session `json:"sessions"` // by address, then port 25, 465, 587
}

// Target is one port of one address of one mail host.
type Target struct {
	Host dns.Name   `json:"host"`
	Addr netip.Addr `json:"address"`
	Port uint16     `json:"port"`
}

// Session is what one connection showed.
type Session struct {
	Target

	// Status is "ok" (the dialogue went to its end), "refused", "silent",
	// "special-address", "greeting-refused", "temporary" (421 and 4xx),
	// "tarpit", "protocol" (not SMTP, or over a limit), "network", "not-asked".
	Status string `json:"status"`
	Detail string `json:"detail"` // the system's or server's words

	Banner          string   `json:"banner"`
	Capabilities    []string `json:"capabilities"`     // before TLS, verbatim without the code
	CapabilitiesTLS []string `json:"capabilities_tls"` // after TLS
	HELOOnly        bool     `json:"helo_only"`        // EHLO refused, HELO taken

	// STARTTLS is "offered" (and 220 followed), "missing", "refused" (5xx),
	// "temporary" (4xx), "injected" (octets after the 220), "implicit" (465), "".
	STARTTLS      string   `json:"starttls"`
	TLS           *TLS     `json:"tls"` // nil without a finished handshake
	TLSError      string   `json:"tls_error"`
	Certificate   *Cert    `json:"certificate"`
	AuthBeforeTLS []string `json:"auth_before_tls"` // mechanisms
	AuthAfterTLS  []string `json:"auth_after_tls"`

	Transcript []Line  `json:"transcript"`
	ConnectMS  float64 `json:"connect_ms"`
	TookMS     float64 `json:"took_ms"`
}

// TLS is what was negotiated.
type TLS struct {
	Version string `json:"version"` // "TLS 1.3"
	Suite   string `json:"suite"`   // IANA name
	Group   string `json:"group"`   // key exchange, "" when unknown
}

// Cert is the leaf certificate the server sent and what to make of it.
type Cert struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"` // SAN DNS-IDs
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	KeyType   string    `json:"key_type"`
	Bits      int       `json:"bits"`
	SHA256    string    `json:"sha256"`  // of the DER, hex
	Chain     []string  `json:"chain"`   // subjects as sent
	Verdict   string    `json:"verdict"` // PKIX for the host: "ok", "self-signed", "untrusted", "expired", "name", "unparsable"
	Detail    string    `json:"detail"`
}

// Line is one line of the dialogue.
type Line struct {
	From string  `json:"from"` // "S", "C", or "T" for a TLS event
	Text string  `json:"text"` // without the line end, raw
	MS   float64 `json:"ms"`   // since the connection was begun
}

// Prober opens one connection and reports it. It never fails: trouble is in
// the session's status.
type Prober interface {
	Probe(ctx context.Context, t Target) *Session
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
