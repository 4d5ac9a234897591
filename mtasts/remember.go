package mtasts

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Remember gives a fetcher that asks f for a policy once for the same addresses
// of the policy host, and hands out what it got after that: for audits of one
// domain in two states, which are to differ in DNS alone. What it hands out is
// shared: treat it as read-only. It is safe for concurrent use.
func Remember(f Fetcher) Fetcher { return &memory{from: f, got: map[dns.Name][]remembered{}} }

type memory struct {
	from Fetcher
	mu   sync.Mutex
	got  map[dns.Name][]remembered
}

type remembered struct {
	addrs []netip.Addr
	fetch *Fetch
}

// maxStates bounds what is kept of one domain: as it is and as it will be.
const maxStates = 2

func (m *memory) FetchPolicy(ctx context.Context, domain dns.Name, addrs []netip.Addr) *Fetch {
	sorted := slices.Clone(addrs) // name servers give addresses in any order
	slices.SortFunc(sorted, netip.Addr.Compare)
	m.mu.Lock()
	for _, r := range m.got[domain] {
		if slices.Equal(r.addrs, sorted) {
			m.mu.Unlock()
			return r.fetch
		}
	}
	m.mu.Unlock()
	f := m.from.FetchPolicy(ctx, domain, addrs)
	if ctx.Err() != nil {
		return f // cut short from here, which is not what the host said
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.got[domain]) < maxStates {
		m.got[domain] = append(m.got[domain], remembered{sorted, f})
	}
	return f
}
