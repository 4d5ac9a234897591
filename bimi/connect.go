package bimi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/special"
)

// connect tries the addresses one after the other, each with a fair share of
// the time. Silence on any of them leaves the whole untold.
func (h *HTTPFetcher) connect(ctx context.Context, host string, addrs []netip.Addr) (net.Conn, netip.Addr, error) {
	var public []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		to := netip.AddrPortFrom(a, httpsPort)
		if _, redirected := h.dial.Redirected(host, to); !redirected {
			if h.dial.Offline {
				return nil, netip.Addr{}, &fault{ErrOffline, dial.ErrOffline}
			}
			if special.Block(a) != "" && !h.dial.AllowPrivate {
				continue
			}
		}
		public = append(public, a)
	}
	if len(public) == 0 {
		return nil, netip.Addr{}, &fault{ErrSpecial, errors.New("no public address")}
	}
	public = public[:min(len(public), maxAddresses)]
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var failed *fault
	for i, a := range public {
		share := ctx
		if deadline, ok := ctx.Deadline(); ok {
			var stop context.CancelFunc
			share, stop = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(public)-i))
			defer stop()
		}
		conn, err := h.dial.Dial(share, host, netip.AddrPortFrom(a, httpsPort))
		if err == nil {
			return conn, a, nil
		}
		if f := (&fault{dialWord(err), err}); failed == nil || rank(f.word) > rank(failed.word) {
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

func dialWord(err error) string {
	var sp *dial.ErrSpecial
	switch {
	case errors.As(err, &sp):
		return ErrSpecial
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return ErrNetwork // no route from here
	}
	return wordOr(err, ErrConnect)
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
	if h.roots == nil {
		if sys, e := x509.SystemCertPool(); e != nil || sys.Equal(x509.NewCertPool()) {
			return nil, &fault{ErrRoots, errors.New("this machine has no root certificates")}
		}
	}
	return nil, &fault{wordOr(err, ErrTLS), err}
}
