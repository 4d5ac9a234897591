package starttls

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"time"
)

// accessPort tells the ports of IMAP and POP3, which are looked at only where
// the user names the host: their capabilities, and nothing behind a login.
func accessPort(port uint16) bool {
	return port == 143 || port == 993 || port == 110 || port == 995
}

func imap(port uint16) bool { return port == 143 || port == 993 }

// goodbye ends a session politely.
func (s *session) goodbye() string {
	if imap(s.out.Port) {
		return "z LOGOUT"
	}
	return "QUIT"
}

// accessGreets tells that IMAP or POP3 greeted where TLS should be.
func accessGreets(err error) bool {
	var record tls.RecordHeaderError
	if !errors.As(err, &record) {
		return false
	}
	head := string(record.RecordHeader[:])
	return strings.HasPrefix(head, "* ") || strings.HasPrefix(head, "+OK")
}

// access is a session with an IMAP or POP3 server: what it can do before TLS,
// STARTTLS or STLS, and what it can do inside.
func (s *session) access() *end {
	implicit := implicitTLS(s.out.Port)
	if implicit {
		s.out.STARTTLS = "implicit"
		if err := s.secure(); err != nil || s.out.TLS == nil {
			return err
		}
	}
	if err := s.accessGreeting(); err != nil {
		return err
	}
	if implicit {
		return s.accessInside()
	}
	caps, err := s.accessCapabilities()
	if err != nil {
		return err
	}
	s.out.Step, s.out.Capabilities, s.out.AuthBeforeTLS = StepEHLO, caps, accessMechanisms(caps)
	s.out.ClearLogin = clearLogin(s.out.Port, caps)
	word, command := "STARTTLS", "b STARTTLS"
	if !imap(s.out.Port) {
		word, command = "STLS", "STLS"
	}
	if !has(caps, word) {
		s.out.STARTTLS = "missing"
		return nil
	}
	ok, err := s.accessCommand(command)
	switch {
	case err != nil:
		return err
	case !ok:
		s.out.STARTTLS = "refused"
		return nil
	}
	s.out.STARTTLS = "offered"
	if len(s.r.buf) > 0 {
		return s.injected(s.r.buf)
	}
	if err := s.secure(); err != nil || s.out.TLS == nil {
		return err
	}
	return s.accessInside()
}

func (s *session) accessInside() *end {
	caps, err := s.accessCapabilities()
	if err != nil {
		return err
	}
	s.out.Step, s.out.CapabilitiesTLS, s.out.AuthAfterTLS = StepEHLOTLS, caps, accessMechanisms(caps)
	return nil
}

// accessLine reads one line within a deadline that is set by the caller.
func (s *session) accessLine(began time.Time, limit time.Duration) (string, *end) {
	before := s.r.total
	raw, err := s.r.line()
	if err != nil {
		return "", s.broken(err, began, before, limit)
	}
	line := strings.TrimSuffix(string(raw), "\r")
	s.log("S", line)
	return line, nil
}

func (s *session) accessGreeting() *end {
	began, limit := time.Now(), s.p.timing.Greeting
	s.deadline(limit)
	line, err := s.accessLine(began, limit)
	if err != nil {
		return err
	}
	s.out.GreetingMS = float64(time.Since(began).Microseconds()) / 1000
	s.out.Banner = clip(line, 1000)
	upper := strings.ToUpper(line)
	switch {
	case imap(s.out.Port) && (strings.HasPrefix(upper, "* OK") || strings.HasPrefix(upper, "* PREAUTH")),
		!imap(s.out.Port) && strings.HasPrefix(upper, "+OK"):
		if !s.out.reached(StepGreeted) {
			s.out.Step = StepGreeted
		}
		return nil
	case strings.HasPrefix(upper, "* BYE"), strings.HasPrefix(upper, "-ERR"):
		return &end{status: "greeting-refused", detail: line}
	}
	return &end{status: "protocol", detail: clip(line, 200)}
}

// accessCommand sends a command and reads to its answer.
func (s *session) accessCommand(command string) (ok bool, e *end) {
	_, ok, e = s.accessAsk(command, false)
	return ok, e
}

// accessCapabilities asks what the server can do, each capability a line.
func (s *session) accessCapabilities() ([]string, *end) {
	caps := []string{}
	if !imap(s.out.Port) {
		lines, ok, err := s.accessAsk("CAPA", true) // RFC 2449 §5
		if err == nil && ok {
			caps = append(caps, lines...)
		}
		return caps, err
	}
	lines, _, err := s.accessAsk("a CAPABILITY", false) // RFC 9051 §6.1.1
	for _, line := range lines {
		rest, ok := strings.CutPrefix(strings.ToUpper(line), "* CAPABILITY ")
		if ok {
			caps = append(caps, strings.Fields(rest)...)
		}
	}
	return caps, err
}

// accessAsk sends a command and reads its answer: to the tagged line of IMAP,
// or the status line of POP3 and, where that has several lines, to the dot.
func (s *session) accessAsk(command string, several bool) (lines []string, ok bool, e *end) {
	began, limit := time.Now(), s.p.timing.Command
	s.deadline(limit)
	s.log("C", command)
	if _, err := io.WriteString(s.conn, command+"\r\n"); err != nil {
		return nil, false, s.broken(err, began, s.r.total, limit)
	}
	tag, _, _ := strings.Cut(command, " ")
	for range maxReplyLines {
		line, e := s.accessLine(began, limit)
		if e != nil {
			return nil, false, e
		}
		upper := strings.ToUpper(line)
		switch {
		case imap(s.out.Port):
			if strings.HasPrefix(upper, strings.ToUpper(tag)+" ") {
				return lines, strings.HasPrefix(upper[len(tag)+1:], "OK"), nil
			}
			lines = append(lines, line)
		case !ok:
			if ok = strings.HasPrefix(upper, "+OK"); !ok || !several {
				return nil, ok, nil
			}
		case line == ".":
			return lines, true, nil
		default:
			lines = append(lines, line)
		}
	}
	return nil, false, &end{status: "protocol", detail: errReply.Error()}
}

// accessMechanisms are those that IMAP lists as AUTH=X and POP3 after SASL.
func accessMechanisms(caps []string) []string {
	out := []string{}
	for _, c := range caps {
		upper := strings.ToUpper(c)
		if m, ok := strings.CutPrefix(upper, "AUTH="); ok {
			out = append(out, m)
		} else if rest, ok := strings.CutPrefix(upper, "SASL "); ok {
			out = append(out, strings.Fields(rest)...)
		}
	}
	return out
}

// clearLogin is what takes a password before TLS, "" for nothing. IMAP takes
// LOGIN unless it says LOGINDISABLED (RFC 9051 §6.2.3); POP3 lists USER.
func clearLogin(port uint16, caps []string) string {
	for _, m := range accessMechanisms(caps) {
		if m == "PLAIN" || m == "LOGIN" || m == "XOAUTH2" || m == "OAUTHBEARER" {
			return "AUTH " + m
		}
	}
	switch {
	case imap(port) && len(caps) > 0 && !has(caps, "LOGINDISABLED"):
		return "LOGIN"
	case !imap(port) && has(caps, "USER"):
		return "USER"
	}
	return ""
}
