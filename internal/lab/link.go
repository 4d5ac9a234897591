package lab

import (
	"net"
	"sync"
	"time"
)

// gate is a listener that keeps its open connections, so that closing it ends
// them too, and that can put a distance between them and the server.
type gate struct {
	net.Listener
	delay    time.Duration
	accepted func()

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	links  sync.WaitGroup
}

func newGate(ln net.Listener, delay time.Duration, accepted func()) *gate {
	return &gate{Listener: ln, delay: delay, accepted: accepted, open: map[net.Conn]bool{}}
}

func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		c.Close()
		return nil, net.ErrClosed
	}
	g.accepted()
	c = &kept{c, g}
	g.open[c] = true
	if g.delay > 0 {
		link := newLink(c, g.delay)
		g.links.Go(link.carry)
		return link, nil
	}
	return c, nil
}

// Close stops listening and ends the connections that are open. Wait for those
// who serve them, then for g.links.
func (g *gate) Close() error {
	err := g.Listener.Close()
	g.mu.Lock()
	g.closed = true
	var open []net.Conn
	for c := range g.open {
		open = append(open, c)
	}
	g.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
	return err
}

// kept is a connection that its gate knows of while it is open.
type kept struct {
	net.Conn
	gate *gate
}

func (k *kept) Close() error {
	k.gate.mu.Lock()
	delete(k.gate.open, k)
	k.gate.mu.Unlock()
	return k.Conn.Close()
}

// link is a connection over a distance. What the server writes arrives one
// delay later; the server does not wait meanwhile, as no server does. The
// first thing it writes takes two: the client's TCP handshake is instant here.
type link struct {
	net.Conn
	delay time.Duration

	mu     sync.Mutex
	begun  bool
	closed bool
	queue  chan packet
}

type packet struct {
	data []byte
	due  time.Time
}

// linkBacklog is how many writes can be under way: a dialogue has one or two.
const linkBacklog = 64

func newLink(c net.Conn, delay time.Duration) *link {
	return &link{Conn: c, delay: delay, queue: make(chan packet, linkBacklog)}
}

func (l *link) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, net.ErrClosed
	}
	due := time.Now().Add(l.delay)
	if !l.begun {
		due, l.begun = due.Add(l.delay), true
	}
	l.queue <- packet{append([]byte(nil), b...), due}
	return len(b), nil
}

// carry delivers what was written, then closes the connection. It ends after
// Close, at the latest one delay (of the greeting: two) later.
func (l *link) carry() {
	defer l.Conn.Close()
	broken := false
	for p := range l.queue {
		if broken {
			continue
		}
		time.Sleep(time.Until(p.due))
		_, err := l.Conn.Write(p.data)
		broken = err != nil
	}
}

// Close lets what was written arrive and returns at once.
func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	return nil
}
