package mtasts

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
)

// ca signs the certificates of the tests.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T) *ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &ca{c, key}
}

func (c *ca) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// leaf makes a server certificate; ago and in are hours around now.
func (c *ca) leaf(t *testing.T, cn string, ago, in int, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn}, DNSNames: names,
		NotBefore: time.Now().Add(time.Duration(-ago) * time.Hour), NotAfter: time.Now().Add(time.Duration(in) * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, c.cert, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve starts a policy host and gives the dialer that leads there.
func serve(t *testing.T, cfg *tls.Config, h http.HandlerFunc) *dial.Dialer {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = cfg
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return to(netip.MustParseAddrPort(srv.Listener.Addr().String()))
}

func to(ap netip.AddrPort) *dial.Dialer {
	return &dial.Dialer{Redirects: []dial.Redirect{{Name: "mta-sts.example.com", Port: 443, To: ap}}}
}

var (
	hostName = "mta-sts.example.com"
	someAddr = []netip.Addr{netip.MustParseAddr("5.6.7.8")}
)

func fetchFrom(d *dial.Dialer, roots *x509.CertPool, limits *Limits) *Fetch {
	h := NewFetcher(d, roots, time.Now, nil)
	if limits != nil {
		h.Limits = *limits
	}
	return h.FetchPolicy(context.Background(), "example.com", someAddr)
}

func TestFetchResponses(t *testing.T) {
	c := newCA(t)
	good := &tls.Config{Certificates: []tls.Certificate{c.leaf(t, "", 1, 100, hostName)}}
	plain := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, body)
		}
	}
	reached := 0
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    func(f *Fetch) bool
	}{
		{"plain", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != hostName || r.TLS.ServerName != hostName ||
				!strings.Contains(r.UserAgent(), "https://") || r.Header.Get("Accept-Encoding") != "identity" || r.Method != "GET" {
				t.Errorf("request is not as it should be: %s %s %v", r.Method, r.URL, r.Header)
			}
			plain(p1)(w, r)
		}, func(f *Fetch) bool {
			return f.Error == "" && f.Status == 200 && string(f.Body) == p1 && f.Text == p1 && f.ContentType == "text/plain" &&
				f.Phase == PhaseDone && f.Certificate.Verdict == VerdictOK && f.Addr == someAddr[0] && f.TLSVersion == "TLS 1.3"
		}},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			reached++
			http.Redirect(w, r, "/other", http.StatusFound)
		}, func(f *Fetch) bool {
			return f.Error == "" && f.Status == 302 && f.Location == "/other" && len(f.Body) == 0 && reached == 1
		}},
		{"206", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(206); io.WriteString(w, p1) },
			func(f *Fetch) bool { return f.Error == "" && f.Status == 206 && len(f.Body) == 0 }},
		{"header flood", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Flood", strings.Repeat("a", 1<<20))
		}, func(f *Fetch) bool { return f.Error == ErrHeaders && f.Status == 0 }},
		{"P16 65536", plain(strings.Repeat("a", 65536)), func(f *Fetch) bool { return f.Error == "" && len(f.Body) == 65536 }},
		{"P16 65537", plain(strings.Repeat("a", 65537)), func(f *Fetch) bool { return f.Error == ErrTooLarge && f.Status == 200 }},
		{"gzip", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			io.WriteString(z, p1)
			z.Close()
			w.Write(b.Bytes())
		}, func(f *Fetch) bool {
			_, problems := parsePolicy(f.Body)
			return f.Error == "" && bytes.HasPrefix(f.Body, []byte{0x1f, 0x8b}) && names(problems, "mtasts-policy-") == "syntax/binary"
		}},
		{"cut", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "version")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, func(f *Fetch) bool { return f.Error == ErrHTTP && f.Status == 200 && f.Phase == PhaseBody }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := fetchFrom(serve(t, good, tt.handler), c.pool(), nil)
			if !tt.want(f) {
				f.Text, f.Body = f.Text[:min(len(f.Text), 100)], nil
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestFetchCertificates(t *testing.T) {
	c, other := newCA(t), newCA(t)
	for _, tt := range []struct {
		name    string
		cert    tls.Certificate
		verdict string
	}{
		{"exact", c.leaf(t, "", 1, 100, hostName), VerdictOK},
		{"wildcard", c.leaf(t, "", 1, 100, "*.example.com"), VerdictOK},
		{"wildcard of the top", c.leaf(t, "", 1, 100, "*.com"), VerdictName},
		{"CN only", c.leaf(t, hostName, 1, 100), VerdictName},
		{"expired", c.leaf(t, "", 100, -1, hostName), VerdictExpired},
		{"not yet", c.leaf(t, "", -1, 100, hostName), VerdictExpired},
		{"expired and misnamed", c.leaf(t, "", 100, -1, "example.org"), VerdictExpired},
		{"untrusted", other.leaf(t, "", 1, 100, hostName), VerdictUntrusted},
		{"untrusted, expired and misnamed", other.leaf(t, "", 100, -1, "example.org"), VerdictUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := serve(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}}, func(w http.ResponseWriter, r *http.Request) {
				if tt.verdict != VerdictOK {
					t.Error("a request was sent to a host without a valid certificate")
				}
			})
			f := fetchFrom(d, c.pool(), nil)
			if f.Certificate == nil || f.Certificate.Verdict != tt.verdict || (f.Error == "") != (tt.verdict == VerdictOK) {
				t.Errorf("got %+v, error %q, want %s", f.Certificate, f.Error, tt.verdict)
			}
		})
	}
}

func TestFetchTLSVersions(t *testing.T) {
	c := newCA(t)
	certs := []tls.Certificate{c.leaf(t, "", 1, 100, hostName)}
	old := &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if f := fetchFrom(serve(t, old, nil), c.pool(), nil); f.Error != ErrTLSVersion || f.Phase != PhaseTLS {
		t.Errorf("old server: %+v", f)
	}
	refuses := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, io.EOF }}
	refuses.Certificates = certs
	if f := fetchFrom(serve(t, refuses, nil), c.pool(), nil); f.Error != ErrTLS {
		t.Errorf("refusing server: %+v", f)
	}
}

func TestFetchDeadlines(t *testing.T) {
	c := newCA(t)
	certs := []tls.Certificate{c.leaf(t, "", 1, 100, hostName)}
	limits := &Limits{Connect: time.Second, TLS: 300 * time.Millisecond, Whole: 600 * time.Millisecond}
	drip := serve(t, &tls.Config{Certificates: certs}, func(w http.ResponseWriter, r *http.Request) {
		for range 100 {
			io.WriteString(w, "v")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	})
	began := time.Now()
	if f := fetchFrom(drip, c.pool(), limits); f.Error != ErrTimeout || f.Phase != PhaseBody || f.Status != 200 {
		t.Errorf("drip: %+v", f)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a dripping server held us for %s", took)
	}
	// A server that accepts and then says nothing.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if f := fetchFrom(to(netip.MustParseAddrPort(l.Addr().String())), c.pool(), limits); f.Error != ErrTimeout || f.Phase != PhaseTLS {
		t.Errorf("silent: %+v", f)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	if f := fetchFrom(to(addr), c.pool(), nil); f.Error != ErrConnect || f.Attempts[0].Error != ErrConnect {
		t.Errorf("refused: %+v", f)
	}
}

func TestFetchAddresses(t *testing.T) {
	private := []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("::1")}
	d := &dial.Dialer{}
	f := NewFetcher(d, nil, time.Now, nil).FetchPolicy(context.Background(), "example.com", private)
	if f.Error != ErrSpecial || len(f.Attempts) != 2 || f.Attempts[0].Detail != "private" || d.Opened() != 0 {
		t.Errorf("special: %+v", f)
	}
	h := NewFetcher(&dial.Dialer{Offline: true}, nil, time.Now, nil)
	if f := h.FetchPolicy(context.Background(), "example.com", someAddr); f.Error != ErrOffline || h.Requests() != 0 {
		t.Errorf("offline: %+v", f)
	}
	// Both families lead to one server: someone wins, both are told of.
	c := newCA(t)
	d = serve(t, &tls.Config{Certificates: []tls.Certificate{c.leaf(t, "", 1, 100, hostName)}}, func(w http.ResponseWriter, r *http.Request) {})
	f = NewFetcher(d, c.pool(), time.Now, nil).FetchPolicy(context.Background(), "example.com", append(someAddr, netip.MustParseAddr("2606:4700::1111")))
	if f.Error != "" || len(f.Attempts) != 2 || !f.Addr.Is6() {
		t.Errorf("both families: %+v", f)
	}
}

func TestFetchTape(t *testing.T) {
	c := newCA(t)
	d := serve(t, &tls.Config{Certificates: []tls.Certificate{c.leaf(t, "", 1, 100, hostName)}}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, p1+"x: \xff\n")
	})
	rec := tape.Recorder()
	live := NewFetcher(d, c.pool(), time.Now, rec).FetchPolicy(context.Background(), "example.com", someAddr)
	var file bytes.Buffer
	if _, err := rec.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	player, err := tape.Player(&file)
	if err != nil {
		t.Fatal(err)
	}
	h := NewFetcher(&dial.Dialer{Offline: true}, nil, time.Now, player)
	again := h.FetchPolicy(context.Background(), "example.com", someAddr)
	if again.Error != "" || !bytes.Equal(again.Body, live.Body) || again.Text != live.Text || !again.At.Equal(live.At) || h.Requests() != 1 {
		t.Errorf("played %+v, recorded %+v", again, live)
	}
	if f := h.FetchPolicy(context.Background(), "example.org", someAddr); f.Error != ErrOffline {
		t.Errorf("not on the tape: %+v", f)
	}
}
