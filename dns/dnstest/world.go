package dnstest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/postseal/postseal/dns"
)

// World is a closed world of names. It is a dns.Resolver and safe for
// concurrent use.
type World struct {
	zone    *dns.Zone
	fails   map[question]failure
	secure  []dns.Name
	trusted bool

	servers map[netip.Addr]*override // what single servers say otherwise

	delay   atomic.Int64 // nanoseconds before each reply
	packets atomic.Int64
	rrs     sync.Map // presentation form to mdns.RR

	mu     sync.Mutex
	counts map[question]int
}

type question struct {
	name  dns.Name
	qtype dns.Type
}

const typeANY dns.Type = 255

// override is what one authoritative server says otherwise than the world.
type override struct {
	world *World
	text  strings.Builder
	fail  failure // to every question
}

// failure is one of the failure words.
type failure string

const (
	servfail failure = "servfail"
	refused  failure = "refused"
	timeout  failure = "timeout"
	truncate failure = "truncate"
	lame     failure = "lame"
	bogus    failure = "bogus"
)

// errorOf tells what a resolver makes of each failure.
var errorOf = map[failure]struct {
	kind   dns.Kind
	detail string
}{
	servfail: {dns.ServFail, "SERVFAIL"},
	refused:  {dns.Refused, "REFUSED"},
	timeout:  {dns.Timeout, "no reply"},
	truncate: {dns.Truncated, "no answer over TCP"},
	lame:     {dns.Lame, "referral to ."},
	bogus:    {dns.ServFail, "SERVFAIL"},
}

// serverName is what answers of a world name as their server.
const serverName = "dnstest"

// Parse reads the text of a world.
func Parse(text string) (*World, error) {
	w := &World{fails: map[question]failure{}, counts: map[question]int{}, servers: map[netip.Addr]*override{}}
	rest, err := w.readWords(text)
	if err != nil {
		return nil, err
	}
	if w.zone, err = dns.ParseClosed(strings.NewReader(rest), "zone text"); err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	for q := range w.fails {
		w.zone.AddName(q.name)
	}
	for addr, o := range w.servers {
		if o.world, err = Parse(o.text.String()); err != nil {
			return nil, fmt.Errorf("%w (of !at %s)", err, addr)
		}
	}
	return w, nil
}

// readWords takes the lines with words out of the text; the others keep their
// numbers.
func (w *World) readWords(text string) (string, error) {
	lines := strings.Split(text, "\n")
	origin, owner := dns.Root, dns.Root
	lost := false // the last owner stood on a line that was taken out
	for i, line := range lines {
		data, comment := cutComment(line)
		fields := strings.Fields(data)
		if len(fields) == 2 && strings.EqualFold(fields[0], "$ORIGIN") {
			origin = absolute(fields[1], origin)
			continue
		}
		if len(fields) > 0 && !strings.HasPrefix(fields[0], "$") && data[0] != ' ' && data[0] != '\t' {
			owner = absolute(fields[0], origin)
			fields = fields[1:]
			lost = false
		} else if len(fields) > 0 && lost {
			line = owner.FQDN() + " " + line
			data = owner.FQDN() + " " + data
			lines[i] = line
		}
		words := strings.Fields(comment)
		if len(words) == 0 || !strings.HasPrefix(words[0], "!") {
			continue
		}
		lines[i] = ""
		lost = lost || len(fields) > 0
		switch word := words[0][1:]; {
		case word == "at" && len(words) > 1:
			if err := w.readAt(i+1, words[1:], origin, owner, fields); err != nil {
				return "", err
			}
		case word == "trusted":
			w.trusted = true
		case word == "secure" && len(words) > 1:
			w.trusted = true
			for _, n := range words[1:] {
				w.secure = append(w.secure, absolute(n, origin))
			}
		default:
			f := failure(word)
			if _, ok := errorOf[f]; !ok {
				return "", fmt.Errorf("dnstest: zone text:%d: unknown word %q", i+1, words[0])
			}
			t, ok := typeOf(fields)
			if !ok {
				return "", fmt.Errorf("dnstest: zone text:%d: %q needs a name and a type", i+1, words[0])
			}
			w.fails[question{owner, t}] = f
			if f == bogus && !strings.EqualFold(fields[len(fields)-1], t.String()) {
				lines[i] = data // the record is there, it only does not validate
			}
		}
	}
	return strings.Join(lines, "\n"), nil
}

// readAt reads a line of one server: a record that only it has, or a failure.
func (w *World) readAt(line int, words []string, origin, owner dns.Name, fields []string) error {
	addr, err := netip.ParseAddr(words[0])
	if err != nil {
		return fmt.Errorf("dnstest: zone text:%d: !at needs an address: %w", line, err)
	}
	o := w.servers[addr]
	if o == nil {
		o = &override{}
		w.servers[addr] = o
	}
	if len(words) > 1 {
		f := failure(words[1])
		if _, ok := errorOf[f]; !ok {
			return fmt.Errorf("dnstest: zone text:%d: unknown word %q", line, words[1])
		}
		o.fail = f
		return nil
	}
	fmt.Fprintf(&o.text, "$ORIGIN %s\n%s %s\n", origin.FQDN(), owner.FQDN(), strings.Join(fields, " "))
	return nil
}

// cutComment splits a line at the semicolon that begins its comment.
func cutComment(line string) (data, comment string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return line[:i], line[i+1:]
			}
		}
	}
	return line, ""
}

// typeOf is the first type among the fields after the owner: TTL and class may
// stand before it.
func typeOf(fields []string) (dns.Type, bool) {
	for _, f := range fields {
		if strings.EqualFold(f, "ANY") {
			return typeANY, true
		}
		var t dns.Type
		if t.UnmarshalText([]byte(strings.ToUpper(f))) == nil {
			return t, true
		}
	}
	return 0, false
}

func absolute(s string, origin dns.Name) dns.Name {
	switch {
	case s == "@":
		return origin
	case strings.HasSuffix(s, "."):
		return dns.FromPresentation(s)
	}
	return origin.Child(string(dns.FromPresentation(s)))
}

// Resolve answers from the world.
func (w *World) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	return w.resolve(ctx, name, qtype, false)
}

// ResolveCD answers with checking disabled: what is bogus is answered, and
// nothing is secure.
func (w *World) ResolveCD(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	return w.resolve(ctx, name, qtype, true)
}

// AskServer answers for one authoritative server: the world's answer unless
// !at says otherwise.
func (w *World) AskServer(ctx context.Context, addr netip.AddrPort, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	w.count(name, qtype)
	from := w
	if o := w.servers[addr.Addr()]; o != nil {
		if e, ok := errorOf[o.fail]; ok {
			return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: e.kind, Detail: e.detail, Server: addr.String()}
		}
		if s := o.world.zone.Lookup(name, qtype); s.Status == dns.Found {
			from = o.world
		}
	}
	a, err := from.answer(ctx, name, qtype, true)
	a.Server, a.Trusted = addr.String(), false
	return a, err
}

func (w *World) resolve(ctx context.Context, name dns.Name, qtype dns.Type, cd bool) (dns.Answer, error) {
	w.count(name, qtype)
	return w.answer(ctx, name, qtype, cd)
}

func (w *World) answer(ctx context.Context, name dns.Name, qtype dns.Type, cd bool) (dns.Answer, error) {
	return dns.Follow(ctx, name, qtype, func(n dns.Name) (dns.Step, error) {
		s, f := w.lookup(n, qtype, cd)
		if f != "" {
			e := errorOf[f]
			return s, &dns.Error{Name: n, Type: qtype, Kind: e.kind, Detail: e.detail, Server: serverName}
		}
		return s, nil
	})
}

// lookup is one step of a chain, or the failure set for it. A failure at a
// wildcard holds for the names that it stands for.
func (w *World) lookup(n dns.Name, qtype dns.Type, cd bool) (dns.Step, failure) {
	s := w.zone.Lookup(n, qtype)
	s.Server, s.Trusted, s.Secure = serverName, w.trusted, w.isSecure(n) && !cd
	for _, owner := range []dns.Name{n, s.Source} {
		if owner != n && s.Status == dns.NXDomain {
			continue
		}
		for _, t := range []dns.Type{qtype, typeANY} {
			if f, ok := w.fails[question{owner, t}]; ok && (f != bogus || !cd) {
				return s, f
			}
		}
	}
	return s, ""
}

func (w *World) isSecure(n dns.Name) bool {
	return slices.ContainsFunc(w.secure, n.IsUnder)
}

func (w *World) count(name dns.Name, qtype dns.Type) {
	w.mu.Lock()
	w.counts[question{name, qtype}]++
	w.mu.Unlock()
}

// Count tells how often a question was asked.
func (w *World) Count(name dns.Name, qtype dns.Type) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[question{name, qtype}]
}

// Total tells how many questions were asked.
func (w *World) Total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.counts {
		n += c
	}
	return n
}
