package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// udp asks one server over UDP, and over TCP what did not fit. Each query has
// a connected socket of its own while it is out; sockets are used again.
type udp struct {
	addr netip.AddrPort
	tcp  *stream
	sent *atomic.Int64

	plainCase atomic.Bool // the server does not keep the case of a question
	plainDNS  atomic.Bool // the server does not read EDNS

	mu     sync.Mutex
	idle   []*udpConn
	closed bool
}

type udpConn struct {
	net.Conn
	buf [4096]byte
}

// maxIdle bounds the sockets kept for the next questions.
const maxIdle = 128

func newUDP(addr netip.AddrPort, sent *atomic.Int64) *udp {
	return &udp{addr: addr, sent: sent, tcp: newStream(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr.String())
	}, sent)}
}

func (u *udp) Close() {
	u.mu.Lock()
	idle := u.idle
	u.idle, u.closed = nil, true
	u.mu.Unlock()
	for _, c := range idle {
		c.Conn.Close()
	}
	u.tcp.Close()
}

var (
	errCase = errors.New("the reply's question has another case")
	errEDNS = errors.New("the server does not read EDNS")
)

func (u *udp) exchange(ctx context.Context, q query, try time.Duration) (*mdns.Msg, error) {
	var m *mdns.Msg
	var err error
	for range 3 { // at most once more without each of the two niceties
		mixed, edns := !u.plainCase.Load(), !u.plainDNS.Load()
		m, err = u.once(ctx, q, try, mixed, edns)
		switch {
		case errors.Is(err, errCase):
			u.plainCase.Store(true)
			continue
		case errors.Is(err, errEDNS):
			u.plainDNS.Store(true)
			continue
		}
		break
	}
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
		if errors.Is(err, errCase) || errors.Is(err, errEDNS) {
			return nil, &Error{Kind: Malformed, Detail: err.Error(), Err: err}
		}
		return nil, netError(err)
	}
	if !m.Truncated {
		return m, nil
	}
	m, err = u.tcp.exchange(ctx, q, 0)
	if err != nil {
		return nil, truncated(err)
	}
	return m, nil
}

// truncated is the error when TCP did not give what UDP could not.
func truncated(err error) *Error {
	detail := err.Error()
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Kind == Cancelled {
			return e
		}
		detail = e.Detail
	}
	return &Error{Kind: Truncated, Detail: "over TCP: " + detail, Err: err}
}

// once sends one datagram and waits for its reply. Replies that do not match
// are dropped, as forged ones would be.
func (u *udp) once(ctx context.Context, q query, try time.Duration, mixed, edns bool) (*mdns.Msg, error) {
	name := q.name.FQDN()
	if mixed {
		name = mixCase(name)
	}
	id := newID()
	out, err := q.pack(id, name, edns)
	if err != nil {
		return nil, &Error{Kind: BadName, Detail: err.Error(), Err: err}
	}
	c, err := u.get(ctx)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(try)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := c.SetDeadline(deadline); err != nil {
		c.Conn.Close()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	m, err := u.talk(c, q, out, id, name, edns)
	if !stop() || err != nil {
		c.Conn.Close() // a late reply must not meet the next question
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		return m, err
	}
	u.put(c)
	return m, nil
}

func (u *udp) talk(c *udpConn, q query, out []byte, id uint16, name string, edns bool) (*mdns.Msg, error) {
	q.count(u.sent)
	if _, err := c.Write(out); err != nil {
		return nil, err
	}
	var garbage error
	for {
		n, err := c.Read(c.buf[:])
		if err != nil {
			if garbage != nil {
				return nil, &Error{Kind: Malformed, Detail: garbage.Error()}
			}
			return nil, err
		}
		in := c.buf[:n]
		if n < 12 {
			garbage = errors.New("a reply shorter than a header")
			continue
		}
		if uint16(in[0])<<8|uint16(in[1]) != id {
			continue
		}
		m := new(mdns.Msg)
		if err := m.Unpack(in); err != nil {
			if m.Response && m.Truncated && q.match(m, name) == matchExact {
				return m, nil // cut in the middle of a record: TCP has it whole
			}
			garbage = err
			continue
		}
		switch q.match(m, name) {
		case matchExact:
			if edns && m.IsEdns0() == nil && (m.Rcode == mdns.RcodeFormatError || m.Rcode == mdns.RcodeNotImplemented) {
				return nil, errEDNS // RFC 6891 §7
			}
			return unmix(in, m), nil
		case matchCase:
			return nil, errCase
		}
	}
}

func (u *udp) get(ctx context.Context) (*udpConn, error) {
	u.mu.Lock()
	if n := len(u.idle); n > 0 {
		c := u.idle[n-1]
		u.idle = u.idle[:n-1]
		u.mu.Unlock()
		return c, nil
	}
	u.mu.Unlock()
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", u.addr.String())
	if err != nil {
		return nil, err
	}
	return &udpConn{Conn: c}, nil
}

func (u *udp) put(c *udpConn) {
	u.mu.Lock()
	keep := !u.closed && len(u.idle) < maxIdle
	if keep {
		u.idle = append(u.idle, c)
	}
	u.mu.Unlock()
	if !keep {
		c.Conn.Close()
	}
}
