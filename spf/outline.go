package spf

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Outline is a tree with what stands out in it named: which term breaks which
// limit, what cannot be told, and whom the record lets pass. It is what
// 'postseal spf tree' shows; lists are in the order of evaluation.
type Outline struct {
	Tree

	State   string       `json:"state"`   // "found", "absent", "several" records, or "unknown"
	Causes  []Cause      `json:"causes"`  // why the record could not be had
	Records []string     `json:"records"` // as published, in force or not
	Limits  OutlineLimit `json:"limits"`

	PermError      string `json:"permerror"`       // rule of what makes receivers answer permerror, "" for none
	PermErrorTitle string `json:"permerror_title"` // filled by Say

	StopsAt    *Stop    `json:"stops_at"`    // where an evaluation that matches nothing ends in permerror
	LastSender *Place   `json:"last_sender"` // the last term before StopsAt that can let somebody pass
	OverLimit  []*Place `json:"over_limit"`  // the eleventh look-up and all after it

	VoidTerms []*VoidTerm    `json:"void_terms"`
	Unknown   []*UnknownTerm `json:"unknown_terms"` // macros and failed look-ups: what lies behind them is not counted
	Repeated  []*Repeated    `json:"repeated"`      // targets that are paid for more than once

	Widest   []*Range   `json:"widest"` // at most three of each family, widest first, without single addresses
	Overlaps []*Overlap `json:"overlaps"`
}

// Cause is why something could not be told.
type Cause struct {
	Code string `json:"code"`
	Text string `json:"text"` // in words, filled by Say

	cause check.Cause
}

func causeOf(err error) Cause {
	c := check.CauseOf(err)
	return Cause{Code: c.Code, cause: c}
}

// Say puts causes and the rule behind PermError into words.
func (o *Outline) Say(cause func(check.Cause) string, title func(rule *check.Meta) string) {
	for i := range o.Causes {
		o.Causes[i].Text = cause(o.Causes[i].cause)
	}
	for _, u := range o.Unknown {
		for i := range u.Causes {
			u.Causes[i].Text = cause(u.Causes[i].cause)
		}
	}
	for i := range Rules {
		if Rules[i].ID == o.PermError {
			o.PermErrorTitle = title(&Rules[i].Meta)
		}
	}
}

// OutlineLimit are the limits of §4.6.4.
type OutlineLimit struct {
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
}

// Place is where a term stands.
type Place struct {
	Term   string   `json:"term"`
	Target dns.Name `json:"target"`
	Path   []string `json:"path"`   // from the domain to the record that holds the term
	Lookup int      `json:"lookup"` // which look-up it is, counted from 1; 0 when it asks nothing
}

// Stop is the term at which the evaluation ends.
type Stop struct {
	Place
	Reason string `json:"reason"` // "syntax", "lookups", "voids", "none", "permerror" or "loop"
}

// VoidTerm is a term whose own look-up comes back empty.
type VoidTerm struct {
	Place
	Answer string `json:"answer"` // nodata or nxdomain, of the first look-up
	Void
}

// UnknownTerm is a term that could not be judged to the end.
type UnknownTerm struct {
	Place
	Status string  `json:"status"` // "macro" or "unknown"
	Causes []Cause `json:"causes"`
}

// Repeated is an include or redirect target that is reached more than once.
// That is no loop, but it is paid for each time (§4.6.4).
type Repeated struct {
	Target dns.Name `json:"target"`
	Times  int      `json:"times"`
	Cost   int      `json:"cost"` // look-ups of the repetitions
}

// Range is a network that gets a pass, and the term that gives it.
type Range struct {
	Network netip.Prefix `json:"network"`
	Place
}

// Overlap is a network that another term lets pass already.
type Overlap struct {
	Range
	In Range `json:"in"`
}

// widestShown is how many ranges of a family are named.
const widestShown = 3

// Outline names what stands out. Without one record in force it says why.
func (f *Facts) Outline() *Outline {
	o := &Outline{
		Tree:  Tree{Domain: f.Domain, Terms: []*Term{}, Addresses: Addresses{IPv4: "0", IPv6: []string{}}},
		State: "found", Causes: []Cause{}, Records: append([]string{}, f.Records...),
		Limits:    OutlineLimit{Lookups: MaxLookups, Voids: MaxVoids},
		PermError: f.PermErrorRule(), OverLimit: []*Place{}, VoidTerms: []*VoidTerm{}, Unknown: []*UnknownTerm{},
		Repeated: []*Repeated{}, Widest: []*Range{}, Overlaps: []*Overlap{},
	}
	switch {
	case f.Lookup.Unknown():
		o.State = "unknown"
		o.Causes = append(o.Causes, causeOf(f.Lookup.Error))
		return o
	case len(f.Records) > 1:
		o.State = "several"
		return o
	case f.Tree == nil:
		o.State = "absent"
		return o
	}
	o.Tree = *f.Tree
	o.limits(f)
	o.unknowns()
	o.repeats()
	o.ranges()
	return o
}

func (t *Term) place() Place {
	p := Place{Term: t.Term, Target: t.Target, Path: t.path()}
	if t.entry.Kind.queries() {
		p.Lookup = t.Running - t.Cost + 1
	}
	return p
}

// limits follows an evaluation that matches nothing to where it ends, and
// names all that exceeds the limits.
func (o *Outline) limits(f *Facts) {
	if p := firstFatal(f.problems()); p != nil { // §4.6: before anything is asked
		text := f.InForce().Text
		o.StopsAt = &Stop{Place{Term: text[p.Span.Start:p.Span.End], Path: []string{f.Domain.String()}}, "syntax"}
	}
	voids := 0
	f.Tree.each(func(t *Term) {
		p := t.place()
		if t.Void.IPv4 || t.Void.IPv6 {
			o.VoidTerms = append(o.VoidTerms, &VoidTerm{p, t.Answer, t.Void})
		}
		if t.Status == "void" {
			voids++
		}
		reason := ""
		switch {
		case p.Lookup > MaxLookups:
			reason = "lookups"
			o.OverLimit = append(o.OverLimit, &p)
		case t.Status == "none", t.Status == "permerror", t.Status == "loop":
			reason = t.Status
		case t.Status == "void" && voids > MaxVoids:
			reason = "voids"
		}
		switch {
		case o.StopsAt != nil:
		case reason != "":
			o.StopsAt = &Stop{p, reason}
		case t.lets():
			o.LastSender = &p
		}
	})
	if o.StopsAt == nil || o.StopsAt.Reason == "syntax" {
		o.LastSender = nil
	}
}

// lets tells whether a match of the term itself can be a pass of the domain.
func (t *Term) lets() bool {
	if !t.entry.positive() || t.Kind == Include || t.Status == "void" {
		return false
	}
	return !slices.ContainsFunc(t.in.via, func(v *Term) bool { return v.Kind == Include && !v.entry.positive() })
}

func (o *Outline) unknowns() {
	o.each(func(t *Term) {
		if t.Status != "macro" && t.Status != "unknown" && len(t.failed) == 0 {
			return
		}
		u := &UnknownTerm{Place: t.place(), Status: t.Status, Causes: []Cause{}}
		if t.Status != "macro" {
			u.Status = "unknown"
		}
		for _, l := range t.failed {
			u.add(l.Error)
		}
		if t.Status == "unknown" && len(t.failed) == 0 {
			u.add(tooLarge)
		}
		o.Unknown = append(o.Unknown, u)
	})
}

func (u *UnknownTerm) add(err error) {
	c := causeOf(err)
	if !slices.ContainsFunc(u.Causes, func(have Cause) bool { return have.cause.Error() == c.cause.Error() }) {
		u.Causes = append(u.Causes, c)
	}
}

func (o *Outline) repeats() {
	seen := map[dns.Name]*Repeated{}
	o.each(func(t *Term) {
		if t.child == nil {
			return
		}
		r := seen[t.Target]
		switch {
		case r == nil:
			seen[t.Target] = &Repeated{Target: t.Target, Times: 1}
			return
		case r.Times == 1:
			o.Repeated = append(o.Repeated, r)
		}
		r.Times++
		r.Cost += t.Cost
	})
}

// ranges finds the widest networks, and those that lie in another term's.
// Networks nest or are apart, so sorted ones meet their container first.
func (o *Outline) ranges() {
	all := o.root.passRanges()
	kept := outermost(all)
	type pair struct{ a, ownerA, b, ownerB string }
	seen := map[pair]bool{}
	at := 0 // of the range in kept that r is, or lies in
	for _, r := range all {
		if at+1 < len(kept) && kept[at+1] == r {
			at++
		}
		in := kept[at]
		if in == r || in.Network == r.Network && r.Network.IsSingleIP() { // a host under two names
			continue
		}
		// A record reached twice does not overlap with itself.
		p := pair{r.Term, r.Path[len(r.Path)-1], in.Term, in.Path[len(in.Path)-1]}
		if seen[p] || p.a == p.b && p.ownerA == p.ownerB {
			continue
		}
		seen[p] = true
		o.Overlaps = append(o.Overlaps, &Overlap{*r, *in})
	}
	slices.SortStableFunc(kept, func(a, b *Range) int { return a.Network.Bits() - b.Network.Bits() })
	for _, four := range []bool{true, false} {
		n := 0
		for _, r := range kept {
			if r.Network.Addr().Is4() == four && n < widestShown && !r.Network.IsSingleIP() {
				o.Widest, n = append(o.Widest, r), n+1
			}
		}
	}
}

// passRanges are the networks that get a pass with the terms that give it,
// sorted: what lies in another comes behind it.
func (n *node) passRanges() []*Range {
	var all []*Range
	n.sources(func(t *Term, nets []netip.Prefix) {
		for _, p := range nets {
			all = append(all, &Range{p, t.place()})
		}
	})
	slices.SortStableFunc(all, func(a, b *Range) int {
		return cmp.Or(a.Network.Addr().Compare(b.Network.Addr()), a.Network.Bits()-b.Network.Bits())
	})
	return all
}

// outermost leaves out of sorted ranges those that lie in another.
func outermost(sorted []*Range) []*Range {
	var kept []*Range
	for _, r := range sorted {
		if n := len(kept); n == 0 || kept[n-1].Network.Bits() > r.Network.Bits() || !kept[n-1].Network.Contains(r.Network.Addr()) {
			kept = append(kept, r)
		}
	}
	return kept
}
