// Package dnssec tells whether the names that mail depends on are signed
// (RFC 4033 to 4035), from the answers of a resolver that validates. Without
// one that can be trusted for the AD bit the answer is unknown.
package dnssec

import (
	"context"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// State is the security of a name (RFC 4035 §4.3).
type State string

// The states. Indeterminate covers all that could not be told.
const (
	Secure        State = "secure"
	Insecure      State = "insecure"
	Bogus         State = "bogus"
	Indeterminate State = "indeterminate"
)

// Facts are what was observed about the domain's signatures.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Lookup dns.Lookup `json:"lookup"` // SOA, whose AD bit decides
	State  State      `json:"state"`
	Cause  string     `json:"cause"` // cause code when indeterminate
}

// Gather asks. A failed look-up is a fact; the error is only that of a
// cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
