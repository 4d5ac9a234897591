// Package dmarc finds and judges the DMARC policy of a domain (RFC 9989, reports
// RFC 9990 and 9991; they obsolete RFC 7489 and 9091).
//
// A policy is a TXT record at _dmarc.<domain>. Which record applies and what
// the Organizational Domain is, is told by the DNS tree walk (§4.10). The
// package walks, parses without stopping at the first fault, works out the
// effective policy under RFC 9989 and what an RFC 7489 receiver would do, and
// generates records. It does not look at SPF or DKIM; what relates them is
// judged in package audit.
package dmarc

import (
	"context"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are everything observed about one domain's DMARC.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Steps                []*Step    `json:"steps"`                 // the walk from the domain to its TLD, in order
	OrganizationalDomain dns.Name   `json:"organizational_domain"` // "" when a failed step leaves it open
	PolicyName           dns.Name   `json:"policy_name"`           // whose record applies; "" when none does or unknown
	PolicyRecord         string     `json:"policy_record"`
	Known                bool       `json:"known"`  // the record that applies, or its absence, is certain
	Exists               dns.Lookup `json:"exists"` // the audited name itself, for sp against np (§3.2.13)
	Effective            Effective  `json:"effective"`
	RFC7489              Legacy     `json:"rfc7489"`

	Destinations []*Destination `json:"destinations"` // of rua and ruf
	Around       Around         `json:"around"`

	walk     *Discovery
	policy   *Step      // whose record applies
	psl      *Step      // at the organizational domain by the public suffix list
	dangling dns.Lookup // NS of the registrable domain of an alias's missing target
	texts    []published
}

// Step is one name of the walk.
type Step struct {
	Name    dns.Name   `json:"name"`    // without the _dmarc label
	Status  dns.State  `json:"status"`  // of the TXT look-up
	Records []string   `json:"records"` // texts that start with a valid v=DMARC1
	Other   []string   `json:"other"`   // the other texts there
	Kept    bool       `json:"kept"`    // one valid record, used by the walk
	Code    string     `json:"code"`    // what became of it, one of the Step codes
	Note    string     `json:"note"`    // the same in English words
	Lookup  dns.Lookup `json:"lookup"`

	record   *Record // of the one record kept
	problems []Problem
}

// Record is the one valid record of the step, nil where there is none or several.
func (s *Step) Record() *Record { return s.record }

// Effective is what RFC 9989 receivers apply to mail from the name as asked, an
// existing name below it, and a name below it that does not exist.
type Effective struct {
	Domain      Policy `json:"domain"`
	Subdomain   Policy `json:"subdomain"`
	Nonexistent Policy `json:"nonexistent"`
}

// Policy is an effective policy: "none", "quarantine", "reject"; "" when DMARC
// is not applied. Testing tells that t=y lowered it to what Policy says.
type Policy struct {
	Policy     string   `json:"policy"`
	Tag        string   `json:"tag"` // "p", "sp", "np" or ""
	Testing    bool     `json:"testing"`
	Known      bool     `json:"known"`       // false when a failed look-up leaves it open
	Published  string   `json:"published"`   // what the tag says, before t=y and §4.10.1
	PolicyName dns.Name `json:"policy_name"` // whose record says so; "" where none does
}

// Legacy is what a receiver that follows RFC 7489 with the public suffix list does.
type Legacy struct {
	OrganizationalDomain dns.Name `json:"organizational_domain"`
	PolicyName           dns.Name `json:"policy_name"`
	Policy               string   `json:"policy"`    // for the name as asked
	Subdomain            string   `json:"subdomain"` // for a name below it without a record
	Pct                  int      `json:"pct"`       // the share of mail it is applied to
	Known                bool     `json:"known"`
	SubdomainKnown       bool     `json:"subdomain_known"`
}

// Destination is one report URI of the record that applies.
type Destination struct {
	Tag        string     `json:"tag"` // "rua" or "ruf"
	URI        string     `json:"uri"`
	Host       dns.Name   `json:"host"`
	External   bool       `json:"external"`   // another Organizational Domain: consent is needed (RFC 9990 §4)
	Authorized string     `json:"authorized"` // "not-needed", "yes", "no", "unknown"
	Consent    dns.Lookup `json:"consent"`    // TXT at <policy>._report._dmarc.<host>

	ConsentTexts      []string `json:"consent_texts"`      // what stands there
	TooLong           bool     `json:"too_long"`           // the consent name cannot be asked
	Override          string   `json:"override"`           // another URI that the consent names
	OverrideElsewhere dns.Name `json:"override_elsewhere"` // its host, where that is not the same

	MX          dns.Lookup `json:"mx"`
	A           dns.Lookup `json:"a"`           // asked when there is no MX
	AAAA        dns.Lookup `json:"aaaa"`        // asked when there is no MX
	Registrable dns.Lookup `json:"registrable"` // NS of the registrable domain, asked when the host does not exist

	span     check.Span
	scheme   string
	consents []*Record
	cause    *dns.Error
}

// Gather walks and asks. A failed look-up is a fact; the error is only that of
// a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	m := newMemo(r)
	f := &Facts{Domain: domain, Destinations: []*Destination{}}

	var wg sync.WaitGroup
	wg.Go(func() { f.beside(ctx, m) })
	a := apply(ctx, m, domain)
	wg.Wait()
	f.walk, f.psl, f.Exists, f.RFC7489 = a.Discovery, a.psl, a.Exists, a.Legacy
	f.Steps = f.walk.Steps
	f.OrganizationalDomain = f.walk.OrganizationalDomain
	f.Known = f.walk.Known
	if f.policy = f.walk.Policy; f.policy != nil {
		f.PolicyName, f.PolicyRecord = f.policy.Name, f.policy.record.Text
	}
	f.Effective = a.effective()
	f.texts = f.readTexts()
	wg.Go(func() { f.lookAround(ctx, m) })
	f.alias(ctx, m)
	if f.policy != nil {
		walk := f.walk
		if f.policy.Name != domain {
			walk = Walk(ctx, m, f.policy.Name) // answered by what was asked above
		}
		f.Destinations = append(f.Destinations, destinations(ctx, m, f.policy, walk)...)
	}
	wg.Wait()
	return f, ctx.Err()
}

// alias looks behind an alias at _dmarc that leads to nothing: a target whose
// registrable domain is not delegated is there for the taking.
func (f *Facts) alias(ctx context.Context, r dns.Resolver) {
	own := f.Steps[0]
	if own.Status == dns.StateNXDomain && len(own.Lookup.Answer.Chain) > 0 {
		f.dangling = askRegistrable(ctx, r, own.Lookup.Answer.Owner())
	}
}

// nonexistent tells whether the audited name does not exist (§3.2.13: NXDOMAIN
// in the sense of RFC 8020).
func (f *Facts) nonexistent() bool { return f.Exists.State == dns.StateNXDomain }

// foreign tells whether the record that applies stands above the organisation,
// at a name of the public suffix list: it is not the owner's to mend.
func (f *Facts) foreign() bool {
	return f.policy != nil && f.policy.Name != f.Domain && !f.policy.Name.IsUnder(f.psl.Name)
}
