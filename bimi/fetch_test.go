package bimi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
)

const fetchZone = `
$ORIGIN example.com.
e       A 5.6.7.8
www     A 5.6.7.8
loop    A 127.0.0.1
silent  A ; !timeout
silent  AAAA ; !timeout
`

// host serves HTTPS for e and www.example.com and gives the roots and the dialer that lead there.
func host(t *testing.T, h http.HandlerFunc) (*dial.Dialer, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"e.example.com", "www.example.com"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	to := netip.MustParseAddrPort(srv.Listener.Addr().String())
	return &dial.Dialer{Redirects: []dial.Redirect{{Name: "e.example.com", Port: 443, To: to}, {Name: "www.example.com", Port: 443, To: to}}}, roots
}

func TestFetch(t *testing.T) {
	asked := 0
	d, roots := host(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if !strings.Contains(r.UserAgent(), "https://") || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("headers %v", r.Header)
		}
		switch r.URL.Path {
		case "/l.svg":
			w.Header().Set("Content-Type", "image/svg+xml")
			io.WriteString(w, goodLogo)
		case "/away":
			http.Redirect(w, r, "https://www.example.com/l.svg", http.StatusFound)
		case "/plain":
			http.Redirect(w, r, "http://www.example.com/l.svg", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "https://loop.example.com/l.svg", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/large":
			w.Write(make([]byte, MaxLogo+1))
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "<svg")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			http.Error(w, "no", http.StatusForbidden)
		}
	})
	h := NewFetcher(d, roots, time.Now, nil)
	r := dnstest.New(t, fetchZone)
	for _, tt := range []struct {
		url, err     string
		status, hops int
		asked        int // requests that reach the host
	}{
		{"https://e.example.com/l.svg", "", 200, 1, 1},
		{"https://e.example.com/away", "", 200, 2, 2},
		{"https://e.example.com/plain", ErrRedirect, 302, 1, 1},
		{"https://e.example.com/inside", ErrSpecial, 302, 2, 1},
		{"https://e.example.com/round", ErrRedirect, 302, 4, 4},
		{"https://e.example.com/large", ErrTooLarge, 200, 1, 1},
		{"https://e.example.com/cut", ErrHTTP, 200, 1, 1},
		{"https://e.example.com/none", "", 403, 1, 1},
		{"https://e.example.com:8443/l.svg", ErrPort, 0, 1, 0},
		{"https://loop.example.com/l.svg", ErrSpecial, 0, 1, 0},
		{"https://gone.example.com/l.svg", ErrName, 0, 1, 0},
		{"https://silent.example.com/l.svg", ErrDNS, 0, 1, 0},
	} {
		asked = 0
		f := h.Fetch(context.Background(), r, tt.url, MaxLogo)
		if f.Error != tt.err || f.Status != tt.status || len(f.Hops) != tt.hops || asked != tt.asked || f.ok() != (tt.err == "" && tt.status == 200) {
			t.Errorf("%s: got %+v after %d requests", tt.url, f, asked)
		}
		if f.ok() && string(f.Body) != goodLogo || !f.ok() && f.Status != 200 && len(f.Body) > 0 {
			t.Errorf("%s: body of %d octets", tt.url, len(f.Body))
		}
	}
	// A certificate that nobody vouches for is told as such.
	strict := NewFetcher(d, x509.NewCertPool(), time.Now, nil)
	if f := strict.Fetch(context.Background(), r, "https://e.example.com/l.svg", MaxLogo); f.Error != ErrTLS {
		t.Errorf("untrusted: got %+v", f)
	}
	// Silence is cut off and tells nothing.
	slow, roots := host(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	impatient := NewFetcher(slow, roots, time.Now, nil)
	impatient.Whole = 300 * time.Millisecond
	if f := impatient.Fetch(context.Background(), r, "https://e.example.com/l.svg", MaxLogo); f.Error != ErrTimeout || f.because() == nil {
		t.Errorf("silent: got %+v", f)
	}
}

// TestTape: a recorded fetch is played back whole, without a connection.
func TestTape(t *testing.T) {
	d, roots := host(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, goodLogo) })
	rec := tape.Recorder()
	r := dnstest.New(t, fetchZone)
	const url = "https://e.example.com/l.svg"
	first := NewFetcher(d, roots, time.Now, rec).Fetch(context.Background(), r, url, MaxLogo)
	var b bytes.Buffer
	if _, err := rec.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	play, err := tape.Player(&b)
	if err != nil {
		t.Fatal(err)
	}
	offline := &dial.Dialer{Offline: true}
	again := NewFetcher(offline, nil, time.Now, play)
	if f := again.Fetch(context.Background(), r, url, MaxLogo); string(f.Body) != goodLogo || f.TookMS != first.TookMS || offline.Opened() > 0 {
		t.Errorf("got %+v", f)
	}
	if f := again.Fetch(context.Background(), r, "https://e.example.com/other.svg", MaxLogo); f.Error != ErrOffline {
		t.Errorf("not recorded: got %+v", f)
	}
}
