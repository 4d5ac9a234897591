package starttls

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/postseal/postseal/internal/dial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mx1 = "mx1.example.com"

// authority is a CA of the test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	a.cert = sign(t, tmpl, tmpl, key, key)
	a.pool.AddCert(a.cert)
	return a
}

func sign(t testing.TB, tmpl, parent *x509.Certificate, pub, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &pub.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue makes a certificate for names; by nil makes it self-signed.
func issue(t testing.TB, by *authority, cn string, notAfter time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := template(cn, notAfter, names...)
	parent, signer := tmpl, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	c := sign(t, tmpl, parent, key, signer)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

func template(cn string, notAfter time.Time, names ...string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn}, DNSNames: names,
		NotBefore: testNow.AddDate(0, -6, 0), NotAfter: notAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// fake is a server whose connections are held by a function.
type fake struct {
	addr  netip.AddrPort
	conns atomic.Int32
	early atomic.Bool // the client spoke before it was greeted
}

func serve(t *testing.T, handle func(*fake, net.Conn)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: netip.MustParseAddrPort(l.Addr().String())}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.conns.Add(1)
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				handle(f, c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return f
}

// script answers line for line: the greeting, then by the verb of each command.
func script(greeting string, answers map[string]string, tc *tls.Config) func(*fake, net.Conn) {
	return func(_ *fake, c net.Conn) {
		io.WriteString(c, greeting)
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			verb := strings.ToUpper(strings.Fields(line + " x")[0])
			a, ok := answers[verb]
			if !ok {
				a = "500 what?\r\n"
			}
			io.WriteString(c, a)
			if verb == "STARTTLS" && strings.HasPrefix(a, "220") && tc != nil {
				s := tls.Server(c, tc)
				if s.Handshake() != nil {
					return
				}
				c, r = s, bufio.NewReader(s)
				if inside, ok := answers["EHLO-TLS"]; ok {
					answers = map[string]string{"EHLO": inside, "QUIT": "221 bye\r\n"}
				}
			}
		}
	}
}

var quick = Timing{
	Connect: time.Second, Greeting: 500 * time.Millisecond, Command: 500 * time.Millisecond,
	Handshake: 700 * time.Millisecond, Overall: 8 * time.Second, Gap: time.Millisecond,
}

func prober(f *fake, ca *authority, port uint16) *SMTPProber {
	d := &dial.Dialer{Redirects: []dial.Redirect{{Port: port, To: f.addr}}}
	c := Config{Dialer: d, HELO: "probe.example.net", Now: func() time.Time { return testNow }, Timing: quick}
	if ca != nil {
		c.Roots = ca.pool
	}
	return NewProber(c)
}

func probe(t *testing.T, handle func(*fake, net.Conn), ca *authority, port uint16) (*Session, *fake) {
	t.Helper()
	f := serve(t, handle)
	s := prober(f, ca, port).Probe(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: port})
	return s, f
}

const hi = "220 mx1.example.com ESMTP\r\n"

// TestDialogue are the fake servers of the catalogue whose sessions need no TLS.
func TestDialogue(t *testing.T) {
	ehlo := func(lines string) map[string]string { return map[string]string{"EHLO": lines} }
	for _, tc := range []struct {
		name   string
		handle func(*fake, net.Conn)
		check  func(t *testing.T, s *Session)
	}{
		{"X1 auth before TLS", script(hi, map[string]string{
			"EHLO": "250-mx1\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-AUTH=PLAIN LOGIN\r\n250 8BITMIME\r\n", "STARTTLS": "454 later\r\n",
		}, nil), func(t *testing.T, s *Session) {
			if got := strings.Join(s.AuthBeforeTLS, " "); got != "PLAIN LOGIN" {
				t.Errorf("mechanisms: got %q", got)
			}
			if s.STARTTLS != "temporary" { // X11
				t.Errorf("STARTTLS: got %q, want temporary", s.STARTTLS)
			}
		}},
		{"X2 greeting in pieces", func(f *fake, c net.Conn) {
			early := make(chan struct{})
			go func() {
				defer close(early)
				b := make([]byte, 1)
				_ = c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
				if n, _ := c.Read(b); n > 0 {
					f.early.Store(true)
				}
			}()
			for _, p := range []string{"22", "0-mx1.exam", "ple.com\r", "\n220-no spam\r\n2", "20 go", " on\r\n"} {
				io.WriteString(c, p)
				time.Sleep(20 * time.Millisecond)
				if strings.HasSuffix(p, "2") {
					<-early
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				}
			}
			script("", ehlo("250 mx1\r\n"), nil)(f, c)
		}, func(t *testing.T, s *Session) {
			if s.Banner != "mx1.example.com\nno spam\ngo on" || s.Status != "ok" || s.STARTTLS != "missing" {
				t.Errorf("got banner %q, status %s, STARTTLS %q", s.Banner, s.Status, s.STARTTLS)
			}
		}},
		{"X3 drip", func(_ *fake, c net.Conn) {
			for range 20 {
				if _, err := io.WriteString(c, "2"); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}, status("tarpit")},
		{"silent greeting", func(_ *fake, c net.Conn) { io.Copy(io.Discard, c) }, status("silent")},
		{"X4 endless reply", func(f *fake, c net.Conn) {
			io.WriteString(c, hi)
			bufio.NewReader(c).ReadString('\n')
			for range 100000 {
				if _, err := io.WriteString(c, "250-X\r\n"); err != nil {
					return
				}
			}
		}, status("protocol")},
		{"X5 endless line", func(_ *fake, c net.Conn) {
			junk := "220 " + strings.Repeat("a", 4096)
			for range 2500 {
				if _, err := io.WriteString(c, junk); err != nil {
					return
				}
			}
		}, status("protocol")},
		{"X6 mixed case", script(hi, map[string]string{
			"EHLO": "250-mx1\r\n250 StartTls\r\n", "STARTTLS": "554 5.7.3 no\r\n",
		}, nil), func(t *testing.T, s *Session) {
			if s.STARTTLS != "refused" || s.Status != "ok" {
				t.Errorf("got STARTTLS %q, status %s", s.STARTTLS, s.Status)
			}
		}},
		{"X7 injected", script(hi, map[string]string{
			"EHLO": "250-mx1\r\n250 STARTTLS\r\n", "STARTTLS": "220 ready\r\n250 injected\r\n",
		}, nil), func(t *testing.T, s *Session) {
			if s.STARTTLS != "injected" || !strings.HasPrefix(s.Injected, "32353020") || s.TLS != nil {
				t.Errorf("got STARTTLS %q, octets %s", s.STARTTLS, s.Injected)
			}
		}},
		{"X8 HELO only", script(hi, map[string]string{"EHLO": "502 no\r\n", "HELO": "250 mx1\r\n"}, nil), func(t *testing.T, s *Session) {
			if !s.HELOOnly || s.Status != "ok" || s.Step != StepEHLO {
				t.Errorf("got HELO only %v, status %s, step %s", s.HELOOnly, s.Status, s.Step)
			}
		}},
		{"X9 421", script("421 too many\r\n", nil, nil), status("temporary")},
		{"X10 554", script("554 no\r\n", nil, nil), status("greeting-refused")},
		{"X21 mangled", script(hi, ehlo("250-mx1\r\n250-8BITMIME\r\n250 XXXXXXXA\r\n"), nil), func(t *testing.T, s *Session) {
			if maskedLine(s) == "" {
				t.Errorf("not recognised among %q", s.Capabilities)
			}
		}},
		{"X22 hostile banner", script("220 \x1b[2J<script>alert(1)</script>\r\n", ehlo("250 mx1\r\n"), nil), func(t *testing.T, s *Session) {
			if s.Banner != "\x1b[2J<script>alert(1)</script>" { // raw here; whoever prints it escapes
				t.Errorf("got banner %q", s.Banner)
			}
		}},
		{"not SMTP", script("SSH-2.0-OpenSSH_9.2\r\n", nil, nil), status("protocol")},
		{"closed at once", func(*fake, net.Conn) {}, status("temporary")},
		{"our name refused", func(_ *fake, c net.Conn) {
			io.WriteString(c, hi)
			r := bufio.NewReader(c)
			for {
				line, err := r.ReadString('\n')
				switch {
				case err != nil:
					return
				case strings.HasPrefix(line, "EHLO [127.0.0.1]"):
					io.WriteString(c, "250 mx1\r\n")
				default:
					io.WriteString(c, "550 who are you\r\n")
				}
			}
		}, status("ok")},
		{"odd replies", script("220 mx1.example.com\n", ehlo("250-mx1\r\n220 SIZE 1000\r\n"), nil), func(t *testing.T, s *Session) {
			if len(s.Oddities) != 2 || s.Oddities[0].Kind != "bare-lf" || s.Oddities[1].Kind != "mixed-codes" {
				t.Errorf("got %v", s.Oddities)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, f := probe(t, tc.handle, nil, 25)
			tc.check(t, s)
			if f.early.Load() {
				t.Error("the client spoke before the greeting was over")
			}
			if n := f.conns.Load(); n != 1 {
				t.Errorf("got %d connections, want 1", n)
			}
			size := 0
			for _, l := range s.Transcript {
				size += len(l.Text)
			}
			if size > maxTranscriptBytes+maxLine || len(s.Transcript) > maxTranscript {
				t.Errorf("the transcript is not bounded: %d lines, %d octets", len(s.Transcript), size)
			}
		})
	}
}

func status(want string) func(*testing.T, *Session) {
	return func(t *testing.T, s *Session) {
		if s.Status != want {
			t.Errorf("status: got %s (%s), want %s", s.Status, s.Detail, want)
		}
	}
}

type backend struct{}

func (backend) NewSession(*smtp.Conn) (smtp.Session, error) { return noMail{}, nil }

// noMail is a mail session that must never get as far as a sender.
type noMail struct{}

func (noMail) Reset()                               {}
func (noMail) Logout() error                        { return nil }
func (noMail) Mail(string, *smtp.MailOptions) error { panic("the probe sent MAIL") }
func (noMail) Rcpt(string, *smtp.RcptOptions) error { panic("the probe sent RCPT") }
func (noMail) Data(io.Reader) error                 { panic("the probe sent DATA") }

// TestGoodServer holds a session with a real server implementation.
func TestGoodServer(t *testing.T) {
	ca := newAuthority(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(backend{})
	srv.Domain, srv.EnableSMTPUTF8 = mx1, true
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	f := &fake{addr: netip.MustParseAddrPort(l.Addr().String())}
	s := prober(f, ca, 25).Probe(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25})
	if s.TLS == nil || s.Certificate == nil {
		t.Fatalf("no TLS: %s %s %s", s.Status, s.Detail, s.TLSError)
	}
	if s.Status != "ok" || s.Step != StepEHLOTLS || s.TLS.Version != "TLS 1.3" || s.Certificate.Verdict != "ok" ||
		!strings.Contains(s.TLS.Group, "MLKEM") || len(s.Certificate.DER) != 1 {
		t.Errorf("got %s %s, %+v, certificate %s (%s)", s.Status, s.Step, *s.TLS, s.Certificate.Verdict, s.Certificate.Detail)
	}
}

// TestVerdict: the first fault in the catalogue's order is the verdict.
func TestVerdict(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	later, past := testNow.AddDate(0, 3, 0), testNow.AddDate(0, 0, -1)
	for name, tc := range map[string]struct {
		cert tls.Certificate
		want string
	}{
		"good":                 {issue(t, ca, mx1, later, mx1), "ok"},
		"wildcard":             {issue(t, ca, "", later, "*.example.com"), "ok"},
		"other name":           {issue(t, ca, mx1, later, "www.example.com"), "name"},
		"common name only":     {issue(t, ca, mx1, later), "name"},
		"expired":              {issue(t, ca, mx1, past, mx1), "expired"},
		"expired, other name":  {issue(t, ca, mx1, past, "www.example.com"), "expired"},
		"untrusted":            {issue(t, other, mx1, later, mx1), "untrusted"},
		"untrusted, expired":   {issue(t, other, mx1, past, mx1), "untrusted"},
		"self-signed":          {issue(t, nil, mx1, later, mx1), "self-signed"},
		"self-signed, expired": {issue(t, nil, mx1, past, mx1), "self-signed"},
	} {
		c := certFacts([]*x509.Certificate{tc.cert.Leaf}, nil, mx1, ca.pool, testNow)
		if c.Verdict != tc.want {
			t.Errorf("%s: got %s (%s), want %s", name, c.Verdict, c.Detail, tc.want)
		}
	}
}

// TestTLS are the fake servers whose handshakes differ.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	cert := []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}
	answers := func() map[string]string {
		return map[string]string{"EHLO": "250-mx1\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n"}
	}
	t.Run("X12 TLS 1.0 only", func(t *testing.T) {
		tc := &tls.Config{Certificates: cert, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
		s, f := probe(t, script(hi, answers(), tc), ca, 25)
		if s.TLS == nil || s.TLS.Version != "TLS 1.0" || !s.Fallback || f.conns.Load() != 3 {
			t.Errorf("got %+v after %d connections (%s)", s.TLS, f.conns.Load(), s.TLSError)
		}
	})
	t.Run("X13 large hello dropped", func(t *testing.T) {
		s, f := probe(t, func(f *fake, c net.Conn) {
			script(hi, answers(), &tls.Config{Certificates: cert})(f, &dropLarge{Conn: c})
		}, ca, 25)
		if s.TLS == nil || !s.LargeHello || f.conns.Load() != 2 {
			t.Errorf("got %+v, large hello %v after %d connections (%s)", s.TLS, s.LargeHello, f.conns.Load(), s.TLSError)
		}
	})
	t.Run("no suite in common", func(t *testing.T) {
		s, _ := probe(t, script(hi, answers(), &tls.Config{}), ca, 25) // no certificate at all
		if !s.handshakeFailed() {
			t.Errorf("got TLS %v, error %q, timed out %v", s.TLS, s.TLSError, s.TLSTimedOut)
		}
	})
	t.Run("X16 plaintext on 465", func(t *testing.T) {
		s, f := probe(t, script(hi, nil, nil), ca, 465)
		if s.STARTTLS != "plaintext" || f.conns.Load() != 1 {
			t.Errorf("got STARTTLS %q (%s) after %d connections", s.STARTTLS, s.TLSError, f.conns.Load())
		}
	})
	t.Run("465", func(t *testing.T) {
		s, _ := probe(t, func(f *fake, c net.Conn) {
			script(hi, map[string]string{"EHLO": "250-mx1\r\n250 AUTH PLAIN\r\n"}, nil)(f, tls.Server(c, &tls.Config{Certificates: cert}))
		}, ca, 465)
		if s.Status != "ok" || s.STARTTLS != "implicit" || len(s.AuthAfterTLS) != 1 {
			t.Errorf("got %s (%s), STARTTLS %q, AUTH %v", s.Status, s.Detail, s.STARTTLS, s.AuthAfterTLS)
		}
	})
	t.Run("X25 listed again", func(t *testing.T) {
		a := answers()
		a["EHLO-TLS"] = "250-mx1\r\n250 STARTTLS\r\n"
		s, _ := probe(t, script(hi, a, &tls.Config{Certificates: cert}), ca, 25)
		if !has(s.CapabilitiesTLS, "STARTTLS") {
			t.Errorf("got %v", s.CapabilitiesTLS)
		}
	})
}

// dropLarge swallows a read that looks like a TLS hello of more than one packet.
type dropLarge struct {
	net.Conn
	dead bool
}

func (d *dropLarge) Read(p []byte) (int, error) {
	for {
		n, err := d.Conn.Read(p)
		if n >= 5 && p[0] == 0x16 && int(p[3])<<8|int(p[4]) > 1400 {
			d.dead = true
		}
		if !d.dead || err != nil {
			return n, err
		}
	}
}

func TestDialEnd(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for want, tc := range map[string]struct {
		ctx context.Context
		err error
	}{
		"refused":         {t.Context(), syscall.ECONNREFUSED},
		"silent":          {ended, context.DeadlineExceeded},
		"network":         {t.Context(), syscall.ENETUNREACH}, // X19
		"special-address": {t.Context(), &dial.ErrSpecial{Addr: netip.MustParseAddr("10.0.0.1"), Block: "private"}},
		"not-asked":       {t.Context(), dial.ErrOffline},
	} {
		if got := dialEnd(tc.ctx, tc.err).status; got != want {
			t.Errorf("%v: got %s, want %s", tc.err, got, want)
		}
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }
