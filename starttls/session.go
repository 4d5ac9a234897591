package starttls

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/postseal/postseal/internal/dial"
)

// What is kept of a dialogue.
const (
	maxTranscript      = 200
	maxTranscriptBytes = 32 << 10
)

// session is one connection: the dialogue of RFC 3207, exactly as a sender
// holds it, up to the point where a sender would hand over mail.
type session struct {
	p     *SMTPProber
	out   *Session
	hello hello
	start time.Time
	conn  net.Conn // the socket, or the TLS layer over it
	raw   net.Conn // the socket, capped
	r     *reader
	ctx   context.Context // ends with the overall deadline
	kept  int             // octets of transcript
	tests *Tests          // still to be made; nil: none
	hide  *secrets        // what must not be shown from now on; nil: nothing

	release func() bool // undoes the hold of ctx on the socket
}

// end is why a session stopped early; its status and detail go into the facts.
type end struct {
	status string
	detail string
	code   int
}

func (e *end) Error() string { return e.status + ": " + e.detail }

// run holds the whole dialogue. It leaves what it learnt in s.out.
func (s *session) run() {
	s.start = time.Now()
	s.out.Status = "ok"
	if err := s.dialogue(); err != nil {
		s.out.Status, s.out.Detail, s.out.Code = err.status, clip(err.detail, 500), err.code
	}
	if s.conn != nil {
		s.quit()
	}
	if s.release != nil {
		s.release()
	}
	s.out.TookMS = s.since()
}

func (s *session) since() float64 {
	return float64(time.Since(s.start).Microseconds()) / 1000
}

func (s *session) dialogue() *end {
	if err := s.connect(); err != nil {
		return err
	}
	switch {
	case accessPort(s.out.Port):
		return s.access()
	case implicitTLS(s.out.Port):
		return s.implicit()
	}
	if err := s.greeting(); err != nil {
		return err
	}
	caps, err := s.ehlo()
	if err != nil {
		return err
	}
	s.out.Step, s.out.Capabilities, s.out.AuthBeforeTLS = StepEHLO, caps, mechanisms(caps)
	if s.out.HELOOnly {
		return nil // no extensions, so nothing to ask for
	}
	if err := s.testClear(); err != nil {
		return err
	}
	if !has(caps, "STARTTLS") {
		s.out.STARTTLS = "missing"
		return s.testMail()
	}
	if err := s.startTLS(); err != nil || s.out.STARTTLS != "offered" {
		return err
	}
	if err := s.secure(); err != nil || s.out.TLS == nil {
		return err
	}
	if err := s.ehloInside(); err != nil {
		return err
	}
	return s.testMail()
}

// implicitTLS tells the ports where TLS comes first (RFC 8314 §3).
func implicitTLS(port uint16) bool { return port == 465 || port == 993 || port == 995 }

// implicit is port 465: TLS from the first octet (RFC 8314 §3.3).
func (s *session) implicit() *end {
	s.out.STARTTLS = "implicit"
	if err := s.secure(); err != nil || s.out.TLS == nil {
		return err
	}
	if err := s.greeting(); err != nil {
		return err
	}
	if err := s.ehloInside(); err != nil {
		return err
	}
	return s.testMail()
}

func (s *session) connect() *end {
	ctx, cancel := s.p.connectContext(s.ctx, s.out.Target)
	defer cancel()
	conn, err := s.p.dialer.Dial(ctx, s.out.Host.String(), netip.AddrPortFrom(s.out.Addr, s.out.Port))
	if err != nil {
		return dialEnd(ctx, err)
	}
	s.out.ConnectMS = s.since()
	s.out.Step = StepConnected
	s.p.connected(s.out.Target, time.Since(s.start))
	s.raw = &cappedConn{conn, maxWire}
	s.conn, s.r = s.raw, &reader{src: s.raw}
	s.release = context.AfterFunc(s.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return nil
}

// dialEnd sorts a failed connection: refused by them, silent, or our own network.
func dialEnd(ctx context.Context, err error) *end {
	var special *dial.ErrSpecial
	var netErr net.Error
	status := "network"
	switch {
	case errors.As(err, &special):
		status = "special-address"
	case errors.Is(err, dial.ErrOffline):
		status = "not-asked"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		status = "refused"
	case ctx.Err() != nil, errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &netErr) && netErr.Timeout():
		status = "silent"
	}
	return &end{status: status, detail: err.Error()}
}

// deadline sets the end of one step. It is absolute: octets that drip in do
// not move it.
func (s *session) deadline(d time.Duration) {
	at := time.Now().Add(d)
	if over, ok := s.ctx.Deadline(); ok && over.Before(at) {
		at = over
	}
	_ = s.raw.SetDeadline(at) // fails only on a closed socket, which the next read tells
	if s.ctx.Err() != nil {
		_ = s.raw.SetDeadline(time.Unix(1, 0)) // a stopped run does not get a new step
	}
}

// read reads one reply and sorts what can go wrong.
func (s *session) read(step Step, limit time.Duration) (reply, *end) {
	began := time.Now()
	before := s.r.total
	rep, err := s.r.readReply(func(line string) { s.log("S", line) })
	for _, o := range rep.odd {
		o.Step, o.Line = step, s.hide.scrub(o.Line)
		if len(s.out.Oddities) < 10 {
			s.out.Oddities = append(s.out.Oddities, o)
		}
	}
	if err == nil {
		return rep, nil
	}
	return rep, s.broken(err, began, before, limit)
}

// broken sorts why nothing whole could be read.
func (s *session) broken(err error, began time.Time, before int, limit time.Duration) *end {
	if errors.Is(err, errLine) || errors.Is(err, errReply) || errors.Is(err, errDialogue) || errors.Is(err, errWire) {
		return &end{status: "protocol", detail: err.Error()}
	}
	if errors.Is(err, errNoCode) {
		last := ""
		if n := len(s.out.Transcript); n > 0 {
			last = s.out.Transcript[n-1].Text
		}
		return &end{status: "protocol", detail: clip(last, 200)}
	}
	var netErr net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout() {
		// Octets that came, but fewer than 10 a second over a whole deadline,
		// are a tarpit: slow on purpose or overloaded, nobody can tell.
		got := s.r.total - before
		if took := time.Since(began); got > 0 && took >= limit*9/10 && float64(got) < 10*took.Seconds()+10 {
			return &end{status: "tarpit", detail: fmt.Sprintf("%d octets in %s", got, limit)}
		}
		return &end{status: "silent", detail: string(s.out.Step)}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &end{status: "temporary", detail: "the server closed the connection"}
	}
	if brokenTLS(err) {
		return &end{status: "protocol", detail: err.Error()}
	}
	return &end{status: "network", detail: err.Error()}
}

// brokenTLS tells what crypto/tls makes of a server's records from what our own
// network did to them: an alert, ours or theirs, or no record at all.
func brokenTLS(err error) bool {
	var record tls.RecordHeaderError
	var op *net.OpError
	return errors.As(err, &record) || errors.As(err, &op) && (op.Op == "local error" || op.Op == "remote error")
}

// greeting reads all of it before an octet is sent: who talks first is refused
// by many servers. RFC 5321 §3.1, §4.3.1.
func (s *session) greeting() *end {
	began := time.Now()
	limit := s.p.timing.Greeting
	s.deadline(limit)
	step := StepConnected
	if s.out.TLS != nil {
		step = StepTLS
	}
	rep, err := s.read(step, limit)
	s.out.Banner = clip(rep.text(), 1000)
	if err != nil {
		return err
	}
	s.out.GreetingMS = float64(time.Since(began).Microseconds()) / 1000
	switch {
	case rep.code == 220:
		if step == StepConnected {
			s.out.Step = StepGreeted
		}
		return nil
	case rep.code >= 500:
		return &end{status: "greeting-refused", detail: rep.text(), code: rep.code}
	case rep.code >= 400:
		return &end{status: "temporary", detail: rep.text(), code: rep.code}
	}
	return &end{status: "protocol", detail: rep.text(), code: rep.code}
}

// command sends one line and reads one reply. Never two lines at once: STARTTLS
// must stand alone, and pipelining is not ours to ask for.
func (s *session) command(line string) (reply, *end) {
	limit := s.p.timing.Command
	s.log("C", line)
	return s.send(line, limit)
}

// send is command without a note of what was sent.
func (s *session) send(line string, limit time.Duration) (reply, *end) {
	s.deadline(limit)
	if _, err := io.WriteString(s.conn, line+"\r\n"); err != nil {
		var netErr net.Error
		if errors.As(err, &netErr) && netErr.Timeout() {
			return reply{}, &end{status: "silent", detail: string(s.out.Step)}
		}
		return reply{}, &end{status: "temporary", detail: err.Error()}
	}
	return s.read(s.out.Step, limit)
}

// ehlo introduces us. Where EHLO is not known HELO is tried once; where our
// name is refused, the address literal once.
func (s *session) ehlo() (caps []string, e *end) {
	name := s.p.helo
	literal := addressLiteral(s.raw)
	if name == "" {
		name = literal
	}
	rep, e := s.command("EHLO " + name)
	if e == nil && rep.code >= 500 && !unknownCommand(rep.code) && name != literal {
		name = literal
		rep, e = s.command("EHLO " + name)
	}
	if e == nil && unknownCommand(rep.code) {
		if rep, e = s.command("HELO " + name); e == nil && rep.code == 250 {
			s.out.HELOOnly = true
			return []string{}, nil
		}
	}
	switch {
	case e != nil:
		return nil, e
	case rep.code >= 500:
		return nil, &end{status: "greeting-refused", detail: rep.text(), code: rep.code}
	case rep.code >= 400:
		return nil, &end{status: "temporary", detail: rep.text(), code: rep.code}
	case rep.code != 250:
		return nil, &end{status: "protocol", detail: rep.text(), code: rep.code}
	}
	// The first line is the server's name, the rest its extensions (RFC 5321 §4.1.1.1).
	return append([]string{}, rep.lines[1:]...), nil
}

// unknownCommand tells "EHLO is not known here" from "you are not wanted here".
func unknownCommand(code int) bool { return code == 500 || code == 502 || code == 504 }

// addressLiteral is our own address as a client name (RFC 5321 §4.1.3).
func addressLiteral(c net.Conn) string {
	ap, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return "[127.0.0.1]"
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is6() {
		return "[IPv6:" + a.String() + "]"
	}
	return "[" + a.String() + "]"
}

func (s *session) startTLS() *end {
	rep, err := s.command("STARTTLS")
	switch {
	case err != nil:
		return err
	case rep.code == 220:
		s.out.STARTTLS = "offered"
	case rep.code == 421:
		s.out.STARTTLS = "temporary"
		return &end{status: "temporary", detail: rep.text(), code: rep.code}
	case rep.code >= 500:
		s.out.STARTTLS, s.out.Detail, s.out.Code = "refused", clip(rep.text(), 500), rep.code
	default:
		s.out.STARTTLS, s.out.Detail, s.out.Code = "temporary", clip(rep.text(), 500), rep.code
	}
	// RFC 3207 §4.2: what follows the 220 in clear must never be taken for
	// something said inside TLS. It is recorded, and the session ends.
	if s.out.STARTTLS == "offered" && len(s.r.buf) > 0 {
		return s.injected(s.r.buf)
	}
	return nil
}

func (s *session) injected(octets []byte) *end {
	s.out.STARTTLS, s.out.Injected = "injected", hex.EncodeToString(octets[:min(len(octets), 64)])
	return &end{status: "protocol", detail: "octets in clear after the 220 to STARTTLS"}
}

// secure makes the TLS layer. A handshake that fails by the server's doing is a
// fact of a session that is otherwise done; one that our deadline cut is not.
func (s *session) secure() *end {
	ctx, cancel := context.WithTimeout(s.ctx, s.p.timing.Handshake)
	defer cancel()
	s.deadline(s.p.timing.Handshake)
	conn, err := handshake(ctx, s.raw, s.out.Host, s.hello)
	if err != nil {
		s.log("T", "TLS handshake failed: "+err.Error())
		s.conn.Close()
		s.conn = nil
		return s.tlsFailed(failure(ctx, err), err)
	}
	s.conn, s.r = conn, &reader{src: conn} // everything learnt in clear is forgotten
	cs := conn.ConnectionState()
	s.out.Step, s.out.TLS = StepTLS, tlsFacts(cs)
	s.log("T", s.out.TLS.Version+" "+s.out.TLS.Suite+" "+s.out.TLS.Group)
	s.out.Certificate = certFacts(cs.PeerCertificates, cs.OCSPResponse, s.out.Host, s.p.roots, s.p.now())
	return nil
}

func (s *session) tlsFailed(kind string, err error) *end {
	s.out.TLSError = clip(err.Error(), 500)
	if kind == "refused" && accessPort(s.out.Port) && accessGreets(err) {
		kind = "plaintext"
	}
	switch kind {
	case "plaintext":
		var record tls.RecordHeaderError
		errors.As(err, &record)
		if implicitTLS(s.out.Port) {
			s.out.STARTTLS = "plaintext"
			return &end{status: "protocol", detail: "a greeting in clear where TLS should be"}
		}
		return s.injected(record.RecordHeader[:])
	case "certificate":
		s.out.Certificate = &Cert{Names: []string{}, Chain: []string{}, Built: []string{}, Usages: []string{}, Verdict: "unparsable",
			Detail: clip(err.Error(), 500), CheckedAt: s.p.now().UTC()}
	case "timeout":
		s.out.TLSTimedOut = true
		return &end{status: "silent", detail: "tls"}
	}
	return nil
}

// ehloInside asks again inside TLS: only this answer counts (RFC 3207 §4.2).
func (s *session) ehloInside() *end {
	caps, err := s.ehlo()
	if err != nil {
		return err
	}
	s.out.Step, s.out.CapabilitiesTLS, s.out.AuthAfterTLS = StepEHLOTLS, caps, mechanisms(caps)
	return nil
}

// quit says goodbye. Only a patient probe waits for the answer.
func (s *session) quit() {
	defer s.conn.Close()
	if !s.out.reached(StepGreeted) || s.out.STARTTLS == "injected" {
		return
	}
	line := s.goodbye()
	s.deadline(time.Second)
	s.log("C", line)
	// Politeness; where it is not heard nobody is left to tell.
	if _, err := io.WriteString(s.conn, line+"\r\n"); err != nil || s.p.timing.Quit <= 0 || accessPort(s.out.Port) {
		return
	}
	if s.out.Status != "ok" {
		return // the server has gone already
	}
	s.deadline(s.p.timing.Quit)
	s.out.Quit = "unclean"
	if rep, err := s.read(s.out.Step, s.p.timing.Quit); err == nil && rep.code == 221 {
		s.out.Quit = "clean"
	}
}

// log keeps a line of the dialogue as long as there is room.
func (s *session) log(from, text string) {
	if len(s.out.Transcript) >= maxTranscript || s.kept > maxTranscriptBytes {
		return
	}
	text = s.hide.scrub(clip(text, maxLine))
	s.kept += len(text)
	s.out.Transcript = append(s.out.Transcript, Line{From: from, Text: text, MS: s.since()})
}
