package spf

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Flattened is an include that was replaced by the networks it let pass at the
// time. Its owner may change them at any hour, and nobody will tell.
type Flattened struct {
	Target   dns.Name
	Networks []*Range // each with the term it comes from; IPv4 first, in order
	Saved    int      // look-ups
}

// flatten replaces includes by their networks. What cannot be replaced by a
// list that is certain is refused, not approximated.
func (g *Generated) flatten(ctx context.Context, r dns.Resolver, domain dns.Name, terms, includes []string) ([]string, error) {
	for _, text := range includes {
		term := "include:" + strings.TrimPrefix(text, "include:")
		named := g.named(Include, domain, strings.TrimPrefix(term, "include:"))
		if named == nil {
			continue
		}
		term = named[0]
		at := slices.IndexFunc(terms, func(t string) bool { return termKey(domain, t) == termKey(domain, term) })
		if at < 0 {
			at, terms = len(terms), append(terms, term)
		}
		f := &Facts{}
		if r != nil {
			var err error
			if f, err = Gather(ctx, r, dns.Name(strings.TrimPrefix(term, "include:"))); err != nil {
				return nil, err
			}
		}
		if where, reason := f.unlisted(); reason != "" {
			g.add("gen-spf-flatten-unsafe", check.Error, check.Params{"Term": term, "Where": where, "Reason": reason})
			continue
		}
		flat := &Flattened{Target: f.Domain, Networks: outermost(f.Tree.root.passRanges()), Saved: f.Tree.Lookups + 1}
		g.Flattened = append(g.Flattened, flat)
		g.add("gen-spf-flatten-risk", check.Warning, check.Params{"Term": term, "Count": len(flat.Networks)})
		var nets []string
		for _, n := range flat.Networks {
			nets = append(nets, networkTerm(n.Network))
		}
		terms = slices.Replace(terms, at, at+1, nets...)
	}
	return terms, nil
}

// unlisted is why the senders of a record are no list of networks, and which
// term keeps them from being one; reason is "" when they are.
func (f *Facts) unlisted() (where, reason string) {
	switch {
	case f.Domain == "" || f.Lookup.Unknown():
		return "", "unknown"
	case f.InForce() == nil:
		return "", "none"
	case firstFatal(f.problems()) != nil:
		return fmt.Sprint(firstFatal(f.problems()).Params["Term"]), "broken"
	}
	f.Tree.each(func(t *Term) {
		if reason != "" {
			return
		}
		switch {
		case t.Kind == Exists, t.Kind == PTR, t.Kind == Redirect:
			reason = string(t.Kind)
		case t.Kind == Exp:
			return
		case t.entry.hasMacro():
			reason = "macro"
		case t.Status == "none", t.Status == "permerror", t.Status == "loop":
			reason = "broken"
		case t.Status == "unknown", len(t.failed) > 0:
			reason = "unknown"
		case t.Kind == All && t.entry.positive():
			reason = "open"
		case t.Kind != All && !t.entry.positive(): // it keeps senders out that a later term lets in
			reason = "sign"
		}
		where = t.Term
	})
	return where, reason
}
