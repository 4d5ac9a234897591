package starttls

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/dial"
)

// clock notes what a prober waits for, and does not wait.
type clock struct{ waits []time.Duration }

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.waits = append(c.waits, d)
	return ctx.Err()
}

// TestPatience is X9: a busy server is unknown after one connection, and with
// patience is asked again after 10 and 60 seconds.
func TestPatience(t *testing.T) {
	busyFor := func(n int32) func(*fake, net.Conn) {
		return func(f *fake, c net.Conn) {
			if f.conns.Load() <= n {
				io.WriteString(c, "421 too many\r\n")
				return
			}
			plain(f, c)
		}
	}
	for name, tc := range map[string]struct {
		patient bool
		busy    int32
		status  string
		conns   int32
		waits   []time.Duration
	}{
		"default":        {false, 2, "temporary", 1, nil},
		"patient":        {true, 2, "ok", 3, []time.Duration{10 * time.Second, 60 * time.Second}},
		"patient enough": {true, 9, "temporary", 3, []time.Duration{10 * time.Second, 60 * time.Second}},
		"not busy":       {true, 0, "ok", 1, nil},
	} {
		f := serve(t, busyFor(tc.busy))
		p, c := prober(f, nil, 25), &clock{}
		p.patient, p.sleep, p.timing.Quit = tc.patient, c.sleep, 0
		if tc.patient {
			p.timing.Quit = quick.Command
		}
		s := p.Probe(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25})
		if s.Status != tc.status || f.conns.Load() != tc.conns {
			t.Errorf("%s: got %s after %d connections, want %s after %d", name, s.Status, f.conns.Load(), tc.status, tc.conns)
		}
		if diff := cmp.Diff(tc.waits, c.waits); diff != "" {
			t.Errorf("%s: waits (-want +got):\n%s", name, diff)
		}
		if want := map[bool]string{true: "clean", false: ""}[tc.patient && tc.status == "ok"]; s.Quit != want {
			t.Errorf("%s: QUIT: got %q, want %q", name, s.Quit, want)
		}
	}
}

func TestAgain(t *testing.T) {
	session := func(status string, step Step, code int, port uint16) *Session {
		s := newSession(Target{Port: port})
		s.Status, s.Step, s.Code = status, step, code
		return s
	}
	for name, tc := range map[string]struct {
		s    *Session
		want []time.Duration // after the first, second and third try
	}{
		"busy greeting": {session("temporary", StepConnected, 450, 25), []time.Duration{10 * time.Second, 60 * time.Second, 0}},
		"421 later":     {session("temporary", StepEHLO, 421, 25), []time.Duration{0, 0, 0}},
		"closed on us":  {session("temporary", StepConnected, 0, 25), []time.Duration{0, 0, 0}},
		"silent":        {session("silent", StepNone, 0, 25), []time.Duration{30 * time.Second, 0, 0}},
		"silent 587":    {session("silent", StepNone, 0, 587), []time.Duration{0, 0, 0}},
		"no greeting":   {session("silent", StepConnected, 0, 25), []time.Duration{0, 0, 0}},
		"refused":       {session("refused", StepNone, 0, 25), []time.Duration{0, 0, 0}},
	} {
		for i, want := range tc.want {
			if got := again(tc.s, i+1); got != want {
				t.Errorf("%s, try %d: got %s, want %s", name, i+1, got, want)
			}
		}
	}
}

// TestUncleanQuit: a patient probe notes a server that hangs up instead of 221.
func TestUncleanQuit(t *testing.T) {
	f := serve(t, func(_ *fake, c net.Conn) {
		io.WriteString(c, hi)
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil || strings.HasPrefix(line, "QUIT") {
				return
			}
			io.WriteString(c, "250 mx1\r\n")
		}
	})
	p := prober(f, nil, 25)
	p.timing.Quit = quick.Command
	s := p.Probe(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25})
	if s.Status != "ok" || s.Quit != "unclean" {
		t.Errorf("got %s, QUIT %q", s.Status, s.Quit)
	}
}

// TestBlocked is X17: where nothing answers, port 25 is not measured and nobody
// else is contacted; a control host that was named is, once, and settles it.
func TestBlocked(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := netip.MustParseAddrPort(closed.Addr().String())
	closed.Close() // from here on it refuses
	other := serve(t, plain)
	dialer := func() *dial.Dialer {
		return &dial.Dialer{Redirects: []dial.Redirect{{Name: "mx.control.example", To: other.addr}, {To: dead}}}
	}
	run := func(c *Control) *Facts {
		r := Start(t.Context(), NewProber(Config{Dialer: dialer(), Timing: quick, Control: c, Ports: []uint16{25}}), false)
		r.Add(mx1, []netip.Addr{netip.MustParseAddr("5.6.7.8"), netip.MustParseAddr("5.6.7.9")})
		return r.Wait(nil)
	}
	f := run(nil)
	f.Domain = "example.com"
	if !f.Blocked || other.conns.Load() != 0 {
		t.Errorf("blocked %v, %d connections to others", f.Blocked, other.conns.Load())
	}
	for _, r := range check.Evaluate(Rules, f) {
		if r.Status == check.Fail {
			t.Errorf("%s fails, and nothing was measured", r.Rule.ID)
		}
	}
	asked := 0
	f = run(&Control{Host: "mx.control.example", Addresses: func(context.Context) []netip.Addr {
		asked++
		return []netip.Addr{netip.MustParseAddr("5.5.5.5"), netip.MustParseAddr("5.5.5.6")}
	}})
	f.Domain = "example.com"
	if f.Blocked || !f.Port25Works || asked != 1 || other.conns.Load() != 1 {
		t.Errorf("with a control: blocked %v, works %v, looked up %d times, %d connections", f.Blocked, f.Port25Works, asked, other.conns.Load())
	}
	if !slices.ContainsFunc(check.Evaluate(Rules, f), func(r check.Result) bool {
		return r.Rule.ID == "smtp-all-unreachable" && r.Status == check.Fail
	}) {
		t.Error("25 works here and every address refuses: that is the domain's")
	}
}

// TestSilentTwice is X18: silence is unknown, and a finding after two tries.
func TestSilentTwice(t *testing.T) {
	for tries, want := range map[int]check.Status{0: check.Unknown, 1: check.Unknown, 2: check.Fail} {
		down := newSession(Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.9"), Port: 25})
		down.Status, down.Tries = "silent", tries
		f := &Facts{Domain: "example.com", Port25Works: true, Hosts: []*Host{{Name: mx1, Sessions: []*Session{good(mx1, 25), down}}}}
		for _, r := range check.Evaluate(Rules, f) {
			if r.Rule.ID == "smtp-address-unreachable" && r.Status != want {
				t.Errorf("after %d tries: got %s, want %s", tries, r.Status, want)
			}
		}
	}
}

// TestNoRoute is X19: a way that our own network lacks is nobody's fault.
func TestNoRoute(t *testing.T) {
	v6 := newSession(Target{Host: mx1, Addr: netip.MustParseAddr("2a01::1"), Port: 25})
	v6.Status = dialEnd(t.Context(), syscall.ENETUNREACH).status
	f := &Facts{Domain: "example.com", Port25Works: true, Hosts: []*Host{{Name: mx1, Sessions: []*Session{good(mx1, 25), v6}}}}
	for _, r := range check.Evaluate(Rules, f) {
		if (r.Rule.ID == "smtp-ipv6-unreachable" || r.Rule.ID == "smtp-address-unreachable") && r.Status != check.Unknown {
			t.Errorf("%s: got %s, want unknown", r.Rule.ID, r.Status)
		}
	}
}

// TestNamedHosts: a host that is a mail host too is asked once, and counts once.
func TestNamedHosts(t *testing.T) {
	r := Start(t.Context(), canned{"5.6.7.8": "ok"}, false)
	at := []netip.Addr{netip.MustParseAddr("5.6.7.8")}
	r.Add(mx1, at)
	r.AddNamed(mx1, at, []uint16{465, 587, 2525})
	r.AddNamed("mail.example.com", []netip.Addr{netip.MustParseAddr("10.0.0.1")}, []uint16{465})
	f := r.Wait([]dns.Name{mx1})
	if len(f.Hosts) != 1 || len(f.Named) != 2 || len(f.sessions(submission)) != 4 {
		t.Errorf("got %d hosts, %d named, %d sessions", len(f.Hosts), len(f.Named), len(f.sessions(submission)))
	}
	if !f.named(Target{Host: mx1, Port: 587}) || f.named(Target{Host: mx1, Port: 25}) {
		t.Error("which ports were named is lost")
	}
	if s := f.Named[1].Sessions[0]; f.Named[1].Name != "mail.example.com" || s.Status != "special-address" {
		t.Errorf("a special address of a named host: got %s", s.Status)
	}
}

// TestServices: a host of SRV records is looked at on both ports for handing in
// mail, and only what was named counts as named, whoever named it first.
func TestServices(t *testing.T) {
	r := Start(t.Context(), canned{"5.6.7.8": "ok"}, false)
	at := []netip.Addr{netip.MustParseAddr("5.6.7.8")}
	r.AddNamed(mx1, at, []uint16{993})
	r.AddService("example.com", mx1, at, []uint16{587})
	f := r.Wait(nil)
	var ports []uint16
	for _, s := range f.Named[0].Sessions {
		ports = append(ports, s.Port)
	}
	if want := []uint16{465, 587, 993}; !slices.Equal(ports, want) {
		t.Errorf("looked at %v, want %v", ports, want)
	}
	if want := []uint16{587, 993}; !slices.Equal(f.Named[0].Ports, want) || f.Named[0].Owner != "example.com" {
		t.Errorf("named %v by %q, want %v by example.com", f.Named[0].Ports, f.Named[0].Owner, want)
	}
}

func TestOutdated(t *testing.T) {
	for banner, want := range map[string]string{
		"mx ESMTP Exim 4.94.2 Mon":             "4.97.1",
		"mx ESMTP Exim 4.97":                   "4.97.1",
		"mx ESMTP Exim 4.97.1":                 "",
		"mx ESMTP Exim 4.98":                   "",
		"mx ESMTP Postfix (3.5.6)":             "3.5.23",
		"mx ESMTP Postfix 3.8.4":               "",
		"mx ESMTP Postfix 3.4.13":              "3.9.0",
		"mx ESMTP Postfix 3.10.1":              "",
		"mx ESMTP Sendmail 8.17.1/8.17.1; Mon": "8.18.1",
		"mx ESMTP Sendmail 8.18.1":             "",
		"mx ESMTP Postfix":                     "",
		"mx ESMTP Exim 99999999999999999999.1": "",
	} {
		if _, _, got := outdated(banner); got != want {
			t.Errorf("%s: got %q, want %q", banner, got, want)
		}
	}
}
