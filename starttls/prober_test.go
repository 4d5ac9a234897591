package starttls

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
)

var plain = script(hi, map[string]string{"EHLO": "250 mx1\r\n", "QUIT": "221 bye\r\n"}, nil)

// TestOneProbe: several domains behind one host ask once (X20), and different
// names at one address wait for each other.
func TestOneProbe(t *testing.T) {
	var open, most atomic.Int32
	f := serve(t, func(f *fake, c net.Conn) {
		n := open.Add(1)
		defer open.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(20 * time.Millisecond)
		plain(f, c)
	})
	p := prober(f, nil, 25)
	p.timing.Gap = 40 * time.Millisecond // longer than the server needs to see the end
	var wg sync.WaitGroup
	for _, host := range []dns.Name{mx1, mx1, mx1, "mx2.example.com", "mx2.example.com"} {
		wg.Go(func() {
			if s := p.Probe(t.Context(), Target{Host: host, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25}); s.Status != "ok" {
				t.Errorf("%s: %s %s", host, s.Status, s.Detail)
			}
		})
	}
	wg.Wait()
	if n := f.conns.Load(); n != 2 || most.Load() != 1 {
		t.Errorf("got %d connections, %d at once; want 2, one at a time", n, most.Load())
	}
}

// TestStoppedCallerIsNobodysAnswer: a probe that was cut short is made again.
func TestStoppedCallerIsNobodysAnswer(t *testing.T) {
	f := serve(t, func(f *fake, c net.Conn) {
		time.Sleep(100 * time.Millisecond)
		plain(f, c)
	})
	p := prober(f, nil, 25)
	target := Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		if s := p.Probe(ctx, target); s.Status == "ok" {
			t.Error("the stopped caller got an answer")
		}
	})
	time.Sleep(10 * time.Millisecond)
	if s := p.Probe(t.Context(), target); s.Status != "ok" {
		t.Errorf("the other caller got %s (%s)", s.Status, s.Detail)
	}
	wg.Wait()
}

func TestTape(t *testing.T) {
	ca := newAuthority(t)
	f := serve(t, plain)
	p := prober(f, ca, 25)
	p.tape = tape.Recorder()
	target := Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25}
	live := p.Probe(t.Context(), target)
	var buf bytes.Buffer
	if _, err := p.tape.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	play, err := tape.Player(&buf)
	if err != nil {
		t.Fatal(err)
	}
	again := NewProber(Config{Dialer: &dial.Dialer{Offline: true}, Tape: play})
	if diff := cmp.Diff(live, again.Probe(t.Context(), target), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("played session (-live +played):\n%s", diff)
	}
	target.Port = 587
	if s := again.Probe(t.Context(), target); s.Status != "not-asked" {
		t.Errorf("what is not on the tape: got %s, want not-asked", s.Status)
	}
	if works, _ := again.Port25(); !works {
		t.Error("a played session does not count as an answer on port 25")
	}
}

// canned answers from a table, without a network.
type canned map[string]string // address to status

func (c canned) Probe(_ context.Context, t Target) *Session {
	s := newSession(t)
	s.Status = c[t.Addr.String()]
	if s.Status == "ok" {
		s = good(t.Host, t.Port)
		s.Target = t
	}
	if t.Port != 25 {
		s.Status, s.Step = "refused", StepNone
	}
	return s
}

// TestRun: order, caps, special addresses, and whose fault a refusal is (X17, X18).
func TestRun(t *testing.T) {
	addrs := func(ss ...string) (out []netip.Addr) {
		for _, s := range ss {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	r := Start(t.Context(), canned{"5.6.7.8": "ok", "5.6.7.9": "refused"}, false)
	r.Add("mx2.example.com", addrs("5.6.7.9", "10.0.0.1"))
	r.Add(mx1, addrs("5.6.7.8", "5.6.1.1", "5.6.1.2", "5.6.1.3", "5.6.1.4"))
	r.Add(mx1, addrs("5.6.7.8"))
	f := r.Wait([]dns.Name{mx1, "mx2.example.com"})
	if f.Hosts[0].Name != mx1 || len(f.Hosts) != 2 || len(f.Hosts[0].Sessions) != 15 || f.Blocked || !f.Port25Works {
		t.Errorf("got %d hosts, the first %s with %d sessions, blocked %v", len(f.Hosts), f.Hosts[0].Name, len(f.Hosts[0].Sessions), f.Blocked)
	}
	got := map[string]string{}
	for _, s := range f.sessions(port25) {
		got[s.Addr.String()] = s.Status
	}
	if got["10.0.0.1"] != "special-address" || got["5.6.1.4"] != "not-asked" || got["5.6.7.9"] != "refused" {
		t.Errorf("got %v", got)
	}
	if b, err := json.Marshal(f); err != nil || bytes.Contains(b, []byte(":null,\"transcript\"")) {
		t.Errorf("facts do not marshal as the contract wants: %v", err)
	}

	for status, blocked := range map[string]bool{"silent": true, "refused": true, "network": true, "ok": false, "temporary": true} {
		r := Start(t.Context(), canned{"5.6.7.8": status}, false)
		r.Add(mx1, addrs("5.6.7.8"))
		if f := r.Wait(nil); f.Blocked != (blocked && status != "temporary") {
			t.Errorf("%s alone: got blocked %v", status, f.Blocked)
		}
	}
}

// TestBlockedIsPaidForOnce: three providers silent settle it for the run.
func TestBlockedIsPaidForOnce(t *testing.T) {
	p := NewProber(Config{Dialer: &dial.Dialer{Offline: true}})
	for _, host := range []dns.Name{"mx1.a.com", "mx2.a.com", "mx.b.org", "mx.c.net"} {
		s := newSession(Target{Host: host, Port: 25})
		s.Status = "silent"
		p.learn(s)
	}
	s := p.Probe(t.Context(), Target{Host: "mx.d.com", Addr: netip.MustParseAddr("5.6.7.8"), Port: 25})
	if s.Status != "not-asked" || s.Detail != "blocked" {
		t.Errorf("got %s %s", s.Status, s.Detail)
	}
}

// TestSubmissionIsCutShort: once port 25 answered, a silent 465 gets a second.
func TestSubmissionIsCutShort(t *testing.T) {
	p := NewProber(Config{Dialer: &dial.Dialer{}})
	target := Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 465}
	ctx, cancel := p.connectContext(t.Context(), target)
	defer cancel()
	began := time.Now()
	target.Port = 25
	p.connected(target, 10*time.Millisecond)
	<-ctx.Done()
	if took := time.Since(began); took < 900*time.Millisecond || took > 2*time.Second {
		t.Errorf("the connection attempt ended after %s, want about 1 s", took)
	}
}

// TestHostGrades: the worst measured address counts.
func TestHostGrades(t *testing.T) {
	at := func(change func(*Session)) *Session {
		s := good(mx1, 25)
		change(s)
		return s
	}
	keep := func(*Session) {}
	clear := func(s *Session) { s.STARTTLS, s.TLS, s.Certificate, s.Step = "missing", nil, nil, StepEHLO }
	silent := func(s *Session) { *s = *newSession(s.Target); s.Status = "silent" }
	for _, tc := range []struct {
		name     string
		sessions []*Session
		starttls bool
		known    bool
		grade    string
	}{
		{"good", []*Session{at(keep), at(silent)}, true, true, "full"},
		{"one clear", []*Session{at(keep), at(clear)}, false, true, "none"},
		{"one self-signed", []*Session{at(keep), at(func(s *Session) { s.Certificate.Verdict = "self-signed" })}, true, true, "opportunistic"},
		{"old", []*Session{at(func(s *Session) { s.TLS.Version = "TLS 1.0" })}, true, true, "none"},
		{"silent", []*Session{at(silent)}, false, false, "none"},
	} {
		f := &Facts{Hosts: []*Host{{Name: mx1, Sessions: tc.sessions}}}
		ok, known := f.HostSTARTTLS(mx1)
		grade, gradeKnown := f.HostTLS(mx1)
		if ok != tc.starttls || known != tc.known || grade != tc.grade || gradeKnown != tc.known {
			t.Errorf("%s: got STARTTLS %v, TLS %s (known %v, %v)", tc.name, ok, grade, known, gradeKnown)
		}
	}
}

// FuzzReply: no octets make the reader panic, keep more than its caps, or give
// a code that is none.
func FuzzReply(f *testing.F) {
	for _, s := range []string{hi, "250-a\r\n250 b\r\n", "250\n", "2x0 \r\n", "220-\r\n", "250hello\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &reader{src: bytes.NewReader(b)}
		rep, err := r.readReply(func(string) {})
		if err == nil && (rep.code < 200 || rep.code > 599 || len(rep.lines) == 0) {
			t.Errorf("got code %d with %d lines", rep.code, len(rep.lines))
		}
		if len(rep.lines) > maxReplyLines {
			t.Errorf("kept %d lines", len(rep.lines))
		}
		mechanisms(rep.lines)
	})
}
