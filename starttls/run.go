package starttls

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/special"
)

// Caps of one domain (the catalogue's): beyond them a session says "not-asked".
const (
	maxHosts     = 10
	maxAddresses = 4
)

// Run probes the mail hosts of one domain. Make it with Start, hand it hosts
// as their addresses become known, take the facts with Wait.
type Run struct {
	ctx          context.Context
	prober       Prober
	ports        []uint16
	allowPrivate bool

	wg    sync.WaitGroup
	mu    sync.Mutex
	hosts map[dns.Name]*Host
	named map[dns.Name]*Host
}

// Start begins a run. The context bounds all of its probes. The prober's own
// ports are probed when it names them (SMTPProber does), else 25, 465 and 587.
func Start(ctx context.Context, prober Prober, allowPrivate bool) *Run {
	r := &Run{ctx: ctx, prober: prober, ports: []uint16{25, 465, 587}, allowPrivate: allowPrivate, hosts: map[dns.Name]*Host{}, named: map[dns.Name]*Host{}}
	if p, ok := prober.(interface{ Ports() []uint16 }); ok {
		r.ports = p.Ports()
	}
	return r
}

// Add begins probing a host at its addresses, all ports of each at once. It
// does not block and may be called from several goroutines; a host that was
// added before is left alone. All calls must come before Wait.
func (r *Run) Add(host dns.Name, addrs []netip.Addr) { r.add(r.hosts, host, addrs, r.ports) }

// AddNamed is Add for a host that hands in or fetches mail, at ports of its
// own: it goes to Facts.Named. A host may be named again for further ports.
func (r *Run) AddNamed(host dns.Name, addrs []netip.Addr, ports []uint16) {
	r.addNamed(host, addrs, ports, ports, "")
}

// AddService is AddNamed for a host that SRV records of the owner name. Mail is
// handed in on 465 and 587: both are looked at, and only those in ports count
// as named.
func (r *Run) AddService(owner, host dns.Name, addrs []netip.Addr, ports []uint16) {
	look := slices.Clone(ports)
	for _, p := range []uint16{465, 587} {
		if !slices.Contains(look, p) {
			look = append(look, p)
		}
	}
	r.addNamed(host, addrs, look, ports, owner)
}

func (r *Run) addNamed(host dns.Name, addrs []netip.Addr, look, ports []uint16, owner dns.Name) {
	r.add(r.named, host, addrs, look)
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.named[host]
	h.Owner = cmp.Or(h.Owner, owner)
	for _, p := range ports {
		if !slices.Contains(h.Ports, p) {
			h.Ports = append(h.Ports, p)
			slices.Sort(h.Ports)
		}
	}
}

// Look holds a session with one port of one host at each address, and makes the
// tests at the first of them that answers. What port 25 shows goes to
// Facts.Hosts, any other port to Facts.Named.
func Look(ctx context.Context, p *SMTPProber, host dns.Name, addrs []netip.Addr, port uint16, tests Tests, allowPrivate bool) *Facts {
	r := Start(ctx, p, allowPrivate)
	list := r.named
	if port == 25 {
		list = r.hosts
	}
	var held []*Session
	var rest []netip.Addr
	made := tests.None()
	for i, a := range addrs {
		if made || i >= maxAddresses || special.Block(a) != "" && !allowPrivate {
			rest = append(rest, a)
			continue
		}
		s := p.test(ctx, Target{Host: host, Addr: a, Port: port}, tests)
		made = s.reached(StepGreeted)
		held = append(held, s)
	}
	if !made && len(held) > 0 {
		held[0].leftOver(tests)
	}
	r.add(list, host, rest, []uint16{port})
	r.mu.Lock()
	list[host].Sessions = append(list[host].Sessions, held...)
	if port != 25 {
		list[host].Ports = []uint16{port}
	}
	r.mu.Unlock()
	f := r.Wait(nil)
	f.Domain = host
	if port != 25 {
		f.NoHosts = OtherPort
	}
	return f
}

func (r *Run) add(hosts map[dns.Name]*Host, host dns.Name, addrs []netip.Addr, ports []uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := hosts[host]
	if h == nil {
		h = &Host{Name: host, Sessions: []*Session{}, over: len(hosts) >= maxHosts, asked: map[Target]bool{}}
		hosts[host] = h
	}
	for i, a := range addrs {
		for _, port := range ports {
			t := Target{Host: host, Addr: a, Port: port}
			if h.asked[t] {
				continue
			}
			h.asked[t] = true
			slot := len(h.Sessions)
			switch block := special.Block(a); {
			case block != "" && !r.allowPrivate:
				s := newSession(t)
				s.Status, s.Detail = "special-address", block
				h.Sessions = append(h.Sessions, s)
			case h.over || i >= maxAddresses:
				h.Sessions = append(h.Sessions, notAsked(t, "cap"))
			default:
				h.Sessions = append(h.Sessions, nil)
				r.wg.Go(func() {
					s := r.prober.Probe(r.ctx, t)
					r.mu.Lock()
					h.Sessions[slot] = s
					r.mu.Unlock()
				})
			}
		}
	}
}

// Wait waits for every probe and gives the facts, hosts in the order given.
func (r *Run) Wait(order []dns.Name) *Facts {
	r.wg.Wait()
	f := &Facts{Hosts: sorted(r.hosts, order)}
	if len(r.named) > 0 {
		f.Named = sorted(r.named, order)
	}
	f.inferBlocked()
	if p, ok := r.prober.(*SMTPProber); ok && f.Blocked {
		p.control(r.ctx)
	}
	if p, ok := r.prober.(interface{ Port25() (bool, bool) }); ok {
		works, six := p.Port25()
		f.Port25Works, f.IPv6Works = f.Port25Works || works, f.IPv6Works || six
		f.Blocked = f.Blocked && !f.Port25Works
	}
	f.Level = LevelQuick
	if p, ok := r.prober.(interface{ Level() Level }); ok {
		f.Level = p.Level()
	}
	return f
}

// sorted lists hosts in the order given; those not named there come last, by name.
func sorted(hosts map[dns.Name]*Host, order []dns.Name) []*Host {
	out := []*Host{}
	for _, h := range hosts {
		slices.SortStableFunc(h.Sessions, func(a, b *Session) int {
			return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port))
		})
		out = append(out, h)
	}
	place := func(h *Host) int {
		if i := slices.Index(order, h.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(out, func(a, b *Host) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// inferBlocked decides from the run's own attempts whether port 25 is closed on
// our network: nothing connected on it, and every attempt was silent, refused
// or failed by a local error. One server that answers settles the contrary.
func (f *Facts) inferBlocked() {
	tried := false
	for _, h := range f.Hosts {
		for _, s := range h.Sessions {
			if s.Port != 25 {
				continue
			}
			if s.reached(StepConnected) {
				f.Port25Works = true
				f.IPv6Works = f.IPv6Works || s.Addr.Is6()
			}
			switch s.Status {
			case "silent", "refused", "network":
				tried = true
			case "not-asked":
				tried = tried || s.Detail == "blocked"
			}
		}
	}
	f.Blocked = tried && !f.Port25Works
}
