package dns

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// Config says whom to ask and how.
type Config struct {
	// Servers are asked in this order: "system" (the default), "192.0.2.53",
	// "[2001:db8::1]:53", "tls://host[:port]" or "https://host/dns-query".
	Servers []string

	Timeout  time.Duration  // of one question, all tries together; 0 means 6 s
	TrustAD  bool           // believe AD from any server, not only over loopback, TLS and HTTPS
	RootCAs  *x509.CertPool // for tls:// and https://; nil means the system's
	Inflight int            // questions on the wire at once; 0 means 100
	Offline  bool           // ask nobody: every question is Kind Offline

	ResolvConf string // what "system" reads; "" means /etc/resolv.conf

	// Dial opens the connections of tls:// and https://; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultTimeout  = 6 * time.Second
	defaultInflight = 100
)

// transport puts one query to one server. The context bounds it all, try
// bounds the wait for a datagram. Errors are *Error without name and server.
type transport interface {
	exchange(ctx context.Context, q query, try time.Duration) (*mdns.Msg, error)
	Close()
}

// server is one upstream and what is known of it.
type server struct {
	name    string
	t       transport
	trusted bool // for AD

	silent atomic.Int32 // tries without a reply since the last reply
}

// newServers makes the upstreams of the specs.
func newServers(cfg *Config, sent *atomic.Int64) ([]*server, error) {
	specs := cfg.Servers
	if len(specs) == 0 {
		specs = []string{"system"}
	}
	var servers []*server
	for _, spec := range specs {
		var err error
		switch {
		case spec == "system":
			var system []*server
			system, err = systemServers(cfg, sent)
			servers = append(servers, system...)
		case strings.HasPrefix(spec, "tls://"):
			servers, err = appendServer(servers, spec, cfg, sent, newTLSServer)
		case strings.HasPrefix(spec, "https://"):
			servers, err = appendServer(servers, spec, cfg, sent, newHTTPSServer)
		default:
			var addr netip.AddrPort
			if addr, err = parseAddr(spec, 53); err == nil {
				servers = append(servers, plainServer(addr, cfg, sent))
			}
		}
		if err != nil {
			for _, s := range servers {
				s.t.Close()
			}
			return nil, err
		}
	}
	return servers, nil
}

type maker func(spec string, cfg *Config, sent *atomic.Int64) (transport, error)

func appendServer(servers []*server, spec string, cfg *Config, sent *atomic.Int64, make maker) ([]*server, error) {
	t, err := make(spec, cfg, sent)
	if err != nil {
		return servers, err
	}
	return append(servers, &server{name: spec, t: t, trusted: true}), nil
}

func plainServer(addr netip.AddrPort, cfg *Config, sent *atomic.Int64) *server {
	return &server{
		name:    addr.String(),
		t:       newUDP(addr, sent),
		trusted: cfg.TrustAD || addr.Addr().Unmap().IsLoopback(),
	}
}

func systemServers(cfg *Config, sent *atomic.Int64) ([]*server, error) {
	path := cfg.ResolvConf
	if path == "" {
		path = "/etc/resolv.conf"
	}
	conf, err := mdns.ClientConfigFromFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("dns: reading the system's name servers: %w", err)
	}
	var servers []*server
	if err == nil {
		port, err := strconv.ParseUint(conf.Port, 10, 16)
		if err != nil {
			port = 53
		}
		for _, s := range conf.Servers {
			if addr, err := netip.ParseAddr(s); err == nil {
				servers = append(servers, plainServer(netip.AddrPortFrom(addr, uint16(port)), cfg, sent))
			}
		}
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("dns: %s names no name server; name one, as 9.9.9.9 or tls://dns.quad9.net", path)
	}
	return servers, nil
}

// parseAddr reads an address with or without a port.
func parseAddr(s string, port uint16) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return netip.AddrPortFrom(a, port), nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() != 0 {
		return ap, nil
	}
	hint := ""
	if strings.Contains(s, "://") {
		hint = fmt.Sprintf(" (the scheme %q is not known)", s[:strings.Index(s, "://")])
	}
	return netip.AddrPort{}, fmt.Errorf(
		"dns: %q is no name server: give system, an address as 192.0.2.53 or [2001:db8::1]:53, tls://HOST[:PORT] or https://HOST/dns-query%s", s, hint)
}

// parseURL reads the host and port of a tls:// or https:// server.
func parseURL(spec, port string) (u *url.URL, hostport string, err error) {
	u, err = url.Parse(spec)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, "", fmt.Errorf("dns: %q is no name server: it has no host, or more than a host, a port and a path", spec)
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, "", fmt.Errorf("dns: %q is no name server: its port is not 1 to 65535", spec)
		}
		port = p
	}
	return u, net.JoinHostPort(u.Hostname(), port), nil
}

func (c *Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx, network, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// netError makes an *Error of what the system said.
func netError(err error) *Error {
	kind := Network
	var ne net.Error
	switch {
	case errors.Is(err, context.Canceled):
		kind = Cancelled
	case errors.As(err, &ne) && ne.Timeout(), errors.Is(err, context.DeadlineExceeded):
		kind = Timeout
	}
	detail := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		cause := op.Err
		if sys, ok := errors.AsType[*os.SyscallError](cause); ok {
			cause = sys.Err // it names the operation once more
		}
		detail = op.Op + ": " + cause.Error() // without our own port, which changes
	}
	if kind == Timeout {
		detail = "no reply"
	}
	return &Error{Kind: kind, Detail: detail, Err: err}
}
