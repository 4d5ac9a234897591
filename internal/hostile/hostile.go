// Package hostile is, for tests, an HTTPS host or a mail host that means harm: it
// answers in one of the ways that exhaust a careless client. It counts what it
// was able to send, which is how a test tells that a client stopped reading.
package hostile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The ways of a hostile host.
const (
	EndlessBody   = "endless body"
	EndlessChunks = "endless chunks"
	EndlessHints  = "endless interim responses"
	Drip          = "body by the octet"
	DripHeaders   = "headers by the octet"
	GzipBomb      = "bomb in Content-Encoding"
	SVGZBomb      = "bomb as a file"
	RedirectLoop  = "redirect loop"
	LongHeader    = "header of 10 MiB"
	ManyHeaders   = "10,000 headers"
	TLSStall      = "silence in place of TLS"
	TLSHalf       = "half a TLS record"
	ChunkGarbage  = "garbage for chunks"
	NULs          = "body of NULs"
	NULHeader     = "NUL in a header"
	Garbage       = "garbage for HTTP"
	Hangup        = "hanging up"
)

// Kinds are all of them.
var Kinds = []string{EndlessBody, EndlessChunks, EndlessHints, Drip, DripHeaders, GzipBomb, SVGZBomb, RedirectLoop, LongHeader,
	ManyHeaders, TLSStall, TLSHalf, ChunkGarbage, NULs, NULHeader, Garbage, Hangup}

// BombSize is what a bomb unpacks to.
const BombSize = 64 << 20

// Host is a hostile host on 127.0.0.1.
type Host struct {
	Addr  netip.AddrPort
	Roots *x509.CertPool // that its certificate is trusted with

	kind        string
	config      *tls.Config
	sent, conns atomic.Int64
	closing     chan struct{}
}

// Sent are the octets that the host got rid of: those that the client read, and
// what the buffers of the connections hold.
func (h *Host) Sent() int64 { return h.sent.Load() }

// Connections are those that were accepted.
func (h *Host) Connections() int { return int(h.conns.Load()) }

// Serve answers as name in the way of kind until the test ends.
func Serve(t testing.TB, kind, name string) *Host {
	t.Helper()
	return serve(t, kind, name, (*Host).answer)
}

func serve(t testing.TB, kind, name string, answer func(*Host, net.Conn)) *Host {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{Addr: netip.MustParseAddrPort(l.Addr().String()), Roots: x509.NewCertPool(), kind: kind, closing: make(chan struct{}),
		config: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	h.Roots.AddCert(cert)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.conns.Add(1)
			wg.Go(func() {
				defer c.Close()
				answer(h, c)
			})
		}
	})
	t.Cleanup(func() {
		close(h.closing)
		l.Close()
		wg.Wait()
	})
	return h
}

// counted counts what the other side takes.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// hold bounds a connection: it ends with the test at the latest.
func (h *Host) hold(raw net.Conn) (release func()) {
	if tcp, ok := raw.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(64 << 10) // what is sent and never read should be little
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
		case <-h.closing:
			raw.Close()
		}
	}()
	return func() { close(done) }
}

// answer ends when the client hangs up, or the test ends.
func (h *Host) answer(raw net.Conn) {
	defer h.hold(raw)()
	switch h.kind {
	case TLSHalf:
		raw.Write([]byte{22, 3, 3, 0x40, 0, 2, 0, 0}) // a handshake record that does not go on
		fallthrough
	case TLSStall:
		io.Copy(io.Discard, raw)
		return
	}
	c := tls.Server(counted{raw, &h.sent}, h.config)
	if c.Handshake() != nil {
		return
	}
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line == "\r\n" {
			break
		}
	}
	h.respond(c)
	c.Close()
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

func (h *Host) respond(c net.Conn) {
	block := []byte(strings.Repeat("a", 1<<13))
	switch h.kind {
	case EndlessBody:
		forever(c, okHead+"\r\n", block)
	case EndlessChunks:
		forever(c, okHead+"Transfer-Encoding: chunked\r\n\r\n", []byte("1;"+strings.Repeat("x", 100)+"\r\na\r\n"))
	case EndlessHints:
		forever(c, "", []byte("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"))
	case LongHeader:
		io.WriteString(c, okHead+"X-Long: ")
		for range (10 << 20) / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
		io.WriteString(c, "\r\n\r\nbody")
	case ManyHeaders:
		var b bytes.Buffer
		for i := range 10_000 {
			fmt.Fprintf(&b, "X-%d: a\r\n", i)
		}
		io.WriteString(c, okHead+b.String()+"\r\nbody")
	case Drip:
		io.WriteString(c, okHead+"\r\n")
		h.drip(c, strings.Repeat("v", 10_000))
	case DripHeaders:
		h.drip(c, okHead+strings.Repeat("X-Slow: a\r\n", 1000))
	case GzipBomb, SVGZBomb:
		body, head := bomb(), okHead
		if h.kind == GzipBomb {
			head += "Content-Encoding: gzip\r\n"
		}
		io.WriteString(c, head+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)))
		c.Write(body)
	case RedirectLoop:
		io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /again.svg\r\nContent-Length: 0\r\n\r\n")
	case ChunkGarbage:
		io.WriteString(c, okHead+"Transfer-Encoding: chunked\r\n\r\nZZZZ\r\n\x00\xff;;\r\n-1\r\n")
	case NULs:
		io.WriteString(c, okHead+"Content-Length: 1000\r\n\r\n"+strings.Repeat("\x00", 1000))
	case NULHeader:
		io.WriteString(c, okHead+"X-Nul: a\x00b\r\n\r\nbody")
	case Garbage:
		io.WriteString(c, "\x00\x01\x02 SSH-2.0 \xff\xfe\r\n\r\n")
	case Hangup:
	}
}

func forever(c net.Conn, head string, block []byte) {
	block = bytes.Repeat(block, max(1, 8<<10/len(block)))
	if _, err := io.WriteString(c, head); err != nil {
		return
	}
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// drip writes an octet at a time, each long before a client would call the
// connection idle.
func (h *Host) drip(c net.Conn, text string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-h.closing:
			return
		}
	}
}

// bomb is made once: packing it takes longer than most tests.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err)
	}
	zeros := make([]byte, 1<<20)
	for range BombSize / len(zeros) {
		if _, err := z.Write(zeros); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// Prepare does what would else be counted against the client under test.
func Prepare() { bomb() }
