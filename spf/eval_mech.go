package spf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// compiled is a record whose syntax is right, ready to be evaluated.
type compiled struct {
	list          []Entry
	redirect, exp *Entry // nil where there is none
}

// compile reads a record for evaluation. broken is the first thing that makes
// it a permerror. It holds terms to the grammar that Parse holds them to and
// leaves out what only people want to know; a broken record is left to Parse.
func (e *evaluation) compile(text string) (c compiled, broken *Problem) {
	rest := text[len(Version):]
	c.list = e.room(strings.Count(rest, " "))
	for rest != "" {
		if rest[0] == ' ' {
			rest = rest[1:]
			continue
		}
		tok := rest
		if i := strings.IndexByte(rest, ' '); i >= 0 {
			tok = rest[:i]
		}
		rest = rest[len(tok):]
		entry, f := parseTerm(tok)
		if f != nil {
			return compiled{}, why(text, tok, f.rule)
		}
		c.list = append(c.list, entry)
		place := &c.redirect
		switch entry.Kind {
		case Exp:
			place = &c.exp
			fallthrough
		case Redirect:
			if *place != nil { // §6: each at most once
				return compiled{}, why(text, tok, "spf-duplicate-modifier")
			}
			*place = &c.list[len(c.list)-1] // the list never grows beyond its capacity
		}
	}
	return c, nil
}

// room is an empty list for up to n terms, cut from the evaluation's stock.
func (e *evaluation) room(n int) []Entry {
	if n > cap(e.stock)-len(e.stock) {
		e.stock = make([]Entry, 0, max(n, 32))
	}
	used := len(e.stock)
	e.stock = e.stock[:used+n]
	return e.stock[used : used : used+n]
}

// why is the first fatal problem in the words of Parse, which sees further than
// one term.
func why(text, tok, rule string) *Problem {
	_, problems := Parse(text)
	if p := firstFatal(problems); p != nil {
		return p
	}
	return &Problem{Rule: rule, Fatal: true, Params: check.Params{"Term": tok}}
}

// match tells whether a mechanism matches the client (§5). The result is ""
// unless the evaluation is over.
func (e *evaluation) match(depth int, t *Entry, domain at) (bool, Result) {
	switch t.Kind {
	case All:
		return true, ""
	case IP4, IP6: // a client of the other family is in no such network
		return t.prefix().Contains(e.ip), ""
	}
	if result := e.pay(depth, t); result != "" {
		return false, result
	}
	if t.Kind == Include {
		return e.include(t, domain)
	}
	target := e.target(t, domain)
	if target.name == "" { // §4.8: a name that cannot be asked does not exist
		return false, ""
	}
	switch t.Kind {
	case PTR:
		return e.ptr(depth, t, target)
	case MX:
		return e.mx(depth, t, target)
	}
	qtype := e.addressType()
	if t.Kind == Exists { // §5.7: A, whatever the client's family
		qtype = dns.TypeA
	}
	answer, err := e.r.Resolve(e.ctx, target.name, qtype)
	switch {
	case err != nil:
		return false, e.tempError(err, target.name, qtype)
	case answer.Status != dns.Found || len(answer.Records) == 0:
		return false, e.void(depth, t)
	case t.Kind == Exists:
		return true, ""
	}
	return e.covers(t, answer.Records), ""
}

// addressType is the type of record that a client of its family is compared with (§5).
func (e *evaluation) addressType() dns.Type {
	if e.ip.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}

// covers compares the client with addresses under the lengths of an a or mx term (§5.3).
func (e *evaluation) covers(t *Entry, records []dns.Record) bool {
	bits, six := t.lengths()
	if !e.ip.Is4() {
		bits = six
	}
	for i := range records {
		addr := records[i].Addr
		if addr.BitLen() == e.ip.BitLen() && netip.PrefixFrom(addr, bits).Contains(e.ip) {
			return true
		}
	}
	return false
}

// mx compares the client with the addresses of the mail hosts (§5.4). Their
// look-ups count neither as terms nor as void.
func (e *evaluation) mx(depth int, t *Entry, target at) (bool, Result) {
	answer, err := e.r.Resolve(e.ctx, target.name, dns.TypeMX)
	switch {
	case err != nil:
		return false, e.tempError(err, target.name, dns.TypeMX)
	case answer.Status != dns.Found || len(answer.Records) == 0:
		return false, e.void(depth, t)
	case len(answer.Records) > MaxMX: // §4.6.4, before any of them is asked
		return false, e.permError(CauseMX, check.Params{"Domain": target.text, "Count": len(answer.Records), "Limit": MaxMX})
	}
	var order [MaxMX]*dns.Record
	hosts := order[:len(answer.Records)]
	for i := range answer.Records {
		hosts[i] = &answer.Records[i]
	}
	slices.SortStableFunc(hosts, func(a, b *dns.Record) int { return int(a.Pref) - int(b.Pref) })
	qtype := e.addressType()
	for i, rr := range hosts {
		if rr.Host == dns.Root || rr.Host.Check() != nil || slices.ContainsFunc(hosts[:i], func(h *dns.Record) bool { return h.Host == rr.Host }) {
			continue // RFC 7505's null MX, what cannot be asked, what was asked
		}
		addrs, err := e.r.Resolve(e.ctx, rr.Host, qtype)
		if err != nil {
			return false, e.tempError(err, rr.Host, qtype)
		}
		if e.covers(t, addrs.Records) {
			return true, ""
		}
	}
	return false, ""
}

// reverse is the names that a client's address leads to (§5.5).
type reverse struct {
	void  bool       // there are none
	names []dns.Name // the first MaxPTR
	valid []verdict  // parallel: does the name lead back?
}

type verdict byte

const (
	notAsked verdict = iota
	leadsBack
	leadsElsewhere
)

// names asks for the client's names, once in an evaluation.
func (e *evaluation) names() *reverse {
	if e.reverse != nil {
		return e.reverse
	}
	e.reverse = &reverse{}
	answer, err := e.r.Resolve(e.ctx, reverseName(e.ip), dns.TypePTR)
	if err != nil { // §5.5: no match, never an error
		return e.reverse
	}
	e.reverse.void = answer.Status != dns.Found || len(answer.Records) == 0
	for i := range answer.Records[:min(len(answer.Records), MaxPTR)] { // §4.6.4: the rest is ignored
		e.reverse.names = append(e.reverse.names, answer.Records[i].Host)
	}
	e.reverse.valid = make([]verdict, len(e.reverse.names))
	return e.reverse
}

// confirmed tells whether the i-th name of the client has the client's address.
func (e *evaluation) confirmed(i int) bool {
	r := e.reverse
	if r.valid[i] == notAsked {
		r.valid[i] = leadsElsewhere
		if r.names[i].Check() == nil {
			// §5.5: a name whose look-up fails is skipped.
			answer, err := e.r.Resolve(e.ctx, r.names[i], e.addressType())
			if err == nil && slices.ContainsFunc(answer.Records, func(rr dns.Record) bool { return rr.Addr == e.ip }) {
				r.valid[i] = leadsBack
			}
		}
	}
	return r.valid[i] == leadsBack
}

// ptr matches when a confirmed name of the client is the target or below it
// (§5.5). Names elsewhere are not asked: they could not match.
func (e *evaluation) ptr(depth int, t *Entry, target at) (bool, Result) {
	r := e.names()
	if r.void {
		return false, e.void(depth, t)
	}
	for i, name := range r.names {
		if name.IsUnder(target.name) && e.confirmed(i) {
			return true, ""
		}
	}
	return false, ""
}

// clientName is %{p} (§7.3): a confirmed name that is the domain, else one
// below it, else any, else "unknown".
func (e *evaluation) clientName(domain dns.Name) string {
	r := e.names()
	for _, wanted := range []func(dns.Name) bool{
		func(n dns.Name) bool { return n == domain },
		func(n dns.Name) bool { return n.IsUnder(domain) },
		func(dns.Name) bool { return true },
	} {
		for i, name := range r.names {
			if wanted(name) && e.confirmed(i) {
				return name.String()
			}
		}
	}
	return "unknown"
}

// reverseName is where PTR records of an address live (RFC 1035 §3.5, RFC 3596 §2.5).
func reverseName(ip netip.Addr) dns.Name {
	b := ip.AsSlice()
	var text []byte
	if ip.Is4() {
		for i := len(b) - 1; i >= 0; i-- {
			text = strconv.AppendUint(text, uint64(b[i]), 10)
			text = append(text, '.')
		}
		return dns.Name(append(text, "in-addr.arpa"...))
	}
	const hex = "0123456789abcdef"
	for i := len(b) - 1; i >= 0; i-- {
		text = append(text, hex[b[i]&15], '.', hex[b[i]>>4], '.')
	}
	return dns.Name(append(text, "ip6.arpa"...))
}
