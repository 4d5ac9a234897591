// Package tlsrpt reads and judges the SMTP TLS Reporting record of a domain
// (RFC 8460).
//
// The record is a TXT record at _smtp._tls.<domain> and names where senders
// report TLS failures. Unlike DMARC, a destination elsewhere needs no consent.
package tlsrpt

import (
	"context"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's TLS-RPT record.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Lookup  dns.Lookup `json:"lookup"`  // TXT at _smtp._tls.<domain>
	Records []string   `json:"records"` // the candidates, joined
	Record  string     `json:"record"`  // the one in force, "" otherwise
	RUA     []string   `json:"rua"`     // every URI, as written
	Valid   bool       `json:"valid"`   // one record with at least one usable URI
}

// Gather asks for the record. A failed look-up is a fact; the error is only
// that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
