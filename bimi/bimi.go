// Package bimi reads and judges Brand Indicators for Message Identification: the
// logo that receivers may show beside a message.
//
// The record is a TXT record at <selector>._bimi.<domain>, or at that name below
// the organizational domain, and names an SVG logo and a mark certificate. All of
// BIMI is Internet-Drafts: draft-brand-indicators-for-message-identification for
// the record, draft-svg-tiny-ps-abrotman for the logo,
// draft-fetch-validation-vmc-wchuang for the certificate.
//
// The package parses the record, fetches what it names within narrow bounds,
// checks logo and certificate without drawing or expanding anything, and generates
// records. BIMI is decoration: nothing here lowers a score.
package bimi

import (
	"context"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/registration"
)

// Facts are everything observed about one domain's BIMI.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Lookup       dns.Lookup  `json:"lookup"`                // TXT at default._bimi.<domain>
	Organization dns.Name    `json:"organizational_domain"` // asked for only where the domain has no record
	Inherited    *dns.Lookup `json:"inherited"`             // TXT there; nil when it was not asked

	RecordName dns.Name `json:"record_name"` // where the records stand, "" for nowhere
	Records    []string `json:"records"`     // the candidates there, joined
	Record     string   `json:"record"`      // the one in force, "" otherwise
	NearMiss   []string `json:"near_miss"`   // texts that were meant to be a record

	LogoURL     string   `json:"logo_url"`
	EvidenceURL string   `json:"evidence_url"`
	AVP         string   `json:"avp"`
	Prefixes    []string `json:"lps"`
	Declined    bool     `json:"declined"`
	Valid       bool     `json:"valid"` // receivers use the record

	Registrable *dns.Lookup `json:"registrable"` // NS of the domain that a dangling alias ends in

	Logo     *Logo     `json:"logo"`     // nil when no usable URL names one
	Evidence *Evidence `json:"evidence"` // nil when no usable URL names one

	DMARC *Gate `json:"dmarc"` // set by the audit before rules run; nil when not known

	Problems []Problem `json:"-"` // of Record

	organization error // why the organizational domain could not be told
	logoUsable   bool
	markUsable   bool
	unregistered bool // anybody could register the end of the alias
}

// Gate is what DMARC says of the domain, the gate that every receiver puts
// before BIMI.
type Gate struct {
	Cause   error      `json:"-"` // why it could not be told; nil when it was
	Names   []string   `json:"names"`
	Records []GateItem `json:"records"` // of the author domain and of the organization above it
	Policy  string     `json:"policy"`  // effective: "none", "quarantine", "reject" or "" for no DMARC
}

// GateItem is one DMARC record in the words that count here.
type GateItem struct {
	Name    string `json:"name"` // where it stands
	Text    string `json:"text"`
	P       string `json:"p"`
	SP      string `json:"sp"` // "" when not set
	Pct     string `json:"pct"`
	Testing bool   `json:"testing"`
}

// GatherOptions is what Gather is told besides the domain.
type GatherOptions struct {
	// Organization waits for the organizational domain; the error says why it
	// could not be told. It is asked only where the domain has no record.
	Organization func(context.Context) (dns.Name, error)

	MarkRoots *x509.CertPool // roots that the user trusts for mark certificates; nil: none are known
	Now       time.Time
}

// RecordName is where the record of a domain lives.
func RecordName(domain dns.Name) dns.Name { return SelectorName("default", domain) }

// SelectorName is where the record of a selector lives.
func SelectorName(selector string, domain dns.Name) dns.Name {
	return domain.Child(selector + "._bimi")
}

// Gather asks for the record and fetches what it names; without a record it
// sends no more than one question, or two below an organizational domain. A nil
// fetcher means that HTTPS is not to be used. What fails is a fact; the error is
// only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, fetcher Fetcher, domain dns.Name, o GatherOptions) (*Facts, error) {
	f := &Facts{Domain: domain, Records: []string{}, NearMiss: []string{}, Prefixes: []string{}}
	f.Lookup = dns.Ask(ctx, r, RecordName(domain), dns.TypeTXT)
	f.sort(&f.Lookup)
	if !f.Lookup.Unknown() && len(f.Records) == 0 && o.Organization != nil {
		f.Organization, f.organization = o.Organization(ctx)
		if f.organization == nil && f.Organization != "" && f.Organization != domain {
			l := dns.Ask(ctx, r, RecordName(f.Organization), dns.TypeTXT)
			f.Inherited = &l
			f.sort(&l)
		}
	}
	if len(f.Records) == 1 {
		f.Record = f.Records[0]
		f.take(ctx, r, fetcher, o)
	}
	f.alias(ctx, r)
	return f, ctx.Err()
}

// sort tells records from other text at one name.
func (f *Facts) sort(l *dns.Lookup) {
	for _, rec := range l.Records() {
		text := rec.Text()
		switch {
		case candidate.MatchString(text):
			f.Records = append(f.Records, text)
			f.RecordName = l.Name
		case nearMiss.MatchString(text):
			f.NearMiss = append(f.NearMiss, text)
			if f.RecordName == "" {
				f.RecordName = l.Name
			}
		}
	}
	if len(f.Records) > 0 {
		f.NearMiss = []string{}
	}
}

// alias asks whether the domain exists in which a dangling alias ends.
func (f *Facts) alias(ctx context.Context, r dns.Resolver) {
	target, ok := registration.Dangling(&f.Lookup)
	org := registration.Domain(target)
	if !ok || org == "" {
		return
	}
	reg := registration.Ask(ctx, r, org)
	f.Registrable, f.unregistered = &reg.Lookup, reg.Open()
}

// take reads the record in force and fetches what it names.
func (f *Facts) take(ctx context.Context, r dns.Resolver, fetcher Fetcher, o GatherOptions) {
	var rec *Record
	rec, f.Problems = Parse(f.Record)
	f.LogoURL, f.EvidenceURL, f.AVP = rec.Logo.Text, rec.Evidence.Text, rec.AVP
	f.Prefixes = append(f.Prefixes, rec.Prefixes...)
	fatal := hasFatal(f.Problems)
	f.Declined = rec.declined() && !fatal
	f.Valid = !fatal && (f.Declined || rec.Logo.Usable)
	f.logoUsable = !fatal && rec.Logo.Usable
	f.markUsable = !fatal && rec.Evidence.Usable
	var wg sync.WaitGroup
	if f.logoUsable {
		f.Logo = &Logo{}
		if fetcher != nil {
			wg.Go(func() { f.Logo.take(fetcher.Fetch(ctx, r, f.LogoURL, MaxLogo)) })
		}
	}
	if f.markUsable {
		f.Evidence = newEvidence()
		if fetcher != nil {
			wg.Go(func() { f.Evidence.take(fetcher.Fetch(ctx, r, f.EvidenceURL, MaxEvidence), f.names(), o) })
		}
	}
	wg.Wait()
	f.compare()
}

// compare holds the logo against the one in the certificate.
func (f *Facts) compare() {
	if f.Logo != nil && f.Logo.SVG != nil && f.Evidence != nil && f.Evidence.SVG != nil {
		same := f.Logo.SVG.SHA256 == f.Evidence.SVG.SHA256
		f.Evidence.SameLogo = &same
	}
}

// names are what a certificate may speak for: the domain, its organization's,
// and their names with the selector.
func (f *Facts) names() []dns.Name {
	names := []dns.Name{f.Domain, RecordName(f.Domain)}
	add := func(org dns.Name) {
		if org != "" && !slices.Contains(names, org) {
			names = append(names, org, RecordName(org))
		}
	}
	add(f.Organization)
	if f.Organization == "" { // it was not asked for: the public suffix list will do
		add(registration.Domain(f.Domain))
	}
	return names
}

// deciding is the look-up that decides whether there is a record.
func (f *Facts) deciding() *dns.Lookup {
	if f.Inherited != nil && (f.RecordName == "" || f.RecordName == f.Inherited.Name) {
		return f.Inherited
	}
	return &f.Lookup
}
