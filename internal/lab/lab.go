// Package lab is a small mail world in one process, for `postseal demo` and for
// tests: DNS, mail hosts with personalities, MTA-STS policy hosts, and a CA that
// signs their certificates. Everything listens on free ports of 127.0.0.1 and
// nothing is asked of any other machine.
//
// # How it is reached
//
// The zones in worlds/ give hosts addresses that look public (5.6.7.25), because
// an auditor does not connect to loopback. Redirects sends each such address and
// port to the server that plays it, and everything else to a port that refuses:
//
//	l, err := lab.Start(ctx, lab.Options{})
//	defer l.Close()
//	d := &dial.Dialer{Redirects: l.Redirects()}
//	// resolver: l.DNSAddr(); certificates: l.Roots()
//
// Name servers answer on port 53 of their own addresses the same way, all from
// the one DNS server. Answers under lighthouse.example and
// dane-wrong.corner.example are DNSSEC-secure: they carry the AD bit, which a
// client believes because the server is on loopback.
//
// # Who lives there
//
// Domains are the four of the demo: one with everything right, one that is
// typical, one parked, one broken in most ways. Corners are small domains that
// each have one odd server: silent, busy, self-signed, a policy that redirects.
// Both say what an audit must find.
//
// # What it takes
//
// The mail hosts speak SMTP and refuse all mail. Stats counts connections and
// every MAIL, RCPT, DATA and AUTH command: a polite audit leaves those at 0.
package lab

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/dial"
)

// Options slow the lab down, to measure what an audit over real distances costs.
type Options struct {
	// DNSDelay passes between a question and its answer.
	DNSDelay time.Duration
	// SMTPDelay is the round trip to the mail hosts: it passes between what a
	// client sends and what it gets back, and once more before the greeting,
	// for the TCP handshake that loopback does not charge for.
	SMTPDelay time.Duration
}

// Lab is a running world. It is safe for concurrent use.
type Lab struct {
	dnsAddr   netip.AddrPort
	world     *dnstest.World
	ca        *authority
	redirects []dial.Redirect
	stats     counters

	closers []func()
	wg      sync.WaitGroup // of everything that accepts connections
	once    sync.Once

	mu      sync.Mutex
	unwatch func() bool // forget the context that Start was given
}

// Stats are what the lab's servers have seen so far.
type Stats struct {
	DNSQuestions    int
	HTTPSRequests   int
	SMTPConnections int
	Mail            int // MAIL, RCPT, DATA and BDAT commands: attempts to deliver
	Logins          int // AUTH commands
}

type counters struct{ https, smtp, mail, logins atomic.Int64 }

// refuses is where a redirect goes that must find nobody: tcpmux, which
// nothing has served for decades.
var refuses = netip.MustParseAddrPort("127.0.0.1:1")

// Start builds the world and its servers. They run until Close, or until the
// context ends.
func Start(ctx context.Context, opts Options) (*Lab, error) {
	l := &Lab{}
	if err := l.start(ctx, opts); err != nil {
		l.Close()
		return nil, fmt.Errorf("lab: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unwatch = context.AfterFunc(ctx, l.Close)
	return l, nil
}

func (l *Lab) start(ctx context.Context, opts Options) error {
	var err error
	if l.ca, err = newAuthority(time.Now()); err != nil {
		return err
	}
	if l.world, err = newWorld(l.ca); err != nil {
		return err
	}
	if err = l.startDNS(ctx, opts.DNSDelay); err != nil {
		return err
	}
	for _, h := range mailHosts {
		if err = l.startMailHost(ctx, h, opts.SMTPDelay); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
	}
	if err = l.startPolicies(ctx); err != nil {
		return err
	}
	l.redirects = append(l.redirects,
		dial.Redirect{Name: l.dnsAddr.Addr().String(), Port: l.dnsAddr.Port(), To: l.dnsAddr},
		dial.Redirect{To: refuses}) // whatever else: it must not leave the machine
	return nil
}

// DNSAddr is the address and port of the DNS server, UDP and TCP.
func (l *Lab) DNSAddr() netip.AddrPort { return l.dnsAddr }

// Roots are the certificates that the lab's own CA is trusted by.
func (l *Lab) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(l.ca.cert)
	return pool
}

// RootPEM is the certificate of the lab's CA as --ca-file reads it.
func (l *Lab) RootPEM() []byte { return l.ca.pem() }

// Redirects lead the public-looking addresses of the zones to the servers that
// play them. The last one catches every other connection and leads to a port
// that refuses, so that nothing leaves the machine.
func (l *Lab) Redirects() []dial.Redirect { return append([]dial.Redirect(nil), l.redirects...) }

// World is the DNS of the lab, to be asked in process.
func (l *Lab) World() *dnstest.World { return l.world }

// Stats are the counts so far.
func (l *Lab) Stats() Stats {
	return Stats{
		DNSQuestions:    l.world.Total(),
		HTTPSRequests:   int(l.stats.https.Load()),
		SMTPConnections: int(l.stats.smtp.Load()),
		Mail:            int(l.stats.mail.Load()),
		Logins:          int(l.stats.logins.Load()),
	}
}

// Close stops all servers and waits for them. A second call does nothing.
func (l *Lab) Close() {
	l.once.Do(func() {
		l.mu.Lock()
		if l.unwatch != nil {
			l.unwatch()
		}
		l.mu.Unlock()
		for i := len(l.closers) - 1; i >= 0; i-- {
			l.closers[i]()
		}
		l.wg.Wait()
	})
}

// listen opens a free port of the loopback interface.
func (l *Lab) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

// redirect leads port of every address in addrs to the listener.
func (l *Lab) redirect(addrs []netip.Addr, port uint16, ln net.Listener) {
	to := ln.Addr().(*net.TCPAddr).AddrPort()
	for _, a := range addrs {
		l.redirects = append(l.redirects, dial.Redirect{Name: a.String(), Port: port, To: to})
	}
}
