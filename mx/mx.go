// Package mx finds the mail hosts of a domain and their addresses (RFC 5321
// §5.1, null MX RFC 7505) and judges them with the hygiene of the zone they
// stand in: name servers that exist and agree (RFC 2182, RFC 1912).
package mx

import (
	"context"
	"net/netip"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's mail hosts.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run
	// SPFSends tells whether SPF lets anybody pass; set by the audit, nil when unknown.
	SPFSends *bool `json:"spf_sends"`

	Lookup   dns.Lookup `json:"lookup"`   // MX at the domain
	Null     bool       `json:"null"`     // the null MX of RFC 7505 and nothing else
	Implicit bool       `json:"implicit"` // no MX, the domain's own address stands in
	Hosts    []*Host    `json:"hosts"`    // in preference order; none under a null MX
	A        dns.Lookup `json:"a"`        // of the domain itself, asked when there is no MX
	AAAA     dns.Lookup `json:"aaaa"`

	NameServers NameServers `json:"name_servers"`
}

// Host is one mail host.
type Host struct {
	Name       dns.Name   `json:"name"`
	Preference uint16     `json:"preference"`
	A          dns.Lookup `json:"a"`
	AAAA       dns.Lookup `json:"aaaa"`
	Addresses  []Address  `json:"addresses"`
	Over       bool       `json:"over"` // beyond the cap of hosts looked at
}

// Address is one address of a mail host.
type Address struct {
	IP      netip.Addr `json:"ip"`
	Special string     `json:"special"` // the special-purpose block it lies in, "" for a public one
}

// NameServers are the zone's servers and whether they agree.
type NameServers struct {
	Zone   dns.Name   `json:"zone"` // the apex the domain lies in; "" when unknown
	Lookup dns.Lookup `json:"lookup"`
	Hosts  []NSHost   `json:"hosts"`
	Agree  string     `json:"agree"`  // "yes", "no", "unknown", "not-asked"
	Reason string     `json:"reason"` // cause code of "unknown"
}

// NSHost is one name server and the serial it gives.
type NSHost struct {
	Name   dns.Name `json:"name"`
	Serial uint32   `json:"serial"`
	Error  string   `json:"error"` // "" or why it gave none
}

// Options say how far to look.
type Options struct {
	AllowPrivate bool // special-purpose addresses may be asked and probed

	// Each is called, if set, as soon as a host's addresses are known, once a
	// host, from several goroutines.
	Each func(*Host)

	// ServerSOA asks one name server, at one of its addresses, for the zone's
	// SOA; nil means that name servers are not asked one by one.
	ServerSOA func(ctx context.Context, server dns.Name, addr netip.Addr, zone dns.Name) (dns.Answer, error)
}

// Gather asks for hosts and addresses. A failed look-up is a fact; the error
// is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, opts Options) (*Facts, error) {
	return nil, nil
}

// Rules judge Facts, in report order.
var Rules = []check.Rule[*Facts]{}
