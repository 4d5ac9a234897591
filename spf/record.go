package spf

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Version is how a record begins (§4.5).
const Version = "v=spf1"

// Kind is what a term is: one of the eight mechanisms, one of the two
// modifiers, a modifier nobody knows, or no term at all.
type Kind string

// The mechanisms (§5), the modifiers (§6) and the rest.
const (
	All      Kind = "all"
	Include  Kind = "include"
	A        Kind = "a"
	MX       Kind = "mx"
	PTR      Kind = "ptr"
	IP4      Kind = "ip4"
	IP6      Kind = "ip6"
	Exists   Kind = "exists"
	Redirect Kind = "redirect"
	Exp      Kind = "exp"
	Unknown  Kind = "unknown" // name=value with another name: ignored by everyone, §6
	Invalid  Kind = "invalid" // matches no production
)

// Mechanism tells whether the term is a directive, as opposed to a modifier or no term.
func (k Kind) Mechanism() bool {
	switch k {
	case All, Include, A, MX, PTR, IP4, IP6, Exists:
		return true
	}
	return false
}

// queries tells whether evaluating the term counts against the ten look-ups
// of §4.6.4.
func (k Kind) queries() bool {
	switch k {
	case Include, A, MX, PTR, Exists, Redirect:
		return true
	}
	return false
}

// Entry is one term of a record: a directive or a modifier, as written.
type Entry struct {
	Kind Kind
	Text string     // the term; of a repaired term, what it was meant to be
	Span check.Span // where it stands in Record.Text
	Name string     // the name as written: "Include", "ra"
	Sign byte       // '+', '-', '~', '?' as written; 0 when none is

	Domain string     // domain-spec, or the value of an unknown modifier, as written; "" when none is
	Addr   netip.Addr // ip4 and ip6, as written: host bits may be set
	Bits4  int        // length of ip4, a, mx; -1 when not written (32)
	Bits6  int        // length of ip6, a, mx; -1 when not written (128)

	// Repaired says that the published text is broken and that this is what
	// it was evidently meant to be. Receivers see a permerror.
	Repaired bool
	// Meant is what a term with valid syntax was evidently meant to be, such
	// as include:x for include=x; "" when it says what it means.
	Meant string
}

// qualifier is the sign, '+' when none is written (§4.6.2).
func (e *Entry) qualifier() byte {
	if e.Sign == 0 {
		return '+'
	}
	return e.Sign
}

// positive tells whether a match is a pass.
func (e *Entry) positive() bool { return e.Kind.Mechanism() && e.qualifier() == '+' }

// hasMacro tells whether the domain-spec can only be known with a message in hand.
func (e *Entry) hasMacro() bool { return strings.Contains(e.Domain, "%") }

// target is the name that the term asks for in a record of owner: its
// domain-spec, else the owner. It is "" for macros and for terms that ask nothing.
func (e *Entry) target(owner dns.Name) dns.Name {
	switch {
	case e.hasMacro():
		return ""
	case e.Domain != "" && (e.Kind.queries() || e.Kind == Exp):
		return dns.FromText(e.Domain)
	case e.Kind == A || e.Kind == MX || e.Kind == PTR:
		return owner
	}
	return ""
}

// prefix is the range of an ip4 or ip6 term, host bits cleared as receivers do.
func (e *Entry) prefix() netip.Prefix {
	bits := e.Bits4
	if e.Kind == IP6 {
		bits = e.Bits6
	}
	if bits < 0 {
		bits = e.Addr.BitLen()
	}
	return netip.PrefixFrom(e.Addr, bits).Masked()
}

// lengths are the prefix lengths of an a or mx term for each family (§5.3).
func (e *Entry) lengths() (ip4, ip6 int) {
	ip4, ip6 = 32, 128
	if e.Bits4 >= 0 {
		ip4 = e.Bits4
	}
	if e.Bits6 >= 0 {
		ip6 = e.Bits6
	}
	return ip4, ip6
}

// String is the term in canonical form: lower-case name, sign and lengths as
// written. An invalid term prints as it stood.
func (e *Entry) String() string {
	var b strings.Builder
	if e.Sign != 0 {
		b.WriteByte(e.Sign)
	}
	switch e.Kind {
	case Invalid:
		return e.Text
	case Unknown:
		return e.Name + "=" + e.Domain
	case Redirect, Exp:
		return string(e.Kind) + "=" + e.Domain
	case IP4, IP6:
		b.WriteString(string(e.Kind) + ":" + e.Addr.String())
		if e.Kind == IP4 && e.Bits4 >= 0 {
			b.WriteString("/" + strconv.Itoa(e.Bits4))
		}
		if e.Kind == IP6 && e.Bits6 >= 0 {
			b.WriteString("/" + strconv.Itoa(e.Bits6))
		}
		return b.String()
	}
	b.WriteString(string(e.Kind))
	if e.Domain != "" {
		b.WriteString(":" + e.Domain)
	}
	if e.Bits4 >= 0 {
		b.WriteString("/" + strconv.Itoa(e.Bits4))
	}
	if e.Bits6 >= 0 {
		b.WriteString("//" + strconv.Itoa(e.Bits6))
	}
	return b.String()
}

// Record is an SPF record: its terms in order, duplicates and unknown
// modifiers kept. Example: "v=spf1 ip4:5.6.7.0/24 include:_spf.example.net -all".
type Record struct {
	Text    string // as published, character-strings joined
	Version string // as written: "v=spf1" in some case; "" when the text has none
	Terms   []Entry
}

// String is the record in canonical form, one space between terms.
func (r *Record) String() string {
	var b strings.Builder
	b.WriteString(Version)
	for i := range r.Terms {
		b.WriteByte(' ')
		b.WriteString(r.Terms[i].String())
	}
	return b.String()
}

// First is the index of the first term of that kind, -1 when there is none.
func (r *Record) First(k Kind) int {
	for i := range r.Terms {
		if r.Terms[i].Kind == k {
			return i
		}
	}
	return -1
}

// live is the terms that an evaluation can reach: mechanisms up to and with
// the first all, then redirect when no all stands anywhere (§5.1, §6.1).
func (r *Record) live(i int) bool {
	all := r.First(All)
	e := &r.Terms[i]
	switch {
	case e.Kind == Redirect:
		return all < 0 && r.First(Redirect) == i
	case e.Kind.Mechanism():
		return all < 0 || i <= all
	}
	return true
}

// rewrite is the record as it should be published: repairs made, one space
// between terms. change may replace a term's text, or drop it with "".
func (r *Record) rewrite(change func(i int, e *Entry, text string) string) string {
	parts := []string{Version}
	for i := range r.Terms {
		e := &r.Terms[i]
		text := e.Text
		if e.Meant != "" {
			text = e.Meant
		}
		if change != nil {
			text = change(i, e, text)
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}

// isRecord is the version test of §4.5: "v=spf1" in any case, then a space or
// the end. Texts that fail it are invisible to SPF.
func isRecord(text string) bool {
	return len(text) >= len(Version) && strings.EqualFold(text[:len(Version)], Version) &&
		(len(text) == len(Version) || text[len(Version)] == ' ')
}
