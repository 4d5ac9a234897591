package dmarc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Around is what stands around the record: what a name that nobody has answers,
// and where a record was put that no receiver reads. A look-up that was not
// worth its question was never asked.
type Around struct {
	Random dns.Lookup   `json:"random"` // TXT at _dmarc of a name that nobody has
	Ghost  []dns.Lookup `json:"ghost"`  // A, AAAA and MX of that name, where np may be moot (§3.2.13)

	CNAME  dns.Lookup `json:"cname"`  // CNAME at _dmarc, asked beside its TXT
	Behind dns.Lookup `json:"behind"` // TXT at the alias's target, where both are served

	Strays     []dns.Lookup `json:"strays"`      // TXT at names where the record may have been put by mistake
	AnyReports dns.Lookup   `json:"any_reports"` // TXT at _report._dmarc for a domain that nobody has
}

// randomLabel is a label that nobody has. It follows from the domain, so that a
// recorded run can be replayed.
func randomLabel(domain dns.Name) string {
	sum := sha256.Sum256([]byte("postseal dmarc " + domain.String()))
	return hex.EncodeToString(sum[:8])
}

// mistaken are the names where a record for the domain ends up by mistake: the
// underscore forgotten or doubled, a letter too many, a panel that adds the
// domain to a name that was typed in full, the host of the web site.
func mistaken(domain dns.Name) []dns.Name {
	own := domain.Child("_dmarc")
	return []dns.Name{
		domain.Child("dmarc"), own.Child("_dmarc"), domain.Child("_domarc"), domain.Child(string(own)), domain.Child("www").Child("_dmarc"),
	}
}

// beside asks at the same time as the walk what a wildcard says and whether the
// record is an alias as well.
func (f *Facts) beside(ctx context.Context, r dns.Resolver) {
	var wg sync.WaitGroup
	wg.Go(func() {
		f.Around.Random = askIfName(ctx, r, f.Domain.Child(randomLabel(f.Domain)).Child("_dmarc"))
	})
	wg.Go(func() { f.Around.CNAME = dns.Ask(ctx, r, f.Domain.Child("_dmarc"), dns.TypeCNAME) })
	wg.Wait()
}

// askIfName asks for TXT unless the name is too long to be asked: nothing can
// stand there.
func askIfName(ctx context.Context, r dns.Resolver, name dns.Name) dns.Lookup {
	if name.Check() != nil {
		return dns.Lookup{Name: name, Type: dns.TypeTXT}
	}
	return dns.Ask(ctx, r, name, dns.TypeTXT)
}

// lookAround asks what only some answers of the first round make worth asking.
func (f *Facts) lookAround(ctx context.Context, r dns.Resolver) {
	a := &f.Around
	a.Ghost, a.Strays = []dns.Lookup{}, []dns.Lookup{}
	own := f.Steps[0]
	var wg sync.WaitGroup
	if f.bothServed() {
		wg.Go(func() { a.Behind = dns.Ask(ctx, r, a.CNAME.Records()[0].Host, dns.TypeTXT) })
	}
	// Below a name that does not exist there is nothing (RFC 8020).
	if own.Status == dns.StateFound || own.Status == dns.StateNoData {
		wg.Go(func() {
			a.AnyReports = askIfName(ctx, r, ConsentName(dns.Name(randomLabel(f.Domain)), f.Domain))
		})
	}
	if f.npDiffers() && a.Random.State == dns.StateNoData && len(a.Random.Answer.Chain) == 0 {
		a.Ghost = make([]dns.Lookup, 3)
		ghost := f.Domain.Child(randomLabel(f.Domain))
		for i, t := range []dns.Type{dns.TypeA, dns.TypeAAAA, dns.TypeMX} {
			wg.Go(func() { a.Ghost[i] = dns.Ask(ctx, r, ghost, t) })
		}
	}
	if f.seeksStrays() {
		names := mistaken(f.Domain)
		a.Strays = make([]dns.Lookup, len(names))
		for i, n := range names {
			wg.Go(func() { a.Strays[i] = askIfName(ctx, r, n) })
		}
	}
	wg.Wait()
}

// bothServed tells whether the name has a record and an alias: a resolver that
// followed the alias would show it in the chain.
func (f *Facts) bothServed() bool {
	own := f.Steps[0]
	return own.Status == dns.StateFound && len(own.Lookup.Answer.Chain) == 0 && f.Around.CNAME.Found() && len(f.Around.CNAME.Records()) > 0
}

// npDiffers tells whether the domain's own record treats names that do not
// exist in another way than those that do.
func (f *Facts) npDiffers() bool {
	if !f.Own() || f.Record().Broken() || !f.Record().Has("np") {
		return false
	}
	e := f.Record().Effect()
	return e.Nonexistent.Policy != e.Subdomain.Policy
}

// seeksStrays tells that the domain exists, no record applies to it and no text
// at its _dmarc name was meant as one.
func (f *Facts) seeksStrays() bool {
	if f.policy != nil || f.nonexistent() || !f.Known && !f.OnlySuffixUnknown() {
		return false
	}
	return !slices.ContainsFunc(f.Steps, func(s *Step) bool { return s.Name.IsUnder(f.psl.Name) && (len(s.Records) > 0 || meant(s)) })
}

// meant tells whether one of the texts at a step was meant as a record.
func meant(s *Step) bool {
	return slices.ContainsFunc(s.Other, func(text string) bool {
		p := versionProblem(text)
		return p.Rule != "dmarc-unrelated-txt" && p.Rule != "dmarc-spf-at-dmarc"
	})
}

// versioned are the texts of an answer that are DMARC records.
func versioned(l *dns.Lookup) []string {
	var texts []string
	for _, rr := range l.Records() {
		if text := rr.Text(); isVersioned(text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// Below looks for records of their own at names below the domain, without the
// walk: what applies otherwise is the domain's.
func Below(ctx context.Context, r dns.Resolver, names []dns.Name) []*Step {
	return ask(ctx, r, names)
}
