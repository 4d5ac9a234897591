package dns_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// certificate gives a self-made server certificate and the pool that has it.
func certificate(t testing.TB, hosts ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dns"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func listenTLS(t testing.TB, w *dnstest.World, cert tls.Certificate) (netip.AddrPort, *atomic.Int32) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	var conns atomic.Int32
	s := &mdns.Server{Listener: counting{l, &conns}, Handler: mdns.HandlerFunc(func(rw mdns.ResponseWriter, q *mdns.Msg) {
		if m := w.Reply(q, true); m != nil {
			rw.WriteMsg(m)
		}
	})}
	done, started := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { defer close(done); s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { s.Shutdown(); <-done })
	return netip.MustParseAddrPort(l.Addr().String()), &conns
}

type counting struct {
	net.Listener
	n *atomic.Int32
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

func TestTLS(t *testing.T) {
	w, err := dnstest.Parse(world + large)
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := certificate(t, "127.0.0.1", "resolver.test")
	addr, conns := listenTLS(t, w, cert)

	c := newClient(t, dns.Config{Servers: []string{"tls://" + addr.String()}, RootCAs: pool})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if got := show(t, c, fmt.Sprintf("no%d.example.com TXT", i)); got != "nxdomain" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	want{
		"example.com MX":    "found 10 mx.example.com.",
		"www.example.com A": "found via mx.example.com 5.6.7.8",
		"sf.test TXT":       "error servfail",
	}.check(t, c)
	if conns.Load() != 1 {
		t.Errorf("%d connections for what one can carry", conns.Load())
	}
	a, err := c.Resolve(t.Context(), "example.com", dns.TypeMX)
	if err != nil || !a.AD || !a.Trusted || a.Server != "tls://"+addr.String() {
		t.Errorf("got %+v, %v", a, err)
	}

	// By name, the name is verified; the address comes from elsewhere.
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr.String())
	}
	byName := newClient(t, dns.Config{Servers: []string{"tls://resolver.test"}, RootCAs: pool, Dial: dial})
	if got := show(t, byName, "example.com MX"); got != "found 10 mx.example.com." {
		t.Error(got)
	}
	wrongName := newClient(t, dns.Config{Servers: []string{"tls://other.test"}, RootCAs: pool, Dial: dial})
	if got := show(t, wrongName, "example.com MX"); got != "error network" {
		t.Error(got)
	}
	noCA := newClient(t, dns.Config{Servers: []string{"tls://" + addr.String()}})
	if got := show(t, noCA, "example.com MX"); got != "error network" {
		t.Error(got)
	}
}

// A server that closes the connection between two questions is dialled anew.
func TestTLSReconnects(t *testing.T) {
	w, err := dnstest.Parse(world)
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := certificate(t, "127.0.0.1")
	addr, conns := listenTLS(t, w, cert)
	var open net.Conn
	c := newClient(t, dns.Config{Servers: []string{"tls://" + addr.String()}, RootCAs: pool, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		open, err = new(net.Dialer).DialContext(ctx, network, address)
		return open, err
	}})
	for range 3 {
		if got := show(t, c, "example.com MX"); got != "found 10 mx.example.com." {
			t.Fatal(got)
		}
		open.Close()
	}
	if conns.Load() != 3 {
		t.Errorf("%d connections, want 3", conns.Load())
	}
}

func TestHTTPS(t *testing.T) {
	w, err := dnstest.Parse(world + large)
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := certificate(t, "127.0.0.1")
	var status atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		q := new(mdns.Msg)
		if s := status.Load(); s != 0 {
			rw.WriteHeader(int(s))
			return
		}
		if err != nil || q.Unpack(body) != nil || q.Id != 0 || r.Method != "POST" || r.ProtoMajor != 2 ||
			r.URL.Path != "/dns-query" || r.Header.Get("Content-Type") != "application/dns-message" {
			t.Errorf("%s %s %s, id %d, %v", r.Proto, r.Method, r.URL, q.Id, err)
		}
		rw.Header().Set("Content-Type", "application/dns-message")
		rw.Write(packed(w.Reply(q, true)))
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)

	c := newClient(t, dns.Config{Servers: []string{srv.URL}, RootCAs: pool})
	want{
		"example.com MX":     "found 10 mx.example.com.",
		"www.example.com A":  "found via mx.example.com 5.6.7.8",
		"no.example.com TXT": "nxdomain",
		"sf.test TXT":        "error servfail",
	}.check(t, c)
	a, err := c.Resolve(t.Context(), "large.test", dns.TypeTXT)
	if err != nil || len(a.Records) != 12 || !a.Trusted {
		t.Errorf("got %+v, %v", a, err)
	}
	status.Store(503)
	_, err = c.Resolve(t.Context(), "example.com", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.Network || e.Detail != "HTTP status 503" {
		t.Errorf("got %v", err)
	}
}
