// Package mtasts fetches and judges the MTA-STS record and policy of a domain
// (RFC 8461).
//
// MTA-STS lets a domain say that mail to it must use verified TLS. The signal
// is a TXT record at _mta-sts.<domain>, the policy a file at
// https://mta-sts.<domain>/.well-known/mta-sts.txt. The package parses both,
// matches mx patterns against the MX names both ways and generates them.
// Whether the mail hosts keep what the policy promises is judged in package
// audit, where the SMTP probe's facts are at hand.
package mtasts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/registration"
)

// Facts are everything observed about one domain's MTA-STS.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Lookup   dns.Lookup `json:"lookup"`  // TXT at _mta-sts.<domain>
	Records  []string   `json:"records"` // the candidates, joined
	Record   string     `json:"record"`  // the one in force, "" otherwise
	ID       string     `json:"id"`
	HostA    dns.Lookup `json:"host_a"` // addresses of mta-sts.<domain>
	HostAAAA dns.Lookup `json:"host_aaaa"`

	NearMiss    []string     `json:"near_miss"`   // texts there that were meant to be a record
	Sibling     *dns.Lookup  `json:"sibling"`     // TXT at a name nobody made, when TXT without a candidate was found
	Elsewhere   []dns.Lookup `json:"elsewhere"`   // TXT at names where records go by mistake, when none was found
	Registrable []dns.Lookup `json:"registrable"` // NS of the domains that dangling aliases and foreign patterns lie in

	Fetch  *Fetch  `json:"fetch"`  // nil when nothing was fetched
	Policy *Policy `json:"policy"` // as far as understood; nil without a body
	Valid  bool    `json:"valid"`  // record and policy are valid: senders apply it

	// Unannounced is the one GET that is made when no record was found and the
	// policy host exists all the same; nil otherwise.
	Unannounced *Fetch `json:"unannounced"`

	// Set by Deepen, on request.
	Answers    []Answer    `json:"-"` // the policy from each address of the policy host
	Subdomains []Subdomain `json:"-"`
	Before     *Before     `json:"-"`

	RecordProblems []Problem `json:"-"` // of Record
	PolicyProblems []Problem `json:"-"` // of Fetch.Body

	open map[dns.Name]bool // of Registrable: anybody could have the domain

	// MX are the mail hosts in preference order, set by the audit; nil when
	// the MX answer could not be had.
	MX    []dns.Name `json:"-"`
	Hosts []Host     `json:"hosts"` // MX against the patterns, set by Match

	// DANE says that every mail host has working DANE; set by the audit.
	DANE bool `json:"-"`
}

// Host is one mail host against the policy.
type Host struct {
	MX      dns.Name `json:"mx"`
	Matches string   `json:"matches"` // the pattern, "" when none does
}

// Fetcher gets the policy file of a host whose addresses are known. It never
// follows a redirect and never reads more than 64 KiB (RFC 8461 §3.3).
type Fetcher interface {
	FetchPolicy(ctx context.Context, domain dns.Name, addrs []netip.Addr) *Fetch
}

// maxRegistrable bounds the look-ups that a policy full of patterns can cause.
const maxRegistrable = 8

// Gather asks and fetches. A failed look-up is a fact; the error is only that
// of a cancelled context. A nil fetcher means that HTTPS is not to be used.
func Gather(ctx context.Context, r dns.Resolver, f Fetcher, domain dns.Name) (*Facts, error) {
	facts := &Facts{Domain: domain}
	// The policy host is asked for before the record says that there is one:
	// the answers are there when the fetch begins.
	var wg sync.WaitGroup
	wg.Go(func() { facts.Lookup = dns.Ask(ctx, r, RecordName(domain), dns.TypeTXT) })
	wg.Go(func() { facts.HostA = dns.Ask(ctx, r, PolicyHost(domain), dns.TypeA) })
	wg.Go(func() { facts.HostAAAA = dns.Ask(ctx, r, PolicyHost(domain), dns.TypeAAAA) })
	wg.Wait()
	facts.readRecords()
	if len(facts.Records) == 0 {
		if addrs := facts.addresses(); f != nil && len(addrs) > 0 && !facts.Lookup.Unknown() && len(facts.NearMiss) == 0 {
			wg.Go(func() { facts.Unannounced = f.FetchPolicy(ctx, domain, addrs) })
		}
		facts.lookAround(ctx, r)
		wg.Wait()
	} else if addrs := facts.addresses(); f != nil && len(addrs) > 0 {
		facts.Fetch = f.FetchPolicy(ctx, domain, addrs)
	}
	facts.readPolicy()
	facts.askRegistrable(ctx, r)
	facts.Match()
	return facts, ctx.Err()
}

func (f *Facts) readRecords() {
	found := version.In(&f.Lookup)
	f.Records, f.NearMiss, f.Record = found.Records, found.NearMiss, found.Record
	if f.Record != "" {
		var rec *Record
		rec, f.RecordProblems = ParseRecord(f.Record)
		f.ID = rec.ID
	}
}

// lookAround asks where a record may have gone that is not where it should be.
func (f *Facts) lookAround(ctx context.Context, r dns.Resolver) {
	f.Elsewhere = []dns.Lookup{}
	if f.Lookup.Unknown() {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	if f.Lookup.Found() {
		wg.Go(func() {
			l := dns.Ask(ctx, r, sibling(f.Domain), dns.TypeTXT)
			f.Sibling = &l
		})
	}
	if len(f.NearMiss) > 0 {
		return
	}
	names := []dns.Name{
		f.Domain, f.Domain.Child("mta-sts"), f.Domain.Child("_mta_sts"), f.Domain.Child("_mtasts"),
		f.Domain.Child("_mta-sts." + f.Domain.String()),
	}
	f.Elsewhere = make([]dns.Lookup, len(names))
	for i, n := range names {
		wg.Go(func() { f.Elsewhere[i] = dns.Ask(ctx, r, n, dns.TypeTXT) })
	}
}

// sibling is a name that nobody has made, and the same in every run.
func sibling(domain dns.Name) dns.Name {
	sum := sha256.Sum256([]byte(domain))
	return domain.Child("_" + hex.EncodeToString(sum[:8]))
}

func (f *Facts) addresses() []netip.Addr {
	var addrs []netip.Addr
	for _, l := range []*dns.Lookup{&f.HostAAAA, &f.HostA} {
		for _, rec := range l.Records() {
			addrs = append(addrs, rec.Addr)
		}
	}
	return addrs
}

// fatalPolicy are the rules whose findings make a policy invalid.
var fatalPolicy = []string{
	"mtasts-policy-html", "mtasts-policy-bom", "mtasts-policy-syntax", "mtasts-policy-version", "mtasts-policy-mode",
	"mtasts-policy-max-age", "mtasts-policy-mx-missing", "mtasts-policy-mx-invalid",
}

// fatalRecord are the rules whose findings make a record invalid.
var fatalRecord = []string{"mtasts-record-syntax", "mtasts-record-id-missing", "mtasts-record-id-invalid"}

func hasFatal(problems []Problem, fatal []string) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return slices.Contains(fatal, p.Rule) })
}

func (f *Facts) recordValid() bool {
	return len(f.Records) == 1 && !hasFatal(f.RecordProblems, fatalRecord)
}

func (f *Facts) readPolicy() {
	if f.Fetch == nil || f.Fetch.Error != "" || f.Fetch.Status != 200 {
		return
	}
	f.Policy, f.PolicyProblems = parsePolicy(f.Fetch.Body)
	f.Valid = f.recordValid() && !hasFatal(f.PolicyProblems, fatalPolicy)
}

// askRegistrable asks whether the domains exist in which dangling aliases end
// and foreign mx patterns lie: one that nobody has registered is there for the
// taking.
func (f *Facts) askRegistrable(ctx context.Context, r dns.Resolver) {
	var names []dns.Name
	add := func(n dns.Name) {
		if org := registration.Domain(n); org != "" && org != registration.Domain(f.Domain) && !slices.Contains(names, org) && len(names) < maxRegistrable {
			names = append(names, org)
		}
	}
	for _, l := range []*dns.Lookup{&f.Lookup, &f.HostA} {
		if target, ok := registration.Dangling(l); ok {
			add(target)
		}
	}
	if f.Policy != nil {
		for _, p := range f.Policy.MX {
			if patternFault(p) == "" {
				add(patternBase(p))
			}
		}
	}
	f.Registrable, f.open = make([]dns.Lookup, len(names)), map[dns.Name]bool{}
	for i, reg := range registration.AskAll(ctx, r, names) {
		f.Registrable[i], f.open[names[i]] = reg.Lookup, reg.Open()
	}
}

// unregistered tells whether nobody holds the domain in which a name lies,
// though it could be had.
func (f *Facts) unregistered(n dns.Name) bool { return f.open[registration.Domain(n)] }

func patternBase(pattern string) dns.Name {
	return dns.Name(strings.TrimPrefix(strings.ToLower(pattern), "*."))
}

// Mode is the mode that senders apply: "enforce", "testing" or "none", and ""
// where record or policy are missing, invalid or could not be had.
func (f *Facts) Mode() string {
	if !f.Valid {
		return ""
	}
	return f.Policy.Mode
}

// Known tells whether it could be told what senders apply. With false, Cause
// says why not.
func (f *Facts) Known() bool { return f.untold() == nil }

// Cause is why it could not be told what senders apply; the zero Cause when it could.
func (f *Facts) Cause() check.Cause {
	if cause := f.untold(); cause != nil {
		return check.CauseOf(cause)
	}
	return check.Cause{}
}

// untold is why it could not be told what senders apply. Where the record is
// invalid they stop at it (RFC 8461 §3.1), whatever became of our own fetch.
func (f *Facts) untold() error {
	if !f.Lookup.Unknown() && !f.recordValid() {
		return nil
	}
	_, cause := f.at(stageBody)
	return cause
}

// RecordValid tells whether there is exactly one record and it is well formed.
func (f *Facts) RecordValid() bool { return f.recordValid() }
