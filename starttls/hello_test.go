package starttls

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The messages below are put together from the RFCs: record and handshake layer
// RFC 5246 §6.2, §7.4 (SSL 3.0: RFC 6101, the same but for extensions).

func record(kind byte, body []byte) []byte {
	return appendVec16([]byte{kind, 3, 3}, body)
}

func message(kind byte, body []byte) []byte {
	return append([]byte{kind, 0, byte(len(body) >> 8), byte(len(body))}, body...)
}

// serverHello is a ServerHello without a session; extensions as bytes, nil for none.
func serverHello(version, suite uint16, compression byte, extensions []byte) []byte {
	b := []byte{byte(version >> 8), byte(version)}
	b = append(b, make([]byte, 32)...)
	b = append(b, 0, byte(suite>>8), byte(suite), compression)
	if extensions != nil {
		b = appendVec16(b, extensions)
	}
	return message(2, b)
}

func certificates(ders ...[]byte) []byte {
	var list []byte
	for _, d := range ders {
		list = append(append(list, 0, byte(len(d)>>8), byte(len(d))), d...)
	}
	return message(11, append([]byte{0, byte(len(list) >> 8), byte(len(list))}, list...))
}

// dheParams is a ServerKeyExchange of DHE_RSA: prime, generator, public value,
// and in TLS 1.2 the scheme before the signature.
func dheParams(bits int, scheme []byte) []byte {
	prime := make([]byte, bits/8)
	prime[0] = 0x80
	b := appendVec16(nil, prime)
	b = appendVec16(b, []byte{2})
	b = appendVec16(b, prime)
	b = append(b, scheme...)
	return message(12, appendVec16(b, []byte("signature")))
}

var helloDone = message(14, nil)

func TestReadFlight(t *testing.T) {
	ems := []byte{0, 23, 0, 0, 0xff, 1, 0, 1, 0}
	for name, tc := range map[string]struct {
		in   []byte
		want flight
		err  error
	}{
		"SSL 3.0": {record(22, slices.Concat(serverHello(verSSL3, 0x0005, 0, nil), certificates([]byte("der")), helloDone)),
			flight{version: verSSL3, suite: 0x0005, chain: [][]byte{[]byte("der")}, done: true}, nil},
		"export DHE": {record(22, slices.Concat(serverHello(verTLS10, 0x0014, 0, ems), dheParams(512, nil), helloDone)),
			flight{version: verTLS10, suite: 0x0014, ems: true, secureReneg: true, dhBits: 512, done: true}, nil},
		"DHE with its scheme": {record(22, slices.Concat(serverHello(verTLS12, 0x009e, 1, []byte{}), dheParams(1024, []byte{2, 1}), helloDone)),
			flight{version: verTLS12, suite: 0x009e, compression: 1, dhBits: 1024, scheme: 0x0201, done: true}, nil},
		"ECDHE on sect163k1": {record(22, slices.Concat(serverHello(verTLS12, 0xc02f, 0, nil), message(12, []byte{3, 0, 1, 1, 4, 4, 1, 0, 1, 9}), helloDone)),
			flight{version: verTLS12, suite: 0xc02f, curve: 1, scheme: 0x0401, done: true}, nil},
		"a curve without a number": {record(22, slices.Concat(serverHello(verTLS12, 0xc02f, 0, nil), message(12, []byte{1, 2, 3}), helloDone)),
			flight{version: verTLS12, suite: 0xc02f, oddCurve: true, done: true}, nil},
		"TLS 1.3": {record(22, serverHello(verTLS12, 0x1301, 0, []byte{0, 43, 0, 2, 3, 4})),
			flight{version: verTLS13, suite: 0x1301, done: true}, nil},
		"a warning first": {slices.Concat(record(21, []byte{1, 112}), record(22, slices.Concat(serverHello(verTLS12, 0xc02f, 0, nil), helloDone))),
			flight{version: verTLS12, suite: 0xc02f, done: true}, nil},
		"an alert":          {record(21, []byte{2, 40}), flight{}, alertError{2, 40}},
		"close_notify":      {record(21, []byte{1, 0}), flight{}, alertError{1, 0}},
		"a reply in clear":  {[]byte("220 mx1.example.com ESMTP\r\n"), flight{}, errNotTLS},
		"HTTP":              {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), flight{}, errNotTLS},
		"nothing":           {nil, flight{}, io.EOF},
		"half a record":     {record(22, helloDone)[:7], flight{}, io.ErrUnexpectedEOF},
		"done before hello": {record(22, helloDone), flight{done: true}, errBadHandshake},
		"a long message":    {record(22, []byte{11, 0xff, 0xff, 0xff}), flight{}, errLongFlight},
		"empty records":     {bytes.Repeat(record(22, nil), 2*maxRecords), flight{}, errLongFlight},
		"a short hello":     {record(22, message(2, []byte{3, 3, 0})), flight{}, errBadHandshake},
		"certificate list too long": {record(22, slices.Concat(serverHello(verTLS12, 0xc02f, 0, nil), message(11, []byte{0, 0, 9, 1}))),
			flight{version: verTLS12, suite: 0xc02f}, errBadHandshake},
	} {
		f, err := readFlight(bytes.NewReader(tc.in))
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
			t.Errorf("%s: got error %v, want %v", name, err, tc.err)
		}
		if diff := cmp.Diff(tc.want, *f, cmp.AllowUnexported(flight{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// One octet a record is allowed, and read all the same.
	var drip []byte
	for _, b := range slices.Concat(serverHello(verTLS10, 0x002f, 0, nil), helloDone) {
		drip = append(drip, record(22, []byte{b})...)
	}
	if f, err := readFlight(bytes.NewReader(drip)); err != nil || !f.done || f.suite != 0x002f {
		t.Errorf("octet by octet: got %+v, %v", f, err)
	}
}

func TestReadSSLv2(t *testing.T) {
	// SERVER-HELLO: message 4, session hit 0, certificate type 1, version 2, three lengths.
	body := []byte{4, 0, 1, 0, 2, 0, 0, 0, 3, 0, 16}
	yes := append([]byte{0x80, byte(len(body))}, body...)
	for name, tc := range map[string]struct {
		in   []byte
		want bool
		err  bool
	}{
		"server hello": {yes, true, false},
		"alert":        {record(21, []byte{2, 70}), false, true},
		"error":        {append([]byte{0x80, 11}, make([]byte, 11)...), false, false},
		"SMTP":         {[]byte("500 what?\r\n"), false, true},
		"cut":          {yes[:4], false, true},
	} {
		got, err := readSSLv2(bytes.NewReader(tc.in))
		if got != tc.want || (err != nil) != tc.err {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// TestHelloIsRead has crypto/tls read what is sent.
func TestHelloIsRead(t *testing.T) {
	h := rawHello{
		version: verTLS12, suites: suitesOf(classes...), groups: usualGroups,
		schemes: slices.Concat(ecdsaSchemes, rsaSchemes), name: mx1, compress: true,
	}
	if n := len(suitesOf(ClassBroken, ClassAnon, ClassWeak, ClassNoFS, ClassDHE)); n > 64 {
		t.Errorf("%d suites that nobody should accept; some servers choke on more than 64", n)
	}
	client, server := net.Pipe()
	defer client.Close()
	var seen *tls.ClientHelloInfo
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		_ = server.SetDeadline(time.Now().Add(5 * time.Second))
		_ = tls.Server(server, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			seen = i
			return nil, errors.New("seen enough")
		}}).Handshake()
	}()
	_ = client.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := client.Write(h.bytes()); err != nil {
		t.Fatal(err)
	}
	_, err := readFlight(client)
	var alert alertError
	if !errors.As(err, &alert) || !turnedDown(err) {
		t.Errorf("got %v, want an alert", err)
	}
	<-done
	if seen == nil {
		t.Fatal("the hello was not understood")
	}
	var groups, schemes []uint16
	for _, g := range seen.SupportedCurves {
		groups = append(groups, uint16(g))
	}
	for _, s := range seen.SignatureSchemes {
		schemes = append(schemes, uint16(s))
	}
	if seen.ServerName != mx1 || !slices.Equal(seen.CipherSuites, h.suites) || !slices.Equal(groups, h.groups) || !slices.Equal(schemes, h.schemes) {
		t.Errorf("understood as %q, %x, %v, %x", seen.ServerName, seen.CipherSuites, groups, schemes)
	}
	if !slices.Contains(seen.Extensions, extEMS) || !slices.Contains(seen.Extensions, extRenegotiation) {
		t.Errorf("extensions: %v", seen.Extensions)
	}
}

func TestSuites(t *testing.T) {
	for name, want := range map[string]Class{
		"TLS_RSA_WITH_NULL_SHA256":              ClassBroken,
		"TLS_DH_anon_EXPORT_WITH_RC4_40_MD5":    ClassBroken,
		"TLS_ECDH_anon_WITH_RC4_128_SHA":        ClassAnon,
		"TLS_RSA_WITH_RC4_128_MD5":              ClassWeak,
		"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA":   ClassWeak,
		"TLS_DHE_RSA_WITH_DES_CBC_SHA":          ClassWeak,
		"TLS_RSA_WITH_AES_256_GCM_SHA384":       ClassNoFS,
		"TLS_DHE_RSA_WITH_AES_128_CBC_SHA":      ClassDHE,
		"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA":  ClassCBC,
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": ClassGood,
		"TLS_CHACHA20_POLY1305_SHA256":          ClassGood,
	} {
		if got := classOf(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	// What crypto/tls has names for must be the same names.
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suiteName(c.ID) != c.Name {
			t.Errorf("%04X: got %s, want %s", c.ID, suiteName(c.ID), c.Name)
		}
	}
	seen := map[uint16]bool{}
	for _, s := range suiteList {
		if seen[s.id] {
			t.Errorf("%04X stands twice", s.id)
		}
		seen[s.id] = true
	}
}

// oldServer speaks TLS to whoever offers TLS 1.3, and to all others what answer
// says to their first record.
func oldServer(tc *tls.Config, answer func(hello []byte) []byte) func(*fake, net.Conn) {
	return func(f *fake, c net.Conn) {
		script(hi, map[string]string{"EHLO": "250-mx1\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n"}, nil)(f, &atHello{Conn: c, tc: tc, answer: answer})
	}
}

// atHello looks at the first record after STARTTLS and decides who answers.
type atHello struct {
	net.Conn
	tc     *tls.Config
	answer func([]byte) []byte
}

func (a *atHello) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if err != nil || n < 6 || p[0] != 22 && p[0]&0x80 == 0 {
		return n, err
	}
	hello := bytes.Clone(p[:n])
	if bytes.Contains(hello, []byte{0, 43}) && bytes.Contains(hello, []byte{3, 4}) && len(hello) > 400 {
		for len(hello) < 5+int(hello[3])<<8|int(hello[4]) {
			more := make([]byte, 4096)
			k, err := a.Conn.Read(more)
			if err != nil {
				return 0, err
			}
			hello = append(hello, more[:k]...)
		}
		s := tls.Server(&unread{a.Conn, bytes.NewReader(hello)}, a.tc)
		script("", map[string]string{"EHLO": "250 mx1\r\n", "QUIT": "221 bye\r\n"}, nil)(nil, s)
		return 0, io.EOF
	}
	_, _ = a.Conn.Write(a.answer(hello))
	return 0, io.EOF
}

// unread gives back what was read already.
type unread struct {
	net.Conn
	first *bytes.Reader
}

func (u *unread) Read(p []byte) (int, error) {
	if u.first.Len() > 0 {
		return u.first.Read(p)
	}
	return u.Conn.Read(p)
}

// TestHandshakes holds the plan against servers that crypto/tls cannot play.
func TestHandshakes(t *testing.T) {
	ca := newAuthority(t)
	tc := &tls.Config{Certificates: []tls.Certificate{issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}}
	die := record(21, []byte{2, 40})
	t.Run("SSL 2.0 and 3.0", func(t *testing.T) {
		t.Parallel()
		s, _, _ := atLevel(t, LevelDeep, oldServer(tc, func(h []byte) []byte {
			switch {
			case h[0]&0x80 != 0:
				return append([]byte{0x80, 11}, 4, 0, 1, 0, 2, 0, 0, 0, 3, 0, 16)
			case h[9] == 3 && h[10] == 0:
				return record(22, slices.Concat(serverHello(verSSL3, 0x0033, 0, nil), dheParams(1024, nil), helloDone))
			}
			return die
		}), ca)
		if two, _ := s.Handshakes.took(kindSSL2); !two {
			t.Errorf("SSL 2.0: got %+v", s.Handshakes.find(kindSSL2))
		}
		if three := s.Handshakes.find(kindSSL3); three == nil || three.Version != "SSL 3.0" || three.GroupBits != 1024 {
			t.Errorf("SSL 3.0: got %+v", three)
		}
		if !s.Handshakes.onlyTLS13() {
			t.Error("TLS 1.2 and 1.1 were refused, and it does not show")
		}
	})
	t.Run("standard is six at most", func(t *testing.T) {
		t.Parallel()
		// Whatever is offered last is taken: every answer leaves a question.
		s, f, _ := atLevel(t, LevelStandard, oldServer(tc, func(h []byte) []byte {
			at := 5 + 4 + 2 + 32 + 1
			n := int(h[at])<<8 | int(h[at+1])
			suite := uint16(h[at+n])<<8 | uint16(h[at+n+1])
			version := uint16(h[9])<<8 | uint16(h[10])
			return record(22, slices.Concat(serverHello(version, suite, 1, nil), helloDone))
		}), ca)
		if n := f.conns.Load(); n != 6 || len(s.Handshakes.Tried) != 5 {
			t.Errorf("got %d connections, %d handshakes: %+v", n, len(s.Handshakes.Tried), s.Handshakes.Tried)
		}
		if t12 := s.Handshakes.find(kindTLS12); t12.EMS || t12.SecureReneg || !t12.Compression {
			t.Errorf("got %+v", t12)
		}
	})
	t.Run("X14 two certificates", func(t *testing.T) {
		t.Parallel()
		two := &tls.Config{Certificates: []tls.Certificate{issueRSA(t, ca, mx1), tc.Certificates[0]}}
		s, f, _ := atLevel(t, LevelStandard, script(hi, starts(), two), ca)
		other := s.other()
		if other == nil || other.KeyType == s.Certificate.KeyType || other.Verdict != "ok" || len(other.DER) != 1 || f.conns.Load() > 6 {
			t.Errorf("got %+v beside %s after %d connections", other, s.Certificate.KeyType, f.conns.Load())
		}
	})
	t.Run("X15 strict about names", func(t *testing.T) {
		t.Parallel()
		strict := &tls.Config{GetCertificate: func(i *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if i.ServerName != mx1 {
				return nil, errors.New("who?")
			}
			return &tc.Certificates[0], nil
		}}
		s, _, _ := atLevel(t, LevelDeep, script(hi, starts(), strict), ca)
		for _, kind := range []string{kindNoName, kindOtherName} {
			if yes, told := s.Handshakes.took(kind); yes || !told {
				t.Errorf("%s: got %+v", kind, s.Handshakes.find(kind))
			}
		}
		if yes, _ := s.Handshakes.took(kindTLS12); !yes {
			t.Error("with its own name TLS 1.2 was refused too")
		}
	})
	t.Run("a server that has had enough is left alone", func(t *testing.T) {
		t.Parallel()
		good := script(hi, starts(), tc)
		s, f, _ := atLevel(t, LevelDeep, func(f *fake, c net.Conn) {
			if f.conns.Load() > 3 {
				io.WriteString(c, "421 too many\r\n")
				return
			}
			good(f, c)
		}, ca)
		if n := f.conns.Load(); n != 4 || !strings.Contains(s.Handshakes.Stopped, "too many") || s.Status != "ok" {
			t.Errorf("got %d connections, stopped %q, the session itself %s", n, s.Handshakes.Stopped, s.Status)
		}
	})
	t.Run("silence is no refusal", func(t *testing.T) {
		t.Parallel()
		f := serve(t, oldServer(tc, func([]byte) []byte { time.Sleep(time.Second); return nil }))
		p := prober(f, ca, 25)
		p.level, p.sleep = LevelStandard, func(context.Context, time.Duration) error { return nil }
		p.timing.Handshake = 150 * time.Millisecond
		s := p.Probe(t.Context(), Target{Host: mx1, Addr: ip("5.6.7.8"), Port: 25})
		for _, h := range s.Handshakes.Tried {
			if h.Result != untold {
				t.Errorf("got %+v, want untold", h)
			}
		}
		if len(s.Handshakes.Tried) == 0 {
			t.Errorf("nothing was tried: %+v", s)
		}
	})
	t.Run("the end of a run spares the session", func(t *testing.T) {
		t.Parallel()
		f := serve(t, script(hi, starts(), tc))
		p := prober(f, ca, 25)
		p.level = LevelDeep
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // less than the reserve
		defer cancel()
		s := p.Probe(ctx, Target{Host: mx1, Addr: ip("5.6.7.8"), Port: 25})
		if s.Status != "ok" || s.TLS == nil || s.Handshakes.Stopped != "time" || f.conns.Load() != 1 {
			t.Errorf("got %s, %+v after %d connections", s.Status, s.Handshakes, f.conns.Load())
		}
	})
}

func starts() map[string]string {
	return map[string]string{"EHLO": "250-mx1\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n"}
}

// FuzzFlight: no octets make the readers panic or keep more than their caps.
func FuzzFlight(f *testing.F) {
	f.Add(record(22, slices.Concat(serverHello(verTLS12, 0x009e, 1, []byte{0, 23, 0, 0}), certificates([]byte("der")), dheParams(1024, []byte{2, 1}), helloDone)))
	f.Add(record(21, []byte{2, 40}))
	f.Add([]byte{0x80, 11, 4, 0, 1, 0, 2, 0, 0, 0, 3, 0, 16})
	f.Add([]byte("220 hi\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFlight(bytes.NewReader(b))
		if len(got.chain) > maxChain+1 || got.dhBits > 8*len(b) {
			t.Errorf("kept %d certificates, %d bits", len(got.chain), got.dhBits)
		}
		if err == nil && (got.version == 0 || !got.done) {
			t.Errorf("no error, and got %+v", got)
		}
		for _, der := range got.chain {
			if len(der) > maxCertBytes {
				t.Errorf("kept a certificate of %d octets", len(der))
			}
		}
		new(Handshake).take(got)
		_, _ = readSSLv2(bytes.NewReader(b))
		earlyDataOf(b)
	})
}
