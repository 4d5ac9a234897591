// Package mtasts fetches and judges the MTA-STS record and policy of a domain
// (RFC 8461).
//
// MTA-STS lets a domain say that mail to it must use verified TLS. The signal
// is a TXT record at _mta-sts.<domain>, the policy a file at
// https://mta-sts.<domain>/.well-known/mta-sts.txt. The package parses both,
// matches mx patterns against the MX names both ways and generates them.
// Whether the mail hosts keep what the policy promises is judged in package
// audit, where the SMTP probe's facts are at hand.
package mtasts

import (
	"context"
	"net/netip"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's MTA-STS.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Lookup   dns.Lookup `json:"lookup"`  // TXT at _mta-sts.<domain>
	Records  []string   `json:"records"` // the candidates, joined
	Record   string     `json:"record"`  // the one in force, "" otherwise
	ID       string     `json:"id"`
	HostA    dns.Lookup `json:"host_a"` // addresses of mta-sts.<domain>
	HostAAAA dns.Lookup `json:"host_aaaa"`

	Fetch  *Fetch  `json:"fetch"`  // nil when nothing was fetched
	Policy *Policy `json:"policy"` // as far as understood; nil without a body
	Valid  bool    `json:"valid"`  // record and policy are valid: senders apply it

	// MX are the mail hosts in preference order, set by the audit; nil when
	// the MX answer could not be had.
	MX    []dns.Name `json:"-"`
	Hosts []Host     `json:"hosts"` // MX against the patterns
}

// Host is one mail host against the policy.
type Host struct {
	MX      dns.Name `json:"mx"`
	Matches string   `json:"matches"` // the pattern, "" when none does
}

// Policy is a parsed policy file (§3.2).
type Policy struct {
	Version       string        `json:"version"`
	Mode          string        `json:"mode"`    // "enforce", "testing", "none", or as written
	MaxAge        time.Duration `json:"-"`       // "max_age", seconds on the wire
	MaxAgeSeconds int64         `json:"max_age"` // the same for JSON; -1 when absent or invalid
	MX            []string      `json:"mx"`      // patterns as written
}

// Fetch is one GET of the policy file as it went.
type Fetch struct {
	URL         string     `json:"url"`
	Status      int        `json:"status"` // HTTP status; 0 without a response
	Error       string     `json:"error"`  // "" or what stopped it: "connect", "tls", "certificate", "timeout", "special-address", "too-large", "headers", "offline"
	Detail      string     `json:"detail"` // the system's words
	Addr        netip.Addr `json:"addr"`   // connected to
	ContentType string     `json:"content_type"`
	Location    string     `json:"location"` // of a redirect, never followed
	Body        []byte     `json:"-"`        // at most 64 KiB + 1
	Text        string     `json:"body"`     // Body for reports, invalid UTF-8 replaced
	Certificate *Cert      `json:"certificate"`
	TookMS      float64    `json:"took_ms"`
}

// Cert is the policy host's certificate.
type Cert struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"` // SAN DNS-IDs
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Verdict   string    `json:"verdict"` // "ok", "untrusted", "expired", "name"
	Detail    string    `json:"detail"`
}

// Fetcher gets the policy file of a host whose addresses are known. It never
// follows a redirect and never reads more than 64 KiB (§3.3).
type Fetcher interface {
	FetchPolicy(ctx context.Context, domain dns.Name, addrs []netip.Addr) *Fetch
}

// Gather asks and fetches. A failed look-up is a fact; the error is only that
// of a cancelled context. A nil fetcher means that HTTPS is not to be used.
func Gather(ctx context.Context, r dns.Resolver, f Fetcher, domain dns.Name) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
