package bimi

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
)

// What can stop a fetch: Fetch.Error.
const (
	ErrName     = "name"            // the host does not exist or has no address
	ErrDNS      = "dns"             // its addresses could not be looked up: tells nothing about it
	ErrSpecial  = "special-address" // every address is special-purpose; none was contacted
	ErrConnect  = "connect"         // refused or reset on every address
	ErrNetwork  = "network"         // this machine has no way there: tells nothing about the host
	ErrTimeout  = "timeout"         // no answer in time
	ErrTLS      = "tls"             // no TLS, or a certificate that is not trusted
	ErrRoots    = "roots"           // no root certificates here: tells nothing about the host
	ErrHTTP     = "http"            // no readable HTTP response, or the body broke off
	ErrTooLarge = "too-large"       // the body goes beyond what was asked for
	ErrRedirect = "redirect"        // more than three, or to something other than https
	ErrPort     = "port"            // another port than 443, which is not contacted
	ErrOffline  = "offline"         // nothing may leave the machine, or the recording has no answer
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

// OK tells whether the file is there, whole.
func (f *Fetch) OK() bool { return f != nil && f.Error == "" && f.Status == http.StatusOK }

// Limits of one fetch. The deadlines are absolute: a server that trickles does
// not stretch them.
const (
	connectTime  = 4 * time.Second
	tlsTime      = 6 * time.Second
	wholeTime    = 10 * time.Second
	maxRedirects = 3
	maxHeader    = 32 << 10
	maxAddresses = 4
	httpsPort    = 443
)

// UserAgent names us to the host, with a place to complain.
const UserAgent = "postseal (+https://github.com/postseal/postseal)"

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
			f.Error, f.Detail = word(err), detail(err)
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

// fault is an error whose word for Fetch.Error is known.
type fault struct {
	word string
	err  error
}

func (e *fault) Error() string { return e.err.Error() }
func (e *fault) Unwrap() error { return e.err }

// follow goes from URL to URL until a response is no redirect.
func (h *HTTPFetcher) follow(ctx context.Context, r dns.Resolver, f *Fetch, limit int) error {
	at := f.URL
	for range maxRedirects + 1 {
		u, wrong := httpsURI(at)
		if wrong != "" {
			return &fault{ErrRedirect, fmt.Errorf("%q is not an https address with a host name", clipped(at))}
		}
		f.Hops = append(f.Hops, Hop{URL: at})
		location, err := h.get(ctx, r, f, u, limit)
		if err != nil || location == "" {
			return err
		}
		next, err := u.Parse(location)
		if err != nil {
			return &fault{ErrRedirect, fmt.Errorf("the redirect to %q cannot be read", clipped(location))}
		}
		next.Fragment = ""
		at = next.String()
	}
	return &fault{ErrRedirect, fmt.Errorf("more than %d redirects", maxRedirects)}
}

// get asks for one URL. It gives where a redirect leads.
func (h *HTTPFetcher) get(ctx context.Context, r dns.Resolver, f *Fetch, u *url.URL, limit int) (location string, err error) {
	if !ourPort(u) {
		return "", &fault{ErrPort, fmt.Errorf("port %s", u.Port())}
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
	res, err := roundTrip(ctx, conn, u)
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
	f.Body, err = io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	switch {
	case len(f.Body) > limit:
		f.Body = nil
		return "", &fault{ErrTooLarge, fmt.Errorf("more than %d octets", limit)}
	case ctx.Err() != nil:
		return "", &fault{ErrTimeout, ctx.Err()}
	case err != nil:
		return "", &fault{wordOr(err, ErrHTTP), err}
	}
	return "", nil
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
		return nil, &fault{ErrName, err}
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
		return nil, &fault{ErrDNS, unknown}
	}
	return nil, &fault{ErrName, fmt.Errorf("%s has no address", name)}
}

// roundTrip sends one GET over the connection. Nothing is kept alive or followed.
func roundTrip(ctx context.Context, conn net.Conn, u *url.URL) (*http.Response, error) {
	used := false
	transport := &http.Transport{
		DisableCompression:     true, // the size limit must be on real octets
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			if used {
				return nil, errors.New("one connection is all there is")
			}
			used = true
			return conn, nil
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &fault{ErrHTTP, err}
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", "image/svg+xml, application/x-pem-file, */*;q=0.1")
	req.Header.Set("Accept-Encoding", "identity")
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, &fault{wordOr(err, ErrHTTP), err}
	}
	return res, nil
}

// word gives the Fetch.Error of an error.
func word(err error) string {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.word
	}
	return wordOr(err, ErrConnect)
}

func wordOr(err error, otherwise string) string {
	ne, ok := errors.AsType[net.Error](err)
	if ok && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return ErrTimeout
	}
	return otherwise
}

func detail(err error) string {
	s := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return s
}
