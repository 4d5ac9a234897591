// Package dial opens the TCP connections of the HTTPS and SMTP clients. It
// refuses special-purpose addresses (an auditor must not be a way into its own
// network) and knows the connections that the user sends elsewhere
// (--connect-to, as curl's).
package dial

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/postseal/postseal/internal/special"
)

// Dialer opens connections. Its fields are set before first use; it is safe
// for concurrent use.
type Dialer struct {
	AllowPrivate bool       // special-purpose addresses may be dialled
	Redirects    []Redirect // first match wins
	Offline      bool       // nothing may be dialled at all

	// Open makes the connection to an address that may be dialled; nil: over TCP.
	Open func(context.Context, netip.AddrPort) (net.Conn, error)

	opened atomic.Int64
}

// Redirect sends connections to NAME:PORT to another address. Name is a host
// name or an IP literal, lower-case; "" matches any.
type Redirect struct {
	Name string
	Port uint16 // 0 matches any
	To   netip.AddrPort
}

// ParseRedirect reads NAME:PORT:ADDR:PORT. IPv6 literals stand in brackets;
// NAME and the first PORT may be empty and then match any.
func ParseRedirect(s string) (Redirect, error) {
	bad := fmt.Errorf("--connect-to %q is not NAME:PORT:ADDR:PORT (an IPv6 address stands in brackets)", s)
	name, rest, err := cutHost(s)
	if err != nil {
		return Redirect{}, bad
	}
	portText, to, ok := strings.Cut(rest, ":")
	if !ok {
		return Redirect{}, bad
	}
	var port uint64
	if portText != "" {
		if port, err = strconv.ParseUint(portText, 10, 16); err != nil {
			return Redirect{}, bad
		}
	}
	ap, err := netip.ParseAddrPort(to)
	if err != nil {
		return Redirect{}, fmt.Errorf("%w: %q is not an address and port", bad, to)
	}
	return Redirect{Name: strings.ToLower(strings.TrimSuffix(name, ".")), Port: uint16(port), To: ap}, nil
}

// String writes the redirect as ParseRedirect reads it.
func (r Redirect) String() string {
	name, port := r.Name, ""
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if r.Port != 0 {
		port = strconv.Itoa(int(r.Port))
	}
	return name + ":" + port + ":" + r.To.String()
}

func cutHost(s string) (host, rest string, err error) {
	if strings.HasPrefix(s, "[") {
		host, rest, ok := strings.Cut(s[1:], "]:")
		if !ok {
			return "", "", fmt.Errorf("no ]")
		}
		return host, rest, nil
	}
	host, rest, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", fmt.Errorf("no colon")
	}
	return host, rest, nil
}

// ErrSpecial says that an address was not dialled because of what it is.
type ErrSpecial struct {
	Addr  netip.Addr
	Block string
}

func (e *ErrSpecial) Error() string {
	return fmt.Sprintf("%s is a special-purpose address (%s) and was not contacted", e.Addr, e.Block)
}

// ErrOffline says that nothing may leave the machine.
var ErrOffline = fmt.Errorf("nothing may leave the machine (--offline)")

// Redirected gives where a connection goes that the user sent elsewhere.
func (d *Dialer) Redirected(host string, to netip.AddrPort) (netip.AddrPort, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, r := range d.Redirects {
		if r.Port != 0 && r.Port != to.Port() {
			continue
		}
		if r.Name == "" || r.Name == host || r.Name == to.Addr().String() {
			return r.To, true
		}
	}
	return netip.AddrPort{}, false
}

// Dial connects to one address of host. The error is an *ErrSpecial, ErrOffline
// or the system's own.
func (d *Dialer) Dial(ctx context.Context, host string, to netip.AddrPort) (net.Conn, error) {
	dest, redirected := d.Redirected(host, to)
	if !redirected {
		if d.Offline {
			return nil, ErrOffline
		}
		if block := special.Block(to.Addr()); block != "" && !d.AllowPrivate {
			return nil, &ErrSpecial{Addr: to.Addr(), Block: block}
		}
		dest = to
	}
	d.opened.Add(1)
	if d.Open != nil {
		return d.Open(ctx, dest)
	}
	var nd net.Dialer
	return nd.DialContext(ctx, "tcp", dest.String())
}

// Opened counts the connections tried so far.
func (d *Dialer) Opened() int { return int(d.opened.Load()) }

// RedirectedAddr is Redirected for an address that no name goes with.
func (d *Dialer) RedirectedAddr(to netip.AddrPort) (netip.AddrPort, bool) {
	return d.Redirected(to.Addr().String(), to)
}
