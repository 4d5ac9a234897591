// Package dkim finds and judges the DKIM keys of a domain (RFC 6376, updated by
// RFC 8301, 8463 and 8616) and makes new ones.
//
// A key is a TXT record at <selector>._domainkey.<domain>. Selectors cannot be
// listed, so a key that was not found is unknown, never missing, unless DNS
// proves that nothing exists below _domainkey. The package covers key records;
// signatures of messages are not its business.
package dkim

import (
	"context"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Options say where to look.
type Options struct {
	Selectors []string // named by the user: asked first, and missing ones are findings

	// Hints waits for what MX and SPF told about the domain's providers; nil
	// when nothing else is known. It returns early when ctx ends.
	Hints func(ctx context.Context) Hints
}

// Hints are names seen elsewhere from which providers can be told.
type Hints struct {
	MX  []dns.Name // mail hosts
	SPF []dns.Name // include and redirect targets, the whole tree
	TXT []string   // other TXT at the domain: verification tokens
}

// Facts are everything observed about one domain's DKIM keys.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Node      string      `json:"node"`      // of _domainkey: "exists", "nxdomain", "unknown"
	NodeTXT   dns.Lookup  `json:"node_txt"`  // TXT at _domainkey.<domain>
	Random    dns.Lookup  `json:"random"`    // TXT at a random selector: tells wildcards and compact denial
	Selectors []*Selector `json:"selectors"` // those with an answer, and those the user named
	Tried     []string    `json:"tried"`     // every selector asked
	Providers []string    `json:"providers"` // told from hints
}

// Selector is one selector and what was found there.
type Selector struct {
	Name    string     `json:"selector"`
	FoundBy string     `json:"found_by"` // "named", "wordlist", "provider:<name>"
	Status  string     `json:"status"`   // "found", "revoked", "malformed", "several", "missing", "unknown"
	KeyType string     `json:"key_type"` // "rsa", "ed25519", the value of k=, or ""
	Bits    int        `json:"bits"`     // RSA modulus length; 256 for Ed25519; 0 unknown
	Record  string     `json:"record"`   // the first key text, joined, as published
	CNAME   dns.Name   `json:"cname"`    // where the selector is an alias: the end of the chain
	Testing bool       `json:"testing"`  // t=y
	Lookup  dns.Lookup `json:"lookup"`
}

// Gather looks for keys. A failed look-up is a fact; the error is only that of
// a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
