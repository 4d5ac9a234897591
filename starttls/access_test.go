package starttls

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// accessServer answers as an IMAP or POP3 server does, by the verb of a line.
func accessServer(greeting string, answers func(verb string, secure bool) string, tc *tls.Config, implicit bool) func(*fake, net.Conn) {
	return func(_ *fake, c net.Conn) {
		if implicit {
			c = tls.Server(c, tc)
		}
		io.WriteString(c, greeting)
		r, secure := bufio.NewReader(c), implicit
		for {
			line, err := r.ReadString('\n')
			words := strings.Fields(line)
			if err != nil || len(words) == 0 {
				return
			}
			verb := words[len(words)-1]
			a := answers(verb, secure)
			if len(words) == 2 {
				a = strings.ReplaceAll(a, "TAG", words[0])
			}
			io.WriteString(c, a)
			if (verb == "STARTTLS" || verb == "STLS") && !strings.Contains(a, "injected") && (strings.Contains(a, "OK")) {
				s := tls.Server(c, tc)
				if s.Handshake() != nil {
					return
				}
				c, r, secure = s, bufio.NewReader(s), true
			}
		}
	}
}

// TestAccess: what IMAP and POP3 servers say before TLS and inside it.
func TestAccess(t *testing.T) {
	ca := newAuthority(t)
	tc := &tls.Config{Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}}
	imapAnswers := func(before, after string) func(string, bool) string {
		return func(verb string, secure bool) string {
			switch {
			case verb == "CAPABILITY" && secure:
				return "* CAPABILITY " + after + "\r\nTAG OK done\r\n"
			case verb == "CAPABILITY":
				return "* CAPABILITY " + before + "\r\nTAG OK done\r\n"
			case verb == "STARTTLS":
				return "TAG OK begin\r\n"
			}
			return "TAG BAD what\r\n"
		}
	}
	popAnswers := func(caps string) func(string, bool) string {
		return func(verb string, secure bool) string {
			switch verb {
			case "CAPA":
				if caps == "" {
					return "-ERR what\r\n"
				}
				return "+OK list\r\n" + caps + ".\r\n"
			case "STLS":
				return "+OK begin\r\n"
			}
			return "-ERR what\r\n"
		}
	}
	for name, tt := range map[string]struct {
		port     uint16
		greeting string
		answers  func(string, bool) string
		implicit bool

		status, starttls, clear string
		tls                     bool
		auth                    string // inside TLS
	}{
		"IMAP as it should be": {143, "* OK ready\r\n", imapAnswers("IMAP4rev1 STARTTLS LOGINDISABLED", "IMAP4rev1 AUTH=PLAIN"), false, "ok", "offered", "", true, "PLAIN"},
		"IMAP in clear":        {143, "* OK ready\r\n", imapAnswers("IMAP4rev1", ""), false, "ok", "missing", "LOGIN", false, ""},
		"IMAP AUTH in clear":   {143, "* OK ready\r\n", imapAnswers("IMAP4rev1 STARTTLS auth=plain LOGINDISABLED", "IMAP4rev1"), false, "ok", "offered", "AUTH PLAIN", true, ""},
		"IMAPS":                {993, "* OK ready\r\n", imapAnswers("", "IMAP4rev1 AUTH=SCRAM-SHA-256"), true, "ok", "implicit", "", true, "SCRAM-SHA-256"},
		"993 in clear":         {993, "* OK ready\r\n", imapAnswers("", ""), false, "protocol", "plaintext", "", false, ""},
		"995 in clear":         {995, "+OK ready\r\n", popAnswers(""), false, "protocol", "plaintext", "", false, ""},
		"IMAP refuses us":      {143, "* BYE go away\r\n", imapAnswers("", ""), false, "greeting-refused", "", "", false, ""},
		"not IMAP":             {143, "220 mx ESMTP\r\n", imapAnswers("", ""), false, "protocol", "", "", false, ""},
		"POP3":                 {110, "+OK ready\r\n", popAnswers("USER\r\nSTLS\r\n"), false, "ok", "offered", "USER", true, ""},
		"POP3 by SASL":         {110, "+OK ready\r\n", popAnswers("SASL PLAIN LOGIN\r\n"), false, "ok", "missing", "AUTH PLAIN", false, ""},
		"POP3 without CAPA":    {110, "+OK ready\r\n", popAnswers(""), false, "ok", "missing", "", false, ""},
		"POP3S":                {995, "+OK ready\r\n", popAnswers("SASL PLAIN\r\n"), true, "ok", "implicit", "", true, "PLAIN"},
		"IMAP injected": {143, "* OK ready\r\n", func(verb string, _ bool) string {
			if verb == "STARTTLS" {
				return "TAG OK begin\r\n* injected\r\n"
			}
			return "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nTAG OK done\r\n"
		}, false, "protocol", "injected", "", false, ""},
		"IMAP without end": {143, "* OK ready\r\n", func(string, bool) string { return strings.Repeat("* more\r\n", 3000) }, false, "protocol", "", "", false, ""},
	} {
		s, f := probe(t, accessServer(tt.greeting, tt.answers, tc, tt.implicit), ca, tt.port)
		if s.Status != tt.status || s.STARTTLS != tt.starttls || s.ClearLogin != tt.clear || (s.TLS != nil) != tt.tls || strings.Join(s.AuthAfterTLS, " ") != tt.auth {
			t.Errorf("%s: got status %s (%s), STARTTLS %q, clear login %q, TLS %v, AUTH %v", name, s.Status, s.Detail, s.STARTTLS, s.ClearLogin, s.TLS, s.AuthAfterTLS)
		}
		for _, l := range s.Transcript {
			if l.From == "C" && !strings.ContainsAny(l.Text, "abz") && l.Text != "CAPA" && l.Text != "STLS" && l.Text != "QUIT" {
				t.Errorf("%s: the client said %q", name, l.Text)
			}
		}
		if tt.status == "ok" && f.conns.Load() != 1 {
			t.Errorf("%s: got %d connections", name, f.conns.Load())
		}
	}
}
