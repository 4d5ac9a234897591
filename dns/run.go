package dns

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postseal/postseal/internal/special"
	"github.com/postseal/postseal/internal/tape"
)

// RunConfig says what a run's answers come from.
type RunConfig struct {
	Config
	Zones []*Zone    // answered from, before anybody is asked
	Tape  *tape.Tape // records, or answers instead of the network; nil for neither

	// Validate has every answer validated in process, from the trust anchors
	// (nil: the root's) and by the clock Now (nil: the system's). Of a recording
	// the findings are played, too.
	Validate bool
	Anchors  []Anchor
	Now      func() time.Time

	CacheBytes   uint64 // bound of the cache; 0 means 64 MiB
	NoLog        bool   // keep no run-wide log: it grows with the number of domains
	AllowPrivate bool   // AskServer may go to special-purpose addresses

	// Redirect sends what AskServer asks elsewhere, if it says so; nil for never.
	Redirect func(netip.AddrPort) (netip.AddrPort, bool)
}

// Run is the resolver of a run: zones, cache, recording and network in one.
// All domains of a run share it. Close it after use.
type Run struct {
	client    *Client
	cache     *cache
	top       Resolver
	played    *player
	validator *validator // nil unless answers are validated
	log       *Log
	cfg       RunConfig
	direct    atomic.Int64 // packets of AskServer
	asked     atomic.Int64 // questions put to AskServer
}

// Counts is what a run asked.
type Counts struct {
	Queries int64 // questions that neither cache nor zone answered, AskServer's included
	Packets int64 // messages sent for them; of a recording, when it was made
}

// NewRun assembles the resolver of a run. It fails on a server that cannot be
// understood and on two zones of one origin; it does not go to the network yet.
func NewRun(cfg RunConfig) (*Run, error) {
	if err := distinct(cfg.Zones); err != nil {
		return nil, err
	}
	r := &Run{cfg: cfg, log: &Log{}}
	var base Resolver
	switch {
	case cfg.Tape.Playing():
		r.played = &player{tape: cfg.Tape}
		base = r.played
	case !cfg.Offline:
		c, err := New(cfg.Config)
		if err != nil {
			return nil, err
		}
		r.client, base = c, c
		if cfg.Validate {
			r.validator = newValidator(c, cfg.Anchors, cfg.Now)
			base = r.validator
		}
	}
	if base != nil {
		if cfg.Tape.Recording() {
			base = &recorder{next: base, tape: cfg.Tape}
		}
		r.cache = newCache(base, cfg.CacheBytes)
		base = r.cache
	}
	r.top = base
	if len(cfg.Zones) > 0 || base == nil {
		r.top = Overlay(cfg.Zones, base)
		if cfg.Tape.Recording() {
			// What the zones answer belongs to the recording, too.
			r.top = &recorder{next: r.top, tape: cfg.Tape}
		}
	}
	return r, nil
}

// distinct refuses two files for one zone: which of them was meant?
func distinct(zones []*Zone) error {
	files := map[Name]string{}
	for _, z := range zones {
		if have, ok := files[z.Origin]; ok {
			return fmt.Errorf("dns: the zone %s is in two files, %s and %s", z.Origin, have, z.File)
		}
		files[z.Origin] = z.File
	}
	return nil
}

// Close ends the questions under way and closes the connections.
func (r *Run) Close() {
	if r.cache != nil {
		r.cache.Close()
	}
	if r.client != nil {
		r.client.Close()
	}
}

// Resolve answers from the zones, the cache, the recording or the network.
func (r *Run) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	a, err := r.top.Resolve(ctx, name, qtype)
	if !r.cfg.NoLog {
		r.log.add(name, qtype, &a, err)
	}
	return a, err
}

// ResolveCD asks with checking disabled; see CDResolver.
func (r *Run) ResolveCD(ctx context.Context, name Name, qtype Type) (Answer, error) {
	return r.top.Resolve(withCD(ctx), name, qtype)
}

// AskServer asks one authoritative server; see the function AskServer. The
// recording is kept and played, and special-purpose addresses are refused.
func (r *Run) AskServer(ctx context.Context, addr netip.AddrPort, name Name, qtype Type) (Answer, error) {
	key := query{name: name, qtype: qtype}.String() + " @" + addr.String()
	if r.cfg.Tape.Playing() {
		return r.played.play(key, name, qtype)
	}
	var a Answer
	var err error
	to, redirected := addr, false
	if r.cfg.Redirect != nil {
		if dest, ok := r.cfg.Redirect(addr); ok {
			to, redirected = dest, true
		}
	}
	if r.cfg.Offline && !redirected {
		return Answer{}, &Error{Name: name, Type: qtype, Kind: Offline, Server: addr.String(), Detail: "the network is not used"}
	}
	if block := special.Block(addr.Addr().Unmap()); block != "" && !r.cfg.AllowPrivate && !redirected {
		err = &Error{Name: name, Type: qtype, Kind: Network, Server: addr.String(), Detail: "not asked: " + block + " address"}
	} else {
		r.asked.Add(1)
		a, err = askServer(ctx, to, name, qtype, &r.direct)
	}
	return a, keep(r.cfg.Tape, key, name, qtype, &a, err)
}

// Log has every outcome of the run.
func (r *Run) Log() *Log { return r.log }

// Counts tells what was asked so far.
func (r *Run) Counts() Counts {
	n := Counts{Packets: r.direct.Load(), Queries: r.asked.Load()}
	if r.cache != nil {
		n.Queries += r.cache.queries.Load()
	}
	if r.played != nil {
		n.Packets += r.played.packets.Load()
		n.Queries += r.played.questions.Load()
	}
	if r.client != nil {
		n.Packets += r.client.Packets()
	}
	if r.validator != nil {
		n.Queries += r.validator.asked.Load()
	}
	return n
}

// Log is what was asked and answered, each question once. It is safe for
// concurrent use.
type Log struct {
	mu      sync.Mutex
	entries map[logKey]Lookup
}

type logKey struct {
	name  Name
	qtype Type
}

func (l *Log) add(name Name, qtype Type, a *Answer, err error) {
	k := logKey{name, qtype}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.entries[k]; ok && (err != nil || !have.Unknown()) {
		return // the first outcome stays, but an answer is better than none
	}
	if l.entries == nil {
		l.entries = map[logKey]Lookup{}
	}
	e := Lookup{Name: name, Type: qtype}
	if err != nil {
		e.State, e.Error = StateUnknown, AsError(err, name, qtype)
	} else {
		kept := *a
		e.State, e.Answer = State(a.Status), &kept
	}
	l.entries[k] = e
}

// Entries are the outcomes, sorted by name from the root down, then by type:
// the order of asking is never twice the same.
func (l *Log) Entries() []Lookup {
	l.mu.Lock()
	entries := make([]Lookup, 0, len(l.entries))
	for _, e := range l.entries {
		entries = append(entries, e)
	}
	l.mu.Unlock()
	keys := make(map[Name]string, len(entries))
	for _, e := range entries {
		if _, ok := keys[e.Name]; !ok {
			labels := e.Name.Labels()
			slices.Reverse(labels)
			keys[e.Name] = strings.Join(labels, "\x00")
		}
	}
	slices.SortFunc(entries, func(a, b Lookup) int {
		return cmp.Or(strings.Compare(keys[a.Name], keys[b.Name]), cmp.Compare(a.Type, b.Type))
	})
	return entries
}

// Len is how many distinct questions were asked.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// WithLog wraps a resolver so that what goes through it is logged: the evidence
// of one domain where a run has many. The resolver given back is a CDResolver
// and a ServerAsker; where r is not, it asks like Resolve, or is Kind Offline.
func WithLog(r Resolver) (Resolver, *Log) {
	l := &logged{next: r, log: &Log{}}
	return l, l.log
}

type logged struct {
	next Resolver
	log  *Log
}

func (l *logged) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	a, err := l.next.Resolve(ctx, name, qtype)
	l.log.add(name, qtype, &a, err)
	return a, err
}

func (l *logged) ResolveCD(ctx context.Context, name Name, qtype Type) (Answer, error) {
	if r, ok := l.next.(CDResolver); ok {
		return r.ResolveCD(ctx, name, qtype)
	}
	return l.next.Resolve(ctx, name, qtype)
}

func (l *logged) AskServer(ctx context.Context, addr netip.AddrPort, name Name, qtype Type) (Answer, error) {
	if r, ok := l.next.(ServerAsker); ok {
		return r.AskServer(ctx, addr, name, qtype)
	}
	return Answer{}, &Error{Name: name, Type: qtype, Kind: Offline, Server: addr.String(), Detail: "this resolver asks no other server"}
}
