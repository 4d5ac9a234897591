package dns

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// Client asks recursive resolvers. It retries what may pass, never a denial,
// and keeps nothing: see Run for the cache. It is safe for concurrent use.
type Client struct {
	servers []*server
	timeout time.Duration
	slots   chan struct{}
	offline bool

	sent atomic.Int64

	// A resolver that never answered is not waited for again and again:
	// lost counts questions without any reply, probe is when one may try.
	answered atomic.Bool
	lost     atomic.Int32
	probe    atomic.Int64 // Unix nanoseconds
}

const (
	maxTries  = 3
	maxLost   = 3               // lost questions after which a silent resolver counts as dead
	probeWait = 2 * time.Second // between two questions to a dead resolver
)

// New makes a client of the servers; Close it after use. It does not go to the
// network yet.
func New(cfg Config) (*Client, error) {
	c := &Client{timeout: cfg.Timeout, offline: cfg.Offline}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	inflight := cfg.Inflight
	if inflight <= 0 {
		inflight = defaultInflight
	}
	c.slots = make(chan struct{}, inflight)
	if cfg.Offline {
		return c, nil
	}
	var err error
	c.servers, err = newServers(&cfg, &c.sent)
	return c, err
}

// Close closes the connections. No question may be under way.
func (c *Client) Close() {
	for _, s := range c.servers {
		s.t.Close()
	}
}

// Packets counts the messages sent so far: datagrams, and messages over
// connections.
func (c *Client) Packets() int64 { return c.sent.Load() }

// Resolve asks the servers. A CNAME chain that the reply leaves open is
// followed by further questions.
func (c *Client) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	return Follow(ctx, name, qtype, func(n Name) (Step, error) {
		return c.question(ctx, query{name: n, qtype: qtype, recurse: true, cd: checkingDisabled(ctx)})
	})
}

// question puts one question to one server after the other until one answers.
func (c *Client) question(ctx context.Context, q query) (Step, error) {
	fail := func(e *Error) (Step, error) {
		e.Name, e.Type = q.name, q.qtype
		return Step{}, e
	}
	if c.offline {
		return fail(&Error{Kind: Offline, Detail: "the network is not used"})
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fail(netError(ctx.Err()))
	}
	if c.dead() {
		return fail(&Error{Kind: Timeout, Server: c.servers[0].name, Detail: "the resolver has answered nothing so far"})
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, e := c.try(limited, q)
	if ctx.Err() != nil && e != nil {
		e = netError(ctx.Err())
	}
	if e == nil {
		return s, nil
	}
	if e.Kind == Timeout && ctx.Err() == nil {
		c.lost.Add(1)
	}
	return fail(e)
}

// try asks up to three times: each server in turn, and one that was silent or
// failed once more.
func (c *Client) try(ctx context.Context, q query) (Step, *Error) {
	q.sent = new(atomic.Int32)
	left := slices.Clone(c.servers)
	slices.SortStableFunc(left, func(a, b *server) int {
		return btoi(a.silent.Load() >= maxTries) - btoi(b.silent.Load() >= maxTries)
	})
	var worst *Error
	for i := range maxTries {
		if len(left) == 0 || (i > 0 && ctx.Err() != nil) {
			break
		}
		srv := left[0]
		left = left[1:]
		s, e := c.ask(ctx, srv, q, c.timeout*time.Duration(i+1)/6)
		if e == nil {
			s.packets = int(q.sent.Load())
			return s, nil
		}
		e.Server = srv.name
		if worst == nil || rank[e.Kind] > rank[worst.Kind] {
			worst = e
		}
		if e.Kind == Timeout || (e.Kind == ServFail && i == 0) {
			left = append(left, srv)
		}
		if e.Kind == Truncated || e.Kind == BadName {
			break
		}
	}
	worst.Packets = int(q.sent.Load())
	return Step{}, worst
}

// rank orders failures by how much they tell.
var rank = map[Kind]int{Network: 1, Timeout: 2, Malformed: 3, Lame: 4, Refused: 5, ServFail: 6, Truncated: 7, BadName: 8, Cancelled: 9}

func (c *Client) ask(ctx context.Context, srv *server, q query, try time.Duration) (Step, *Error) {
	begin := time.Now()
	m, err := srv.t.exchange(ctx, q, try)
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = netError(err)
		}
		if e.Kind == Timeout {
			srv.silent.Add(1)
		}
		return Step{}, e
	}
	srv.silent.Store(0)
	c.answered.Store(true)
	if e := failureOf(m); e != nil {
		return Step{}, e
	}
	if m.Truncated { // over the way that has no limit: part of an answer denies nothing
		return Step{}, &Error{Kind: Truncated, Detail: "the reply says that it is not whole"}
	}
	if !q.recurse && !m.Authoritative {
		return Step{}, &Error{Kind: Lame, Detail: "the answer is not authoritative"}
	}
	s, e := stepOf(m, q)
	if e != nil {
		return Step{}, e
	}
	s.Server, s.Trusted, s.took = srv.name, srv.trusted, time.Since(begin)
	s.Secure = s.Secure && srv.trusted
	if q.do {
		s.denial = denialOf(m)
	}
	if q.raw {
		s.msg = m
	}
	return s, nil
}

// dead tells whether the servers never answered anything, several questions
// long. Every two seconds one question may find out that they do.
func (c *Client) dead() bool {
	if c.answered.Load() || c.lost.Load() < maxLost {
		return false
	}
	now, due := time.Now().UnixNano(), c.probe.Load()
	return now < due || !c.probe.CompareAndSwap(due, now+int64(probeWait))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

type cdKey struct{}

// withCD asks for answers although validation fails.
func withCD(ctx context.Context) context.Context { return context.WithValue(ctx, cdKey{}, true) }

func checkingDisabled(ctx context.Context) bool { return ctx.Value(cdKey{}) != nil }

// CDResolver is a Resolver that can also ask with checking disabled: an answer
// where Resolve had SERVFAIL means that validation failed (RFC 4035 §3.2.2).
type CDResolver interface {
	Resolver
	ResolveCD(ctx context.Context, name Name, qtype Type) (Answer, error)
}

// ResolveCD asks with checking disabled.
func (c *Client) ResolveCD(ctx context.Context, name Name, qtype Type) (Answer, error) {
	return c.Resolve(withCD(ctx), name, qtype)
}
