// Package dane looks for the TLSA records of a domain's mail hosts (RFC 7672),
// with which a signed zone pins the hosts' certificates, and judges them.
//
// A sender looks for them at _25._tcp.<host> when the addresses of the host are
// secure, and is bound by them when they are secure, too; whether the MX answer
// is decides who could have swapped the hosts. The rules here judge what DNS
// tells: whether records can bind at all and whether each is one that senders
// can use. Matching them against the certificates that the hosts send needs the
// SMTP probe's facts and is done in package audit.
package dane

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about the TLSA records of one domain's mail hosts.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	// HostsUnknown is why the mail hosts could not be told, nil when they were.
	// Enforced tells whether an MTA-STS policy is enforced, nil when unknown.
	// The audit sets both.
	HostsUnknown error `json:"-"`
	Enforced     *bool `json:"-"`

	MX       dns.Lookup `json:"-"`         // as the caller asked it; package mx shows it
	SecureMX string     `json:"secure_mx"` // of the MX answer: "yes", "no", "unknown"
	Hosts    []*Host    `json:"hosts"`

	// SelfTest is the root's SOA, which every validating resolver finds
	// secure; asked only when no other answer was.
	SelfTest dns.Lookup `json:"self_test"`

	owner string // of the port, before the name of a host
}

// Host is one mail host and the TLSA records of its port 25.
type Host struct {
	Name   dns.Name   `json:"host"`
	Lookup dns.Lookup `json:"lookup"` // TLSA at _25._tcp.<host>
	Secure string     `json:"secure"` // of the TLSA answer: "yes", "no", "unknown"

	A    dns.Lookup `json:"-"` // package mx shows them
	AAAA dns.Lookup `json:"-"`
	// SecureAddress is "yes" when an address is secure: only then do senders
	// ask for TLSA (RFC 7672 §2.2.2).
	SecureAddress string `json:"secure_address"`

	// Misplaced are names at which records stand by mistake, asked where port 25
	// has none; OtherPorts those of other ports, asked where it has some.
	Misplaced  []dns.Lookup `json:"misplaced"`
	OtherPorts []dns.Lookup `json:"other_ports"`

	Provider string   `json:"provider"` // whose host it is, "" when not known; set by the audit
	InUse    []string `json:"-"`        // data of the records that name a key seen at the host; set by the audit, nil when not measured
}

// Base is the name that the certificate is for: that of the MX record, or the
// end of its alias where the records stand there (RFC 7672 §2.2.3).
func (h *Host) Base() dns.Name {
	_, base, _ := strings.Cut(h.Lookup.Name.String(), "._tcp.")
	return dns.Name(base)
}

// maxHosts bounds the hosts asked about, as package mx bounds those it looks up.
const maxHosts = 20

// port25 is where the records of a host's port 25 stand, before its name.
const port25 = "_25._tcp"

// GatherPort is Gather for another port than 25, for which only the records of
// that port are asked.
func GatherPort(ctx context.Context, r dns.Resolver, domain dns.Name, mx dns.Lookup, hosts []dns.Name, port uint16) (*Facts, error) {
	return gather(ctx, r, &Facts{Domain: domain, MX: mx, Hosts: []*Host{}, owner: fmt.Sprintf("_%d._tcp", port)}, hosts)
}

// Gather asks for the TLSA records of the hosts, and for their addresses,
// which others have asked for already. A failed look-up is a fact; the error
// is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, mx dns.Lookup, hosts []dns.Name) (*Facts, error) {
	return gather(ctx, r, &Facts{Domain: domain, MX: mx, Hosts: []*Host{}, owner: port25}, hosts)
}

func gather(ctx context.Context, r dns.Resolver, f *Facts, hosts []dns.Name) (*Facts, error) {
	g := new(errgroup.Group)
	ask := func(to *dns.Lookup, name dns.Name, t dns.Type) {
		g.Go(func() error {
			*to = dns.Ask(ctx, r, name, t)
			return nil
		})
	}
	for _, h := range hosts[:min(len(hosts), maxHosts)] {
		host := &Host{Name: h, Misplaced: []dns.Lookup{}, OtherPorts: []dns.Lookup{}}
		f.Hosts = append(f.Hosts, host)
		ask(&host.A, h, dns.TypeA)
		ask(&host.AAAA, h, dns.TypeAAAA)
		ask(&host.Lookup, h.Child(f.owner), dns.TypeTLSA)
	}
	_ = g.Wait() // no goroutine above returns an error
	for _, h := range f.Hosts {
		g.Go(func() error {
			h.followAlias(ctx, r, f.owner)
			return nil
		})
	}
	_ = g.Wait()
	f.selfTest(ctx, r)
	f.SecureMX = f.security(&f.MX)
	for _, h := range f.Hosts {
		h.Secure = f.security(&h.Lookup)
		h.SecureAddress = f.addressSecurity(h)
	}
	if f.owner == port25 {
		f.lookAround(ctx, r)
	}
	return f, ctx.Err()
}

// followAlias prefers records at the end of a secure alias to those at the
// name in the MX record (RFC 7672 §2.2.3).
func (h *Host) followAlias(ctx context.Context, r dns.Resolver, owner string) {
	for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
		if l.Found() && l.Answer.AD && len(l.Answer.Chain) > 0 {
			if at := dns.Ask(ctx, r, l.Answer.Owner().Child(owner), dns.TypeTLSA); !at.Absent() {
				h.Lookup = at
			}
			return
		}
	}
}

// selfTest finds out whether the resolver validates, where no answer proves it.
func (f *Facts) selfTest(ctx context.Context, r dns.Resolver) {
	doubt := false
	for _, l := range f.lookups() {
		if l.Answer == nil || !l.Answer.Trusted {
			continue
		}
		if l.Answer.AD || l.Answer.Validated { // our own validation needs nobody's proof
			return
		}
		doubt = true
	}
	if doubt {
		f.SelfTest = dns.Ask(ctx, r, dns.Root, dns.TypeSOA)
	}
}

func (f *Facts) lookups() []*dns.Lookup {
	all := []*dns.Lookup{&f.MX}
	for _, h := range f.Hosts {
		all = append(all, &h.A, &h.AAAA, &h.Lookup)
	}
	return all
}

func (f *Facts) security(l *dns.Lookup) string {
	switch {
	case l.Answer == nil || !l.Answer.Trusted:
		return "unknown"
	case l.Answer.AD:
		return "yes"
	case f.SelfTest.Unknown() || f.SelfTest.Found() && !f.SelfTest.Answer.AD:
		return "unknown"
	default: // no root at all is a closed test world: its word counts
		return "no"
	}
}

// addressSecurity: one secure family is enough.
func (f *Facts) addressSecurity(h *Host) string {
	best := "no" // a host without any address is asked nothing
	for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
		switch s := f.security(l); {
		case l.Found() && s == "yes":
			return "yes"
		case l.Unknown(), l.Found() && s == "unknown":
			best = "unknown"
		}
	}
	return best
}

// unsure is why the security of an answer could not be told.
func (f *Facts) unsure(l *dns.Lookup) error {
	if l.Unknown() {
		return l.Error
	}
	c := check.Cause{Code: "dnssec-resolver-not-trusted", Params: check.Params{"Domain": l.Name.String(), "Server": ""}}
	if l.Answer == nil {
		return c
	}
	c.Params["Server"] = l.Answer.Server
	switch {
	case strings.HasPrefix(l.Answer.Server, "zone "):
		c.Code = "zone-file"
	case !l.Answer.Trusted:
	case f.SelfTest.Unknown():
		return f.SelfTest.Error
	default:
		c.Code = "dnssec-resolver-not-validating"
	}
	return c
}

// unsureAddress is why the security of the host's addresses could not be told.
func (f *Facts) unsureAddress(h *Host) error {
	if h.A.Unknown() || h.A.Found() && f.security(&h.A) == "unknown" {
		return f.unsure(&h.A)
	}
	return f.unsure(&h.AAAA)
}

// UnsureMX is why the security of the MX answer could not be told, nil when it was.
func (f *Facts) UnsureMX() error {
	if f.SecureMX != "unknown" {
		return nil
	}
	return f.unsure(&f.MX)
}

// Bound tells whether DANE-aware senders hold a host to its TLSA records: some
// were found, and they and an address are secure. unsure is why nobody could tell.
func (f *Facts) Bound(h *Host) (bound bool, unsure error) {
	switch {
	case h.Lookup.Absent(), h.Secure == "no", h.SecureAddress == "no":
		return false, nil
	case h.Secure == "unknown":
		return false, f.unsure(&h.Lookup)
	case h.SecureAddress == "unknown":
		return false, f.unsureAddress(h)
	}
	return true, nil
}

// Binds tells whether DANE-aware senders are bound by TLSA records for every
// host: yes, no, or not known.
func (f *Facts) Binds() (binds, known bool) {
	if f.HostsUnknown != nil {
		return false, false
	}
	hosts := f.reachable()
	if len(hosts) == 0 || f.SecureMX == "no" {
		return false, true
	}
	known = f.SecureMX == "yes"
	for _, h := range hosts {
		bound, unsure := f.Bound(h)
		switch {
		case unsure != nil:
			known = false
		case !bound:
			return false, true // one host without records is the way round all others
		}
	}
	return known, known
}

// reachable are the hosts but for those that have no address: neither a sender
// nor an attacker can use a leftover or a token of ownership.
func (f *Facts) reachable() []*Host {
	return slices.DeleteFunc(slices.Clone(f.Hosts), func(h *Host) bool { return h.A.Absent() && h.AAAA.Absent() })
}

// Usable are the records that a sender can match a certificate with (RFC 7672
// §3.1): usages 0 and 1 mean nothing to SMTP, and a digest has its length.
func (h *Host) Usable() []dns.Record {
	var out []dns.Record
	for _, rec := range h.Lookup.Records() {
		if usable(rec.TLSA) {
			out = append(out, rec)
		}
	}
	return out
}

func usable(t *dns.TLSA) bool {
	return t != nil && (t.Usage == 2 || t.Usage == 3) && t.Selector <= 1 && t.Matching <= 2 && len(t.Data) > 0 && rightLength(t) &&
		(t.Matching != 0 || readable(t))
}

// rightLength tells whether a digest is as long as its algorithm makes it
// (RFC 6698 §2.1.3).
func rightLength(t *dns.TLSA) bool {
	switch t.Matching {
	case 1:
		return len(t.Data) == 32
	case 2:
		return len(t.Data) == 64
	}
	return true
}

// Addresses are those found of the host.
func (h *Host) Addresses() []netip.Addr {
	var out []netip.Addr
	for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
		for _, rec := range l.Records() {
			out = append(out, rec.Addr)
		}
	}
	return out
}
