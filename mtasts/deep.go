package mtasts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Deep is what an audit does not ask by itself.
type Deep struct {
	EveryAddress bool       // get the policy from each address of the policy host
	Subdomains   []dns.Name // names below the domain that take mail, by the user's word
	Before       *Before    // what an earlier run saw
}

// Before is a policy that was in place earlier.
type Before struct {
	ID   string
	Body []byte
}

// Answer is the policy as one address serves it.
type Answer struct {
	*Fetch
	asked netip.Addr
}

// Subdomain is a name that takes mail and may have a policy of its own: none is
// inherited (RFC 8461 §3.4).
type Subdomain struct {
	Name   dns.Name
	MX     dns.Lookup
	Record dns.Lookup
	A      dns.Lookup // where there is no MX
	AAAA   dns.Lookup
}

// Bounds of what the user may ask for.
const (
	maxAnswers    = 16
	maxSubdomains = 100
)

// Deepen asks what d wants over the facts of Gather. The error is only that of
// a cancelled context.
func (f *Facts) Deepen(ctx context.Context, r dns.Resolver, fetcher Fetcher, d Deep) error {
	f.Before = d.Before
	var wg sync.WaitGroup
	f.Subdomains = make([]Subdomain, min(len(d.Subdomains), maxSubdomains))
	for i := range f.Subdomains {
		s := &f.Subdomains[i]
		s.Name = d.Subdomains[i]
		wg.Go(func() { s.ask(ctx, r) })
	}
	if addrs := f.addresses(); d.EveryAddress && fetcher != nil && len(f.Records) > 0 && len(addrs) > 0 {
		f.Answers = make([]Answer, min(len(addrs), maxAnswers))
		wg.Go(func() { // one after the other: they are one host's
			for i := range f.Answers {
				f.Answers[i] = Answer{fetcher.FetchPolicy(ctx, f.Domain, addrs[i:i+1]), addrs[i]}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (s *Subdomain) ask(ctx context.Context, r dns.Resolver) {
	s.Record = dns.Ask(ctx, r, RecordName(s.Name), dns.TypeTXT)
	s.MX = dns.Ask(ctx, r, s.Name, dns.TypeMX)
	if s.MX.State == dns.StateNoData { // RFC 5321 §5.1: the address stands in
		s.A = dns.Ask(ctx, r, s.Name, dns.TypeA)
		s.AAAA = dns.Ask(ctx, r, s.Name, dns.TypeAAAA)
	}
}

// receives tells whether the subdomain takes mail; unsure is why that could not
// be told.
func (s *Subdomain) receives() (receives bool, unsure *dns.Error) {
	switch {
	case s.MX.Unknown():
		return false, s.MX.Error
	case s.MX.Found():
		recs := s.MX.Records()
		return len(recs) != 1 || recs[0].Host != dns.Root, nil // RFC 7505
	case s.A.Found() || s.AAAA.Found():
		return true, nil
	case s.A.Unknown():
		return false, s.A.Error
	case s.AAAA.Unknown():
		return false, s.AAAA.Error
	}
	return false, nil
}

// served tells whether the fetch brought a file.
func (t *Fetch) served() bool { return t.Error == "" && t.Status == 200 }

// hash is that of the policy served, "" without one.
func (t *Fetch) hash() string {
	if !t.served() {
		return ""
	}
	return bodyHash(t.Body)
}

// bodyHash is the SHA-256 of a policy file whose line ends are LF and whose
// last line is ended: files that differ in nothing else say the same.
func bodyHash(body []byte) string {
	body = bytes.TrimRight(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "\n")
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
