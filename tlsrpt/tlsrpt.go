// Package tlsrpt reads and judges the SMTP TLS Reporting record of a domain
// (RFC 8460).
//
// The record is a TXT record at _smtp._tls.<domain> and names where senders
// report TLS failures. Unlike DMARC, a destination elsewhere needs no consent.
// The package parses the record, asks whether its destinations exist in DNS,
// and generates it. It never sends or posts anything.
package tlsrpt

import (
	"context"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/registration"
)

// Facts are everything observed about one domain's TLS-RPT record.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run

	Lookup  dns.Lookup `json:"lookup"`  // TXT at _smtp._tls.<domain>
	Records []string   `json:"records"` // the candidates, joined
	Record  string     `json:"record"`  // the one in force, "" otherwise
	RUA     []string   `json:"rua"`     // every URI, as written
	Valid   bool       `json:"valid"`   // one record with at least one usable URI

	NearMiss     []string      `json:"near_miss"`    // texts there that were meant to be a record
	Elsewhere    []dns.Lookup  `json:"elsewhere"`    // TXT at names where records go by mistake, when none was found
	Registrable  *dns.Lookup   `json:"registrable"`  // NS of the domain that a dangling alias ends in
	Destinations []Destination `json:"destinations"` // the hosts of the usable URIs, each once

	Problems []Problem `json:"-"` // of Record

	unregistered bool // anybody could register that domain
}

// Destination is one host that reports go to.
type Destination struct {
	Host   dns.Name   `json:"host"`
	Scheme string     `json:"scheme"` // "mailto" or "https"
	MX     dns.Lookup `json:"mx"`     // of a mailto domain
	A      dns.Lookup `json:"a"`      // of an https host, or of a mail domain without MX
	AAAA   dns.Lookup `json:"aaaa"`
}

// maxDestinations bounds the look-ups that a record full of URIs can cause.
const maxDestinations = 8

// recordName is where the record of a domain lives.
func recordName(domain dns.Name) dns.Name { return domain.Child("_smtp._tls") }

// Gather asks for the record and its destinations. A failed look-up is a fact;
// the error is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name) (*Facts, error) {
	f := &Facts{
		Domain: domain, Records: []string{}, RUA: []string{}, NearMiss: []string{},
		Elsewhere: []dns.Lookup{}, Destinations: []Destination{},
	}
	f.Lookup = dns.Ask(ctx, r, recordName(domain), dns.TypeTXT)
	found := version.In(&f.Lookup)
	f.Records, f.NearMiss, f.Record = found.Records, found.NearMiss, found.Record
	if f.Record != "" {
		var rec *Record
		rec, f.Problems = Parse(f.Record)
		usable := 0
		for _, u := range rec.RUA {
			f.RUA = append(f.RUA, u.Text)
			if u.usable() {
				usable++
			}
		}
		f.Valid = usable > 0 && !hasFatal(f.Problems)
		f.askDestinations(ctx, r, rec)
	}
	f.lookAround(ctx, r)
	return f, ctx.Err()
}

func (f *Facts) askDestinations(ctx context.Context, r dns.Resolver, rec *Record) {
	type key struct {
		scheme string
		host   dns.Name
	}
	seen := map[key]bool{}
	for _, u := range rec.RUA {
		k := key{u.Scheme, u.Host}
		if !u.usable() || seen[k] || len(f.Destinations) == maxDestinations {
			continue
		}
		seen[k] = true
		f.Destinations = append(f.Destinations, Destination{Host: u.Host, Scheme: u.Scheme})
	}
	var wg sync.WaitGroup
	for i := range f.Destinations {
		d := &f.Destinations[i]
		if _, literal := literalAddr(d.Host); literal {
			continue
		}
		wg.Go(func() { d.ask(ctx, r) })
	}
	wg.Wait()
}

func (d *Destination) ask(ctx context.Context, r dns.Resolver) {
	if d.Scheme == "mailto" {
		// RFC 5321 §5.1: an address stands in for the MX only where there is none.
		d.MX = dns.Ask(ctx, r, d.Host, dns.TypeMX)
		if d.MX.State != dns.StateNoData {
			return
		}
	}
	d.A = dns.Ask(ctx, r, d.Host, dns.TypeA)
	d.AAAA = dns.Ask(ctx, r, d.Host, dns.TypeAAAA)
}

// lookAround asks where a record may have gone that is not where it should be,
// and whether the domain exists in which a dangling alias ends.
func (f *Facts) lookAround(ctx context.Context, r dns.Resolver) {
	if f.Lookup.Unknown() || len(f.Records) > 0 {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	if target, ok := registration.Dangling(&f.Lookup); ok {
		if org := registration.Domain(target); org != "" {
			wg.Go(func() {
				reg := registration.Ask(ctx, r, org)
				f.Registrable, f.unregistered = &reg.Lookup, reg.Open()
			})
		}
	}
	if len(f.NearMiss) > 0 {
		return
	}
	names := []dns.Name{f.Domain}
	for _, label := range []string{"_tlsrpt", "_smtp_tls", "_tls", "_smtp", "_smtp._tls." + f.Domain.String()} {
		names = append(names, f.Domain.Child(label))
	}
	f.Elsewhere = make([]dns.Lookup, len(names))
	for i, n := range names {
		wg.Go(func() { f.Elsewhere[i] = dns.Ask(ctx, r, n, dns.TypeTXT) })
	}
}
