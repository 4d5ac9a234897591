package dns

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// stream asks one server over TCP or TLS: one connection at a time, queries
// pipelined, replies in any order (RFC 7766 §6.2.1.1, RFC 7858 §3.3).
type stream struct {
	dial func(context.Context) (net.Conn, error)
	sent *atomic.Int64

	turn    chan struct{} // held while conn is looked at or dialled
	conn    *streamConn
	closed  bool
	readers sync.WaitGroup
}

// streamTries makes the wait for a datagram one for a connection, which has its
// handshakes to make and loses nothing on the way.
const streamTries = 3

func newStream(dial func(context.Context) (net.Conn, error), sent *atomic.Int64) *stream {
	return &stream{dial: dial, sent: sent, turn: make(chan struct{}, 1)}
}

// newTLSServer is DNS over TLS. A host name is looked up by the system.
func newTLSServer(spec string, cfg *Config, sent *atomic.Int64) (transport, error) {
	u, hostport, err := parseURL(spec, "853")
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{ServerName: u.Hostname(), RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12}
	dial := func(ctx context.Context) (net.Conn, error) {
		c, err := cfg.dial(ctx, "tcp", hostport)
		if err != nil {
			return nil, err
		}
		tc := tls.Client(c, conf)
		if err := tc.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, err
		}
		return tc, nil
	}
	return newStream(dial, sent), nil
}

func (s *stream) Close() {
	s.turn <- struct{}{}
	if s.conn != nil {
		s.conn.fail(net.ErrClosed)
	}
	s.closed = true
	<-s.turn
	s.readers.Wait()
}

func (s *stream) exchange(ctx context.Context, q query, try time.Duration) (*mdns.Msg, error) {
	if try > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, streamTries*try)
		defer cancel()
	}
	for {
		c, fresh, err := s.get(ctx)
		if err != nil {
			return nil, netError(err)
		}
		m, err := c.ask(ctx, q, s.sent)
		switch {
		case err == nil:
			return m, nil
		case !fresh && c.broken() != nil && ctx.Err() == nil:
			continue // RFC 7766 §6.2.4: servers close idle connections at any time
		}
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
		return nil, netError(err)
	}
}

// get gives the connection, a fresh one where there is none.
func (s *stream) get(ctx context.Context) (c *streamConn, fresh bool, err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if s.closed {
		return nil, false, net.ErrClosed
	}
	if s.conn != nil && s.conn.broken() == nil {
		return s.conn, false, nil
	}
	nc, err := s.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	s.conn = &streamConn{Conn: nc, waiting: map[uint16]chan []byte{}}
	s.readers.Go(s.conn.read)
	return s.conn, true, nil
}

// streamConn is one connection with its reader.
type streamConn struct {
	net.Conn
	wmu sync.Mutex // one message at a time

	mu      sync.Mutex
	waiting map[uint16]chan []byte
	err     error // why no more replies will come
	replies int
	strays  int // of them, those that nobody waited for
}

// maxStrays bounds the replies that nobody waits for: some are late, more of
// them are a flood that would keep the reader busy for ever.
const maxStrays = 1000

// read hands each reply to who waits for it, until the connection ends.
func (c *streamConn) read() {
	var size [2]byte
	for {
		if _, err := io.ReadFull(c.Conn, size[:]); err != nil {
			c.fail(err)
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c.Conn, b); err != nil {
			c.fail(err)
			return
		}
		if len(b) < 12 {
			c.fail(&Error{Kind: Malformed, Detail: "a reply shorter than a header"})
			return
		}
		id := binary.BigEndian.Uint16(b)
		c.mu.Lock()
		c.replies++
		if ch := c.waiting[id]; ch != nil {
			delete(c.waiting, id)
			ch <- b // never blocks: room for the one reply
		} else {
			c.strays++
		}
		flood := c.strays > maxStrays
		c.mu.Unlock()
		if flood {
			c.fail(&Error{Kind: Malformed, Detail: "replies that nobody asked for"})
			return
		}
	}
}

func (c *streamConn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.Conn.Close()
	for id, ch := range c.waiting {
		delete(c.waiting, id)
		close(ch)
	}
}

func (c *streamConn) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *streamConn) ask(ctx context.Context, q query, sent *atomic.Int64) (*mdns.Msg, error) {
	id, ch, seen, err := c.enter()
	if err != nil {
		return nil, err
	}
	name := q.name.FQDN()
	out, err := q.pack(id, name, true)
	if err != nil {
		c.leave(id)
		return nil, &Error{Kind: BadName, Detail: err.Error(), Err: err}
	}
	q.count(sent)
	if err := c.send(ctx, out); err != nil {
		c.fail(err)
		return nil, err
	}
	select {
	case b, ok := <-ch:
		if !ok {
			return nil, c.broken()
		}
		m := new(mdns.Msg)
		if err := m.Unpack(b); err != nil {
			return nil, &Error{Kind: Malformed, Detail: err.Error(), Err: err}
		}
		if q.match(m, name) == matchNone {
			return nil, &Error{Kind: Malformed, Detail: "the reply is for another question"}
		}
		return m, nil
	case <-ctx.Done():
		if c.leave(id) == seen && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			c.fail(ctx.Err()) // nothing came at all: the next question dials anew
		}
		return nil, ctx.Err()
	}
}

// enter waits for a reply under a free ID; seen is how many replies came so far.
func (c *streamConn) enter() (id uint16, ch chan []byte, seen int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, 0, c.err
	}
	for id = newID(); c.waiting[id] != nil; id++ {
	}
	ch = make(chan []byte, 1)
	c.waiting[id] = ch
	return id, ch, c.replies, nil
}

func (c *streamConn) leave(id uint16) (replies int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
	return c.replies
}

func (c *streamConn) send(ctx context.Context, m []byte) error {
	b := make([]byte, 2+len(m))
	binary.BigEndian.PutUint16(b, uint16(len(m)))
	copy(b[2:], m)
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if d, ok := ctx.Deadline(); ok {
		if err := c.SetWriteDeadline(d); err != nil {
			return err
		}
	}
	_, err := c.Write(b)
	return err
}
