package bimi

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/fetch"
	"github.com/postseal/postseal/internal/tape"
)

// What can stop a fetch: Fetch.Error.
const (
	ErrName     = "name"         // the host does not exist or has no address
	ErrDNS      = "dns"          // its addresses could not be looked up: tells nothing about it
	ErrSpecial  = fetch.Special  // every address is special-purpose; none was contacted
	ErrConnect  = fetch.Connect  // refused or reset on every address
	ErrNetwork  = fetch.Network  // this machine has no way there: tells nothing about the host
	ErrTimeout  = fetch.Timeout  // no answer in time
	ErrTLS      = fetch.TLS      // no TLS, or a certificate that is not trusted
	ErrRoots    = fetch.Roots    // no root certificates here: tells nothing about the host
	ErrHTTP     = fetch.HTTP     // no readable HTTP response, or the body broke off
	ErrTooLarge = fetch.TooLarge // the body goes beyond what was asked for
	ErrRedirect = "redirect"     // more than three, or to something other than https
	ErrPort     = "port"         // another port than 443, which is not contacted
	ErrOffline  = fetch.Offline  // nothing may leave the machine, or the recording has no answer
)

// Fetcher gets one file over HTTPS. It never fails: what went wrong is in the Fetch.
type Fetcher interface {
	Fetch(ctx context.Context, r dns.Resolver, url string, limit int) *Fetch
}

// Fetch is one GET as it went, redirects included.
type Fetch struct {
	URL         string    `json:"url"`
	At          time.Time `json:"at"`
	Status      int       `json:"status"` // of the last response; 0 without one
	Error       string    `json:"error"`  // "" or what stopped it, one of the Err words
	Detail      string    `json:"detail"`
	Hops        []Hop     `json:"hops"` // each URL asked, in order
	ContentType string    `json:"content_type"`
	Size        int       `json:"size"` // octets on the wire
	Body        []byte    `json:"-"`
	TookMS      float64   `json:"took_ms"`
}

// Hop is one URL of a fetch.
type Hop struct {
	URL    string     `json:"url"`
	Addr   netip.Addr `json:"addr"` // connected to
	Status int        `json:"status"`
}

// ok tells whether the file is there, whole.
func (f *Fetch) ok() bool { return f != nil && f.Error == "" && f.Status == http.StatusOK }

// Limits of one fetch. The deadlines are absolute: a server that trickles does
// not stretch them.
const (
	connectTime  = 4 * time.Second
	tlsTime      = 6 * time.Second
	wholeTime    = 10 * time.Second
	maxRedirects = 3
	maxAddresses = 4
)

// HTTPFetcher fetches over HTTPS. It is safe for concurrent use.
type HTTPFetcher struct {
	Whole time.Duration // the deadline of one file

	dial     *dial.Dialer
	roots    *x509.CertPool
	now      func() time.Time
	tape     *tape.Tape
	requests atomic.Int64
}

// NewFetcher gives a fetcher that connects through d and trusts roots (nil: the
// system's) for HTTPS. A tape that plays answers instead of the network; one
// that records gets every fetch.
func NewFetcher(d *dial.Dialer, roots *x509.CertPool, now func() time.Time, tp *tape.Tape) *HTTPFetcher {
	return &HTTPFetcher{Whole: wholeTime, dial: d, roots: roots, now: now, tape: tp}
}

// Requests counts the connections that were opened, or were when it was recorded.
func (h *HTTPFetcher) Requests() int { return int(h.requests.Load()) }

type taped struct {
	Fetch *Fetch `json:"fetch"`
	Body  []byte `json:"body"`
}

// Fetch gets one file, at most limit octets of it.
func (h *HTTPFetcher) Fetch(ctx context.Context, r dns.Resolver, url string, limit int) *Fetch {
	f := h.played(ctx, r, url)
	if f == nil {
		f = &Fetch{URL: url, At: h.now().UTC().Truncate(time.Second), Hops: []Hop{}}
		began := h.now()
		inner, cancel := context.WithTimeout(ctx, h.Whole)
		err := h.follow(inner, r, f, limit)
		cancel()
		f.TookMS = float64(h.now().Sub(began).Microseconds()) / 1000
		if err != nil {
			f.Error, f.Detail = fetch.Word(err, ErrConnect), fetch.Detail(err, 200)
			if f.Error == fetch.Headers { // no finding tells it from other unreadable answers
				f.Error = ErrHTTP
			}
		}
		f.Size = len(f.Body)
		if ctx.Err() == nil { // a fetch that the user cut short is not what the host said
			_ = h.tape.Put("bimi", url, taped{f, f.Body})
		}
	}
	for _, hop := range f.Hops {
		if hop.Addr.IsValid() {
			h.requests.Add(1)
		}
	}
	return f
}

func (h *HTTPFetcher) played(ctx context.Context, r dns.Resolver, url string) *Fetch {
	if !h.tape.Playing() {
		return nil
	}
	var t taped
	ok, err := h.tape.Get("bimi", url, &t)
	if err != nil || !ok || t.Fetch == nil {
		why := "the recording has no answer for " + url
		if err != nil {
			why = err.Error()
		}
		return &Fetch{URL: url, Error: ErrOffline, Detail: why, Hops: []Hop{}}
	}
	t.Fetch.Body = t.Body
	for _, hop := range t.Fetch.Hops { // the questions of the recorded run
		if u, wrong := httpsURI(hop.URL); wrong == "" && ourPort(u) {
			_, _ = addresses(ctx, r, u.Hostname())
		}
	}
	return t.Fetch
}

// follow goes from URL to URL until a response is no redirect.
func (h *HTTPFetcher) follow(ctx context.Context, r dns.Resolver, f *Fetch, limit int) error {
	at := f.URL
	for range maxRedirects + 1 {
		u, wrong := httpsURI(at)
		if wrong != "" {
			return &fetch.Fault{Word: ErrRedirect, Err: fmt.Errorf("%q is not an https address with a host name", clipped(at))}
		}
		f.Hops = append(f.Hops, Hop{URL: at})
		location, err := h.get(ctx, r, f, u, limit)
		if err != nil || location == "" {
			return err
		}
		next, err := u.Parse(location)
		if err != nil {
			return &fetch.Fault{Word: ErrRedirect, Err: fmt.Errorf("the redirect to %q cannot be read", clipped(location))}
		}
		next.Fragment = ""
		at = next.String()
	}
	return &fetch.Fault{Word: ErrRedirect, Err: fmt.Errorf("more than %d redirects", maxRedirects)}
}

// get asks for one URL. It gives where a redirect leads.
func (h *HTTPFetcher) get(ctx context.Context, r dns.Resolver, f *Fetch, u *url.URL, limit int) (location string, err error) {
	if !ourPort(u) {
		return "", &fetch.Fault{Word: ErrPort, Err: fmt.Errorf("port %s", u.Port())}
	}
	hop := &f.Hops[len(f.Hops)-1]
	addrs, err := addresses(ctx, r, u.Hostname())
	if err != nil {
		return "", err
	}
	raw, addr, err := h.connect(ctx, u.Hostname(), addrs)
	if err != nil {
		return "", err
	}
	defer raw.Close()
	hop.Addr = addr
	if deadline, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	conn, err := h.handshake(ctx, raw, u.Hostname())
	if err != nil {
		return "", err
	}
	res, err := fetch.Get(ctx, conn, u.String(), "image/svg+xml, application/x-pem-file, */*;q=0.1")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	hop.Status, f.Status = res.StatusCode, res.StatusCode
	f.ContentType = clipped(res.Header.Get("Content-Type"))
	switch {
	case isRedirect(res.StatusCode) && res.Header.Get("Location") != "":
		return res.Header.Get("Location"), nil
	case res.StatusCode != http.StatusOK:
		return "", nil // nothing else counts, so nothing else is read
	}
	f.Body, err = fetch.Body(ctx, res, limit)
	if fetch.Word(err, "") == ErrTooLarge {
		f.Body = nil
	}
	return "", err
}

func ourPort(u *url.URL) bool { return u.Port() == "" || u.Port() == "443" }

func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// addresses asks for the addresses of a host, IPv4 first.
func addresses(ctx context.Context, r dns.Resolver, host string) ([]netip.Addr, error) {
	name, err := dns.ParseDomain(host)
	if err != nil {
		return nil, &fetch.Fault{Word: ErrName, Err: err}
	}
	var addrs []netip.Addr
	var unknown error
	for _, t := range []dns.Type{dns.TypeA, dns.TypeAAAA} {
		l := dns.Ask(ctx, r, name, t)
		if l.Unknown() {
			unknown = l.Error
		}
		for _, rec := range l.Records() {
			if len(addrs) < maxAddresses*2 {
				addrs = append(addrs, rec.Addr)
			}
		}
	}
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case unknown != nil:
		return nil, &fetch.Fault{Word: ErrDNS, Err: unknown}
	}
	return nil, &fetch.Fault{Word: ErrName, Err: fmt.Errorf("%s has no address", name)}
}
