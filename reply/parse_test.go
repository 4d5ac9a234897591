package reply

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

func one(t *testing.T, text string) (*Facts, *Reply) {
	t.Helper()
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if len(f.Replies) != 1 {
		t.Fatalf("%q: got %d replies, want 1", text, len(f.Replies))
	}
	return f, f.Replies[0]
}

// TestForms reads one reply out of each form in which people have them.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		name, text string
		form       Form
		code       int
		enhanced   string
		stage      Stage
	}{
		{"code", "550", FormReply, 550, "", ""},
		{"codes", "550 5.7.26", FormReply, 550, "5.7.26", ""},
		{"hyphen", "550-5.7.26 This mail is unauthenticated", FormReply, 550, "5.7.26", ""},
		{"several lines", "550-5.7.26 a\r\n550-5.7.26 b\r\n550 5.7.26 c - gsmtp\r\n", FormReply, 550, "5.7.26", ""},
		{"several lines on one", "550-5.7.26 a 550-5.7.26 b 550 5.7.26 c - gsmtp", FormReply, 550, "5.7.26", ""},
		{"number sign", "550 #5.1.0 Address rejected.", FormReply, 550, "5.1.0", ""},
		{"status", "5.7.1 no", FormStatus, 0, "5.7.1", ""},
		{"postfix", "Nov 23 10:00:00 mx postfix/smtp[123]: 4X1: to=<x@y.example>, relay=mx.y.example[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (host mx.y.example[192.0.2.1] said: 550 5.1.1 <x@y.example>: Recipient address rejected: User unknown (in reply to RCPT TO command))",
			FormLog, 550, "5.1.1", StageRcpt},
		{"postfix, end of data", "status=deferred (host mx[192.0.2.1] said: 451 4.7.1 Try later (in reply to end of DATA command))", FormLog, 451, "4.7.1", StageMessage},
		{"postfix, greeting", "connect to mx: host mx[192.0.2.1] refused to talk to me: 554 5.7.1 No service", FormLog, 554, "5.7.1", StageGreeting},
		{"exim", "2026-11-23 10:00:00 1abc ** x@y.example R=dnslookup T=remote_smtp: SMTP error from remote mail server after RCPT TO:<x@y.example>: 550 5.1.1 No such user", FormLog, 550, "5.1.1", StageRcpt},
		{"exim, pipelined", "SMTP error from remote mail server after pipelined end of data: 554 5.6.0 bad", FormLog, 554, "5.6.0", StageMessage},
		{"words", "The server returned error 535 for this login", FormLog, 535, "", ""},
		{"bounce", "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example\nDiagnostic-Code: smtp; 550-5.1.1 The account\n    550 5.1.1 does not exist", FormDSN, 550, "5.1.1", ""},
		{"python", "smtplib.SMTPAuthenticationError: (535, b'5.7.8 Username and Password not accepted')", FormException, 535, "5.7.8", StageAuth},
		{"python, lines", `(550, b"5.7.26 a\n5.7.26 b")`, FormException, 550, "5.7.26", ""},
		{"python, recipients", "{'x@y.example': (550, b'5.1.1 unknown')}", FormException, 550, "5.1.1", ""},
		{"node", "{ code: 'EAUTH',\n  response: '535-5.7.8 a\\n535 5.7.8 b',\n  responseCode: 535,\n  command: 'AUTH PLAIN' }", FormException, 535, "5.7.8", StageAuth},
		{"refused", "connect to mx.example[192.0.2.1]:25: Connection refused", FormNetwork, 0, "", StageConnect},
		{"timed out", "TimeoutError: [Errno 110] Connection timed out", FormNetwork, 0, "", StageConnect},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, r := one(t, c.text)
			if f.Form != c.form || r.Code != c.code || r.Enhanced.String() != c.enhanced || r.Stage != c.stage {
				t.Errorf("got %s %d %q at %q, want %s %d %q at %q", f.Form, r.Code, r.Enhanced, r.Stage, c.form, c.code, c.enhanced, c.stage)
			}
		})
	}
}

func TestLinesOfOneReply(t *testing.T) {
	for _, text := range []string{"550-5.7.26 a\n550-5.7.26 b\n550 5.7.26 c", "550-5.7.26 a 550-5.7.26 b 550 5.7.26 c"} {
		_, r := one(t, text)
		if len(r.Lines) != 3 || r.Text != "a b c" {
			t.Errorf("%q: got %d lines and %q, want 3 and \"a b c\"", text, len(r.Lines), r.Text)
		}
	}
	f, err := Parse([]byte("451 a\n550 b\n"))
	if err != nil || len(f.Replies) != 2 {
		t.Errorf("two replies: got %v, %v", f, err)
	}
}

func TestBounceOutOfTime(t *testing.T) {
	_, r := one(t, "Action: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; connect to mx.example: Connection timed out")
	if e := Explain(r, ""); !r.Expired || e.Retry != RetryOver {
		t.Errorf("a temporary status that failed: got retry %s, want %s", e.Retry, RetryOver)
	}
	_, r = one(t, "Action: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 451 4.4.1 busy")
	if e := Explain(r, ""); e.Retry != RetryRunning {
		t.Errorf("delayed: got retry %s, want %s", e.Retry, RetryRunning)
	}
}

func TestNoReply(t *testing.T) {
	for _, text := range []string{"", "hello", "dear server", "\x00\xff", "1.2.3", "5.7", "2026-11-23 nothing happened"} {
		if f, err := Parse([]byte(text)); !errors.Is(err, ErrNotReply) {
			t.Errorf("%q: got %+v, %v, want ErrNotReply", text, f, err)
		}
	}
	if _, err := Parse([]byte(strings.Repeat("a", MaxOctets+1))); err == nil || errors.Is(err, ErrNotReply) {
		t.Errorf("too large: got %v", err)
	}
	if _, err := Parse([]byte(strings.Repeat("\n", MaxLines+1))); err == nil || errors.Is(err, ErrNotReply) {
		t.Errorf("too many lines: got %v", err)
	}
}

// sessions are one session in the marks of several tools. The credential is
// base64 of NUL, "user@example.com", NUL, "correct-horse".
const credential = "AHVzZXJAZXhhbXBsZS5jb20AY29ycmVjdC1ob3JzZQ=="

var sessions = map[string]string{
	"labels":   "S: 220 mx ESMTP\nC: EHLO a.example\nS: 250-mx\nS: 250-STARTTLS\nS: 250 AUTH PLAIN\nC: AUTH PLAIN " + credential + "\nS: 535 5.7.8 no\nC: QUIT\nS: 221 bye\n",
	"exim":     "  SMTP<< 220 mx ESMTP\n  SMTP>> EHLO a.example\n  SMTP<< 250-mx\n  SMTP<< 250-STARTTLS\n  SMTP<< 250 AUTH PLAIN\n  SMTP>> AUTH PLAIN " + credential + "\n  SMTP<< 535 5.7.8 no\n  SMTP>> QUIT\n  SMTP<< 221 bye\n",
	"sendmail": "<<< 220 mx ESMTP\n>>> EHLO a.example\n<<< 250-mx\n<<< 250-STARTTLS\n<<< 250 AUTH PLAIN\n>>> AUTH PLAIN " + credential + "\n<<< 535 5.7.8 no\n>>> QUIT\n<<< 221 bye\n",
	"curl":     "* Connected to mx\n< 220 mx ESMTP\n> EHLO a.example\n< 250-mx\n< 250-STARTTLS\n< 250 AUTH PLAIN\n> AUTH PLAIN\n< 334 \n> " + credential + "\n< 535 5.7.8 no\n> QUIT\n< 221 bye\n",
	"swaks":    "=== Connected to mx.\n<-  220 mx ESMTP\n -> EHLO a.example\n<-  250-mx\n<-  250-STARTTLS\n<-  250 AUTH PLAIN\n -> AUTH PLAIN " + credential + "\n<** 535 5.7.8 no\n -> QUIT\n<-  221 bye\n",
	"smtplib":  "reply: b'220 mx ESMTP\\r\\n'\nsend: 'ehlo a.example\\r\\n'\nreply: b'250-mx\\r\\n'\nreply: b'250-STARTTLS\\r\\n'\nreply: b'250 AUTH PLAIN\\r\\n'\nreply: retcode (250); Msg: b'mx\\nSTARTTLS\\nAUTH PLAIN'\nsend: 'AUTH PLAIN " + credential + "\\r\\n'\nreply: b'535 5.7.8 no\\r\\n'\nreply: retcode (535); Msg: b'5.7.8 no'\nsend: 'QUIT\\r\\n'\nreply: b'221 bye\\r\\n'\n",
	"plain":    "$ telnet mx 25\nTrying 192.0.2.1...\n220 mx ESMTP\nEHLO a.example\n250-mx\n250-STARTTLS\n250 AUTH PLAIN LOGIN\nAUTH LOGIN\n334 VXNlcm5hbWU6\ndXNlckBleGFtcGxlLmNvbQ==\n334 UGFzc3dvcmQ6\nY29ycmVjdC1ob3JzZQ==\n535 5.7.8 no\nQUIT\n221 bye\nConnection closed by foreign host.\n",
}

// TestStyles reads the same session whatever its marks are, and keeps its
// credential out of everything.
func TestStyles(t *testing.T) {
	for name, text := range sessions {
		t.Run(name, func(t *testing.T) {
			f, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if f.Session == nil || f.Session.Style != name {
				t.Fatalf("got %+v, want a session in the style %s", f.Session, name)
			}
			verbs := []string{}
			for _, st := range f.Session.Steps {
				verbs = append(verbs, st.Verb)
			}
			if want := []string{"EHLO", "AUTH", "QUIT"}; !slices.Equal(verbs, want) {
				t.Errorf("got the commands %v, want %v", verbs, want)
			}
			st := f.Session.Steps[1]
			if st.Reply == nil || !st.Credential || st.Reply.Stage != StageAuth || !f.Session.Greeted {
				t.Errorf("got %+v after %+v", st, f.Session)
			}
			if last := f.Replies[len(f.Replies)-2]; last.Code != 535 || last.Stage != StageAuth {
				t.Errorf("got %+v, want 535 at AUTH", last)
			}
			noSecret(t, f, credential, "AHVz", "correct-horse", "Y29ycmVjdC1ob3JzZQ", "dXNlckBl")
		})
	}
}

// noSecret looks for secrets in everything that can be printed.
func noSecret(t *testing.T, f *Facts, secrets ...string) {
	t.Helper()
	for _, lang := range locale.Langs {
		l := locale.Must(lang)
		doc := Build(f, "", true, l)
		var b strings.Builder
		if err := report.WriteReplyText(&b, doc, l, report.TextOptions{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if err := report.WriteReplyJSON(&b, doc); err != nil {
			t.Fatal(err)
		}
		facts, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(b.String()+string(facts), s) {
				t.Errorf("%s: %q is in the output:\n%s\n%s", lang, s, b.String(), facts)
			}
		}
	}
}

// TestRedacted hides credentials where sessions and logs have them.
func TestRedacted(t *testing.T) {
	for name, text := range map[string]string{
		"inline":          "S: 220 mx\nC: EHLO a\nS: 250 mx\nC: AUTH PLAIN c2VjcmV0c2VjcmV0\nS: 235 ok\n",
		"continuation":    "S: 220 mx\nC: EHLO a\nS: 250 mx\nC: AUTH PLAIN\nS: 334\nC: c2VjcmV0c2VjcmV0\nS: 235 ok\n",
		"without 334":     "AUTH PLAIN\nc2VjcmV0c2VjcmV0\n(base64 of: \\0user\\0secretsecret)\n",
		"XOAUTH2":         "220 mx\nEHLO a\n250 mx\nAUTH XOAUTH2 c2VjcmV0c2VjcmV0\n334 eyJzdGF0dXMiOiI0MDAifQ==\n\n535 5.7.8 no\n",
		"after a refusal": "S: 220 mx\nC: EHLO a\nS: 250 mx\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 535 no\nC: c2VjcmV0c2VjcmV0\nS: 500 what\n",
		"echoed":          "S: 220 mx\nC: EHLO a\nS: 250 mx\nC: AUTH PLAIN c2VjcmV0c2VjcmV0\nS: 535 5.7.8 failed: c2VjcmV0c2VjcmV0\n",
		"typed":           "220 mx\nEHLO a\n250 mx\nAUTH LOGIN\n334 VXNlcm5hbWU6\nuser\n334 UGFzc3dvcmQ6\nsecretsecret\n535 5.7.8 no\n",
		"log":             "mx said: 535 5.7.8 AUTH PLAIN c2VjcmV0c2VjcmV0 failed",
		"url":             "smtp://user:secretsecret@mx.example:587: Connection refused",
		"setting":         "535 5.7.8 login with password=secretsecret failed",
		"pop":             "S: 220 mx\nC: USER a\nS: 250 ok\nC: EHLO a\nS: 250 ok\nC: PASS secretsecret\nS: 500 no\n",
		"no mechanism":    "S: 220 mx\nC: EHLO a\nS: 250 mx\nC: AUTH c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\nS: 504 no\n",
		"in the message":  "S: 220 mx\nC: EHLO a\nS: 250 mx\nC: AUTH PLAIN c2VjcmV0c2VjcmV0\nS: 235 ok\nC: DATA\nS: 354 go\nC: Subject: c2VjcmV0c2VjcmV0\nC: .c2VjcmV0c2VjcmV0\nC: .\nS: 250 ok\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			noSecret(t, f, "c2VjcmV0c2VjcmV0", "secretsecret")
			if f.Session != nil {
				for _, m := range f.Session.Messages {
					if strings.Contains(string(m.Octets), "c2VjcmV0") {
						t.Errorf("the message handed on has the credential: %s", m.Octets)
					}
				}
			}
		})
	}
}

// TestContent gives the message on as its receiver gets it.
func TestContent(t *testing.T) {
	f, err := ParseSession([]byte("S: 220 mx\r\nC: EHLO a\r\nS: 250 mx\r\nC: MAIL FROM:<a@b.example>\r\nS: 250 ok\r\nC: RCPT TO:<c@d.example>\r\nS: 250 ok\r\nC: DATA\r\nS: 354 go\r\n"+
		"C: Subject: x\r\nC: \r\nC:  indented\r\nC: ..dot\r\nC: .\r\nS: 250 ok\r\nC: QUIT\r\nS: 221 bye\r\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Session.Messages) != 1 {
		t.Fatalf("got %d messages, want 1", len(f.Session.Messages))
	}
	m := f.Session.Messages[0]
	if got, want := string(m.Octets), "Subject: x\r\n\r\n indented\r\n.dot\r\n"; got != want || !m.Ended || m.Line != 10 {
		t.Errorf("got %q ended %v line %d, want %q", got, m.Ended, m.Line, want)
	}
	if len(f.Session.Dots) != 0 {
		t.Errorf("a doubled dot is no mistake: %+v", f.Session.Dots)
	}
}

// TestManyLogins says once that TLS cannot be seen, however often somebody
// logs in, and keeps every one of them out of what is printed.
func TestManyLogins(t *testing.T) {
	var b strings.Builder
	b.WriteString("S: 220 mx\nC: EHLO a\nS: 250 mx\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "C: AUTH PLAIN c2VjcmV0%06d\nS: 535 5.7.8 not c2VjcmV0%06d\n", i, i)
	}
	f, err := Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range evaluate(f) {
		if len(r.Causes) > 1 || len(r.Findings) > maxFindings {
			t.Errorf("%s: %d causes, %d findings", r.Rule.ID, len(r.Causes), len(r.Findings))
		}
	}
	noSecret(t, f, "c2VjcmV0")
}

// FuzzParse holds Parse to its bounds: lines exist, texts are short, and what
// AUTH carries does not come out again.
func FuzzParse(f *testing.F) {
	for _, s := range sessions {
		f.Add(s)
	}
	f.Add("550-5.7.26 a 550-5.7.26 b 550 5.7.26 c - gsmtp")
	f.Add("Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 x")
	f.Add("(535, b'5.7.8 \\x41 \\'')")
	l := locale.Must(locale.English)
	f.Fuzz(func(t *testing.T, text string) {
		for _, o := range []Options{{}, {Raw: true, ImplicitTLS: true}} {
			facts, err := ParseSession([]byte(text), o)
			if err != nil {
				continue
			}
			Build(facts, "", true, l)
		}
		facts, err := Parse([]byte(text))
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, r := range facts.Replies {
			if r.Line < 1 || r.Line > lines || len(r.Text) > maxText+8 {
				t.Fatalf("reply out of bounds: line %d of %d, %d octets", r.Line, lines, len(r.Text))
			}
			if e := Explain(r, ""); e.Words == "" || len(e.Actors) == 0 && e.Words != "reply.malformed" {
				t.Fatalf("no explanation of %+v: %+v", r, e)
			}
		}
		doc := Build(facts, "", true, l)
		var b strings.Builder
		if err := report.WriteReplyText(&b, doc, l, report.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if report.Escape(strings.ReplaceAll(b.String(), "\n", "")) != strings.ReplaceAll(b.String(), "\n", "") || strings.Contains(b.String(), "[reply.") {
			t.Fatalf("output is not clean: %q", b.String())
		}
	})
}
