// Package provider tells who handles a domain's mail from the names that its
// records mention: mail hosts, SPF includes, verification tokens, the targets
// of DKIM aliases.
//
// It is one table of vendor facts (table.go) with the date when they were last
// gone through and a mark for how well each row is known, because such facts
// age. Names match whole labels: sendgrid.net.example.org is not SendGrid.
package provider

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Kind is what a provider does with mail.
type Kind string

// The kinds of provider.
const (
	Mailbox Kind = "mailbox" // keeps the domain's mailboxes
	Gateway Kind = "gateway" // stands before or behind another provider
	Sender  Kind = "sender"  // sends on the domain's behalf
)

// Mark says how well a row is known.
type Mark string

// The marks.
const (
	Verified Mark = "V" // read in the vendor's own pages or templates, or in several real zones
	Peer     Mark = "P" // in lists of others that say they were checked against live DNS
	Common   Mark = "M" // common knowledge, not checked again
)

// Provider is one row. Lists may be empty; names are lower-case A-labels.
type Provider struct {
	ID   string // stable: "google", "microsoft365"
	Name string // as people know it
	Kind Kind
	Mark Mark

	MX          []string // suffixes of mail hosts
	SPF         []string // suffixes of include and redirect targets
	TXT         []string // beginnings of verification tokens, lower case
	Selectors   []string // fixed DKIM selectors
	DKIMTargets []string // suffixes of the targets of DKIM aliases
	Include     string   // what to publish as SPF include; "" where none is known for sure
	Bounces     Bounces  // whose name stands in MAIL FROM unless a customer asks for another

	// What its DKIM keys look like. Selectors are what is worth asking for; the
	// fields below say what must be there.
	Set        []string // selectors that a domain needs together, so that the provider can rotate
	Fixed      bool     // no customer can choose other selectors than Selectors
	Form       string   // how selectors look that nobody can guess, "*" where customers choose them, "" where they can be guessed
	OldTargets []string // suffixes of an older form of the aliases, which still works
	Without    string   // the d= of mail while a customer has set nothing up, "" unknown
	SignsAs    []string // the d= of all mail: it signs as itself only
}

// Bounces says whose name a sender puts in MAIL FROM.
type Bounces string

// Where the name is the vendor's, SPF of the customer's domain is never asked.
const (
	BouncesUnknown Bounces = ""       // not known, or the customer's
	BouncesVendor  Bounces = "vendor" // the vendor's, or a subdomain with records of its own
	BouncesSigned  Bounces = "signed" // the same once its DKIM aliases are published
)

// All lists the providers in the order of the table. Treat it as read-only.
func All() []*Provider {
	list := make([]*Provider, len(table))
	for i := range table {
		list[i] = &table[i]
	}
	return list
}

// ByName gives the provider with that ID, or nil.
func ByName(id string) *Provider {
	for i := range table {
		if table[i].ID == strings.ToLower(id) {
			return &table[i]
		}
	}
	return nil
}

// ByMX gives the provider of a mail host, or nil.
func ByMX(host dns.Name) *Provider {
	return longest(host, func(p *Provider) []string { return p.MX })
}

// BySPF gives the provider of an include or redirect target, or nil.
func BySPF(target dns.Name) *Provider {
	return longest(target, func(p *Provider) []string { return p.SPF })
}

// ByDKIMTarget gives the provider at which a DKIM alias ends, or nil.
func ByDKIMTarget(target dns.Name) *Provider {
	return longest(target, func(p *Provider) []string { return p.DKIMTargets })
}

// generic are selectors of some provider that others choose, too.
var generic = []string{"s1", "s2", "k1", "k2", "k3", "mail", "dkim", "smtp", "api", "mx", "dk", "fs", "cm", "pm", "ml",
	"key1", "key2", "key3", "krs", "pic", "cka", "sender", "st", "st2"}

// BySelector gives the provider that a selector's name belongs to where the
// name says so by itself, or nil. A DKIM alias tells more: see ByDKIMTarget.
func BySelector(name string) *Provider {
	if slices.Contains(generic, name) {
		return nil
	}
	for i := range table {
		if slices.Contains(table[i].Selectors, name) {
			return &table[i]
		}
	}
	return nil
}

// OldTarget tells whether a DKIM alias has the provider's older form.
func (p *Provider) OldTarget(target dns.Name) bool {
	return slices.ContainsFunc(p.OldTargets, func(s string) bool { return target.IsUnder(dns.Name(s)) })
}

// ByTXT gives the provider that handed out a verification token, or nil.
func ByTXT(text string) *Provider {
	text = strings.ToLower(text)
	for i := range table {
		for _, prefix := range table[i].TXT {
			if strings.HasPrefix(text, prefix) {
				return &table[i]
			}
		}
	}
	return nil
}

// longest gives the row with the longest suffix that the name is at or under;
// the first row wins among equals.
func longest(name dns.Name, suffixes func(*Provider) []string) *Provider {
	var best *Provider
	size := 0
	for i := range table {
		for _, s := range suffixes(&table[i]) {
			if len(s) > size && name.IsUnder(dns.Name(s)) {
				best, size = &table[i], len(s)
			}
		}
	}
	return best
}
