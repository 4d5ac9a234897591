package bimi

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Remember gives a fetcher that asks f for a file once while the names on the way
// to it lead to the same addresses, and hands out what it got after that: for
// audits of one domain in two states, which are to differ in DNS alone. What it
// hands out is shared: treat it as read-only. It is safe for concurrent use.
func Remember(f Fetcher) Fetcher { return &memory{from: f, got: map[asked]remembered{}} }

type memory struct {
	from Fetcher
	mu   sync.Mutex
	got  map[asked]remembered
}

type asked struct {
	url   string
	limit int
}

type remembered struct {
	fetch *Fetch
	way   [][]netip.Addr // of the host of each hop, in order
}

func (m *memory) Fetch(ctx context.Context, r dns.Resolver, url string, limit int) *Fetch {
	k := asked{url, limit}
	m.mu.Lock()
	have, ok := m.got[k]
	m.mu.Unlock()
	if ok && slices.EqualFunc(have.way, way(ctx, r, have.fetch), slices.Equal) {
		return have.fetch
	}
	f := m.from.Fetch(ctx, r, url, limit)
	if ctx.Err() != nil {
		return f // cut short from here, which is not what the host said
	}
	have = remembered{f, way(ctx, r, f)}
	m.mu.Lock()
	m.got[k] = have
	m.mu.Unlock()
	return f
}

// way is where the names of a fetch lead now. The answers were had already, or
// are those of the other state.
func way(ctx context.Context, r dns.Resolver, f *Fetch) [][]netip.Addr {
	var list [][]netip.Addr
	for _, hop := range f.Hops {
		var addrs []netip.Addr
		if u, wrong := httpsURI(hop.URL); wrong == "" && ourPort(u) {
			addrs, _ = addresses(ctx, r, u.Hostname())
			slices.SortFunc(addrs, netip.Addr.Compare)
		}
		list = append(list, addrs)
	}
	return list
}
