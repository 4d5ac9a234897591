package aggregate

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
)

// Kind is what a source looks like. Reports do not say whose servers they saw:
// this is told from what passed, why policy was not applied, and how steadily
// mail came.
type Kind string

// The kinds of source.
const (
	Passing   Kind = "passing"   // nothing failed
	Forwarder Kind = "forwarder" // passes on mail that was sent by somebody else: a list, an alias
	Sender    Kind = "sender"    // looks like a sender of the domain's own that is not set up for it
	Unknown   Kind = "unknown"   // nothing speaks for it: spoofing looks like this, and so does a sender that was forgotten
)

// Source is where mail came from: a provider, a domain that the mail
// authenticated as, or, without either, a network.
type Source struct {
	Name      string       `json:"name"`
	By        string       `json:"by"`       // how it is named: provider, domain, network, or none where no address is given
	Provider  string       `json:"provider"` // "google"; "" where none is recognised
	Kind      Kind         `json:"kind"`
	Why       string       `json:"why"`       // what the kind was told from: a code
	Addresses []netip.Addr `json:"addresses"` // the first few
	More      bool         `json:"more_addresses"`
	Days      int          `json:"days"` // on which it sent
	First     string       `json:"first"`
	Last      string       `json:"last"`
	Tally
	Overridden int64 `json:"overridden"` // of the failing: the receiver says that it was forwarded
	Broken     int64 `json:"broken"`     // of the failing: a signature of the domain that did not verify, SPF for another domain that passed
	Applied    int64 `json:"applied"`    // of the failing: quarantined or rejected already
}

// identity is what a row is grouped by.
type identity struct {
	key, name, by, provider string
}

// identifier names sources. It remembers, for a report repeats a handful.
type identifier struct {
	selectors map[string]*provider.Provider // those that only one provider uses
	org       map[dns.Name]dns.Name
}

func newIdentifier() identifier {
	id := identifier{selectors: map[string]*provider.Provider{}, org: map[dns.Name]dns.Name{}}
	users := map[string]int{}
	for _, p := range provider.All() {
		for _, s := range p.Selectors {
			users[s]++
			id.selectors[s] = p
		}
	}
	for s, n := range users {
		if n > 1 || len(s) < 5 { // s1, k1, pm: anybody may use these
			delete(id.selectors, s)
		}
	}
	return id
}

// signers are domains of which providers sign by themselves for customers that
// have no key of their own.
var signers = map[dns.Name]string{"gappssmtp.com": "google", "google.com": "google", "onmicrosoft.com": "microsoft365"}

// of tells where a row came from. A domain that the mail authenticated as says
// more than an address: it stays when addresses change.
func (id *identifier) of(policy dns.Name, row *Row) identity {
	home := id.organisation(policy)
	var foreign dns.Name
	name := func(d dns.Name) *provider.Provider {
		org := id.organisation(d)
		if d == "" || org == home {
			return nil
		}
		if foreign == "" {
			foreign = org
		}
		if p := provider.ByName(signers[org]); p != nil {
			return p
		}
		for _, by := range []func(dns.Name) *provider.Provider{provider.ByDKIMTarget, provider.BySPF, provider.ByMX} {
			if p := by(d); p != nil {
				return p
			}
		}
		return nil
	}
	for _, s := range row.SPFChecks {
		if s.Result == "pass" {
			if p := name(s.Domain); p != nil {
				return ofProvider(p)
			}
		}
	}
	for _, s := range row.Signatures {
		if s.Result == "pass" {
			if p := name(s.Domain); p != nil {
				return ofProvider(p)
			}
		}
	}
	// The selector names the provider of mail that is aligned all over. Whoever
	// passes it on authenticates as another domain.
	if foreign == "" {
		for _, s := range row.Signatures {
			if p := id.selectors[s.Selector]; p != nil && s.Result == "pass" {
				return ofProvider(p)
			}
		}
	}
	if foreign != "" {
		return identity{key: "d" + string(foreign), name: string(foreign), by: "domain"}
	}
	if !row.Addr.IsValid() {
		return identity{key: "-", by: "none"}
	}
	n := network(row.Addr)
	return identity{key: "n" + n.String(), name: n.String(), by: "network"}
}

func ofProvider(p *provider.Provider) identity {
	return identity{key: "p" + p.ID, name: p.Name, by: "provider", provider: p.ID}
}

// organisation is the registrable domain, as near as can be told without DNS.
func (id *identifier) organisation(d dns.Name) dns.Name {
	if d == "" {
		return ""
	}
	if o, ok := id.org[d]; ok {
		return o
	}
	o, err := publicsuffix.EffectiveTLDPlusOne(string(d))
	if err != nil {
		o = string(d)
	}
	if len(id.org) >= namesKept {
		clear(id.org)
	}
	id.org[d] = dns.Name(o)
	return dns.Name(o)
}

// source is a Source being added up.
type source struct {
	identity
	Tally
	overridden, broken, applied int64
	addrs                       []netip.Addr
	more                        bool
	days                        []int32 // sorted, at most sourceDays
	first, last                 int32
}

func (s *source) add(domain dns.Name, day int32, row *Row) {
	s.Tally.add(row)
	if !slices.Contains(s.addrs, row.Addr) && row.Addr.IsValid() {
		if len(s.addrs) < addressesKept {
			s.addrs = append(s.addrs, row.Addr)
		} else {
			s.more = true
		}
	}
	if s.first == 0 || day < s.first {
		s.first = day
	}
	s.last = max(s.last, day)
	if i, ok := slices.BinarySearch(s.days, day); !ok && len(s.days) < sourceDays {
		s.days = slices.Insert(s.days, i, day)
	}
	if row.aligned() {
		return
	}
	if row.Disposition == "quarantine" || row.Disposition == "reject" {
		s.applied = sum(s.applied, row.Count)
	}
	switch {
	case slices.ContainsFunc(row.Reasons, func(r Reason) bool {
		return r.Type == "forwarded" || r.Type == "mailing_list" || r.Type == "trusted_forwarder"
	}):
		s.overridden = sum(s.overridden, row.Count)
	case relayed(domain, row):
		s.broken = sum(s.broken, row.Count)
	}
}

// relayed tells mail that the domain signed and somebody else sent on: the
// signature is there and no longer verifies, the envelope is another's.
func relayed(domain dns.Name, row *Row) bool {
	signed := slices.ContainsFunc(row.Signatures, func(s Signature) bool { return within(s.Domain, domain) && s.Result == "fail" })
	other := slices.ContainsFunc(row.SPFChecks, func(s SPFCheck) bool { return s.Result == "pass" && !within(s.Domain, domain) })
	return signed && other
}

// How many days make mail look like a business rather than an attack.
const (
	steadyDays     = 5 // and at least half of those with reports
	steadyProvider = 3 // from a provider that is known

	sourceDays = 120 // kept of a source; as many are steady whatever the period
)

// kind tells what a source looks like, and from what.
func (s *source) kind(covered int) (Kind, string) {
	steady := len(s.days) >= steadyDays && (2*len(s.days) >= covered || len(s.days) == sourceDays)
	switch {
	case s.Failing == 0:
		return Passing, ""
	case 2*s.overridden >= s.Failing:
		return Forwarder, "receiver-says"
	case 2*(s.overridden+s.broken) >= s.Failing:
		return Forwarder, "broken-signature"
	case s.Aligned() >= s.Failing/10 && s.Aligned() > 0:
		return Sender, "partly-aligned"
	case s.provider != "" && len(s.days) >= steadyProvider:
		return Sender, "provider"
	case steady:
		return Sender, "steady"
	}
	return Unknown, ""
}

func (s *source) finish(covered int) Source {
	out := Source{
		Name: s.name, By: s.by, Provider: s.provider, Addresses: slices.Clone(s.addrs), More: s.more,
		Days: len(s.days), Tally: s.Tally, Overridden: s.overridden, Broken: s.broken, Applied: s.applied,
	}
	if out.Addresses == nil {
		out.Addresses = []netip.Addr{}
	}
	slices.SortFunc(out.Addresses, netip.Addr.Compare)
	out.First, out.Last = date(s.first), date(s.last)
	if s.by == "network" && len(s.addrs) == 1 {
		out.Name = s.addrs[0].String()
	}
	out.Kind, out.Why = s.kind(covered)
	out.Name = strings.TrimSpace(out.Name)
	return out
}
