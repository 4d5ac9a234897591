package dkim

import (
	"context"

	"github.com/postseal/postseal/dns"
)

// maxMisplaced bounds the selectors whose key is looked for in other places.
const maxMisplaced = 5

// misplacedKey is a look-up at a name that somebody may have meant for a
// selector's.
type misplacedKey struct {
	selector string
	lookup   dns.Lookup
}

// misplaced looks where keys end up by mistake, for selectors that the user
// named and that have none. The names come from panels that append the zone,
// and from prefixes typed from memory.
func (g *gatherer) misplaced(ctx context.Context) {
	n := 0
	for _, s := range g.found {
		if s.FoundBy != ByNamed || !s.Lookup.Absent() || s.CNAME != "" || n == maxMisplaced {
			continue
		}
		n++
		for _, name := range []dns.Name{
			g.domain.Child(s.Name),
			(s.Lookup.Name + "." + g.domain),
			g.domain.Child(s.Name + ".domainkey"),
			g.domain.Child(s.Name + "._domainkeys"),
		} {
			m := &misplacedKey{selector: s.Name, lookup: dns.Lookup{Name: name, Type: dns.TypeTXT}}
			g.elsewhere = append(g.elsewhere, m)
			g.run(ctx, func() { m.lookup = ask(ctx, g.r, name, dns.TypeTXT) })
		}
	}
}

// strayed keeps the keys that were found in other places. What a wildcard
// says at any name is not somebody's mistake about this one.
func (f *Facts) strayed(list []*misplacedKey) {
	for _, m := range list {
		if !sameAnswer(f.wildcard(), &m.lookup) {
			f.stray(&m.lookup, m.selector)
		}
	}
}
