// Package dmarc finds and judges the DMARC policy of a domain (RFC 9989, reports
// RFC 9990 and 9991; they obsolete RFC 7489 and 9091).
//
// A policy is a TXT record at _dmarc.<domain>. Which record applies and what
// the Organizational Domain is, is told by the DNS tree walk (§4.10). The
// package walks, parses without stopping at the first fault, works out the
// effective policy under RFC 9989 and what an RFC 7489 receiver would do, and
// generates records. It does not look at SPF or DKIM; what relates them is
// judged in package audit.
package dmarc

import (
	"context"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's DMARC.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Steps                []*Step    `json:"steps"`                 // the walk from the domain to its TLD, in order
	OrganizationalDomain dns.Name   `json:"organizational_domain"` // "" when a failed step leaves it open
	PolicyName           dns.Name   `json:"policy_name"`           // whose record applies; "" when none does or unknown
	PolicyRecord         string     `json:"policy_record"`
	Known                bool       `json:"known"`  // the record that applies, or its absence, is certain
	Exists               dns.Lookup `json:"exists"` // the audited name itself, for sp against np (§3.2.13)
	Effective            Effective  `json:"effective"`
	RFC7489              Legacy     `json:"rfc7489"`

	Destinations []*Destination `json:"destinations"` // of rua and ruf
}

// Step is one name of the walk.
type Step struct {
	Name    dns.Name   `json:"name"`    // without the _dmarc label
	Status  dns.State  `json:"status"`  // of the TXT look-up
	Records []string   `json:"records"` // texts that start with a valid v=DMARC1
	Kept    bool       `json:"kept"`    // one valid record, used by the walk
	Note    string     `json:"note"`    // "discarded: several records", "psd=n: stop", …
	Lookup  dns.Lookup `json:"lookup"`
}

// Effective is what RFC 9989 receivers apply to mail from the name as asked, an
// existing name below it, and a name below it that does not exist.
type Effective struct {
	Domain      Policy `json:"domain"`
	Subdomain   Policy `json:"subdomain"`
	Nonexistent Policy `json:"nonexistent"`
}

// Policy is an effective policy: "none", "quarantine", "reject"; "" when DMARC
// is not applied. Testing tells that t=y lowered it to what Policy says.
type Policy struct {
	Policy  string `json:"policy"`
	Tag     string `json:"tag"` // "p", "sp", "np" or ""
	Testing bool   `json:"testing"`
}

// Legacy is what a receiver that follows RFC 7489 with the public suffix list does.
type Legacy struct {
	OrganizationalDomain dns.Name `json:"organizational_domain"`
	PolicyName           dns.Name `json:"policy_name"`
	Policy               string   `json:"policy"`
}

// Destination is one report URI of the record that applies.
type Destination struct {
	Tag        string     `json:"tag"` // "rua" or "ruf"
	URI        string     `json:"uri"`
	Host       dns.Name   `json:"host"`
	External   bool       `json:"external"`   // another Organizational Domain: consent is needed (RFC 9990 §4)
	Authorized string     `json:"authorized"` // "not-needed", "yes", "no", "unknown"
	Consent    dns.Lookup `json:"consent"`    // TXT at <policy>._report._dmarc.<host>
}

// Gather walks and asks. A failed look-up is a fact; the error is only that of
// a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
