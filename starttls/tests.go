package starttls

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Tests are what a user may ask for on servers of their own, beyond looking.
// None of them sends DATA. Each is made once, and not again after a refusal.
type Tests struct {
	Login       *Login // log in, only inside TLS whose certificate is verified
	RelayFrom   string // with RelayTo: would a stranger's mail to a stranger be taken?
	RelayTo     string
	Recipient   string // is mail to this address taken?
	Verify      string // what VRFY says of this address
	TLSRequired bool   // is MAIL taken before TLS? For ports 587 and 2525.
	Injection   bool   // does what follows STARTTLS in one packet run inside TLS?
}

// None tells that nothing is asked for.
func (t Tests) None() bool { return t == Tests{} }

// The names of the tests.
const (
	TestLogin       = "login"
	TestRelay       = "relay"
	TestRecipient   = "rcpt"
	TestVerify      = "vrfy"
	TestTLSRequired = "tls-required"
	TestInjection   = "injection"
)

// test is one test that was asked for, and how it went.
type Test struct {
	Name string `json:"name"`

	// Outcome is "accepted", "refused" (5xx), "temporary" (4xx), "ended" (the
	// connection broke) or "not-run"; of the injection test, "accepted" means
	// that the server obeyed and "refused" that it did not.
	Outcome string `json:"outcome"`
	Code    int    `json:"code"`
	Reply   string `json:"reply"`   // the server's words, credentials taken out
	Command string `json:"command"` // that the reply answers, or of a login the mechanism

	// Reason is why it was not run: "tls-unverified", "no-auth", "mechanism",
	// "no-starttls", "not-reached"; or of a login that the server did not prove
	// that it knows the password: "server-proof".
	Reason string `json:"reason"`
}

// test holds a session that also makes the tests, each at most once, and says
// in the session how they went. It is neither kept nor recorded.
func (p *SMTPProber) test(ctx context.Context, t Target, tests Tests) *Session {
	left := tests
	out := p.measure(ctx, t, &left)
	if left.Injection && out.reached(StepConnected) {
		out.Tests = append(out.Tests, p.inject(ctx, t, out))
		left.Injection = false
	}
	if out.reached(StepGreeted) {
		out.leftOver(left)
	}
	p.learn(out)
	return out
}

// leftOver notes the tests that the session did not come to.
func (s *Session) leftOver(t Tests) {
	for _, left := range []struct {
		name  string
		asked bool
	}{
		{TestTLSRequired, t.TLSRequired}, {TestVerify, t.Verify != ""}, {TestRecipient, t.Recipient != ""},
		{TestRelay, t.RelayTo != ""}, {TestLogin, t.Login != nil}, {TestInjection, t.Injection},
	} {
		if left.asked {
			s.Tests = append(s.Tests, Test{Name: left.name, Outcome: "not-run", Reason: "not-reached"})
		}
	}
}

func (s *session) tested(name, command string, rep reply, e *end) *end {
	test := Test{Name: name, Command: command, Code: rep.code, Reply: s.hide.scrub(clip(rep.text(), 500))}
	switch {
	case e != nil:
		test.Outcome, test.Reply = "ended", s.hide.scrub(clip(e.detail, 500))
	case rep.code >= 500:
		test.Outcome = "refused"
	case rep.code >= 400:
		test.Outcome = "temporary"
	default:
		test.Outcome = "accepted"
	}
	s.out.Tests = append(s.out.Tests, test)
	if e == nil && rep.code == 421 {
		return &end{status: "temporary", detail: test.Reply, code: rep.code}
	}
	return e
}

// testClear asks before TLS whether MAIL is taken (RFC 8314 §4.1 wants it refused).
func (s *session) testClear() *end {
	if s.tests == nil || !s.tests.TLSRequired {
		return nil
	}
	s.tests.TLSRequired = false
	return s.ask(TestTLSRequired, "MAIL FROM:<>")
}

// ask sends commands until one is refused, notes the last answer and takes
// everything back: a transaction that was begun is never carried on to DATA.
func (s *session) ask(name string, commands ...string) *end {
	var rep reply
	var e *end
	line := ""
	for _, line = range commands {
		if rep, e = s.command(line); e != nil || rep.code/100 != 2 {
			break
		}
	}
	if e = s.tested(name, line, rep, e); e != nil {
		return e
	}
	_, e = s.command("RSET")
	return e
}

// testMail makes the tests that have their place at the end of the session.
func (s *session) testMail() *end {
	t := s.tests
	if t == nil {
		return nil
	}
	if who := t.Verify; who != "" {
		t.Verify = ""
		rep, e := s.command("VRFY " + who)
		if e = s.tested(TestVerify, "VRFY "+who, rep, e); e != nil {
			return e
		}
	}
	if to := t.Recipient; to != "" {
		t.Recipient = ""
		if e := s.ask(TestRecipient, "MAIL FROM:<>", "RCPT TO:<"+to+">"); e != nil {
			return e
		}
	}
	if to := t.RelayTo; to != "" {
		t.RelayTo = ""
		if e := s.ask(TestRelay, "MAIL FROM:<"+t.RelayFrom+">", "RCPT TO:<"+to+">"); e != nil {
			return e
		}
	}
	if l := t.Login; l != nil {
		t.Login = nil
		return s.login(l)
	}
	return nil
}

// inject sends STARTTLS and NOOP in one packet (CVE-2011-0411). A server that
// keeps what came in clear answers the NOOP inside TLS, where nobody asked.
// NOOP does nothing, so that no harm is done where it is obeyed.
func (p *SMTPProber) inject(ctx context.Context, t Target, seen *Session) Test {
	test := Test{Name: TestInjection, Command: "STARTTLS + NOOP", Outcome: "not-run"}
	if seen.STARTTLS != "offered" || seen.TLS == nil {
		test.Reason = "no-starttls" // one that is not taken cannot be tested
		return test
	}
	g, err := p.enter(ctx, netip.AddrPortFrom(t.Addr, t.Port))
	if err != nil {
		test.Reason = "not-reached"
		return test
	}
	defer p.leave(g)
	ctx, cancel := context.WithTimeout(ctx, p.timing.Overall)
	defer cancel()
	s := &session{p: p, out: newSession(t), ctx: ctx, start: time.Now()}
	if s.injection(&test) != nil {
		test.Outcome, test.Reason = "not-run", "not-reached"
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.release != nil {
		s.release()
	}
	return test
}

func (s *session) injection(test *Test) *end {
	if e := s.connect(); e != nil {
		return e
	}
	if e := s.greeting(); e != nil {
		return e
	}
	caps, e := s.ehlo()
	if e != nil || !has(caps, "STARTTLS") {
		return &end{status: "protocol", detail: "no STARTTLS"}
	}
	rep, e := s.send("STARTTLS\r\nNOOP", s.p.timing.Command)
	if e != nil {
		return e
	}
	test.Outcome, test.Code, test.Reply = "refused", rep.code, clip(rep.text(), 500)
	if rep.code != 220 || len(s.r.buf) > 0 {
		return nil // refused, or answered in clear: nothing was kept for later
	}
	if e := s.secure(); e != nil || s.out.TLS == nil {
		return nil // the NOOP was taken for the start of the handshake
	}
	s.deadline(s.p.timing.Injection)
	rep, err := s.r.readReply(func(string) {})
	var netErr net.Error
	switch {
	case err == nil && rep.code/100 == 2:
		test.Outcome, test.Code, test.Reply = "accepted", rep.code, clip(rep.text(), 500)
	case err == nil:
		test.Code, test.Reply = rep.code, clip(rep.text(), 500)
	case errors.As(err, &netErr) && netErr.Timeout():
		_, _ = io.WriteString(s.conn, "QUIT\r\n") // silence is as it should be
	}
	return nil
}

// test is what a test of that name showed, nil where it was not asked for.
func (s *Session) test(name string) *Test {
	for i := range s.Tests {
		if s.Tests[i].Name == name {
			return &s.Tests[i]
		}
	}
	return nil
}

// postmaster tells whether the address is that of a postmaster (RFC 5321 §4.5.1).
func postmaster(command string) bool {
	_, rest, _ := strings.Cut(command, "<")
	local, _, _ := strings.Cut(strings.TrimSuffix(rest, ">"), "@")
	return strings.EqualFold(local, "postmaster")
}
