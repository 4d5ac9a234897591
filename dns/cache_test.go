package dns

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type resolverFunc func(context.Context, Name, Type) (Answer, error)

func (f resolverFunc) Resolve(ctx context.Context, n Name, t Type) (Answer, error) {
	return f(ctx, n, t)
}

func testCache(t *testing.T, next Resolver) (*cache, *time.Time) {
	t.Helper()
	c := newCache(next, 0)
	now := time.Unix(1e9, 0)
	c.now = func() time.Time { return now }
	t.Cleanup(c.Close)
	return c, &now
}

func TestCacheTTL(t *testing.T) {
	outcomes := map[Name]struct {
		ttl  time.Duration
		err  error
		kept time.Duration
	}{
		"hour.test":  {time.Hour, nil, time.Hour},
		"short.test": {time.Second, nil, minTTL},
		"zero.test":  {0, nil, minTTL},
		"long.test":  {1e6 * time.Second, nil, maxTTL},
		"fail.test":  {0, &Error{Kind: ServFail}, failureTTL},
	}
	c, now := testCache(t, resolverFunc(func(_ context.Context, n Name, qt Type) (Answer, error) {
		o := outcomes[n]
		return Answer{Name: n, Type: qt, Status: NXDomain, TTL: o.ttl}, o.err
	}))
	ask := func(n Name) int64 {
		before := c.queries.Load()
		if _, err := c.Resolve(t.Context(), n, TypeA); (err != nil) != (outcomes[n].err != nil) {
			t.Errorf("%s: %v", n, err)
		}
		return c.queries.Load() - before
	}
	for n, o := range outcomes {
		start := *now
		for _, step := range []struct {
			after time.Duration
			asks  int64
		}{{0, 1}, {o.kept - time.Nanosecond, 0}, {o.kept, 1}} {
			*now = start.Add(step.after)
			if got := ask(n); got != step.asks {
				t.Errorf("%s after %v: asked %d times, want %d", n, step.after, got, step.asks)
			}
		}
	}
}

func TestCacheKeepsTypesApart(t *testing.T) {
	c, _ := testCache(t, resolverFunc(func(ctx context.Context, n Name, qt Type) (Answer, error) {
		return Answer{Name: n, Type: qt, AD: checkingDisabled(ctx), TTL: time.Hour}, nil
	}))
	for range 2 {
		for _, qt := range []Type{TypeA, TypeMX} {
			plain, _ := c.Resolve(t.Context(), "a.test", qt)
			cd, _ := c.Resolve(withCD(t.Context()), "a.test", qt)
			if plain.Type != qt || plain.AD || !cd.AD {
				t.Errorf("%s: plain %+v, checking disabled %+v", qt, plain, cd)
			}
		}
	}
	if n := c.queries.Load(); n != 4 {
		t.Errorf("%d queries, want 4", n)
	}
}

func TestSingleFlight(t *testing.T) {
	var calls atomic.Int32
	release := make(chan struct{})
	c, _ := testCache(t, resolverFunc(func(ctx context.Context, n Name, qt Type) (Answer, error) {
		calls.Add(1)
		select {
		case <-release:
			return Answer{Name: n, Type: qt, Status: Found, TTL: time.Hour}, nil
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}))
	// The first caller leaves; those who joined him still get the answer.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := c.Resolve(ctx, "a.test", TypeA)
		first <- err
	}()
	for calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if a, err := c.Resolve(t.Context(), "a.test", TypeA); err != nil || a.Status != Found {
				t.Errorf("got %+v, %v", a, err)
			}
		})
	}
	cancel()
	if e := AsError(<-first, "", 0); e.Kind != Cancelled {
		t.Errorf("the caller who left got %v", e)
	}
	close(release)
	wg.Wait()
	if calls.Load() != 1 {
		t.Errorf("asked %d times", calls.Load())
	}
}

func TestCacheClose(t *testing.T) {
	c := newCache(resolverFunc(func(ctx context.Context, n Name, qt Type) (Answer, error) {
		<-ctx.Done()
		return Answer{}, ctx.Err()
	}), 0)
	done := make(chan error)
	go func() {
		_, err := c.Resolve(context.Background(), "a.test", TypeA)
		done <- err
	}()
	time.Sleep(5 * time.Millisecond)
	c.Close()
	if e := AsError(<-done, "", 0); e.Kind != Cancelled {
		t.Errorf("got %v", e)
	}
	if _, err := c.Resolve(context.Background(), "b.test", TypeA); AsError(err, "", 0).Kind != Cancelled {
		t.Errorf("after Close: %v", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(resolverFunc(func(_ context.Context, n Name, qt Type) (Answer, error) {
		return Answer{Name: n, Type: qt, Status: Found, TTL: time.Hour}, nil
	}), 50_000)
	defer c.Close()
	for i := range 2000 {
		if _, err := c.Resolve(t.Context(), Name(fmt.Sprintf("n%d.test", i)), TypeA); err != nil {
			t.Fatal(err)
		}
	}
	c.store.CleanUp()
	if w := c.store.WeightedSize(); w > 50_000 {
		t.Errorf("holds %d octets, more than 50000", w)
	}
}
