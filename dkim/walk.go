package dkim

import (
	"context"
	"strings"

	"github.com/postseal/postseal/dns"
)

// maxWalk bounds the steps of a walk.
const maxWalk = 30

// How a walk ended.
const (
	WalkEnd      = "end"      // every name below _domainkey was seen
	WalkLimit    = "limit"    // there are more than a walk takes
	WalkMinimal  = "minimal"  // the answers are made up for each question (RFC 4470, RFC 9824)
	WalkHashed   = "nsec3"    // the zone hides its names (RFC 5155)
	WalkUnsigned = "unsigned" // there is no proof of a denial
	WalkFailed   = "failed"   // no answer, or nobody to ask
)

// Walk is what a walk along the NSEC records below _domainkey brought.
type Walk struct {
	Steps int        `json:"steps"`
	End   string     `json:"end"`
	Error *dns.Error `json:"error"` // of "failed"
}

// walk goes from name to name along the chain of a zone that is signed with
// NSEC (RFC 4034 §4.1.1): the record that denies a name tells the next one that
// exists. It stays below _domainkey. What it finds is asked for like a guess.
func (g *gatherer) walk(ctx context.Context) *Walk {
	w := &Walk{}
	denier, ok := g.r.(dns.Denier)
	if !ok {
		w.End = WalkFailed
		return w
	}
	// "!" comes before the names that people choose. Of a name that is there the
	// record itself is asked for, which is the link that leads on from it.
	at, qtype := g.node.Child("!"), dns.TypeTXT
	for w.Steps < maxWalk {
		w.Steps++
		d, err := denier.Deny(ctx, at, qtype)
		if err != nil {
			w.End, w.Error = WalkFailed, dns.AsError(err, at, qtype)
			return w
		}
		next, end := follow(d, at, qtype == dns.TypeNSEC)
		if end == "" && !g.inside(next) {
			end = WalkEnd
		}
		if end != "" {
			w.End = end
			return w
		}
		name := string(next[:len(next)-len(g.node)-1])
		if first, _, _ := strings.Cut(name, "."); first != "*" && !strings.HasPrefix(first, "_") {
			g.try(ctx, name, ByNSEC)
		}
		at, qtype = next, dns.TypeNSEC
	}
	w.End = WalkLimit
	return w
}

func (g *gatherer) inside(name dns.Name) bool { return name != g.node && name.IsUnder(g.node) }

// follow gives the name that comes next, or why there is none to be had.
func follow(d dns.Denial, at dns.Name, exists bool) (next dns.Name, end string) {
	for _, n := range d.NSEC {
		if exists && n.Owner != at {
			continue
		}
		// A record whose ends are made from the question names nobody. Of one that
		// only says "no data" the owner is the question, which "!" is not.
		if strings.HasPrefix(string(n.Next), `\000`) || !exists && n.Owner == at || strings.Contains(string(n.Next), "!") {
			return "", WalkMinimal
		}
		if exists || covers(n, at) {
			return n.Next, ""
		}
	}
	switch {
	case d.Hashed:
		return "", WalkHashed
	case len(d.NSEC) == 0:
		return "", WalkUnsigned
	}
	return "", WalkMinimal
}

// covers tells whether the name lies between the ends of the link. The last
// link of a zone leads back to its top.
func covers(n dns.NSEC, name dns.Name) bool {
	if n.Owner.Compare(name) >= 0 {
		return false
	}
	return name.Compare(n.Next) < 0 || n.Next.Compare(n.Owner) <= 0
}
