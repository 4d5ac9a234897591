package bimi

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"github.com/postseal/postseal/internal/fetch"
)

// connect tries the addresses one after the other, each with a fair share of
// the time. Silence on any of them leaves the whole untold.
func (h *HTTPFetcher) connect(ctx context.Context, host string, addrs []netip.Addr) (net.Conn, netip.Addr, error) {
	public, err := fetch.Public(h.dial, host, addrs, func(netip.Addr, string) {})
	if err != nil {
		return nil, netip.Addr{}, err
	}
	public = public[:min(len(public), maxAddresses)]
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var failed *fetch.Fault
	for i, a := range public {
		share := ctx
		if deadline, ok := ctx.Deadline(); ok {
			var stop context.CancelFunc
			share, stop = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(public)-i))
			defer stop()
		}
		conn, err := h.dial.Dial(share, host, netip.AddrPortFrom(a, fetch.Port))
		if err == nil {
			return conn, a, nil
		}
		if f := (&fetch.Fault{Word: fetch.DialWord(err), Err: err}); failed == nil || rank(f.Word) > rank(failed.Word) {
			failed = f
		}
	}
	return nil, netip.Addr{}, failed
}

// rank orders failures: what tells nothing about the host outweighs what does.
func rank(word string) int {
	switch word {
	case ErrTimeout:
		return 3
	case ErrConnect:
		return 2
	}
	return 1
}

// handshake speaks TLS and verifies the host's certificate as a web client does.
func (h *HTTPFetcher) handshake(ctx context.Context, raw net.Conn, host string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tlsTime)
	defer cancel()
	conn := tls.Client(raw, &tls.Config{
		ServerName: host, RootCAs: h.roots, MinVersion: tls.VersionTLS12, Time: h.now, NextProtos: []string{"http/1.1"},
	})
	err := conn.HandshakeContext(ctx)
	if err == nil {
		return conn, nil
	}
	if _, none := fetch.TrustedRoots(h.roots); none != nil {
		return nil, none
	}
	return nil, &fetch.Fault{Word: fetch.Word(err, ErrTLS), Err: err}
}
