package dane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func armoured(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestFromKey: whatever holds the key gives the same record, and it is that of
// the key's SubjectPublicKeyInfo (RFC 6698 §2.1.2, §2.1.3).
func TestFromKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx1.example.com"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	must := func(der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	spki := must(x509.MarshalPKIXPublicKey(key.Public()))
	pkcs8, sec1 := must(x509.MarshalPKCS8PrivateKey(key)), must(x509.MarshalECPrivateKey(key))
	want := Association{Usage: 3, Selector: 1, Digest: sha256.Sum256(spki)}
	other, _ := rsaCertificate(t)
	for name, data := range map[string][]byte{
		"certificate": armoured("CERTIFICATE", cert), "chain, leaf first": append(armoured("CERTIFICATE", cert), armoured("CERTIFICATE", other)...),
		"certificate in DER": cert, "request": armoured("CERTIFICATE REQUEST", request), "request in DER": request,
		"public key": armoured("PUBLIC KEY", spki), "public key in DER": spki, "PKCS#8": armoured("PRIVATE KEY", pkcs8), "PKCS#8 in DER": pkcs8,
		"SEC 1": armoured("EC PRIVATE KEY", sec1), "key before its certificate": append(armoured("PRIVATE KEY", pkcs8), armoured("CERTIFICATE", cert)...),
	} {
		if got, err := FromKey(data); err != nil || got != want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got, err := FromCertificate(armoured("CERTIFICATE", cert)); err != nil || got != (Association{3, 0, sha256.Sum256(cert)}) {
		t.Errorf("the certificate as a whole: %v, %v", got, err)
	}
	if got, err := FromCA(cert); err != nil || got != (Association{2, 1, sha256.Sum256(spki)}) {
		t.Errorf("a CA: %v, %v", got, err)
	}
	if got, err := FromCA(other); err == nil {
		t.Errorf("a leaf passes for a CA: %v", got)
	}
	if got := want.String(); got != "3 1 1 "+hex.EncodeToString(want.Digest[:]) {
		t.Errorf("presentation form %q", got)
	}
}

func rsaCertificate(t *testing.T) (der []byte, key crypto.Signer) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// The key of RFC 8463 Appendix A as a whole SubjectPublicKeyInfo; the digest
// was computed with OpenSSL.
func TestKnownDigest(t *testing.T) {
	const key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
	a, err := FromKey([]byte(key))
	if err != nil || hex.EncodeToString(a.Digest[:]) != "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9" {
		t.Errorf("got %s, %v", a, err)
	}
}

// TestFromNothing: what holds no key is refused, and no error repeats it.
func TestFromNothing(t *testing.T) {
	const secret = "c2VjcmV0c2VjcmV0c2VjcmV0"
	for name, data := range map[string]string{
		"nothing": "", "white space": " \n", "garbage": secret, "PEM of something else": string(armoured("DH PARAMETERS", []byte{1})),
		"broken certificate": "-----BEGIN CERTIFICATE-----\n" + secret + "\n-----END CERTIFICATE-----\n",
		"broken key":         "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n",
		"encrypted key":      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + secret + "\n-----END ENCRYPTED PRIVATE KEY-----\n",
	} {
		for _, read := range []func([]byte) (Association, error){FromKey, FromCertificate, FromCA} {
			a, err := read([]byte(data))
			if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: got %v, %v", name, a, err)
			}
		}
	}
}

// TestLive: what DNS says of the host decides whether records can count.
func TestLive(t *testing.T) {
	const base = `
example.com. MX 10 mx1.example.com.
mx1.example.com. A 192.0.2.1
www.example.com. A 192.0.2.2
`
	for _, c := range []struct {
		name, host, zone string
		want             string
	}{
		{"signed and among MX", "mx1.example.com", base + "; !secure .\n", ""},
		{"not among MX", "www.example.com", base + "; !secure .\n", "gen-tlsa-not-mx"},
		{"unsigned", "mx1.example.com", base + "; !trusted\n", "gen-tlsa-unsigned"},
		{"a resolver that proves nothing", "mx1.example.com", base, "gen-tlsa-unsigned-unknown"},
		{"SHA-512 stands there", "mx1.example.com", base + "; !secure .\n" + "_25._tcp.mx1.example.com. TLSA 3 1 2 " + strings.Repeat("ab", 64) + "\n", "gen-tlsa-agility"},
	} {
		r := dnstest.New(t, c.zone)
		f, err := Gather(t.Context(), r, "example.com", dns.Ask(t.Context(), r, "example.com", dns.TypeMX), []dns.Name{dns.Name(c.host)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range f.Hosts[0].Live(f, []Association{{Usage: 3, Selector: 1}}) {
			id := p.ID
			if p.Variant != "" {
				id += "-" + p.Variant
			}
			got = append(got, id)
			if p.Severity == check.Error != (id == "gen-tlsa-unsigned") {
				t.Errorf("%s: %s has the severity %v", c.name, id, p.Severity)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
