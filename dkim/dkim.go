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
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
)

// Options say where to look.
type Options struct {
	Selectors []string // named by the user: asked first, and missing ones are findings
	Observed  []string // seen in messages or reports: a missing one may just be an old one

	Deep bool      // ask for every name that we know, not only for what an audit can afford
	NSEC bool      // walk the names below _domainkey where DNSSEC shows them
	Now  time.Time // for selectors that carry a date; the zero value leaves them out

	// Hints waits for what MX and SPF told about the domain's providers; nil
	// when nothing else is known. It returns early when ctx ends.
	Hints func(ctx context.Context) Hints

	WeakKeys *WeakKeys // keys whose private halves are public; nil without a list
}

// Hints are names seen elsewhere from which providers can be told.
type Hints struct {
	MX  []dns.Name // mail hosts
	SPF []dns.Name // include and redirect targets, the whole tree
	Own []dns.Name // those of SPF that the domain's own record names: who it has chosen
	TXT []string   // other TXT at the domain: verification tokens

	// Failed look-ups behind which there may be more, nil when that is all:
	// anywhere, and at the domain's own record.
	Untold, OwnUntold error
}

// Facts are everything observed about one domain's DKIM keys.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Node      string      `json:"node"`          // of _domainkey: "exists", "nxdomain", "unknown"
	NodeTXT   dns.Lookup  `json:"node_txt"`      // TXT at _domainkey.<domain>
	Random    dns.Lookup  `json:"random"`        // TXT at a random selector: tells wildcards and compact denial
	Dotted    dns.Lookup  `json:"random_dotted"` // the same for a random selector of two labels
	ADSP      dns.Lookup  `json:"adsp"`          // TXT at _adsp._domainkey (RFC 5617, historic)
	Report    dns.Lookup  `json:"report"`        // TXT at _report._domainkey (RFC 6651)
	Selectors []*Selector `json:"selectors"`     // those with an answer, and those the user named
	Tried     []string    `json:"tried"`         // every selector asked
	Failed    []string    `json:"failed"`        // guessed selectors whose look-up failed
	Stray     []Stray     `json:"stray"`         // key records at names where nobody looks
	Providers []string    `json:"providers"`     // told from hints

	// Control is A at a random name under the domain, asked only where Random
	// was answered "no data": found, a wildcard of the domain did that; else the
	// servers deny so (RFC 9824). The zero value was not asked.
	Control  dns.Lookup `json:"control"`
	Groups   []Group    `json:"groups"`   // how many selectors were tried, by where they came from
	Detected []Detected `json:"detected"` // the providers of Providers and how each was told
	Walk     *Walk      `json:"walk"`     // nil where no NSEC walk was wanted
	At       time.Time  `json:"-"`        // when it was gathered; the zero value is not known

	// FailedWith is the first failure among the guesses, nil without any.
	FailedWith *dns.Error `json:"failed_with"`

	wild   *Selector   // what a wildcard answers, nil without one
	all    []*Selector // every selector asked, in order
	hinted bool        // Options.Hints was there to tell providers

	untold, ownUntold error // of Hints
	shape             shape // how the keys stand in DNS, and beside others
}

// Group is how many selectors of one origin were tried.
type Group struct {
	By    string `json:"found_by"` // as in Selector.FoundBy
	Count int    `json:"count"`
}

// Detected is a provider and how it was told.
type Detected struct {
	ID     string `json:"provider"`
	By     string `json:"by"`     // "spf", "spf-nested" for what an include includes, "mx", "txt"
	Signal string `json:"signal"` // the name or the token

	p *provider.Provider
}

// Stray is a key record at a name where nobody looks: the domain itself,
// _domainkey, or a name that somebody may have meant for a selector's.
type Stray struct {
	Name     dns.Name `json:"name"`
	Text     string   `json:"text"`
	Selector string   `json:"selector"` // for which the name was meant, "" unknown
	key      *Key
	bad      []Problem
}

// Selector is one selector and what was found there.
type Selector struct {
	Name     string     `json:"selector"` // "*" for what a wildcard answers at any name
	FoundBy  string     `json:"found_by"` // "named", "observed", "wordlist", "provider:<id>", "dated", "name", "sibling", "nsec", "wildcard"
	Status   string     `json:"status"`   // "found", "revoked", "malformed", "several", "missing", "unknown"
	KeyType  string     `json:"key_type"` // "rsa", "ed25519", the value of k=, or ""
	Bits     int        `json:"bits"`     // RSA modulus length; 256 for Ed25519; 0 unknown
	Record   string     `json:"record"`   // the first key text, joined, as published
	CNAME    dns.Name   `json:"cname"`    // where the selector is an alias: the end of the chain
	Testing  bool       `json:"testing"`  // t=y
	Usable   bool       `json:"usable"`   // a verifier that keeps to the standards takes the key
	Provider string     `json:"provider"` // name of the provider the alias leads to, "" unknown
	Vendor   string     `json:"vendor"`   // that provider's ID
	Lookup   dns.Lookup `json:"lookup"`

	// Fingerprint is the SHA-256 of the key, whatever its encoding; "" without one.
	Fingerprint string `json:"fingerprint"`
	// Registrable is asked where an alias leads nowhere: NS at the domain that
	// somebody could register to answer for it. The zero value was not asked.
	Registrable dns.Lookup `json:"registrable"`

	records []record // every TXT, in the order of the answer
	key     *Key     // of Record
	old     bool     // the alias has an older form of its provider
}

// The statuses of a selector.
const (
	StatusFound     = "found"     // one key, readable and in force; perhaps too weak to use
	StatusRevoked   = "revoked"   // "p" is empty, or a provider's reserve that is empty as a whole
	StatusMalformed = "malformed" // verifiers discard the record, or it is none
	StatusSeveral   = "several"   // more than one key: which one counts is undefined
	StatusMissing   = "missing"   // an answer: there is nothing
	StatusUnknown   = "unknown"   // no answer
)

// record is one TXT at a selector.
type record struct {
	text     string
	key      *Key
	problems []Problem
	extra    bool // stands beside a key and is none
}

// Key is the key of the selector's record, nil where it holds nothing like one.
func (s *Selector) Key() *Key { return s.key }

// Owner is the name at which verifiers look for the selector.
func (s *Selector) Owner() dns.Name { return s.Lookup.Name }

// UsableKeys are the selectors whose key a verifier takes: in force, readable,
// not revoked, at least 1024 bits (RFC 8301 §3.2) and not broken.
func (f *Facts) UsableKeys() []*Selector {
	var list []*Selector
	for _, s := range f.Selectors {
		if s.Usable {
			list = append(list, s)
		}
	}
	return list
}

// AnyKnown tells whether a usable key was found, and otherwise whether it is
// known that there is none: DNS proves it, or every selector that is known was
// answered and is missing, broken or (if named) revoked. Both false means that
// nobody can tell.
func (f *Facts) AnyKnown() (found, provenNone bool) {
	if len(f.UsableKeys()) > 0 {
		return true, false
	}
	if f.Node == NodeMissing {
		return false, true
	}
	known := 0
	for _, s := range f.Selectors {
		switch {
		case s.Status == StatusUnknown:
			return false, false
		case s.FoundBy == ByNamed, s.Status == StatusFound, s.Status == StatusSeveral, s.Status == StatusMalformed:
			known++
		}
	}
	return false, known > 0
}

// Weakest is the strength that the domain's signatures can be held to: the
// shortest RSA key in force, even one too short to use, else Ed25519. False
// where no key was read.
func (f *Facts) Weakest() (keyType string, bits int, ok bool) {
	for _, s := range f.Selectors {
		if s.Status != StatusFound || s.Bits == 0 {
			continue
		}
		switch {
		case !ok, keyType == "ed25519" && s.KeyType == "rsa", keyType == s.KeyType && s.Bits < bits:
			keyType, bits, ok = s.KeyType, s.Bits, true
		}
	}
	return keyType, bits, ok
}

// Unanswered is the failed look-up of a selector that is known to be in use,
// nil when all were answered: its key may be weaker than those seen.
func (f *Facts) Unanswered() error {
	for _, s := range f.Selectors {
		if s.Status == StatusUnknown && s.Lookup.Error != nil {
			return s.Lookup.Error
		}
	}
	return nil
}

// Silent is the failure that kept most selectors from being looked up, nil where
// most were answered.
func (f *Facts) Silent() error {
	if f.FailedWith != nil && 2*len(f.Failed) > len(f.Tried) {
		return f.FailedWith
	}
	return f.Unanswered()
}

// Hygiene tells whether no selector is in testing mode, broken or doubled.
func (f *Facts) Hygiene() bool {
	return !slices.ContainsFunc(f.Selectors, func(s *Selector) bool {
		return s.Testing || s.Status == StatusMalformed || s.Status == StatusSeveral || len(s.records) > 1
	})
}

// Rules judge Facts, in report order.
var Rules = slices.Concat(presenceRules, aliasRules, recordRules, tagRules, keyRules, strengthRules, setRules, shapeRules, providerRules)
