package mtasts

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/fetch"
	"github.com/postseal/postseal/internal/tape"
)

// What can stop a fetch: Fetch.Error.
const (
	ErrSpecial     = fetch.Special  // every address is special-purpose; none was contacted
	ErrConnect     = fetch.Connect  // refused or reset on every address
	ErrNetwork     = fetch.Network  // this machine has no way there: tells nothing about the host
	ErrTimeout     = fetch.Timeout  // the deadline of Fetch.Phase passed
	ErrTLS         = fetch.TLS      // the handshake failed
	ErrTLSVersion  = "tls-version"  // only TLS 1.0 or 1.1 is spoken
	ErrCertificate = "certificate"  // Cert.Verdict says how
	ErrRoots       = fetch.Roots    // no root certificates here: tells nothing about the host
	ErrHeaders     = fetch.Headers  // response headers too large
	ErrHTTP        = fetch.HTTP     // no readable HTTP response, or the body broke off
	ErrTooLarge    = fetch.TooLarge // the body goes beyond MaxPolicySize
	ErrOffline     = fetch.Offline  // nothing may leave the machine, or the recording has no answer
)

// The phases of a fetch: Fetch.Phase.
const (
	PhaseConnect = "connect"
	PhaseTLS     = "tls"
	PhaseHeaders = "headers"
	PhaseBody    = "body"
	PhaseDone    = "done"
)

// Fetch is one GET of the policy file as it went.
type Fetch struct {
	URL         string     `json:"url"`
	At          time.Time  `json:"at"`     // when it began, UTC
	Status      int        `json:"status"` // HTTP status; 0 without a response
	Error       string     `json:"error"`  // "" or what stopped it, one of the Err words
	Detail      string     `json:"detail"` // the system's words
	Phase       string     `json:"phase"`  // how far it came: "connect", "tls", "headers", "body", "done"
	Addr        netip.Addr `json:"addr"`   // connected to
	Attempts    []Attempt  `json:"attempts"`
	TLSVersion  string     `json:"tls_version"`
	ContentType string     `json:"content_type"`
	Location    string     `json:"location"` // of a redirect, never followed
	Body        []byte     `json:"-"`        // at most 64 KiB + 1
	Text        string     `json:"body"`     // Body for reports, invalid UTF-8 replaced
	Certificate *Cert      `json:"certificate"`
	TookMS      float64    `json:"took_ms"`
}

// Attempt is one address of the policy host.
type Attempt struct {
	Addr   netip.Addr `json:"addr"`
	Error  string     `json:"error"`  // "" connected, "connect", "timeout", "network", "special-address", "cancelled"
	Detail string     `json:"detail"` // the system's words, or the block of a special-purpose address
}

// Limits are the deadlines of one fetch, all absolute: a server that trickles
// does not stretch them.
type Limits struct {
	Connect, TLS, Whole time.Duration
}

// usualLimits are the deadlines of a new fetcher.
var usualLimits = Limits{Connect: 4 * time.Second, TLS: 8 * time.Second, Whole: 20 * time.Second}

// PatientLimits are those of an audit that waits for slow hosts. The whole is
// the minute that RFC 8461 §3.3 suggests.
var PatientLimits = Limits{Connect: 10 * time.Second, TLS: 10 * time.Second, Whole: 60 * time.Second}

// HTTPFetcher fetches policy files over HTTPS. Its fields are set before first
// use; it is safe for concurrent use.
type HTTPFetcher struct {
	Limits Limits

	dial     *dial.Dialer
	roots    *x509.CertPool
	now      func() time.Time
	tape     *tape.Tape
	requests atomic.Int64
}

// NewFetcher gives a fetcher that connects through d and trusts roots (nil: the
// system's). A tape that plays answers instead of the network; one that records
// gets every fetch. A nil tape does neither.
func NewFetcher(d *dial.Dialer, roots *x509.CertPool, now func() time.Time, tp *tape.Tape) *HTTPFetcher {
	return &HTTPFetcher{Limits: usualLimits, dial: d, roots: roots, now: now, tape: tp}
}

// Requests counts the policy fetches that contacted a host, or would have when
// they were recorded.
func (h *HTTPFetcher) Requests() int { return int(h.requests.Load()) }

// taped is a Fetch with what its JSON leaves out.
type taped struct {
	Fetch *Fetch `json:"fetch"`
	Body  []byte `json:"body"`
}

// FetchPolicy gets the policy file of domain from one of the addresses. It
// never fails: what went wrong is in the Fetch.
func (h *HTTPFetcher) FetchPolicy(ctx context.Context, domain dns.Name, addrs []netip.Addr) *Fetch {
	url := PolicyURL(domain)
	f := h.played(url)
	if f == nil {
		g := &get{HTTPFetcher: h, host: PolicyHost(domain).String(),
			f: &Fetch{URL: url, At: h.now().UTC().Truncate(time.Second), Attempts: []Attempt{}}}
		g.run(ctx, addrs)
		f = g.f
		if ctx.Err() == nil { // a fetch that the user cut short is not what the host said
			_ = h.tape.Put("https", url, taped{f, f.Body})
		}
	}
	if f.Error != ErrOffline && f.Error != ErrSpecial {
		h.requests.Add(1)
	}
	return f
}

func (h *HTTPFetcher) played(url string) *Fetch {
	if !h.tape.Playing() {
		return nil
	}
	var t taped
	ok, err := h.tape.Get("https", url, &t)
	if err != nil || !ok || t.Fetch == nil {
		detail := "the recording has no answer for " + url
		if err != nil {
			detail = err.Error()
		}
		return &Fetch{URL: url, Error: ErrOffline, Detail: detail, Phase: PhaseConnect, Attempts: []Attempt{}}
	}
	t.Fetch.Body = t.Body
	return t.Fetch
}

// get is one fetch under way.
type get struct {
	*HTTPFetcher
	host string
	f    *Fetch
}

func (g *get) run(ctx context.Context, addrs []netip.Addr) {
	began := g.now()
	ctx, cancel := context.WithTimeout(ctx, g.Limits.Whole)
	defer cancel()
	g.f.Phase = PhaseConnect
	err := g.fetch(ctx, addrs)
	g.f.TookMS = float64(g.now().Sub(began).Microseconds()) / 1000
	g.f.Text = strings.ToValidUTF8(string(g.f.Body), "\uFFFD")
	if err == nil {
		g.f.Phase = PhaseDone
		return
	}
	g.f.Error, g.f.Detail = fetch.Word(err, ErrConnect), fetch.Detail(err, 300)
}

func (g *get) fetch(ctx context.Context, addrs []netip.Addr) error {
	raw, err := g.connect(ctx, addrs)
	if err != nil {
		return err
	}
	// Everything on this connection ends with the whole deadline, whatever the
	// HTTP client thinks of it.
	deadline, _ := ctx.Deadline()
	defer raw.Close()
	if err := raw.SetDeadline(deadline); err != nil {
		return err
	}
	g.f.Phase = PhaseTLS
	conn, err := g.handshake(ctx, raw)
	if err != nil {
		return err
	}
	g.f.Phase = PhaseHeaders
	res, err := fetch.Get(ctx, conn, g.f.URL, "text/plain")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	g.f.Status = res.StatusCode
	g.f.ContentType = res.Header.Get("Content-Type")
	g.f.Location = res.Header.Get("Location")
	g.f.Phase = PhaseBody
	if res.StatusCode != http.StatusOK {
		return nil // RFC 8461 §3.3: nothing but 200 counts, so nothing else is read
	}
	g.f.Body, err = fetch.Body(ctx, res, MaxPolicySize)
	return err
}
