package mtasts

import (
	"context"
	"net/netip"
	"testing"

	"github.com/postseal/postseal/dns"
)

// counted counts the fetches that reach it.
type counted struct{ n int }

func (c *counted) FetchPolicy(_ context.Context, domain dns.Name, _ []netip.Addr) *Fetch {
	c.n++
	return &Fetch{URL: PolicyURL(domain), Status: 200}
}

// TestRemember: the same addresses are asked once, in whatever order DNS gives
// them; other addresses are another host; what was cut short is not kept.
func TestRemember(t *testing.T) {
	a, b := netip.MustParseAddr("5.6.7.8"), netip.MustParseAddr("5.6.7.9")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	steps := []struct {
		what   string
		ctx    context.Context
		domain dns.Name
		addrs  []netip.Addr
		want   int // fetches so far
	}{
		{"stopped", stopped, "example.com", []netip.Addr{a, b}, 1},
		{"first", t.Context(), "example.com", []netip.Addr{a, b}, 2},
		{"again", t.Context(), "example.com", []netip.Addr{a, b}, 2},
		{"other order", t.Context(), "example.com", []netip.Addr{b, a}, 2},
		{"other addresses", t.Context(), "example.com", []netip.Addr{b}, 3},
		{"those again", t.Context(), "example.com", []netip.Addr{b}, 3},
		{"other domain", t.Context(), "example.net", []netip.Addr{b}, 4},
		{"the first again", t.Context(), "example.com", []netip.Addr{a, b}, 4},
	}
	c := &counted{}
	f := Remember(c)
	for _, s := range steps {
		got := f.FetchPolicy(s.ctx, s.domain, s.addrs)
		if got.URL != PolicyURL(s.domain) || c.n != s.want {
			t.Errorf("%s: got %s after %d fetches, want %s after %d", s.what, got.URL, c.n, PolicyURL(s.domain), s.want)
		}
	}
}
