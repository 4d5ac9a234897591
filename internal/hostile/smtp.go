package hostile

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// The ways of a hostile mail host.
const (
	LateGreeting  = "greeting after 30 s"
	DripGreeting  = "an octet a second"
	DripEHLO      = "EHLO answered by an octet a second"
	DripHandshake = "a handshake by an octet a second"
	EndlessBanner = "endless banner"
	LongLine      = "line of 10 MiB"
	LongLineTLS   = "line of 10 MiB inside TLS"
	ManyLines     = "10,000 EHLO lines"
	ManyLinesTLS  = "10,000 EHLO lines inside TLS"
	Escapes       = "NULs and escapes"
	TLSGarbage    = "STARTTLS, then garbage"
	TLSInClear    = "STARTTLS, then an answer in clear"
	TLSInjection  = "STARTTLS, and a reply in the same packet"
	TLSSilence    = "STARTTLS, then silence"
	TLSFlood      = "STARTTLS, then records without end"
	LongChain     = "200 certificates"
	LongerChain   = "1,000 certificates"
	BigKey        = "key of 16,384 bits"
	BiggerKey     = "key of 32,768 bits"
	BigIssuer     = "issuer's key of 8,192 bits" // the most that crypto/tls takes
	CloseAtOnce   = "closing at the connection"
	CloseGreeting = "closing within the greeting"
	CloseGreeted  = "closing after the greeting"
	CloseEHLO     = "closing at EHLO"
	CloseHalfway  = "closing within the answer to EHLO"
	CloseSTARTTLS = "closing at STARTTLS"
	CloseReady    = "closing after the 220 to STARTTLS"
	CloseHello    = "closing at the ClientHello"
	CloseHalfTLS  = "closing within the handshake"
	CloseInside   = "closing inside TLS"
	CloseEHLOTLS  = "closing at EHLO inside TLS"
	CloseHalfEHLO = "closing within the answer to EHLO inside TLS"
	CloseQUIT     = "closing at QUIT"
	ResetEHLO     = "resetting the connection at EHLO"
)

// MailKinds are all of them.
var MailKinds = []string{LateGreeting, DripGreeting, DripEHLO, DripHandshake, EndlessBanner, LongLine, LongLineTLS, ManyLines,
	ManyLinesTLS, Escapes, TLSGarbage, TLSInClear, TLSInjection, TLSSilence, TLSFlood, LongChain, LongerChain, BigKey, BiggerKey, BigIssuer,
	CloseAtOnce, CloseGreeting, CloseGreeted, CloseEHLO, CloseHalfway, CloseSTARTTLS, CloseReady, CloseHello, CloseHalfTLS,
	CloseInside, CloseEHLOTLS, CloseHalfEHLO, CloseQUIT, ResetEHLO}

// EscapeText is what a host of the kind Escapes calls itself.
const EscapeText = "mx\x00 \x1b[2J\x1b]0;owned\x07 <script>alert(1)</script> \u202egnp.exe \xff"

// ServeMail is a mail host on 127.0.0.1 until the test ends. What it needs is
// made before it returns, so that it is not counted against the client.
func ServeMail(t testing.TB, kind, name string) *Host {
	t.Helper()
	var chain tls.Certificate
	switch kind {
	case LongChain:
		chain = longChain(t, name, 200)
	case LongerChain:
		chain = longChain(t, name, 1000)
	case BigKey:
		chain = bigKey(t, name, 16384)
	case BiggerKey:
		chain = bigKey(t, name, 32768)
	case BigIssuer:
		chain = bigIssuer(t, name)
	}
	return serve(t, kind, name, func(h *Host, c net.Conn) {
		defer h.hold(c)()
		m := &mail{h: h, raw: c, conn: counted{c, &h.sent}, config: h.config}
		if chain.Certificate != nil {
			m.config = &tls.Config{Certificates: []tls.Certificate{chain}}
		}
		m.r = bufio.NewReader(m.conn)
		m.talk()
	})
}

// mail is one connection to a mail host.
type mail struct {
	h      *Host
	raw    net.Conn
	conn   net.Conn
	r      *bufio.Reader
	config *tls.Config
	inside bool
}

func (m *mail) say(text string) bool {
	_, err := io.WriteString(m.conn, text)
	return err == nil
}

// repeat says a block n times, or without end for 0.
func (m *mail) repeat(block string, n int) {
	text := []byte(block)
	for i := 0; n == 0 || i < n; i++ {
		if _, err := m.conn.Write(text); err != nil {
			return
		}
	}
}

// drip says a text by an octet a second.
func (m *mail) drip(text string) {
	for i := range len(text) {
		if !m.say(text[i:i+1]) || !m.wait(time.Second) {
			return
		}
	}
}

// wait is over early when the test ends.
func (m *mail) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-m.h.closing:
		return false
	}
}

func (m *mail) talk() {
	switch m.h.kind {
	case CloseAtOnce:
		return
	case CloseGreeting:
		m.say("220-mx\r\n220 mx is mo")
		return
	case LateGreeting:
		if !m.wait(30 * time.Second) {
			return
		}
	case DripGreeting:
		m.drip(strings.Repeat("220-mx is slow\r\n", 1000))
		return
	case EndlessBanner:
		m.repeat(strings.Repeat("220-mx has much to say\r\n", 256), 0)
		return
	case LongLine:
		m.say("220 ")
		m.repeat(strings.Repeat("a", 1<<13), 10<<20>>13)
		return
	}
	greeting := "220 mx\r\n"
	if m.h.kind == Escapes {
		greeting = "220 " + EscapeText + "\r\n"
	}
	if !m.say(greeting) || m.h.kind == CloseGreeted {
		return
	}
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			if !m.ehlo() {
				return
			}
		case "STARTTLS":
			if !m.startTLS() {
				return
			}
		case "QUIT":
			if m.h.kind != CloseQUIT {
				m.say("221 bye\r\n")
			}
			return
		default:
			if !m.say("500 what?\r\n") {
				return
			}
		}
	}
}

// ehlo answers EHLO, and tells whether the dialogue goes on.
func (m *mail) ehlo() bool {
	kind := m.h.kind
	switch {
	case kind == CloseEHLO, kind == CloseEHLOTLS && m.inside:
		return false
	case kind == ResetEHLO:
		if tcp, ok := m.raw.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // where it cannot be reset it is closed, which comes to the same
		}
		return false
	case kind == CloseHalfway, kind == CloseHalfEHLO && m.inside:
		m.say("250-mx\r\n250-STARTT")
		return false
	case kind == DripEHLO:
		m.drip(strings.Repeat("250-mx\r\n", 1000))
		return false
	case kind == LongLineTLS && m.inside:
		m.say("250-")
		m.repeat(strings.Repeat("a", 1<<13), 10<<20>>13)
		return false
	case kind == ManyLines, kind == ManyLinesTLS && m.inside:
		var b strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&b, "250-X-%d\r\n", i)
		}
		return m.say(b.String() + "250 STARTTLS\r\n")
	case kind == Escapes:
		return m.say("250-" + EscapeText + "\r\n250-X" + EscapeText + "\r\n250 STARTTLS\r\n")
	case m.inside:
		return m.say("250-mx\r\n250 8BITMIME\r\n")
	}
	return m.say("250-mx\r\n250-8BITMIME\r\n250 STARTTLS\r\n")
}

// startTLS answers STARTTLS, and tells whether the dialogue goes on inside.
func (m *mail) startTLS() bool {
	switch m.h.kind {
	case CloseSTARTTLS:
		return false
	case TLSInjection:
		m.say("220 go\r\n250 said before TLS\r\n")
		io.Copy(io.Discard, m.r)
		return false
	}
	if !m.say("220 go\r\n") {
		return false
	}
	switch m.h.kind {
	case CloseReady:
		return false
	case CloseHello, CloseHalfTLS, TLSGarbage, TLSInClear, TLSFlood, DripHandshake:
		if _, err := m.r.Peek(5); err != nil { // it waits for the ClientHello, so that nothing comes before it
			return false
		}
		switch m.h.kind {
		case CloseHalfTLS: // a handshake record that does not go on
			m.say("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
		case TLSGarbage:
			m.say("\x00\x01\x02 SSH-2.0 \xff\xfe\x16\x03\r\n")
		case TLSInClear:
			m.say("454 TLS not available after all\r\n")
		case TLSFlood: // empty handshake records, which TLS 1.3 forbids and careless clients skip
			m.repeat(strings.Repeat("\x16\x03\x03\x00\x00", 1000), 0)
		case DripHandshake:
			m.drip("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + strings.Repeat("a", 100))
		}
		return false
	case TLSSilence:
		io.Copy(io.Discard, m.r)
		return false
	}
	c := tls.Server(m.conn, m.config)
	if c.Handshake() != nil {
		return false
	}
	m.conn, m.r, m.inside = c, bufio.NewReader(c), true
	return m.h.kind != CloseInside
}

// longChain is a leaf before n-1 certificates, each signed by the next.
func longChain(t testing.TB, name string, n int) tls.Certificate {
	t.Helper()
	key := curveKey(t)
	out := tls.Certificate{PrivateKey: key}
	for i := range n {
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprint("link ", i)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: i > 0, BasicConstraintsValid: true}
		if i == 0 {
			tmpl.DNSNames = []string{name}
		}
		parent := &x509.Certificate{Subject: pkix.Name{CommonName: fmt.Sprint("link ", i+1)}}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		out.Certificate = append(out.Certificate, der)
	}
	return out
}

func curveKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// hugeKey stands for a private key that would take minutes to make: nobody knows
// its factors, and what it signs is noise.
type hugeKey struct{ *rsa.PublicKey }

func (k hugeKey) Public() crypto.PublicKey { return k.PublicKey }

func (k hugeKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return bytes.Repeat([]byte{1}, k.Size()), nil
}

var (
	hugeMu   sync.Mutex
	hugeKeys = map[int]hugeKey{}
)

func huge(t testing.TB, bits int) hugeKey {
	t.Helper()
	hugeMu.Lock()
	defer hugeMu.Unlock()
	if k, ok := hugeKeys[bits]; ok {
		return k
	}
	octets := make([]byte, bits/8)
	if _, err := rand.Read(octets); err != nil {
		t.Fatal(err)
	}
	octets[0] |= 0x80
	octets[len(octets)-1] |= 1
	k := hugeKey{&rsa.PublicKey{N: new(big.Int).SetBytes(octets), E: 1<<31 - 1}} // the dearest exponent that Go takes
	hugeKeys[bits] = k
	return k
}

// bigKey is a certificate for an RSA key of so many bits.
func bigKey(t testing.TB, name string, bits int) tls.Certificate {
	t.Helper()
	key, ca := huge(t, bits), curveKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, &x509.Certificate{Subject: pkix.Name{CommonName: "big"}}, key.PublicKey, ca)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// bigIssuer is a small leaf whose issuer has a key that is dear to verify with.
func bigIssuer(t testing.TB, name string) tls.Certificate {
	t.Helper()
	key, issuer := curveKey(t), huge(t, 8192)
	out := tls.Certificate{PrivateKey: key}
	subject := pkix.Name{CommonName: "big"}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	ca := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: subject, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	// The leaf names the big issuer and is signed by a small key: whoever verifies it tries the big one.
	der, err := x509.CreateCertificate(rand.Reader, leaf, &x509.Certificate{Subject: subject}, &key.PublicKey, small(t))
	if err != nil {
		t.Fatal(err)
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, issuer.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	out.Certificate = [][]byte{der, caDER}
	return out
}

// small is an RSA key, because only an RSA signature is tried with an RSA key.
func small(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
