package starttls

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/hostile"
)

// outcome is what a session with a hostile host comes to.
type outcome struct {
	status   string
	starttls string
	step     Step
	rule     string // that must fail; "" for none of severity warning or error
	conns    int    // connections at most; 0: one
	check    func(*testing.T, *Session)
}

// wantOutcome: what our own deadline or a closed connection cut is no fault of
// TLS; what the server said is one.
var wantOutcome = map[string]outcome{
	hostile.LateGreeting:  {status: "silent", step: StepConnected},
	hostile.DripGreeting:  {status: "tarpit", step: StepConnected},
	hostile.DripEHLO:      {status: "tarpit", step: StepGreeted},
	hostile.DripHandshake: {status: "silent", step: StepEHLO, starttls: "offered", conns: 3, check: timedOut},
	hostile.EndlessBanner: {status: "protocol", step: StepConnected, rule: "smtp-greeting-malformed"},
	hostile.LongLine:      {status: "protocol", step: StepConnected, rule: "smtp-greeting-malformed"},
	hostile.ManyLines:     {status: "protocol", step: StepGreeted},
	hostile.LongLineTLS:   {status: "protocol", step: StepTLS, starttls: "offered"},
	hostile.ManyLinesTLS:  {status: "protocol", step: StepTLS, starttls: "offered"},
	hostile.Escapes: {status: "ok", step: StepEHLOTLS, starttls: "offered", check: func(t *testing.T, s *Session) {
		if s.Banner != hostile.EscapeText { // raw here; whoever prints it escapes
			t.Errorf("banner: got %q", s.Banner)
		}
	}},
	hostile.TLSGarbage: {status: "ok", step: StepEHLO, starttls: "offered", rule: "starttls-handshake-failed", conns: 3},
	hostile.TLSInClear: {status: "protocol", step: StepEHLO, starttls: "injected", rule: "starttls-plaintext-after-220"},
	hostile.TLSInjection: {status: "protocol", step: StepEHLO, starttls: "injected", rule: "starttls-plaintext-after-220", check: func(t *testing.T, s *Session) {
		if s.TLS != nil || s.Injected != "323530207361696420"+"6265666f726520544c530d0a" {
			t.Errorf("TLS %v, injected %s", s.TLS, s.Injected)
		}
	}},
	hostile.TLSSilence:  {status: "silent", step: StepEHLO, starttls: "offered", conns: 3, check: timedOut},
	hostile.TLSFlood:    {status: "ok", step: StepEHLO, starttls: "offered", rule: "starttls-handshake-failed", conns: 3},
	hostile.LongChain:   {status: "ok", step: StepEHLOTLS, starttls: "offered", rule: "cert-unparsable", check: unreadableCert("more than 20 certificates")},
	hostile.LongerChain: {status: "ok", step: StepEHLO, starttls: "offered", rule: "starttls-handshake-failed", conns: 3},
	hostile.BigKey:      {status: "ok", step: StepEHLO, starttls: "offered", rule: "cert-unparsable", conns: 2, check: unreadableCert("RSA key larger than 8192 bits")},
	hostile.BiggerKey:   {status: "ok", step: StepEHLO, starttls: "offered", rule: "cert-unparsable", conns: 2, check: unreadableCert("RSA key larger than 8192 bits")},
	// Nobody trusts the issuer; what it costs to find that out is bounded by x509 and by maxModulus.
	hostile.BigIssuer:     {status: "ok", step: StepEHLOTLS, starttls: "offered", check: verdict("untrusted")},
	hostile.CloseAtOnce:   {status: "temporary", step: StepConnected},
	hostile.CloseGreeting: {status: "temporary", step: StepConnected},
	hostile.CloseGreeted:  {status: "temporary", step: StepGreeted},
	hostile.CloseEHLO:     {status: "temporary", step: StepGreeted},
	hostile.CloseHalfway:  {status: "temporary", step: StepGreeted},
	hostile.CloseSTARTTLS: {status: "temporary", step: StepEHLO},
	hostile.CloseReady:    {status: "ok", step: StepEHLO, starttls: "offered", rule: "starttls-handshake-failed", conns: 3},
	hostile.CloseHello:    {status: "ok", step: StepEHLO, starttls: "offered", rule: "starttls-handshake-failed", conns: 3},
	hostile.CloseHalfTLS:  {status: "ok", step: StepEHLO, starttls: "offered", rule: "starttls-handshake-failed", conns: 3},
	hostile.CloseInside:   {status: "temporary", step: StepTLS, starttls: "offered"},
	hostile.CloseEHLOTLS:  {status: "temporary", step: StepTLS, starttls: "offered"},
	hostile.CloseHalfEHLO: {status: "temporary", step: StepTLS, starttls: "offered"},
	hostile.CloseQUIT:     {status: "ok", step: StepEHLOTLS, starttls: "offered"}, // all that matters was said before
	hostile.ResetEHLO:     {status: "temporary", step: StepGreeted},
}

func timedOut(t *testing.T, s *Session) {
	if !s.TLSTimedOut || s.handshakeFailed() {
		t.Errorf("our deadline counts against the server: timed out %v, error %q", s.TLSTimedOut, s.TLSError)
	}
}

func verdict(want string) func(*testing.T, *Session) {
	return func(t *testing.T, s *Session) {
		if s.Certificate == nil || s.Certificate.Verdict != want {
			t.Errorf("certificate: got %v, want %s", s.Certificate != nil, want)
		}
	}
}

func unreadableCert(detail string) func(*testing.T, *Session) {
	return func(t *testing.T, s *Session) {
		verdict("unparsable")(t, s)
		if c := s.Certificate; c != nil && !strings.Contains(c.Detail, detail) {
			t.Errorf("detail: got %q, want %q", c.Detail, detail)
		}
	}
}

// TestHostileHosts holds a session with mail hosts that mean harm, and judges it.
// Each session ends by a limit or a deadline. What the host could send stays
// below the limits of its connections and their buffers; so does all that was
// allocated meanwhile, on both sides together; so does what is kept.
func TestHostileHosts(t *testing.T) {
	for _, kind := range hostile.MailKinds {
		t.Run(kind, func(t *testing.T) {
			want, ok := wantOutcome[kind]
			if !ok {
				t.Fatal("nobody said what it must come to")
			}
			host := hostile.ServeMail(t, kind, mx1)
			d := &dial.Dialer{Redirects: []dial.Redirect{{Port: 25, To: host.Addr}}}
			p := NewProber(Config{Dialer: d, Roots: host.Roots, HELO: "probe.example.net", Timing: quick})
			target := Target{Host: mx1, Addr: ip("5.6.7.8"), Port: 25}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := p.Probe(t.Context(), target)
			runtime.ReadMemStats(&after)

			if s.Status != want.status || s.Step != want.step || s.STARTTLS != want.starttls {
				t.Errorf("got %s (%s) at %q, STARTTLS %q; want %s at %s, %q; TLS: %s", s.Status, s.Detail, s.Step, s.STARTTLS,
					want.status, want.step, want.starttls, s.TLSError)
			}
			if want.check != nil {
				want.check(t, s)
			}
			most := max(want.conns, 1)
			if n := host.Connections(); n > most {
				t.Errorf("%d connections, want %d at most", n, most)
			}
			const buffers = 1 << 20 // of both sockets
			if n := host.Sent(); n > int64(most)*(maxWire+buffers) {
				t.Errorf("the host could send %d octets", n)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > uint64(most)*(8<<20) {
				t.Errorf("%d octets were allocated", n)
			}
			if n := kept(s); n > maxTranscriptBytes+maxReplyBytes*3+64<<10 {
				t.Errorf("%d octets are kept", n)
			}
			judged(t, s, want.rule)
		})
	}
}

// TestClosingAtTests: a server that hangs up at a command of a test ends that
// test, and no rule takes the broken connection for an answer.
func TestClosingAtTests(t *testing.T) {
	tests := Tests{Recipient: "postmaster@example.com", RelayFrom: "a@example.net", RelayTo: "b@example.org"}
	for _, tc := range []struct {
		at        string
		nth       int // of these commands
		recipient string
		relay     string
	}{
		{"MAIL", 1, "ended", "not-run"},
		{"RCPT", 1, "ended", "not-run"},
		{"RSET", 1, "refused", "not-run"},
		{"MAIL", 2, "refused", "ended"},
		{"RCPT", 2, "refused", "ended"},
		{"RSET", 2, "refused", "refused"},
	} {
		f := serve(t, func(_ *fake, c net.Conn) {
			io.WriteString(c, hi)
			count := map[string]int{}
			for r := bufio.NewReader(c); ; {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				if count[verb]++; verb == tc.at && count[verb] == tc.nth || verb == "DATA" {
					return
				}
				if verb == "RCPT" {
					io.WriteString(c, "550 5.1.1 no\r\n")
				} else {
					io.WriteString(c, "250 mx1\r\n")
				}
			}
		})
		s := prober(f, nil, 25).test(t.Context(), Target{Host: mx1, Addr: ip("5.6.7.8"), Port: 25}, tests)
		for name, want := range map[string]string{TestRecipient: tc.recipient, TestRelay: tc.relay} {
			if got := s.test(name); got == nil || got.Outcome != want {
				t.Errorf("closing at %s %d: %s: got %+v, want %s", tc.at, tc.nth, name, got, want)
			}
		}
		if len(s.Tests) != 2 || s.Status != "temporary" || f.conns.Load() != 1 {
			t.Errorf("closing at %s %d: got %d tests, %s, %d connections", tc.at, tc.nth, len(s.Tests), s.Status, f.conns.Load())
		}
		facts := &Facts{Domain: "example.com", Hosts: []*Host{{Name: s.Host, Sessions: []*Session{s}}}, Level: LevelQuick, Port25Works: true}
		for _, r := range check.Evaluate(Rules, facts) {
			broken := r.Rule.ID == "relay-open" || r.Rule.ID == "relay-rcpt-postmaster" && tc.recipient == "ended"
			if broken && r.Status == check.Fail {
				t.Errorf("closing at %s %d: %s fails", tc.at, tc.nth, r.Rule.ID)
			}
			if r.Rule.ID == "relay-open" && tc.relay != "refused" && r.Status != check.Unknown {
				t.Errorf("closing at %s %d: relay-open is %s, and no answer came", tc.at, tc.nth, r.Status)
			}
		}
	}
}

// kept are the octets of what a stranger wrote and a session keeps.
func kept(s *Session) int {
	n := len(s.Banner) + len(s.Detail) + len(s.TLSError) + len(s.Injected)
	for _, l := range s.Transcript {
		n += len(l.Text)
	}
	for _, l := range slices.Concat(s.Capabilities, s.CapabilitiesTLS) {
		n += len(l)
	}
	return n
}

// judged holds the rules' verdicts on a session to what it shows: this rule, or
// none that weighs.
func judged(t *testing.T, s *Session, rule string) {
	t.Helper()
	f := &Facts{Domain: "example.com", Hosts: []*Host{{Name: s.Host, Sessions: []*Session{s}}}, Level: LevelQuick, Port25Works: true}
	var failed []string
	for _, r := range check.Evaluate(Rules, f) {
		if r.Status == check.Fail && r.Severity >= check.Warning {
			failed = append(failed, r.Rule.ID)
		}
	}
	if rule == "" && len(failed) > 0 || rule != "" && !slices.Contains(failed, rule) {
		t.Errorf("found %v, want %q", failed, rule)
	}
}

// TestStopsInTime: a run that is over ends a session within a step, whatever the
// host does.
func TestStopsInTime(t *testing.T) {
	for _, kind := range []string{hostile.LateGreeting, hostile.DripGreeting, hostile.DripHandshake} {
		host := hostile.ServeMail(t, kind, mx1)
		d := &dial.Dialer{Redirects: []dial.Redirect{{Port: 25, To: host.Addr}}}
		p := NewProber(Config{Dialer: d, Timing: Timing{Overall: 200 * time.Millisecond}}) // every step may take longer
		s := p.Probe(t.Context(), Target{Host: mx1, Addr: ip("5.6.7.8"), Port: 25})
		if s.Status != "silent" && s.Status != "tarpit" {
			t.Errorf("%s: got %s (%s)", kind, s.Status, s.Detail)
		}
	}
}

// TestServerRenegotiates: a server of TLS 1.2 that asks for another handshake,
// a thousand times, gets none, and the session says what was there until then.
func TestServerRenegotiates(t *testing.T) {
	ca := newAuthority(t)
	var asked, began atomic.Int64
	served := make(chan struct{}, 10)
	s, f := probe(t, func(_ *fake, c net.Conn) {
		defer func() { served <- struct{}{} }()
		io.WriteString(c, hi)
		r := bufio.NewReader(c)
		for _, answer := range []string{"250-mx1\r\n250 STARTTLS\r\n", "220 go\r\n"} {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			io.WriteString(c, answer)
		}
		tap, keys := &writeTap{Conn: c}, &bytes.Buffer{}
		inside := tls.Server(tap, &tls.Config{
			Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, KeyLogWriter: keys, SessionTicketsDisabled: true,
		})
		if inside.Handshake() != nil {
			return
		}
		for i := range 1000 {
			request, err := helloRequest(tap.seen.Bytes(), keys.String(), uint64(i)+1)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.Write(request); err != nil {
				break
			}
			asked.Add(1)
		}
		for { // records of the client: none may be a handshake
			kind, _, err := readRecord(c)
			if err != nil {
				return
			}
			if kind == 22 {
				began.Add(1)
			}
		}
	}, ca, 25)
	<-served // the server may still be writing when the probe has ended
	if s.TLS == nil || s.TLS.Version != "TLS 1.2" || s.Step != StepTLS || s.Status == "ok" {
		t.Errorf("got %s (%s) at %q, TLS %v (%s)", s.Status, s.Detail, s.Step, s.TLS, s.TLSError)
	}
	if s.Status == "network" {
		t.Errorf("our own network is blamed: %s", s.Detail)
	}
	if n := f.conns.Load(); n != 1 || began.Load() != 0 || asked.Load() == 0 {
		t.Errorf("%d connections; asked %d times for a handshake, %d were begun", n, asked.Load(), began.Load())
	}
	judged(t, s, "")
}

// writeTap keeps what is written.
type writeTap struct {
	net.Conn
	seen bytes.Buffer
}

func (w *writeTap) Write(p []byte) (int, error) {
	w.seen.Write(p)
	return w.Conn.Write(p)
}

// helloRequest is a HelloRequest (RFC 5246 §7.4.1.1) as the server's record of
// this number under AES-128-GCM. sent is what the server wrote from its ServerHello on.
func helloRequest(sent []byte, keyLog string, number uint64) ([]byte, error) {
	fields := strings.Fields(keyLog)
	client, err := hex.DecodeString(fields[1])
	if err != nil {
		return nil, err
	}
	master, err := hex.DecodeString(fields[2])
	if err != nil {
		return nil, err
	}
	random := sent[5+4+2:][:32] // behind record, message, version
	keys := prf12(sha256.New, master, "key expansion", append(bytes.Clone(random), client...), 2*16+2*4)
	b, err := aes.NewCipher(keys[16:32])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(b)
	if err != nil {
		return nil, err
	}
	msg := []byte{0, 0, 0, 0}
	seq := binary.BigEndian.AppendUint64(nil, number)
	body := aead.Seal(bytes.Clone(seq), append(bytes.Clone(keys[36:40]), seq...), msg, append(bytes.Clone(seq), 22, 3, 3, 0, byte(len(msg))))
	return append([]byte{22, 3, 3, 0, byte(len(body))}, body...), nil
}
