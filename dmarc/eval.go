package dmarc

import (
	"context"

	"github.com/postseal/postseal/dns"
)

// Query is what a receiver knows of one message when it comes to DMARC.
type Query struct {
	From dns.Name // the Author Domain
	SPF  *Identifier
	DKIM []Identifier // one for each signature
}

// Identifier is one authenticated identifier and what its check said.
type Identifier struct {
	Domain   dns.Name `json:"domain"` // of MAIL FROM (RFC 9989 §4.4.2), or d= of a signature
	Selector string   `json:"selector,omitempty"`
	Result   string   `json:"result"` // pass, fail, softfail, neutral, none, policy, temperror, permerror
}

// Alignment is what became of one identifier.
type Alignment struct {
	Identifier
	Method               string   `json:"method"` // "spf" or "dkim"
	Mode                 string   `json:"mode"`   // "relaxed" or "strict"
	OrganizationalDomain dns.Name `json:"organizational_domain"`
	Aligned              string   `json:"aligned"`         // "yes", "no", "unknown"
	StrictOnly           bool     `json:"strict_only"`     // not aligned, and would be in relaxed mode
	Counts               bool     `json:"counts"`          // passes and is aligned
	Legacy               bool     `json:"rfc7489_aligned"` // by the public suffix list
}

// Outcome is the verdict on one message.
type Outcome struct {
	From                 dns.Name      `json:"from"`
	Result               string        `json:"result"`      // pass, fail, none, temperror, permerror (RFC 9989 §9.1)
	Disposition          string        `json:"disposition"` // none, quarantine, reject: what the policy asks for
	OrganizationalDomain dns.Name      `json:"organizational_domain"`
	PolicyName           dns.Name      `json:"policy_name"`
	PolicyRecord         string        `json:"policy_record"`
	Policy               Policy        `json:"policy"`
	Exists               dns.State     `json:"exists"` // of the Author Domain: found, nodata, nxdomain, unknown
	Aligned              AlignedBy     `json:"aligned"`
	Identifiers          []Alignment   `json:"identifiers"`
	Reason               string        `json:"reason"`  // code of why, for the words of a report
	RFC7489              LegacyOutcome `json:"rfc7489"` // what a receiver of the old standard would do
	Steps                []*Step       `json:"steps"`
}

// AlignedBy tells which mechanism gave an aligned pass.
type AlignedBy struct {
	SPF  bool `json:"spf"`
	DKIM bool `json:"dkim"`
}

// LegacyOutcome is the same under RFC 7489 and the public suffix list.
type LegacyOutcome struct {
	Result      string   `json:"result"`
	Disposition string   `json:"disposition"`
	PolicyName  dns.Name `json:"policy_name"`
	Pct         int      `json:"pct"`
}

// Eval says what DMARC makes of a message (RFC 9989 §5.3). A failed look-up is
// a result, temperror; nothing else is an error.
func Eval(ctx context.Context, r dns.Resolver, q Query) *Outcome {
	d := Walk(ctx, r, q.From)
	return &Outcome{From: q.From, Result: "temperror", Disposition: "none", OrganizationalDomain: d.OrganizationalDomain, Steps: d.Steps}
}
