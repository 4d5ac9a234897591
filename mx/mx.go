// Package mx finds the mail hosts of a domain and their addresses (RFC 5321
// §5.1, null MX RFC 7505) and judges them with the hygiene of the zone they
// stand in: name servers that exist and agree (RFC 2182, RFC 1912).
//
// A sender asks for MX at the domain. Without any, the domain's own address
// stands in; a name that does not exist gets no mail at all. The names inside
// MX records own addresses and are no aliases (RFC 2181 §10.3). A failed
// look-up is never "no MX": every rule that needed the answer is unknown.
package mx

import (
	"context"
	"net/netip"
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Caps of what is looked at. Beyond them a host is kept with Over set.
const (
	maxHosts     = 20
	maxAddresses = 10
	maxServers   = 13
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
	Hosts    []*Host    `json:"hosts"`    // by preference, each name once; none under a null MX
	A        dns.Lookup `json:"a"`        // of the domain itself, asked when there is no MX
	AAAA     dns.Lookup `json:"aaaa"`

	NameServers NameServers `json:"name_servers"`

	// AllowPrivate tells that special-purpose addresses were welcome in this run.
	AllowPrivate bool `json:"allow_private"`
}

// Host is one mail host.
type Host struct {
	Name       dns.Name   `json:"name"`
	Preference uint16     `json:"preference"` // the lowest of its records
	A          dns.Lookup `json:"a"`
	AAAA       dns.Lookup `json:"aaaa"`
	Addresses  []Address  `json:"addresses"`
	Over       bool       `json:"over"` // beyond the cap of hosts looked at

	// Registration is asked when the name does not exist: whether anybody has
	// registered the domain it lies in. Nil when that was no question.
	Registration *Registration `json:"registration"`
}

// Address is one address of a mail host.
type Address struct {
	IP      netip.Addr `json:"ip"`
	Special string     `json:"special"` // the special-purpose block it lies in, "" for a public one
}

// Registration is what is known of the domain that a missing host lies in.
type Registration struct {
	Domain dns.Name   `json:"domain"` // the registrable name
	Lookup dns.Lookup `json:"lookup"` // NS there
	Suffix dns.Name   `json:"suffix"` // the public suffix above it
	Parent dns.Lookup `json:"parent"` // NS at the suffix
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
	Name      dns.Name     `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
	Primary   dns.Name     `json:"primary"` // MNAME of the SOA it gives: whose serial that is
	Serial    uint32       `json:"serial"`
	Error     string       `json:"error"` // "" or why it gave none: a dns.Kind, "no-soa", "no-address", "special-address"
}

// Versions tells whether the serials leave it open that servers serve different
// versions of the zone: two serials of one primary, or more than one primary.
func (n *NameServers) Versions() bool {
	first := -1
	for i := range n.Hosts {
		switch {
		case n.Hosts[i].Error != "":
		case first < 0:
			first = i
		case n.Hosts[i].Primary != n.Hosts[first].Primary || n.Hosts[i].Serial != n.Hosts[first].Serial:
			return true
		}
	}
	return false
}

// Options say how far to look.
type Options struct {
	AllowPrivate bool // special-purpose addresses may be asked and probed

	// Each is called, if set, as soon as a host's addresses are known, once a
	// host, from several goroutines. It may read the host's name, preference
	// and addresses; the rest may still be filled in.
	Each func(*Host)

	// ServerSOA asks one name server, at one of its addresses, for the zone's
	// SOA; nil means that name servers are not asked one by one.
	ServerSOA func(ctx context.Context, server dns.Name, addr netip.Addr, zone dns.Name) (dns.Answer, error)
}

// Names are the mail hosts in preference order, as far as they were looked at.
func (f *Facts) Names() []dns.Name {
	names := []dns.Name{}
	for _, h := range f.Hosts {
		if !h.Over {
			names = append(names, h.Name)
		}
	}
	return names
}

// Receives tells whether anybody can hand the domain mail; known is false when
// the answer that decides could not be had.
func (f *Facts) Receives() (receives, known bool) {
	if f.hostsUnknown() != nil {
		return false, false
	}
	return len(f.Hosts) > 0, true
}

// hostsUnknown is why the mail hosts could not be told, nil when they were.
func (f *Facts) hostsUnknown() error {
	switch {
	case f.Lookup.Unknown():
		return f.Lookup.Error
	case len(f.Hosts) > 0:
		return nil
	case f.A.Unknown():
		return f.A.Error
	case f.AAAA.Unknown():
		return f.AAAA.Error
	}
	return nil
}

// NameServersGood tells whether two or more name servers exist and agree.
func (f *Facts) NameServersGood() (good, known bool) {
	n := &f.NameServers
	switch {
	case n.Lookup.Unknown() || n.Zone == "":
		return false, false
	case f.nsSingle() != "" || n.Agree == "no":
		return false, true
	}
	return n.Agree == "yes", n.Agree == "yes"
}

// special reports whether the address keeps senders away.
func (f *Facts) special(a Address) bool { return a.Special != "" && !f.AllowPrivate }

// reachable are the addresses of the host that the Internet can reach.
func (f *Facts) reachable(h *Host) []netip.Addr {
	var out []netip.Addr
	for _, a := range h.Addresses {
		if !f.special(a) {
			out = append(out, a.IP)
		}
	}
	return out
}

// addressSet is the host's addresses in order, to compare hosts by.
func (h *Host) addressSet() []netip.Addr {
	var out []netip.Addr
	for _, a := range h.Addresses {
		out = append(out, a.IP)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// unknown is why the host's addresses could not all be told, nil when they were.
func (h *Host) unknown() error {
	if h.A.Unknown() {
		return h.A.Error
	}
	if h.AAAA.Unknown() {
		return h.AAAA.Error
	}
	return nil
}

// nxdomain tells whether the name does not exist: one such answer speaks for
// every type (RFC 8020 §2).
func (h *Host) nxdomain() bool {
	return h.A.State == dns.StateNXDomain || h.AAAA.State == dns.StateNXDomain
}
