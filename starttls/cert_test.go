package starttls

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/tape"
)

// under makes a certificate below a CA, changed as the test wants it.
func under(t *testing.T, by *authority, change func(*x509.Certificate)) (*x509.Certificate, *authority) {
	t.Helper()
	own := newAuthority(t) // for its key
	tmpl := template(mx1, testNow.AddDate(0, 3, 0), mx1)
	change(tmpl)
	return sign(t, tmpl, by.cert, own.key, by.key), own
}

// TestChains: what is known to be the cause, and in what order the chain came.
func TestChains(t *testing.T) {
	root := newAuthority(t)
	interCert, inter := under(t, root, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "R11", Organization: []string{"Let's Encrypt"}}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.DNSNames = true, true, x509.KeyUsageCertSign, nil
	})
	inter.cert = interCert
	aia := func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://r11.i.lencr.example/"} }
	leaf, _ := under(t, inter, aia)
	private, _ := under(t, newAuthority(t), aia)
	client, _ := under(t, root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	sha1Leaf := *leaf // crypto/x509 signs nothing with SHA-1 any more, so this one only says so
	sha1Leaf.SignatureAlgorithm = x509.ECDSAWithSHA1
	for name, tc := range map[string]struct {
		chain                  []*x509.Certificate
		verdict, reason, order string
	}{
		"full":              {[]*x509.Certificate{leaf, interCert}, "ok", "", ""},
		"with the root":     {[]*x509.Certificate{leaf, interCert, root.cert}, "ok", "", "root"},
		"incomplete":        {[]*x509.Certificate{leaf}, "untrusted", "chain-incomplete", ""},
		"unordered":         {[]*x509.Certificate{leaf, root.cert, interCert}, "ok", "", "unordered"},
		"with a stranger":   {[]*x509.Certificate{leaf, interCert, client}, "ok", "", "foreign"},
		"of a private CA":   {[]*x509.Certificate{private}, "untrusted", "", ""},
		"of a client":       {[]*x509.Certificate{client}, "untrusted", "eku", ""},
		"signed with SHA-1": {[]*x509.Certificate{&sha1Leaf, interCert}, "untrusted", "sigalg", ""},
		"a root says SHA-1": {[]*x509.Certificate{leaf, interCert, says(root.cert, x509.SHA1WithRSA)}, "ok", "", "root"},
	} {
		c := certFacts(tc.chain, nil, mx1, root.pool, testNow)
		if c.Verdict != tc.verdict || c.Reason != tc.reason || c.Order != tc.order {
			t.Errorf("%s: got %s, %q, order %q (%s)", name, c.Verdict, c.Reason, c.Order, c.Detail)
		}
		if ok := c.Verdict == "ok"; ok != (len(c.Built) > 0) {
			t.Errorf("%s: built %v", name, c.Built)
		}
		if (c.WeakSigner != "") != (tc.reason == "sigalg") {
			t.Errorf("%s: weak signer %q", name, c.WeakSigner)
		}
	}
	if c := certFacts([]*x509.Certificate{leaf, interCert}, nil, mx1, root.pool, testNow); !c.PublicCA || c.SPKISHA256 == "" || !slices.Equal(c.Usages, []string{"serverAuth"}) {
		t.Errorf("got %+v", c)
	}
}

func says(c *x509.Certificate, alg x509.SignatureAlgorithm) *x509.Certificate {
	copied := *c
	copied.SignatureAlgorithm = alg
	return &copied
}

func TestMustStaple(t *testing.T) {
	ca := newAuthority(t)
	for name, tc := range map[string]struct {
		features []int
		want     bool
	}{"status_request": {[]int{5}, true}, "another feature": {[]int{17}, false}, "none": {nil, false}} {
		leaf, _ := under(t, ca, func(c *x509.Certificate) {
			if tc.features == nil {
				return
			}
			value, err := asn1.Marshal(tc.features)
			if err != nil {
				t.Fatal(err)
			}
			c.ExtraExtensions = []pkix.Extension{{Id: oidTLSFeature, Value: value}}
		})
		if c := certFacts([]*x509.Certificate{leaf}, []byte("staple"), mx1, ca.pool, testNow); c.MustStaple != tc.want || !c.Stapled {
			t.Errorf("%s: got must-staple %v, stapled %v", name, c.MustStaple, c.Stapled)
		}
	}
}

// faceless has a public key and signs nothing: the client never looks so far.
type faceless struct{ pub crypto.PublicKey }

func (f faceless) Public() crypto.PublicKey { return f.pub }
func (f faceless) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no key")
}

// TestHugeKey (X26): a key of 32,768 bits is refused before anything is computed
// with it, and its octets are kept for DANE all the same.
func TestHugeKey(t *testing.T) {
	ca := newAuthority(t)
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 32768))
	if err != nil {
		t.Fatal(err)
	}
	pub := &rsa.PublicKey{N: n.SetBit(n.SetBit(n, 32767, 1), 0, 1), E: 65537}
	der, err := x509.CreateCertificate(rand.Reader, template(mx1, testNow.AddDate(0, 3, 0), mx1), ca.cert, pub, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	tc := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: faceless{pub}}}}
	s, f := probe(t, oldServer(tc, func([]byte) []byte {
		flight := slices.Concat(serverHello(verTLS12, 0xc02f, 0, nil), certificates(der), helloDone)
		var out []byte
		for len(flight) > 0 {
			n := min(len(flight), 1<<14)
			out = append(out, record(22, flight[:n])...)
			flight = flight[n:]
		}
		return out
	}), ca, 25)
	if s.TLS != nil || s.Certificate == nil || s.Certificate.Verdict != "unparsable" {
		t.Fatalf("got %+v, %s", s.Certificate, s.TLSError)
	}
	if len(s.Certificate.DER) != 1 || !bytes.Equal(s.Certificate.DER[0], der) || s.Certificate.SHA256 != digest(der) {
		t.Errorf("%d certificates were kept", len(s.Certificate.DER))
	}
	if n := f.conns.Load(); n != 2 {
		t.Errorf("got %d connections, want 2", n)
	}
}

// TestTapeKeepsHandshakes: a played run shows the same, and asks for as much.
func TestTapeKeepsHandshakes(t *testing.T) {
	ca := newAuthority(t)
	two := &tls.Config{Certificates: []tls.Certificate{issueRSA(t, ca, mx1), issue(t, ca, mx1, testNow.AddDate(0, 3, 0), mx1)}}
	f := serve(t, script(hi, starts(), two))
	c := Config{
		Dialer: &dial.Dialer{Redirects: []dial.Redirect{{Port: 25, To: f.addr}}}, Roots: ca.pool, HELO: "probe.example.net",
		Tape: tape.Recorder(), Timing: quick, Level: LevelStandard,
	}
	target := Target{Host: mx1, Addr: ip("5.6.7.8"), Port: 25}
	live := NewProber(c).Probe(t.Context(), target)
	var buf bytes.Buffer
	if _, err := c.Tape.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	play, err := tape.Player(&buf)
	if err != nil {
		t.Fatal(err)
	}
	again := NewProber(Config{Dialer: &dial.Dialer{Offline: true}, Tape: play})
	if again.Level() != LevelStandard || live.other() == nil {
		t.Errorf("got level %s, %+v", again.Level(), live.Handshakes)
	}
	if diff := cmp.Diff(live, again.Probe(t.Context(), target), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("played session (-live +played):\n%s", diff)
	}
	if b, err := json.Marshal(live); err != nil || bytes.Contains(b, []byte(`"DER"`)) {
		t.Errorf("got %s, %v", b, err)
	}
}
