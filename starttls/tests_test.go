package starttls

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postseal/postseal/check"
)

// heard is a server that notes every command, inside TLS and before.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) note(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, strings.TrimRight(line, "\r\n"))
}

func (h *heard) commands() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

// talk serves one connection: answer gets each line and whether TLS is on.
func (h *heard) talk(tc *tls.Config, answer func(line string, secure bool) string) func(*fake, net.Conn) {
	return func(_ *fake, c net.Conn) {
		io.WriteString(c, hi)
		r, secure := bufio.NewReader(c), false
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			h.note(line)
			upper := strings.ToUpper(line)
			switch {
			case strings.HasPrefix(upper, "STARTTLS"):
				io.WriteString(c, "220 go\r\n")
				s := tls.Server(c, tc)
				if s.Handshake() != nil {
					return
				}
				c, r, secure = s, bufio.NewReader(s), true
			case strings.HasPrefix(upper, "QUIT"):
				io.WriteString(c, "221 bye\r\n")
				return
			default:
				io.WriteString(c, answer(strings.TrimRight(line, "\r\n"), secure))
			}
		}
	}
}

func testing587(t *testing.T, tests Tests, names string, answer func(string, bool) string) (*Session, *heard, *fake) {
	t.Helper()
	ca := newAuthority(t)
	h := &heard{}
	tc := &tls.Config{Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), names)}}
	f := serve(t, h.talk(tc, answer))
	s := prober(f, ca, 587).test(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 587}, tests)
	return s, h, f
}

const offers587 = "250-mx1\r\n250-STARTTLS\r\n250 8BITMIME\r\n"

// TestRelayTest is X24: MAIL, RCPT, RSET and nothing more, whatever the answer.
func TestRelayTest(t *testing.T) {
	for name, tc := range map[string]struct{ mail, rcpt, want string }{
		"open":              {"250 ok", "250 ok", "accepted"},
		"refused":           {"250 ok", "554 5.7.1 relay access denied", "refused"},
		"greylisted":        {"250 ok", "450 later", "temporary"},
		"refused at MAIL":   {"550 no", "250 ok", "refused"},
		"continues at RCPT": {"250 ok", "354 go ahead", "accepted"},
	} {
		tests := Tests{RelayFrom: "a@example.net", RelayTo: "b@example.org"}
		s, h, _ := testing587(t, tests, mx1, func(line string, _ bool) string {
			switch {
			case strings.HasPrefix(line, "EHLO"):
				return offers587
			case strings.HasPrefix(line, "MAIL"):
				return tc.mail + "\r\n"
			case strings.HasPrefix(line, "RCPT"):
				return tc.rcpt + "\r\n"
			}
			return "250 ok\r\n"
		})
		got := s.test(TestRelay)
		if got == nil || got.Outcome != tc.want || len(s.Tests) != 1 {
			t.Errorf("%s: got %+v, want %s", name, s.Tests, tc.want)
		}
		for _, line := range h.commands() {
			verb, _, _ := strings.Cut(line, " ")
			if !slices.Contains([]string{"EHLO", "STARTTLS", "MAIL", "RCPT", "RSET", "QUIT"}, verb) {
				t.Errorf("%s: the server heard %q", name, line)
			}
		}
		// QUIT may come after the server was looked at: nobody waits for its answer.
		lines := slices.DeleteFunc(h.commands(), func(line string) bool { return line == "QUIT" })
		if lines[len(lines)-1] != "RSET" {
			t.Errorf("%s: the transaction is not taken back: %q", name, lines)
		}
	}
}

// TestMailTests: what is asked before TLS and what inside, each once.
func TestMailTests(t *testing.T) {
	tests := Tests{TLSRequired: true, Verify: "me@example.com", Recipient: "postmaster@example.com"}
	s, h, _ := testing587(t, tests, mx1, func(line string, secure bool) string {
		switch {
		case strings.HasPrefix(line, "EHLO"):
			return offers587
		case strings.HasPrefix(line, "MAIL") && !secure:
			return "530 5.7.0 Must issue a STARTTLS command first\r\n"
		case strings.HasPrefix(line, "VRFY"):
			return "252 2.0.0 try it\r\n"
		case strings.HasPrefix(line, "RCPT"):
			return "550 5.1.1 nobody\r\n"
		}
		return "250 ok\r\n"
	})
	for name, want := range map[string]string{TestTLSRequired: "refused", TestVerify: "accepted", TestRecipient: "refused"} {
		if got := s.test(name); got == nil || got.Outcome != want {
			t.Errorf("%s: got %+v, want %s", name, got, want)
		}
	}
	if lines := h.commands(); slices.Index(lines, "MAIL FROM:<>") > slices.Index(lines, "STARTTLS") {
		t.Errorf("MAIL was not asked before TLS: %q", lines)
	}
	fired := map[string]bool{}
	f := &Facts{Domain: mx1, NoHosts: OtherPort, Hosts: []*Host{}, Named: []*Host{{Name: mx1, Sessions: []*Session{s}}}}
	for _, r := range check.Evaluate(Rules, f) {
		fired[r.Rule.ID] = r.Status == check.Fail
	}
	if !fired["relay-rcpt-postmaster"] || fired["submission-587-tls-optional"] || fired["relay-open"] {
		t.Error("the rules read the tests otherwise")
	}
}

const password = "correct horse battery"

// everything is the whole session as any output could show it.
func everything(t *testing.T, s *Session) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + fmt.Sprintf("%v %+v %#v", s, s, s.Tests)
}

// TestLogin is X23: one attempt, and nothing that was sent shows anywhere, also
// where the server repeats it.
func TestLoginRefused(t *testing.T) {
	user := "alice@example.com"
	plainToken := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	for mech, token := range map[string]bool{"PLAIN": false, "LOGIN": false, "SCRAM-SHA-256": false, "XOAUTH2": true, "OAUTHBEARER": true} {
		tests := Tests{Login: &Login{User: user, Secret: password, Token: token, Mechanism: mech}}
		var sent []string
		s, h, f := testing587(t, tests, mx1, func(line string, secure bool) string {
			switch {
			case strings.HasPrefix(line, "EHLO") && secure:
				return "250-mx1\r\n250 AUTH " + mech + "\r\n"
			case strings.HasPrefix(line, "EHLO"):
				return offers587
			case line == "AUTH LOGIN":
				return "334 VXNlcm5hbWU6\r\n"
			case mech == "LOGIN" && line == base64.StdEncoding.EncodeToString([]byte(user)):
				return "334 UGFzc3dvcmQ6\r\n"
			case strings.HasPrefix(line, "AUTH ") && token:
				sent = append(sent, line)
				return "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"
			}
			sent = append(sent, line)
			return "535 5.7.8 no: " + line + " " + password + " " + plainToken + "\r\n"
		})
		got := s.test(TestLogin)
		if got == nil || got.Outcome != "refused" || got.Code != 535 || got.Command != "AUTH "+mech {
			t.Fatalf("%s: got %+v (%s %s)", mech, got, s.Status, s.Detail)
		}
		auths := 0
		for _, line := range h.commands() {
			if strings.HasPrefix(line, "AUTH ") {
				auths++
			}
		}
		if auths != 1 || f.conns.Load() != 1 || tests.Login == nil {
			t.Errorf("%s: %d attempts over %d connections", mech, auths, f.conns.Load())
		}
		out := everything(t, s)
		secrets := []string{password, plainToken, base64.StdEncoding.EncodeToString([]byte(password)), "VXNlcm5hbWU6", "eyJzdGF0"}
		for _, line := range sent {
			_, last, _ := strings.Cut(strings.TrimPrefix(line, "AUTH "), " ")
			if last == "" {
				last = line
			}
			secrets = append(secrets, last)
		}
		for _, secret := range secrets {
			if secret != "" && strings.Contains(out, secret) {
				t.Errorf("%s: %q shows in the session", mech, secret)
			}
		}
		if fmt.Sprintf("%v %+v %#v", tests, *tests.Login, tests.Login.Secret) != strings.ReplaceAll(fmt.Sprintf("%v %+v %#v", tests, *tests.Login, tests.Login.Secret), password, "") {
			t.Errorf("%s: the password prints itself", mech)
		}
	}
}

// TestLoginNeedsVerifiedTLS: to a certificate for another name no password goes.
func TestLoginNeedsVerifiedTLS(t *testing.T) {
	s, h, _ := testing587(t, Tests{Login: &Login{User: "alice", Secret: password}}, "www.example.com", func(line string, secure bool) string {
		if secure {
			return "250-mx1\r\n250 AUTH PLAIN\r\n"
		}
		return offers587
	})
	if got := s.test(TestLogin); got == nil || got.Outcome != "not-run" || got.Reason != "tls-unverified" {
		t.Errorf("got %+v", got)
	}
	for _, line := range h.commands() {
		if strings.HasPrefix(line, "AUTH") {
			t.Errorf("the server heard %q", line)
		}
	}
}

// TestShortPassword: one that could stand by chance in any text hides whole replies.
func TestShortPassword(t *testing.T) {
	h := &secrets{}
	h.add("535")
	if got := h.scrub("535 5.7.8 no"); got != "535 [redacted]" {
		t.Errorf("got %q", got)
	}
	if got := h.scrub("refused: 535"); got != redacted {
		t.Errorf("got %q", got)
	}
}

// TestSCRAM is the exchange of RFC 7677 §3.
func TestSCRAM(t *testing.T) {
	x := &exchange{login: &Login{User: "user", Secret: "pencil"}, mechanism: "SCRAM-SHA-256", nonce: "rOprNGfwEbeRWgbNEkqO"}
	if first, _ := x.first(); first != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" {
		t.Errorf("client-first: got %q", first)
	}
	final, err := x.next("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
	want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if err != nil || final != want {
		t.Errorf("client-final: got %q (%v)\nwant %q", final, err, want)
	}
	if _, err := x.next("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="); err != nil || !x.proven() {
		t.Errorf("server-final: %v", err)
	}
	for name, challenge := range map[string]string{
		"foreign nonce":        "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"nonce not longer":     "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"endless work":         "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000",
		"no salt":              "r=rOprNGfwEbeRWgbNEkqOx,i=4096",
		"mandatory extension":  "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"iterations below one": "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
	} {
		y := &exchange{login: x.login, mechanism: "SCRAM-SHA-256", nonce: x.nonce}
		y.first()
		if got, err := y.next(challenge); err == nil {
			t.Errorf("%s: answered with %q", name, got)
		}
	}
}

// scramServer is the other side, written from RFC 5802 §3 on its own. It binds
// to the channel when the client does, and lies about itself if asked to.
func scramServer(secret string, binding func() []byte, lies bool) func(string) string {
	var clientFirst, serverFirst string
	salt, n := []byte("salt of the test"), 4096
	step := 0
	sum := func(key []byte, s string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		return m.Sum(nil)
	}
	say := func(s string) string { return "334 " + base64.StdEncoding.EncodeToString([]byte(s)) + "\r\n" }
	return func(line string) string {
		step++
		raw, _ := base64.StdEncoding.DecodeString(line[strings.LastIndexByte(line, ' ')+1:])
		text := string(raw)
		salted, _ := pbkdf2.Key(sha256.New, secret, salt, n, 32)
		switch step {
		case 1:
			clientFirst = text
			_, bare, _ := strings.Cut(text, ",,")
			serverFirst = "r=" + attributes(bare)["r"] + "more,s=" + base64.StdEncoding.EncodeToString(salt) + ",i=4096"
			return say(serverFirst)
		case 2:
			head, bare, _ := strings.Cut(clientFirst, ",,")
			without, proof, _ := strings.Cut(text, ",p=")
			channel := []byte(head + ",,")
			if strings.HasPrefix(head, "p=") {
				channel = append(channel, binding()...)
			}
			message := bare + "," + serverFirst + "," + without
			got, _ := base64.StdEncoding.DecodeString(proof)
			key := sum(salted, "Client Key")
			stored := sha256.Sum256(key)
			want := sum(stored[:], message)
			for i := range want {
				want[i] ^= key[i]
			}
			if attributes(without)["c"] != base64.StdEncoding.EncodeToString(channel) || !hmac.Equal(got, want) {
				return "535 5.7.8 wrong\r\n"
			}
			signature := sum(sum(salted, "Server Key"), message)
			if lies {
				signature[0] ^= 1
			}
			return say("v=" + base64.StdEncoding.EncodeToString(signature))
		}
		if text == "" && line != "*" {
			return "235 2.7.0 welcome\r\n"
		}
		return "501 5.7.0 given up\r\n"
	}
}

// TestSCRAMLogin holds the exchange over TLS, bound to it and not.
func TestSCRAMLogin(t *testing.T) {
	ca := newAuthority(t)
	for name, tc := range map[string]struct {
		offer, secret, mechanism string
		lies                     bool
		outcome, reason          string
	}{
		"bound":           {"SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN", password, "AUTH SCRAM-SHA-256-PLUS", false, "accepted", ""},
		"unbound":         {"PLAIN SCRAM-SHA-256", password, "AUTH SCRAM-SHA-256", false, "accepted", ""},
		"other password":  {"SCRAM-SHA-256-PLUS", "else", "AUTH SCRAM-SHA-256-PLUS", false, "refused", ""},
		"somebody else's": {"SCRAM-SHA-256", password, "AUTH SCRAM-SHA-256", true, "refused", "server-proof"},
	} {
		f := serve(t, func(_ *fake, c net.Conn) {
			conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}})
			io.WriteString(conn, hi)
			server := scramServer(tc.secret, func() []byte {
				cs := conn.ConnectionState()
				b, _ := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
				return b
			}, tc.lies)
			r := bufio.NewReader(conn)
			for {
				line, err := r.ReadString('\n')
				line = strings.TrimRight(line, "\r\n")
				switch {
				case err != nil, line == "QUIT":
					return
				case strings.HasPrefix(line, "EHLO"):
					io.WriteString(conn, "250-mx1\r\n250 AUTH "+tc.offer+"\r\n")
				default:
					io.WriteString(conn, server(line))
				}
			}
		})
		s := prober(f, ca, 465).test(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 465},
			Tests{Login: &Login{User: "alice", Secret: password}})
		got := s.test(TestLogin)
		if got == nil || got.Outcome != tc.outcome || got.Reason != tc.reason || got.Command != tc.mechanism {
			t.Errorf("%s: got %+v (%s %s), want %s %s", name, got, s.Status, s.Detail, tc.outcome, tc.reason)
		}
	}
}

// TestInjection: a server that keeps what came before TLS obeys it inside.
func TestInjectionTest(t *testing.T) {
	ca := newAuthority(t)
	tc := &tls.Config{Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}}
	server := func(keeps, refuses bool) func(*fake, net.Conn) {
		return func(_ *fake, c net.Conn) {
			io.WriteString(c, hi)
			buf := make([]byte, 4096)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				line, rest, _ := bytes.Cut(buf[:n], []byte("\r\n"))
				switch {
				case bytes.HasPrefix(line, []byte("EHLO")):
					io.WriteString(c, offers587)
				case bytes.HasPrefix(line, []byte("STARTTLS")) && refuses && len(rest) > 0:
					io.WriteString(c, "554 5.5.0 Error: unexpected data\r\n")
					return
				case bytes.HasPrefix(line, []byte("STARTTLS")):
					io.WriteString(c, "220 go\r\n")
					s := tls.Server(c, tc)
					if s.Handshake() != nil {
						return
					}
					if keeps && bytes.HasPrefix(rest, []byte("NOOP")) {
						io.WriteString(s, "250 2.0.0 Ok\r\n")
					}
					c = s
				default:
					return
				}
			}
		}
	}
	for name, want := range map[string]string{"vulnerable": "accepted", "discards": "refused", "refuses": "refused"} {
		f := serve(t, server(name == "vulnerable", name == "refuses"))
		p := prober(f, ca, 25)
		p.timing.Injection = quick.Command
		s := p.test(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25}, Tests{Injection: true})
		if got := s.test(TestInjection); got == nil || got.Outcome != want || f.conns.Load() != 2 {
			t.Errorf("%s: got %+v over %d connections, want %s", name, got, f.conns.Load(), want)
		}
	}
	f := serve(t, plain) // no STARTTLS: nothing to test
	s := prober(f, ca, 25).test(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25}, Tests{Injection: true})
	if got := s.test(TestInjection); got == nil || got.Reason != "no-starttls" || f.conns.Load() != 1 {
		t.Errorf("without STARTTLS: got %+v", got)
	}
}

// TestLook: the tests are made at one address, and every address is looked at once.
func TestLook(t *testing.T) {
	h := &heard{}
	f := serve(t, h.talk(nil, func(line string, _ bool) string { return "250 ok\r\n" }))
	facts := Look(context.WithoutCancel(t.Context()), prober(f, nil, 25), mx1,
		[]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("5.6.7.8"), netip.MustParseAddr("2a01::1")}, 25,
		Tests{Verify: "me@example.com"}, false)
	if len(facts.Hosts) != 1 || len(facts.Hosts[0].Sessions) != 3 || !facts.Port25Works || len(facts.Named) != 0 {
		t.Fatalf("got %+v", facts)
	}
	asked := 0
	for _, line := range h.commands() {
		if strings.HasPrefix(line, "VRFY") {
			asked++
		}
	}
	if asked != 1 || f.conns.Load() != 2 {
		t.Errorf("VRFY was asked %d times over %d connections", asked, f.conns.Load())
	}
}
