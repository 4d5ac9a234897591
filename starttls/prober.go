package starttls

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
)

// Timing are the absolute deadlines of one step each. A zero field has the
// default.
type Timing struct {
	Connect   time.Duration // 4 s
	Greeting  time.Duration // 15 s; RFC 5321 §4.5.3.2.1 allows 5 min
	Command   time.Duration // 8 s
	Handshake time.Duration // 8 s
	Overall   time.Duration // 20 s for a port of an address, retries included
	Gap       time.Duration // 1.5 s between two connections to the same address and port
	Quit      time.Duration // for the answer to QUIT; zero does not wait for it
	Injection time.Duration // 3 s for an answer that nobody asked for
}

func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.Connect, 4*time.Second)
	set(&t.Greeting, 15*time.Second)
	set(&t.Command, 8*time.Second)
	set(&t.Handshake, 8*time.Second)
	set(&t.Overall, 20*time.Second)
	set(&t.Gap, 1500*time.Millisecond)
	set(&t.Injection, 3*time.Second)
	return t
}

// Config is what a prober is made of. Only Dialer is required.
type Config struct {
	Dialer *dial.Dialer
	Roots  *x509.CertPool   // nil: the system's
	HELO   string           // our name in EHLO; "": the address literal of the connection
	Now    func() time.Time // the clock certificates are judged by; nil: time.Now
	Tape   *tape.Tape       // nil: neither recorded nor played
	Ports  []uint16         // nil: 25, 465, 587
	Timing Timing

	Level Level // of TLS handshakes; "": quick

	// Patient has the long waits of patientTiming, unless Timing says otherwise, and
	// asks a busy or silent server again.
	Patient bool
	Sleep   func(context.Context, time.Duration) error // between tries and handshakes; nil: waits
	Control *Control                                   // nil: no host of others is asked whether port 25 works
}

// Limits of what a prober remembers, so that a long list costs no memory.
const (
	maxKept        = 4096 // sessions
	maxGates       = 8192 // addresses and ports
	silentSettles  = 3    // distinct providers silent, nothing connected: port 25 is blocked here
	submissionWait = time.Second
)

// SMTPProber probes over the network and remembers for the run: one session for
// each (host, address, port), one connection at a time to each (address, port).
// It is safe for concurrent use.
type SMTPProber struct {
	dialer *dial.Dialer
	roots  *x509.CertPool
	helo   string
	now    func() time.Time
	tape   *tape.Tape
	ports  []uint16
	timing Timing
	level  Level

	patient     bool
	sleep       func(context.Context, time.Duration) error
	controlHost *Control
	controlOnce sync.Once

	mu    sync.Mutex
	calls map[Target]*call
	order []Target // of finished calls, oldest first
	gates map[netip.AddrPort]*gate
	rtts  map[netip.Addr]*answered

	works25, works6 bool            // some server answered on port 25, and over IPv6
	silent          map[string]bool // providers whose port 25 gave no sign of life
}

// call is one probe that several may wait for.
type call struct {
	done chan struct{}
	out  *Session // nil when the caller that made it was stopped
}

// gate lets one connection at a time through to an address and port.
type gate struct {
	turn chan struct{} // holds one token
	last time.Time     // when the last connection ended
}

// answered tells the other ports of an address that port 25 gave an answer,
// yes or no, and how long that took.
type answered struct {
	ch   chan struct{}
	once sync.Once
	rtt  time.Duration
}

// NewProber makes the prober of a run.
func NewProber(c Config) *SMTPProber {
	if c.Patient && c.Timing == (Timing{}) {
		c.Timing = patientTiming()
	}
	p := &SMTPProber{
		dialer: c.Dialer, roots: c.Roots, helo: c.HELO, now: c.Now, tape: c.Tape, ports: c.Ports,
		timing: c.Timing.withDefaults(), level: c.Level, sleep: c.Sleep, patient: c.Patient, controlHost: c.Control,
		calls: map[Target]*call{}, gates: map[netip.AddrPort]*gate{},
		rtts: map[netip.Addr]*answered{}, silent: map[string]bool{},
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.ports == nil {
		p.ports = []uint16{25, 465, 587}
	}
	if p.sleep == nil {
		p.sleep = rest
	}
	p.tapeLevel()
	return p
}

// Ports are the ports to probe at each address.
func (p *SMTPProber) Ports() []uint16 { return p.ports }

// Port25 tells whether some server answered on port 25 in this run, and
// whether one did over IPv6.
func (p *SMTPProber) Port25() (works, overIPv6 bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.works25, p.works6
}

// Probe opens a connection, or gives what an earlier one to the same host,
// address and port showed. The session is shared: treat it as read-only.
func (p *SMTPProber) Probe(ctx context.Context, t Target) *Session {
	for {
		p.mu.Lock()
		c, ok := p.calls[t]
		if !ok {
			c = &call{done: make(chan struct{})}
			p.calls[t] = c
			p.mu.Unlock()
			return p.lead(ctx, t, c)
		}
		p.mu.Unlock()
		select {
		case <-c.done:
			if c.out != nil {
				return c.out
			}
			// Whoever made it was stopped; this caller was not, so it tries itself.
		case <-ctx.Done():
			return notAsked(t, "time")
		}
	}
}

func (p *SMTPProber) lead(ctx context.Context, t Target, c *call) *Session {
	out := p.fresh(ctx, t)
	p.mu.Lock()
	defer p.mu.Unlock()
	if stopped(ctx) {
		delete(p.calls, t) // half a measurement is nobody else's
	} else {
		c.out = out
		p.order = append(p.order, t)
		if len(p.order) > maxKept {
			delete(p.calls, p.order[0])
			p.order = p.order[1:]
		}
	}
	close(c.done)
	return out
}

// stopped tells whether the context ended. A socket deadline taken from it may
// strike a moment before the context itself knows.
func stopped(ctx context.Context) bool {
	at, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(at)
}

// Level is how many handshakes the prober makes.
func (p *SMTPProber) Level() Level { return p.level }

// tapeLevel keeps the level on the tape: what was not asked for then is not
// asked for when it is played.
func (p *SMTPProber) tapeLevel() {
	if p.tape.Playing() {
		_, _ = p.tape.Get("smtp", "tls-versions", &p.level) // a tape of old has none
	}
	if p.level == "" {
		p.level = LevelQuick
	}
	if p.tape.Recording() {
		_ = p.tape.Put("smtp", "tls-versions", p.level) // a word can be written
	}
}

// recorded is a session as a tape keeps it.
type recorded struct {
	*Session
	DER   [][]byte `json:"der"`
	Other [][]byte `json:"other_der"`
}

// other is the certificate of the other type of key, nil for none.
func (s *Session) other() *Cert {
	if s.Handshakes == nil {
		return nil
	}
	return s.Handshakes.Other
}

func tapeKey(t Target) string {
	return t.Host.String() + " " + t.Addr.String() + " " + strconv.Itoa(int(t.Port))
}

func (p *SMTPProber) fresh(ctx context.Context, t Target) *Session {
	var out *Session
	if p.tape.Playing() {
		rec := recorded{Session: newSession(t)}
		if ok, err := p.tape.Get("smtp", tapeKey(t), &rec); !ok || err != nil {
			return notAsked(t, "replay")
		}
		if out = rec.Session; out.Certificate != nil {
			out.Certificate.DER = rec.DER
		}
		if o := out.other(); o != nil {
			o.DER = rec.Other
		}
	} else {
		out = p.measure(ctx, t, nil)
		if !stopped(ctx) && p.tape.Recording() {
			rec := recorded{Session: out}
			if out.Certificate != nil {
				rec.DER = out.Certificate.DER
			}
			if o := out.other(); o != nil {
				rec.Other = o.DER
			}
			if err := p.tape.Put("smtp", tapeKey(t), rec); err != nil {
				out.Detail = err.Error()
			}
		}
	}
	p.learn(out)
	return out
}

// learn takes from a session what it says about our own network.
func (p *SMTPProber) learn(s *Session) {
	if s.Port != 25 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.reached(StepConnected):
		p.works25 = true
		p.works6 = p.works6 || s.Addr.Is6()
	case s.Status == "silent":
		if len(p.silent) < 64 {
			p.silent[provider(s)] = true
		}
	}
}

// provider is who runs the host: hosts of one registrable domain fail together
// and prove nothing about our network.
func provider(s *Session) string {
	if reg, err := publicsuffix.EffectiveTLDPlusOne(s.Host.String()); err == nil {
		return reg
	}
	return s.Host.String()
}

// measure waits for its turn and holds the session, and where its handshake
// failed the retries that tell why: one without post-quantum shares, one with
// old versions.
func (p *SMTPProber) measure(ctx context.Context, t Target, tests *Tests) *Session {
	p.mu.Lock()
	blocked := t.Port == 25 && !p.works25 && len(p.silent) >= silentSettles
	p.mu.Unlock()
	if blocked {
		return notAsked(t, "blocked")
	}
	g, err := p.enter(ctx, netip.AddrPortFrom(t.Addr, t.Port))
	if err != nil {
		return notAsked(t, "time")
	}
	defer p.leave(g)
	out, used := p.first(ctx, t, tests)
	if !accessPort(t.Port) { // further handshakes know the way to TLS in SMTP only
		p.deepen(ctx, out, used)
	}
	return out
}

// first is the session itself, and how many connections it took.
func (p *SMTPProber) first(ctx context.Context, t Target, tests *Tests) (out *Session, used int) {
	if p.patient {
		return p.patiently(ctx, t, tests)
	}
	return p.attempt(ctx, t, tests)
}

// attempt is one session, and what a failed handshake asks for besides. Tests
// are made in the first session that comes so far.
func (p *SMTPProber) attempt(ctx context.Context, t Target, tests *Tests) (out *Session, used int) {
	ctx, cancel := context.WithTimeout(ctx, p.timing.Overall)
	defer cancel()
	first := p.once(ctx, t, helloDefault, tests)
	if t.Port == 25 && !first.reached(StepConnected) && first.Status == "refused" {
		p.connected(t, time.Duration(first.TookMS*float64(time.Millisecond)))
	}
	if first.Certificate != nil && first.TLS == nil && !accessPort(t.Port) {
		p.unreadable(ctx, first)
		return first, 2
	}
	if first.TLSError == "" || first.STARTTLS == "injected" || first.STARTTLS == "plaintext" {
		return first, 1
	}
	used = 1
	for _, h := range []hello{helloSmall, helloOld} {
		again := p.once(ctx, t, h, tests)
		again.Tests = slices.Concat(first.Tests, again.Tests)
		used++
		if again.TLS != nil {
			again.LargeHello, again.Fallback = h == helloSmall, h == helloOld
			return again, used
		}
		if again.Certificate != nil && !accessPort(t.Port) {
			p.unreadable(ctx, again)
			return again, used + 1
		}
		// Only a handshake that the server itself broke off counts against it;
		// a retry that was refused or cut short leaves the question open.
		first.TLSTimedOut = first.TLSTimedOut || again.TLSTimedOut || again.TLSError == ""
	}
	return first, used
}

func (p *SMTPProber) once(ctx context.Context, t Target, h hello, tests *Tests) *Session {
	s := &session{p: p, out: newSession(t), hello: h, ctx: ctx, tests: tests}
	s.run()
	return s.out
}

func newSession(t Target) *Session {
	return &Session{
		Target: t, Capabilities: []string{}, CapabilitiesTLS: []string{}, Oddities: []Oddity{},
		AuthBeforeTLS: []string{}, AuthAfterTLS: []string{}, Transcript: []Line{},
	}
}

// notAsked is a session that was not held: "blocked", "cap", "time", "replay".
func notAsked(t Target, why string) *Session {
	s := newSession(t)
	s.Status, s.Detail = "not-asked", why
	return s
}

// enter waits for the turn at an address and port, and for the pause that
// politeness asks for after the last connection.
func (p *SMTPProber) enter(ctx context.Context, at netip.AddrPort) (*gate, error) {
	p.mu.Lock()
	g := p.gates[at]
	if g == nil {
		if len(p.gates) >= maxGates {
			p.sweep()
		}
		g = &gate{turn: make(chan struct{}, 1)}
		g.turn <- struct{}{}
		p.gates[at] = g
	}
	p.mu.Unlock()
	select {
	case <-g.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if wait := p.timing.Gap - time.Since(g.last); !g.last.IsZero() && wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			g.turn <- struct{}{}
			return nil, ctx.Err()
		}
	}
	return g, nil
}

func (p *SMTPProber) leave(g *gate) {
	g.last = time.Now()
	g.turn <- struct{}{}
}

// sweep forgets gates that nobody holds and whose pause is over. Called with mu held.
func (p *SMTPProber) sweep() {
	for at, g := range p.gates {
		select {
		case <-g.turn:
			if time.Since(g.last) > p.timing.Gap {
				delete(p.gates, at)
			}
			g.turn <- struct{}{}
		default:
		}
	}
	for a, r := range p.rtts {
		if !slices.ContainsFunc([]uint16{25, 465, 587}, func(port uint16) bool {
			return p.gates[netip.AddrPortFrom(a, port)] != nil
		}) && isClosed(r.ch) {
			delete(p.rtts, a)
		}
	}
}

func isClosed(ch chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (p *SMTPProber) answer(a netip.Addr) *answered {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rtts[a] == nil {
		p.rtts[a] = &answered{ch: make(chan struct{})}
	}
	return p.rtts[a]
}

// connected notes how long the address took to answer on port 25.
func (p *SMTPProber) connected(t Target, took time.Duration) {
	if t.Port != 25 {
		return
	}
	a := p.answer(t.Addr)
	a.once.Do(func() {
		a.rtt = took
		close(a.ch)
	})
}

var errEnough = errors.New("port 25 answered long ago")

// connectContext bounds a connection attempt. Once port 25 of the address
// answered in R, a submission port that stays silent gets max(1 s, 8R) and no
// more: mail exchangers seldom have one, and most firewalls drop instead of refuse.
func (p *SMTPProber) connectContext(ctx context.Context, t Target) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, p.timing.Connect)
	if t.Port == 25 {
		return ctx, cancel
	}
	ctx, cut := context.WithCancelCause(ctx)
	a, began := p.answer(t.Addr), time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-a.ch:
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(max(submissionWait, 8*a.rtt) - time.Since(began))
		defer timer.Stop()
		select {
		case <-timer.C:
			cut(errEnough)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cut(nil)
		cancel()
		<-done
	}
}
