// Package fetch is what the HTTPS clients of the standards share: which
// addresses may be contacted, one GET over a connection that is open already,
// and words for what went wrong. What each standard follows, refuses or verifies
// is its own policy and stands with it.
//
// The peer is a stranger. Nothing here reads without a limit, and nothing lasts
// longer than the deadlines that the caller set on the context and the connection.
package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/special"
)

// What can stop a fetch. Standards add words of their own.
const (
	Special  = "special-address" // every address is special-purpose; none was contacted
	Connect  = "connect"         // refused or reset
	Network  = "network"         // this machine has no way there: tells nothing about the host
	Timeout  = "timeout"         // a deadline passed
	TLS      = "tls"             // the handshake failed
	Roots    = "roots"           // no root certificates here: tells nothing about the host
	Headers  = "headers"         // response headers too large
	HTTP     = "http"            // no readable HTTP response, or the body broke off
	TooLarge = "too-large"       // the body goes beyond the limit
	Offline  = "offline"         // nothing may leave the machine
)

// UserAgent names us to the host, with a place to complain.
const UserAgent = "postseal (+https://github.com/postseal/postseal)"

// Port is the only one that is contacted.
const Port = 443

// maxHeader bounds the response headers, interim responses included.
const maxHeader = 32 << 10

// Fault is an error whose word is known.
type Fault struct {
	Word string
	Err  error
}

func (e *Fault) Error() string { return e.Err.Error() }
func (e *Fault) Unwrap() error { return e.Err }

// Word gives the word of an error: a fault's own, else Timeout or the other one.
func Word(err error, otherwise string) string {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Word
	}
	ne, ok := errors.AsType[net.Error](err)
	if ok && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Timeout
	}
	return otherwise
}

// DialWord is the word of an error of dial.Dialer.
func DialWord(err error) string {
	var sp *dial.ErrSpecial
	switch {
	case errors.As(err, &sp):
		return Special
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return Network // no route from here
	}
	return Word(err, Connect)
}

// Detail is an error's own words, at most so many characters of them.
func Detail(err error, limit int) string {
	s := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit])
	}
	return s
}

// Public gives the addresses that may be contacted, before anything is dialled.
// Each special-purpose one is told to skipped, with its block.
func Public(d *dial.Dialer, host string, addrs []netip.Addr, skipped func(a netip.Addr, block string)) ([]netip.Addr, error) {
	var public []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if _, redirected := d.Redirected(host, netip.AddrPortFrom(a, Port)); !redirected {
			if d.Offline {
				return nil, &Fault{Offline, dial.ErrOffline}
			}
			if block := special.Block(a); block != "" && !d.AllowPrivate {
				skipped(a, block)
				continue
			}
		}
		public = append(public, a)
	}
	if len(public) == 0 {
		return nil, &Fault{Special, errors.New("no public address")}
	}
	return public, nil
}

// TrustedRoots are the roots given, or the system's where they are nil; the
// error is a fault that says that there are none.
func TrustedRoots(given *x509.CertPool) (*x509.CertPool, error) {
	if given != nil {
		return given, nil
	}
	sys, err := x509.SystemCertPool()
	if err != nil || sys.Equal(x509.NewCertPool()) {
		return nil, &Fault{Roots, errors.New("this machine has no root certificates")}
	}
	return sys, nil
}

// Get sends one GET over a connection that speaks TLS already. It has a
// transport of its own: nothing is kept alive, cached, followed or unpacked, so
// that limits are on the octets of the wire. The caller closes body and connection.
func Get(ctx context.Context, conn net.Conn, url, accept string) (*http.Response, error) {
	used := false
	transport := &http.Transport{
		DisableCompression:     true,
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, &Fault{HTTP, err}
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", "identity")
	res, err := transport.RoundTrip(req)
	switch {
	case err == nil:
		return res, nil
	case passed(ctx):
		// A line that the deadline cut in two reads as a malformed one.
		return nil, &Fault{Timeout, context.DeadlineExceeded}
	case strings.Contains(err.Error(), "headers exceeded"):
		return nil, &Fault{Headers, fmt.Errorf("the response headers have more than %d octets", maxHeader)}
	}
	return nil, &Fault{Word(err, HTTP), err}
}

// Body reads a body, at most limit octets and one more, which tells that there
// is more.
func Body(ctx context.Context, res *http.Response, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	switch {
	case len(body) > limit:
		return body, &Fault{TooLarge, fmt.Errorf("the body has more than %d octets", limit)}
	case passed(ctx):
		// A body may seem to end well when our own closing makes the server stop.
		return body, &Fault{Timeout, context.DeadlineExceeded}
	case err != nil:
		return body, &Fault{Word(err, HTTP), err}
	}
	return body, nil
}

// passed tells whether the time is over. The connection's deadline may wake the
// reader a moment before the context knows of its own.
func passed(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
