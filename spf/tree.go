package spf

import (
	"net/netip"
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Limits of §4.6.4.
const (
	MaxLookups = 10
	MaxVoids   = 2
	MaxMX      = 10 // names in one mx term
)

// Bounds on the tree we build: an evaluation is over at ten look-ups.
const (
	maxDepth = 20
	maxTree  = 2000 // terms
)

// Tree is the worst case of an evaluation: a client that matches nothing.
type Tree struct {
	Domain  dns.Name `json:"domain"`
	Record  string   `json:"record"`
	Lookups int      `json:"lookups"` // terms that query DNS, §4.6.4; a lower bound when Open
	Open    bool     `json:"open"`    // a macro or failed target inside: Lookups is a lower bound
	Voids   Voids    `json:"voids"`
	Terms   []*Term  `json:"terms"`

	Addresses Addresses `json:"addresses"`

	root *node
}

// Voids counts look-ups without an answer for a client of each family.
type Voids struct {
	IPv4 int `json:"ipv4"`
	IPv6 int `json:"ipv6"`
}

// Addresses sums what the tree lets pass: IPv4 addresses as a decimal number,
// IPv6 as prefixes.
type Addresses struct {
	IPv4 string   `json:"ipv4"`
	IPv6 []string `json:"ipv6"`
}

// Term is one term of a record in the tree, as written.
type Term struct {
	Term     string   `json:"term"`
	Kind     Kind     `json:"kind"`
	Start    int      `json:"start"`    // offset in the record it stands in
	Cost     int      `json:"cost"`     // look-ups of this term and all below it
	Running  int      `json:"running"`  // look-ups used up when this term is done
	Status   string   `json:"status"`   // "ok", "void", "none", "permerror", "unknown", "loop", "macro", "ignored", "over-limit"
	Target   dns.Name `json:"target"`   // the name asked; "" for ip4, ip6, all and macros
	Answer   string   `json:"answer"`   // of the look-up of Target: found, nodata, nxdomain, unknown; "" when not asked
	Record   string   `json:"record"`   // of an include or redirect: the record found there
	Provider string   `json:"provider"` // who the target belongs to; "" when nobody known
	Void     Void     `json:"void"`     // the term's own look-up had no answer for a client of that family
	Children []*Term  `json:"children"`

	entry  *Entry
	in     *node        // the record the term stands in
	child  *node        // the record of an include or redirect
	lookup *dns.Lookup  // of Target, nil when never asked
	addrs  []netip.Addr // of a and mx
	failed []*dns.Lookup
	mx     int  // MX records found
	nullMX bool // RFC 7505

	reg        dns.Name    // registrable part of a Target that does not exist
	delegation *dns.Lookup // NS at reg; nil when not asked
	suffix     *dns.Lookup // NS at the public suffix above reg
}

// Void tells for which clients a look-up came back empty.
type Void struct {
	IPv4 bool `json:"ipv4"`
	IPv6 bool `json:"ipv6"`
}

// node is one record in the tree. The same record reached twice is two nodes:
// it is paid for twice.
type node struct {
	owner    dns.Name
	rec      *Record
	problems []Problem
	terms    []*Term // parallel to rec.Terms
	via      []*Term // the terms that led here, from the root
}

// fatal is the first problem of the record that makes it a permerror.
func (n *node) fatal() *Problem { return firstFatal(n.problems) }

func firstFatal(problems []Problem) *Problem {
	for i := range problems {
		if problems[i].Fatal {
			return &problems[i]
		}
	}
	return nil
}

// redirect is the term that is followed when nothing matches, nil when none is.
func (n *node) redirect() *Term {
	if i := n.rec.First(Redirect); i >= 0 && n.rec.live(i) {
		return n.terms[i]
	}
	return nil
}

type builder struct {
	l     *lookups
	tree  *Tree
	terms int
	path  []dns.Name
}

// build makes the tree of a record from answers already had. It asks nothing.
func (l *lookups) build(domain dns.Name, text string) *Tree {
	b := &builder{l: l, tree: &Tree{Domain: domain, Record: text, Terms: []*Term{}}}
	rec, problems := Parse(text)
	b.tree.root = b.node(domain, rec, problems, nil)
	b.tree.Terms = b.tree.root.terms
	b.tree.Addresses = b.tree.root.passes().addresses()
	return b.tree
}

// node walks one record as check_host would for a client that matches nothing
// (§4.6.2): terms in order up to the first all, then redirect.
func (b *builder) node(owner dns.Name, rec *Record, problems []Problem, via []*Term) *node {
	n := &node{owner: owner, rec: rec, problems: problems, terms: []*Term{}, via: via}
	b.path = append(b.path, owner)
	defer func() { b.path = b.path[:len(b.path)-1] }()
	for i := range rec.Terms {
		e := &rec.Terms[i]
		t := &Term{Term: e.Text, Kind: e.Kind, Start: e.Span.Start, Target: e.target(owner), Status: "ok",
			Children: []*Term{}, entry: e, in: n}
		n.terms = append(n.terms, t)
		switch {
		case e.Kind == Invalid:
			t.Status = "permerror"
		case e.Kind == Unknown, !rec.live(i):
			t.Status = "ignored"
		case e.Kind == Redirect: // last, wherever it stands (§6.1)
		default:
			b.term(t)
		}
		t.Running = b.tree.Lookups
		b.terms++
	}
	if t := n.redirect(); t != nil {
		b.term(t)
		t.Running = b.tree.Lookups
	}
	return n
}

// term pays for one term and looks at its answers.
func (b *builder) term(t *Term) {
	before := b.tree.Lookups
	if t.entry.Kind.queries() {
		b.tree.Lookups++
	}
	switch {
	case t.entry.hasMacro():
		t.Status = "macro"
		b.tree.Open = b.tree.Open || t.Kind == Include || t.Kind == Redirect
	case t.Target != "" && t.Target.Check() != nil && t.Kind != Include && t.Kind != Redirect:
		t.Status = "void" // §4.8: nothing to ask, and so no look-up that could come back empty
	case t.Kind == Include || t.Kind == Redirect:
		b.follow(t)
	case t.Kind == A:
		b.host(t)
	case t.Kind == MX:
		b.mail(t)
	case t.Kind == Exists:
		b.asked(t, dns.TypeA)
		b.void(t, t.lookup, t.lookup)
	case t.Kind == Exp:
		b.asked(t, dns.TypeTXT)
	}
	t.Cost = b.tree.Lookups - before
	if t.Status == "ok" && t.entry.Kind.queries() && before >= MaxLookups {
		t.Status = "over-limit"
	}
}

// asked attaches the outcome of the term's own look-up.
func (b *builder) asked(t *Term, qtype dns.Type) {
	t.lookup = b.l.get(t.Target, qtype)
	if t.lookup == nil { // over the bound
		t.Status = "unknown"
		return
	}
	t.Answer = string(t.lookup.State)
	if t.lookup.Unknown() {
		t.Status = "unknown"
		t.failed = append(t.failed, t.lookup)
	}
	if t.lookup.State == dns.StateNXDomain {
		if reg, suffix := registrable(t.lookup.Answer.Owner()); reg != "" {
			t.reg, t.delegation, t.suffix = reg, b.l.get(reg, dns.TypeNS), b.l.get(suffix, dns.TypeNS)
		}
	}
}

// follow goes into the record of an include or redirect.
func (b *builder) follow(t *Term) {
	if t.Target.Check() != nil { // §4.3: a malformed name has no record
		t.Status = "none"
		return
	}
	if slices.Contains(b.path, t.Target) {
		t.Status = "loop"
		return
	}
	b.asked(t, dns.TypeTXT)
	if t.lookup == nil || t.lookup.Unknown() || len(b.path) > maxDepth || b.terms > maxTree {
		t.Status = "unknown"
		b.tree.Open = true
		return
	}
	texts, _ := recordTexts(t.lookup)
	switch len(texts) {
	case 0:
		t.Status = "none"
		return
	case 1:
	default: // §4.5
		t.Status = "permerror"
		t.Record = texts[0]
		return
	}
	rec, problems := Parse(texts[0])
	t.Record = texts[0]
	if firstFatal(problems) != nil {
		t.Status = "permerror"
	}
	t.child = b.node(t.Target, rec, problems, append(slices.Clone(t.in.via), t))
	t.Children = t.child.terms
}

// host takes the addresses of an a term.
func (b *builder) host(t *Term) {
	b.asked(t, dns.TypeA)
	six := b.l.get(t.Target, dns.TypeAAAA)
	if six != nil && six.Unknown() {
		t.failed = append(t.failed, six)
		t.Status = "unknown"
	}
	t.addrs = append(addresses(t.lookup), addresses(six)...)
	b.void(t, t.lookup, six)
}

// mail takes the addresses of the hosts of an mx term. Their look-ups are not
// counted, nor are those that come back empty (§4.6.4).
func (b *builder) mail(t *Term) {
	b.asked(t, dns.TypeMX)
	b.void(t, t.lookup, t.lookup)
	if t.lookup == nil {
		return
	}
	t.mx = len(t.lookup.Records())
	hosts := mxHosts(t.lookup)
	t.nullMX = t.mx > 0 && len(hosts) == 0
	if t.mx > MaxMX {
		t.Status = "permerror"
	}
	for _, h := range hosts {
		for _, qtype := range []dns.Type{dns.TypeA, dns.TypeAAAA} {
			l := b.l.get(h, qtype)
			t.addrs = append(t.addrs, addresses(l)...)
			if l != nil && l.Unknown() {
				t.failed = append(t.failed, l)
			}
		}
	}
}

// void counts the term's own look-up when it came back empty.
func (b *builder) void(t *Term, four, six *dns.Lookup) {
	t.Void = Void{IPv4: four != nil && four.Absent(), IPv6: six != nil && six.Absent()}
	if t.Void.IPv4 {
		b.tree.Voids.IPv4++
	}
	if t.Void.IPv6 {
		b.tree.Voids.IPv6++
	}
	if t.Void.IPv4 && t.Void.IPv6 {
		t.Status = "void"
	}
}

func addresses(l *dns.Lookup) []netip.Addr {
	var addrs []netip.Addr
	if l != nil {
		for _, rr := range l.Records() {
			if rr.Addr.IsValid() {
				addrs = append(addrs, rr.Addr)
			}
		}
	}
	return addrs
}

// each calls visit for every term that an evaluation can reach, in the order
// in which it would.
func (t *Tree) each(visit func(*Term)) {
	if t == nil || t.root == nil {
		return
	}
	t.root.each(visit)
}

func (n *node) each(visit func(*Term)) {
	step := func(t *Term) {
		visit(t)
		if t.child != nil {
			t.child.each(visit)
		}
	}
	for i, t := range n.terms {
		if t.Kind != Redirect && t.Kind != Invalid && t.Kind != Unknown && n.rec.live(i) {
			step(t)
		}
	}
	if t := n.redirect(); t != nil {
		step(t)
	}
}

// span is where the term stands in its record.
func (t *Term) span() *check.Span {
	s := t.entry.Span
	return &s
}

// path is the names from the audited domain to the record the term stands in.
func (t *Term) path() []string {
	names := []string{}
	for _, v := range t.in.via {
		names = append(names, v.in.owner.String())
	}
	return append(names, t.in.owner.String())
}

// external tells whether the target lies outside the organisation of domain,
// itself or where its alias leads.
func (t *Term) external(domain dns.Name) bool {
	end := t.Target
	if t.lookup != nil && t.lookup.Answer != nil {
		end = t.lookup.Answer.Owner()
	}
	own, _ := registrable(domain)
	reg, _ := registrable(end)
	return own != reg && !end.IsUnder(domain)
}
