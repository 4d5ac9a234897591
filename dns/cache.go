package dns

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// cache keeps answers for their TTL and failures for a while, and puts equal
// questions that are under way only once. A flight belongs to the cache, not
// to the caller who began it, so that his leaving does not hurt the others.
type cache struct {
	next   Resolver
	now    func() time.Time
	store  *otter.Cache[string, *cached]
	group  singleflight.Group
	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	queries atomic.Int64
}

type cached struct {
	answer  Answer
	err     *Error
	expires time.Time
}

const (
	defaultCacheBytes = 64 << 20

	// minTTL holds a short-lived answer while an audit looks at it: within one
	// transaction even a TTL of 0 may be used (RFC 1035 §3.2.1).
	minTTL = 30 * time.Second
	maxTTL = 24 * time.Hour

	// failureTTL keeps failures, RFC 9520 §3.2: at least a second, at most 5 minutes.
	failureTTL = 30 * time.Second
)

func newCache(next Resolver, bytes uint64) *cache {
	if bytes == 0 {
		bytes = defaultCacheBytes
	}
	base, cancel := context.WithCancel(context.Background())
	return &cache{
		next: next, now: time.Now, base: base, cancel: cancel,
		store: otter.Must(&otter.Options[string, *cached]{
			MaximumWeight: bytes,
			Weigher:       func(key string, v *cached) uint32 { return uint32(len(key)) + v.weight() },
			Executor:      func(f func()) { f() },
		}),
	}
}

// weight is about how many octets of memory an entry takes.
func (c *cached) weight() uint32 {
	n := 400
	for _, r := range c.answer.Records {
		n += 240 + 2*len(r.Data)
	}
	for _, name := range c.answer.Chain {
		n += 16 + len(name)
	}
	return uint32(n)
}

func (c *cache) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	if err := name.Check(); err != nil {
		return Answer{}, &Error{Name: name, Type: qtype, Kind: BadName, Detail: err.Error()}
	}
	q := query{name: name, qtype: qtype, cd: checkingDisabled(ctx)}
	key := q.String()
	if e, ok := c.store.GetIfPresent(key); ok && c.now().Before(e.expires) {
		return e.result()
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, AsError(err, name, qtype)
	}
	done := c.group.DoChan(key, func() (any, error) { return c.fly(q, key), nil })
	select {
	case r := <-done:
		return r.Val.(*cached).result()
	case <-ctx.Done():
		return Answer{}, AsError(ctx.Err(), name, qtype)
	}
}

// fly asks once for all who wait.
func (c *cache) fly(q query, key string) *cached {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return &cached{err: &Error{Name: q.name, Type: q.qtype, Kind: Cancelled, Detail: "the run is over"}}
	}
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()

	if e, ok := c.store.GetIfPresent(key); ok && c.now().Before(e.expires) {
		return e // a flight landed since the caller looked
	}
	c.queries.Add(1)
	ctx := c.base
	if q.cd {
		ctx = withCD(ctx)
	}
	e := &cached{}
	a, err := c.next.Resolve(ctx, q.name, q.qtype)
	if err != nil {
		e.err = AsError(err, q.name, q.qtype)
		if e.err.Kind == Cancelled {
			return e
		}
		e.expires = c.now().Add(failureTTL)
	} else {
		e.answer = a
		e.expires = c.now().Add(min(max(a.TTL, minTTL), maxTTL))
	}
	c.store.Set(key, e)
	return e
}

func (c *cached) result() (Answer, error) {
	if c.err != nil {
		return Answer{}, c.err
	}
	return c.answer, nil
}

// Close ends the flights and waits for them.
func (c *cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}
