package starttls

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// opensslServer runs "openssl s_server", which speaks what crypto/tls does not,
// and gives a handler that speaks SMTP up to STARTTLS and then hands over.
// s_server itself knows STARTTLS as a client only.
func opensslServer(t *testing.T, certs []tls.Certificate, args ...string) func(*fake, net.Conn) {
	t.Helper()
	binary, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("the openssl command is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	all := []string{"s_server", "-accept", addr, "-quiet"}
	for i, c := range certs {
		key, cert := pemFiles(t, c)
		prefix := []string{"", "d"}[i] // the second certificate has options of its own
		all = append(all, "-"+prefix+"key", key, "-"+prefix+"cert", cert)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, append(all, args...)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe() // s_server ends when its input does
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cancel(); _ = cmd.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return handOver(addr)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("openssl s_server does not answer: %s", said.String())
	return nil
}

// handOver greets, takes EHLO and STARTTLS, and passes octets on from there.
// What the client says inside TLS, s_server takes and does not answer.
func handOver(to string) func(*fake, net.Conn) {
	return func(_ *fake, c net.Conn) {
		io.WriteString(c, hi)
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "EHLO") {
				io.WriteString(c, "250-mx1\r\n250 STARTTLS\r\n")
				continue
			}
			if strings.HasPrefix(line, "STARTTLS") {
				break
			}
			io.WriteString(c, "500 what?\r\n")
		}
		up, err := net.Dial("tcp", to)
		if err != nil {
			io.WriteString(c, "454 no\r\n")
			return
		}
		defer up.Close()
		io.WriteString(c, "220 go\r\n")
		var wg sync.WaitGroup
		wg.Go(func() { io.Copy(up, r); up.(*net.TCPConn).CloseWrite() })
		io.Copy(c, up)
		c.Close()
		wg.Wait()
	}
}

func pemFiles(t *testing.T, c tls.Certificate) (key, cert string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, cert = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	for path, block := range map[string]*pem.Block{
		key: {Type: "PRIVATE KEY", Bytes: der}, cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key, cert
}

// issueRSA makes a certificate with an RSA key.
func issueRSA(t testing.TB, by *authority, names ...string) tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := template(names[0], testNow.AddDate(0, 3, 0), names...)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// atLevel probes with further handshakes. The pauses between them are counted
// and not waited for.
func atLevel(t *testing.T, level Level, handle func(*fake, net.Conn), ca *authority) (*Session, *fake, int) {
	t.Helper()
	f := serve(t, handle)
	p := prober(f, ca, 25)
	p.level = level
	p.timing.Overall, p.timing.Gap = 10*time.Second, 1500*time.Millisecond
	p.timing.Handshake = 5 * time.Second
	var pauses int
	p.sleep = func(_ context.Context, d time.Duration) error {
		if d < 1500*time.Millisecond {
			t.Errorf("a pause of %s", d)
		}
		pauses++
		return nil
	}
	s := p.Probe(t.Context(), Target{Host: mx1, Addr: netip.MustParseAddr("5.6.7.8"), Port: 25})
	if s.TLS == nil {
		t.Fatalf("no TLS: %s %s %s", s.Status, s.Detail, s.TLSError)
	}
	if testing.Verbose() {
		for _, h := range s.Handshakes.Tried {
			t.Logf("%+v", h)
		}
	}
	return s, f, pauses
}

const everySuite = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

// TestWeakServer: OpenSSL as permissive as Debian builds it.
func TestWeakServer(t *testing.T) {
	ca := newAuthority(t)
	certs := []tls.Certificate{issueRSA(t, ca, mx1), issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}
	handle := opensslServer(t, certs, "-cipher", everySuite, "-legacy_renegotiation", "-client_renegotiation", "-early_data", "-max_early_data", "16384")
	s, f, pauses := atLevel(t, LevelDeep, handle, ca)
	if n := int(f.conns.Load()); n > 24 || pauses != n-1 {
		t.Errorf("got %d connections with %d pauses; at most 24, and a pause before each but the first", n, pauses)
	}
	h := s.Handshakes
	if h.Stopped != "" {
		t.Errorf("stopped: %s", h.Stopped)
	}
	for kind, want := range map[string]string{
		kindTLS12: accepted, kindOtherKey: accepted, kindTLS11: accepted, kindTLS10: accepted, kindSSL3: refused,
		kindSSL2: refused, kindSHA1: accepted, kindNoName: accepted, kindOtherName: accepted, kindEarlyData: accepted, kindRenegotiation: accepted,
	} {
		if got := h.find(kind); got == nil || got.Result != want {
			t.Errorf("%s: got %+v, want %s", kind, got, want)
		}
	}
	for class, want := range map[Class]bool{ClassBroken: true, ClassAnon: true, ClassNoFS: true, ClassDHE: true, ClassCBC: true, ClassWeak: false} {
		if suite, told := s.class(class); !told || (suite != "") != want {
			t.Errorf("%s: got suite %q, told %v", class, suite, told)
		}
	}
	if t12 := h.find(kindTLS12); !t12.EMS || !t12.SecureReneg || t12.Group != "X25519" {
		t.Errorf("TLS 1.2: got %+v", t12)
	}
	if h.Other == nil || h.Other.KeyType == s.Certificate.KeyType || h.Other.Verdict != "ok" {
		t.Errorf("the other certificate: got %+v beside %s", h.Other, s.Certificate.KeyType)
	}
	if e := h.find(kindEarlyData); e == nil || e.EarlyData != 16384 {
		t.Errorf("early data: got %+v", e)
	}
}

// TestOrdinaryServer: OpenSSL as it comes refuses all that it should.
func TestOrdinaryServer(t *testing.T) {
	ca := newAuthority(t)
	handle := opensslServer(t, []tls.Certificate{issueRSA(t, ca, mx1)}, "-no_tls1", "-no_tls1_1", "-cipher", "DEFAULT@SECLEVEL=2")
	s, _, _ := atLevel(t, LevelDeep, handle, ca)
	h := s.Handshakes
	for kind, want := range map[string]string{
		kindTLS12: accepted, kindOtherKey: refused, kindTLS11: refused, kindSSL3: refused, kindSSL2: refused, kindWeakCurves: refused,
		kindSHA1: refused, kindRenegotiation: refused, kindNoName: accepted, kindOtherName: accepted,
	} {
		if got := h.find(kind); got == nil || got.Result != want {
			t.Errorf("%s: got %+v, want %s", kind, got, want)
		}
	}
	if h.Other != nil || h.find(kindTLS10) != nil {
		t.Errorf("a second certificate %v, and TLS 1.0 was asked for after 1.1 was refused: %v", h.Other, h.find(kindTLS10))
	}
}

// TestRenegotiationSHA384: the longer keys as well.
func TestRenegotiationSHA384(t *testing.T) {
	ca := newAuthority(t)
	handle := opensslServer(t, []tls.Certificate{issueRSA(t, ca, mx1)}, "-client_renegotiation", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384")
	s, _, _ := atLevel(t, LevelDeep, handle, ca)
	if yes, told := s.Handshakes.took(kindRenegotiation); !yes || !told {
		t.Errorf("got %+v", s.Handshakes.find(kindRenegotiation))
	}
}
