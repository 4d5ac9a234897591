// Package spf reads and judges the Sender Policy Framework record of a domain
// (RFC 7208, which obsoletes RFC 4408).
//
// SPF says which hosts may use a domain in MAIL FROM and HELO. The record is a
// TXT record at the domain itself that begins with "v=spf1". The package
// parses it without stopping at the first fault, follows includes and redirects
// to count look-ups as a receiver would in the worst case (§4.6.4), judges the
// result with Rules and generates records. It does not evaluate a message's
// client address; nothing here decides what DMARC makes of the result.
package spf

import (
	"context"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's SPF.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run
	HasMX   *bool         `json:"has_mx"`  // set by the audit; nil when the MX answer could not be had

	Lookup   dns.Lookup `json:"lookup"`    // TXT at the domain: three answers
	Records  []string   `json:"records"`   // the texts that pass the version test (§4.5), joined, as published
	OtherTXT []string   `json:"other_txt"` // the other TXT at the name
	Tree     *Tree      `json:"tree"`      // of the one record in force; nil when there is none or more than one
}

// Tree is the worst case of an evaluation: a client that matches nothing.
type Tree struct {
	Domain  dns.Name `json:"domain"`
	Record  string   `json:"record"`
	Lookups int      `json:"lookups"` // terms that query DNS, §4.6.4; a lower bound when Open
	Open    bool     `json:"open"`    // a macro or failed target inside: Lookups is a lower bound
	Voids   Voids    `json:"voids"`
	Terms   []*Term  `json:"terms"`

	Addresses Addresses `json:"addresses"`
}

// Voids counts look-ups without an answer for a client of each family.
type Voids struct {
	IPv4 int `json:"ipv4"`
	IPv6 int `json:"ipv6"`
}

// Addresses sums what the tree lets pass: IPv4 addresses as a decimal number,
// IPv6 as prefixes.
type Addresses struct {
	IPv4 string   `json:"ipv4"`
	IPv6 []string `json:"ipv6"`
}

// Term is one term of a record in the tree, as written.
type Term struct {
	Term     string   `json:"term"`
	Start    int      `json:"start"`    // offset in the record it stands in
	Cost     int      `json:"cost"`     // look-ups of this term and all below it
	Running  int      `json:"running"`  // look-ups used up when this term is done
	Status   string   `json:"status"`   // "ok", "void", "none", "permerror", "unknown", "loop", "macro", "ignored", "over-limit"
	Target   dns.Name `json:"target"`   // the name asked; "" for ip4, ip6, all and macros
	Record   string   `json:"record"`   // of an include or redirect: the record found there
	Provider string   `json:"provider"` // who the target belongs to; "" when nobody known
	Children []*Term  `json:"children"`
}

// Gather asks for everything about the domain's SPF. A failed look-up is a
// fact; the error is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
