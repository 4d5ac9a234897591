package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/postseal/postseal/internal/fetch"
)

const (
	maxPerFamily = 4                      // addresses tried of each family
	headStart    = 250 * time.Millisecond // of IPv6, RFC 8305 §5
)

// connect races the two families and gives the first connection. Addresses
// that the audit must not contact are told before anything is dialled, so that
// what is reported does not depend on who wins.
func (g *get) connect(ctx context.Context, addrs []netip.Addr) (net.Conn, error) {
	public, err := fetch.Public(g.dial, g.host, addrs, func(a netip.Addr, block string) {
		g.f.Attempts = append(g.f.Attempts, Attempt{Addr: a, Error: ErrSpecial, Detail: block})
	})
	if err != nil {
		return nil, err
	}
	var v6, v4 []netip.Addr
	for _, a := range public {
		if a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, g.Limits.Connect)
	defer cancel()
	r := &race{get: g, ctx: ctx, cancel: cancel}
	v6Done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(v6Done)
		r.try(v6[:min(len(v6), maxPerFamily)])
	})
	wg.Go(func() {
		if len(v6) > 0 {
			select {
			case <-v6Done:
			case <-ctx.Done():
			case <-time.After(headStart):
			}
		}
		r.try(v4[:min(len(v4), maxPerFamily)])
	})
	wg.Wait()
	slices.SortStableFunc(g.f.Attempts, func(a, b Attempt) int { return a.Addr.Compare(b.Addr) })
	if r.conn != nil {
		g.f.Addr = r.addr
		return r.conn, nil
	}
	return nil, r.failure()
}

// race is the attempts at one host; the first connection wins.
type race struct {
	*get
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex
	conn net.Conn
	addr netip.Addr
}

// try dials addresses one after the other, each with a fair share of the time
// that is left.
func (r *race) try(addrs []netip.Addr) {
	for i, a := range addrs {
		ctx := r.ctx
		if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil {
			share := time.Until(deadline) / time.Duration(len(addrs)-i)
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, share)
			defer cancel()
		}
		conn, err := r.dial.Dial(ctx, r.host, netip.AddrPortFrom(a, fetch.Port))
		if r.keep(a, conn, err) {
			return
		}
	}
}

// keep notes the outcome of one attempt; true ends the family's turn.
func (r *race) keep(a netip.Addr, conn net.Conn, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := Attempt{Addr: a}
	won := r.conn != nil
	switch {
	case err == nil && won:
		conn.Close() // it did answer
	case err == nil:
		r.conn, r.addr = conn, a
		r.cancel()
	case won && (errors.Is(err, context.Canceled) || r.ctx.Err() != nil):
		at.Error, at.Detail = "cancelled", "another address answered first"
	default:
		at.Error, at.Detail = fetch.DialWord(err), dialDetail(err)
	}
	r.f.Attempts = append(r.f.Attempts, at)
	return r.conn != nil
}

// failure sums up attempts none of which connected. Silence anywhere leaves the
// whole untold: something silent is unknown, something that refuses is an answer.
func (r *race) failure() error {
	words := map[string]bool{}
	var details []string
	for _, at := range r.f.Attempts {
		if at.Error == ErrSpecial {
			continue
		}
		words[at.Error] = true
		details = append(details, fmt.Sprintf("%s: %s", at.Addr, at.Detail))
	}
	err := errors.New(strings.Join(details, "; "))
	for _, w := range []string{ErrTimeout, "cancelled", ErrConnect, ErrNetwork} {
		if words[w] {
			if w == "cancelled" {
				w = ErrTimeout
			}
			return &fetch.Fault{Word: w, Err: err}
		}
	}
	return &fetch.Fault{Word: ErrNetwork, Err: err}
}

func dialDetail(err error) string {
	if se, ok := errors.AsType[syscall.Errno](err); ok {
		return se.Error()
	}
	if fetch.Word(err, "") == ErrTimeout {
		return "no answer in time"
	}
	return fetch.Detail(err, 300)
}

// handshake speaks TLS with the policy host's name as SNI (RFC 8461 §7.1) and
// verifies the certificate itself, so that its facts are kept whatever fails.
func (g *get) handshake(ctx context.Context, raw net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, g.Limits.TLS)
	defer cancel()
	conn := tls.Client(raw, &tls.Config{
		ServerName:         g.host,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // verify judges below
		NextProtos:         []string{"http/1.1"},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, g.handshakeFault(ctx, err)
	}
	state := conn.ConnectionState()
	g.f.TLSVersion = tls.VersionName(state.Version)
	c, err := verify(state.PeerCertificates, g.roots, g.host, g.now())
	g.f.Certificate = c
	switch {
	case err != nil:
		return nil, err
	case c.Verdict != VerdictOK:
		return nil, &fetch.Fault{Word: ErrCertificate, Err: errors.New(c.Detail)} // RFC 8461 §3.3: the fetch fails
	}
	return conn, nil
}

// handshakeFault tells a server that only speaks old TLS from one that fails.
func (g *get) handshakeFault(ctx context.Context, err error) error {
	if strings.Contains(err.Error(), "unsupported protocol version") {
		return &fetch.Fault{Word: ErrTLSVersion, Err: err} // it answered with an old version of its own accord
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" && g.speaksOldTLS(ctx) {
		return &fetch.Fault{Word: ErrTLSVersion, Err: err}
	}
	return &fetch.Fault{Word: fetch.Word(err, ErrTLS), Err: err}
}

// speaksOldTLS connects once more and offers TLS 1.0 and 1.1 only. No request
// is sent.
func (g *get) speaksOldTLS(ctx context.Context) bool {
	raw, err := g.dial.Dial(ctx, g.host, netip.AddrPortFrom(g.f.Addr, fetch.Port))
	if err != nil {
		return false
	}
	defer raw.Close()
	var suites []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		suites = append(suites, s.ID)
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: g.host, InsecureSkipVerify: true, CipherSuites: suites,
		MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	return conn.HandshakeContext(ctx) == nil
}
