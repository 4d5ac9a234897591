package dnstest

import (
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
)

// holding is the zone that holds a name.
func (t *Tree) holding(n dns.Name) *signedZone {
	for {
		if z := t.zones[n]; z != nil {
			return z
		}
		n = n.Parent()
	}
}

// Reply answers as a recursive resolver that validates nothing.
func (t *Tree) Reply(q *mdns.Msg, overTCP bool) *mdns.Msg {
	t.packets.Add(1)
	m := new(mdns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	asked := q.Question[0]
	name, qtype := dns.FromPresentation(asked.Name), asked.Qtype
	t.mu.Lock()
	t.counts[question{name, dns.Type(qtype)}]++
	mutate := t.mutate
	t.mu.Unlock()
	for range 10 {
		next, ok := t.step(m, name, qtype)
		if !ok {
			break
		}
		name = next
	}
	if mutate != nil {
		mutate(mdns.Question{Name: strings.ToLower(asked.Name), Qtype: qtype}, m)
	}
	do := false
	if opt := q.IsEdns0(); opt != nil {
		do = opt.Do()
		m.SetEdns0(1232, do)
	}
	if !do {
		for _, s := range []*[]mdns.RR{&m.Answer, &m.Ns} {
			*s = slices.DeleteFunc(*s, func(r mdns.RR) bool {
				h := r.Header().Rrtype
				return (h == mdns.TypeRRSIG || h == mdns.TypeNSEC || h == mdns.TypeNSEC3) && h != qtype
			})
		}
	}
	m.Compress = true
	if !overTCP {
		m.Truncate(1232)
	}
	return m
}

// step answers for one name; next is where a CNAME or DNAME leads.
func (t *Tree) step(m *mdns.Msg, name dns.Name, qtype uint16) (next dns.Name, more bool) {
	z := t.holding(name)
	if qtype == mdns.TypeDS && name != dns.Root {
		z = t.holding(name.Parent())
	}
	source := name
	if !z.exists(name) {
		encloser := name.Parent()
		for ; !z.exists(encloser); encloser = encloser.Parent() {
		}
		for n := encloser; ; n = n.Parent() {
			if d := z.sets[n][mdns.TypeDNAME]; d != nil {
				prefix := strings.TrimSuffix(string(name), "."+string(n))
				target := dns.FromPresentation(d[0].(*mdns.DNAME).Target).Child(prefix)
				m.Answer = append(m.Answer, z.signed(d)...)
				m.Answer = append(m.Answer, &mdns.CNAME{Hdr: header(name.FQDN(), mdns.TypeCNAME, 3600), Target: target.FQDN()})
				return target, true
			}
			if n == z.name {
				break
			}
		}
		source = encloser.Child("*")
		if !z.exists(source) {
			m.Rcode = mdns.RcodeNameError
			z.deny(m, name, encloser, "", false)
			return "", false
		}
		defer func() { z.deny(m, name, encloser, source, len(z.at(source, qtype)) > 0) }()
	}
	set := z.at(source, qtype)
	if len(set) == 0 {
		if source == name {
			z.deny(m, name, "", name, false)
		}
		return "", false
	}
	for _, r := range z.signed(set) {
		r = mdns.Copy(r)
		r.Header().Name = name.FQDN()
		m.Answer = append(m.Answer, r)
	}
	if c, ok := set[0].(*mdns.CNAME); ok && qtype != mdns.TypeCNAME {
		return dns.FromPresentation(c.Target), true
	}
	return "", false
}

func (z *signedZone) at(n dns.Name, qtype uint16) []mdns.RR {
	if set := z.sets[n][qtype]; set != nil {
		return set
	}
	return z.sets[n][mdns.TypeCNAME]
}

// exists tells whether a name exists, with records or as an empty non-terminal.
func (z *signedZone) exists(n dns.Name) bool {
	if n == z.name {
		return true
	}
	for have := range z.sets {
		if have.IsUnder(n) {
			return true
		}
	}
	return false
}

// deny adds the SOA and the proof. With an encloser the name does not exist;
// source is then the wildcard, if there is one, and positive tells that it answers.
func (z *signedZone) deny(m *mdns.Msg, name, encloser, source dns.Name, positive bool) {
	if !positive {
		m.Ns = append(m.Ns, z.signed(z.sets[z.name][mdns.TypeSOA])...)
	}
	if z.Unsigned {
		return
	}
	add := func(r mdns.RR) {
		if r != nil && !slices.ContainsFunc(m.Ns, func(have mdns.RR) bool { return have.String() == r.String() }) {
			m.Ns = append(m.Ns, z.signed([]mdns.RR{r})...)
		}
	}
	star := encloser.Child("*")
	if !z.NSEC3 {
		add(z.link1(name))
		if encloser != "" && !positive {
			add(z.link1(star))
		}
		return
	}
	if encloser == "" {
		if r := z.match(name); r != nil {
			add(r)
			return
		}
		encloser = name.Parent() // opted out
		for z.match(encloser) == nil {
			encloser = encloser.Parent()
		}
		star = ""
	}
	for star != "" && z.match(encloser) == nil { // opted out: the closest that can be proven
		encloser = encloser.Parent()
		star = encloser.Child("*")
	}
	next := name
	for next.Parent() != encloser {
		next = next.Parent()
	}
	add(z.cover(next))
	if positive {
		return
	}
	add(z.match(encloser))
	switch {
	case star == "":
	case source != "":
		add(z.match(star))
	default:
		add(z.cover(star))
	}
}

// link1 is the NSEC at or before a name.
func (z *signedZone) link1(n dns.Name) mdns.RR {
	at := 0
	for i, have := range z.names {
		if have.Compare(n) <= 0 {
			at = i
		}
	}
	return z.chain[at]
}

func (z *signedZone) match(n dns.Name) mdns.RR {
	if i := slices.Index(z.names, n); i >= 0 {
		return z.chain[i]
	}
	return nil
}

func (z *signedZone) cover(n dns.Name) mdns.RR {
	h := z.hash(n)
	at := len(z.names) - 1
	for i, have := range z.names {
		if z.hash(have) < h {
			at = i
		}
	}
	return z.chain[at]
}
