package dkim

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Public keys made for these tests; their private halves are gone.
const (
	k512   = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMDu1l7H2Tp+LqAjNll+LgkmfGHuaeH7D7Jk3dcSkRjS9apeSFSZyN8vJ+L/2xxmw32EtdD4ho/F8tRPzF5AH6UCAwEAAQ=="
	k1024  = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDEZEoj3N/AdzLu6ObwbsMdQXbbHdY7R7wD/u9xgzioeRh+OZm2zPpabMAMEXsqFQAsyKQVufWpTCIFS2hnQZKIO/c9jkUghsxSB5MOhkQE/RCEd3n+fRAsXH2k7nYV6cgs/gFxmtnDhFFH6Bs/JPX88eEaDSznassl5/5RYTq8FQIDAQAB"
	k1024p = "MIGJAoGBAMRkSiPc38B3Mu7o5vBuwx1Bdtsd1jtHvAP+73GDOKh5GH45mbbM+lpswAwReyoVACzIpBW59alMIgVLaGdBkog79z2ORSCGzFIHkw6GRAT9EIR3ef59ECxcfaTudhXpyCz+AXGa2cOEUUfoGz8k9fzx4RoNLOdqyyXn/lFhOrwVAgMBAAE="
	k1024e = "MIGdMA0GCSqGSIb3DQEBAQUAA4GLADCBhwKBgQDQMvNn8bp6UNvrDaUNfbc8Dx5Zl1GbBz5Zezk1TBs9DeNJGEYJ8esjg2+rHds0qrKB6MyxuyHB0nMfMcrsGnWzrIC2CvzYVacHS50o9zM/9/dgPtGWHhLhU6i3tN5ZKK7nATFxTkSCFrSj2nT4gr1CMDzC35IR/4ewQ9L1tJxiCQIBAw=="
	ked    = "vGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs="
	kedw   = "MCowBQYDK2VwAyEAvGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs="
	kec    = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEw6V9PUfc63EZocOrDyFE8E5cH2uNvZcjUETthHxC65GWTmzCs425R0YSkIogDPVxgEb/mVvOFcVAwFpYTA7ezw=="
	kRFC   = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)

// rsaKey is a key for tests that need a private half or an odd encoding.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func b64(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

func k2048() string {
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		panic(err)
	}
	return b64(der)
}

// spki wraps any numbers as an RSA key.
func spki(n, e *big.Int) string { return encodeSPKI(n, e) }

// secretText is a private key as somebody would publish it, made for the test.
func secretText() string {
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey())
	if err != nil {
		panic(err)
	}
	return b64(der)
}

func mustDER(t *testing.T, s string) []byte {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// ids are the rules of the problems, sorted.
func ids(problems []Problem) []string {
	list := []string{}
	for _, p := range problems {
		list = append(list, strings.TrimPrefix(p.Rule, "dkim-"))
	}
	slices.Sort(list)
	return list
}

func TestParseKey(t *testing.T) {
	long := k2048()
	spaced := ""
	for c := range slices.Chunk([]byte(long), 64) {
		spaced += string(c) + " "
	}
	slashed := long[:strings.LastIndexByte(long, '/')+1] // a key of 2048 bits has some
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "v=DKIM1; k=rsa; p=" + long, nil},
		{"no version", "k=rsa; t=s; p=" + long, []string{"t-s", "v-missing"}},
		{"version last", "k=rsa; v=DKIM1; p=" + long, []string{"v-not-first"}},
		{"512 bits", "v=DKIM1; p=" + k512, []string{"rsa-too-short"}},
		{"1024 bits", "v=DKIM1; p=" + k1024, []string{"rsa-1024"}},
		{"PKCS#1", "v=DKIM1; p=" + k1024p, []string{"p-pkcs1", "rsa-1024"}},
		{"exponent 3", "v=DKIM1; p=" + k1024e, []string{"rsa-1024", "rsa-exponent-small"}},
		{"Ed25519", "v=DKIM1; k=ed25519; p=" + ked, []string{"ed25519-present"}},
		{"wrapped", "v=DKIM1; k=ed25519; p=" + kedw, []string{"ed25519-wrapped"}},
		{"Ed25519 called RSA", "v=DKIM1; p=" + ked, []string{"ed25519-k-missing"}},
		{"wrapped called RSA", "v=DKIM1; k=rsa; p=" + kedw, []string{"ed25519-k-missing"}},
		{"elliptic curve", "v=DKIM1; p=" + kec, []string{"k-mismatch"}},
		{"RSA called Ed25519", "v=DKIM1; k=ed25519; p=" + k1024, []string{"k-mismatch"}},
		{"revoked", "v=DKIM1; p=", []string{"revoked"}},
		{"cut", "v=DKIM1; k=rsa; p=" + k1024[:200], []string{"p-truncated"}},
		{"cut badly", "v=DKIM1; k=rsa; p=" + k1024[:198], []string{"p-truncated"}},
		{"cut to the worst", "v=DKIM1; k=rsa; p=" + k1024[:197], []string{"p-truncated"}},
		{"escapes", `v=DKIM1\; k=rsa\; p=` + k1024, []string{"escaped-semicolon", "rsa-1024", "v-invalid"}},
		{"PEM", "v=DKIM1; p=-----BEGIN PUBLIC KEY----- " + k1024 + " -----END PUBLIC KEY-----", []string{"p-pem"}},
		{"SHA-1 only", "v=DKIM1; h=sha1; p=" + long, []string{"h-excludes-sha256"}},
		{"SHA-1 too", "v=DKIM1; h=sha1:sha256:md5; p=" + long, []string{"h-sha1", "h-unknown"}},
		{"TLS reports", "v=DKIM1; s=tlsrpt; p=" + long, []string{"s-excludes-email"}},
		{"TLS reports too", "v=DKIM1; s=tlsrpt:email; p=" + long, nil},
		{"testing", "v=DKIM1; t=y:s; p=" + long, []string{"t-s", "t-testing"}},
		{"owner name", "default._domainkey v=DKIM1; k=rsa; p=" + long, []string{"value-has-owner-name"}},
		{"owner name, colon", "zoho._domainkey: v=DKIM1; k=rsa; p=" + long, []string{"value-has-owner-name"}},
		{"owner name, equals", "zoho._domainkey=v=DKIM1; k=rsa; p=" + long, []string{"value-has-owner-name"}},
		{"zone line", `s1._domainkey.example.com. 3600 IN TXT "v=DKIM1; p=` + long + `"`, []string{"literal-quote", "value-has-owner-name"}},
		{"host name", "selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft", []string{"cname-as-txt"}},
		{"white space", "v=DKIM1; p=" + spaced, nil},
		{"tag twice", "v=DKIM1; k=rsa; p=" + k1024 + "; p=" + k512, []string{"tag-duplicate"}},
		{"no separators", "v=DKIM1 k=rsa p=" + k1024, []string{"rsa-1024", "separator-missing", "v-invalid"}},
		{"no separators, no version", "k=rsa p=" + long, []string{"separator-missing", "v-missing"}},
		{"commas", "v=DKIM1, k=rsa, p=" + long, []string{"separator-missing", "v-invalid"}},
		{"glued", "v=DKIM1k=rsa; p=" + long, []string{"separator-missing", "v-invalid"}},
		{"example of the RFC", "v=DKIM1; k=rsa; p=" + kRFC, []string{"known-public-key", "rsa-1024"}},
		{"quotes", `"v=DKIM1; k=rsa; p=` + long[:50] + `" "` + long[50:] + `"`, []string{"literal-quote"}},
		{"quotes after a slash", `"v=DKIM1; k=rsa; p=` + slashed + `" "` + long[len(slashed):] + `"`, []string{"literal-quote"}},
		{"slashed quotes", `/"v=DKIM1; k=rsa; p=` + long + `/"`, []string{"escaped-semicolon"}},
		{"quotes in a note", `v=DKIM1; n=say "hi"; p=` + long, []string{"n-note"}},
		{"no-break space", "v=DKIM1;\u00A0k=rsa; p=" + long, []string{"non-ascii"}},
		{"Latin-1", "v=DKIM1; k=rsa; p=\xE9" + long, []string{"non-ascii", "p-bad-base64"}},
		{"lower-case version", "v=dkim1; p=" + long, []string{"v-invalid"}},
		{"DMARC", "v=DMARC1; p=none", []string{"v-invalid"}},
		{"SPF", "v=spf1 include:example.com -all", []string{"not-a-key"}},
		{"words", "hello world", []string{"not-a-key"}},
		{"nothing", "", []string{"not-a-key"}},
		{"upper-case p", "v=DKIM1; P=" + long, []string{"p-missing", "tag-case"}},
		{"upper-case h", "v=DKIM1; H=sha256; p=" + long, []string{"tag-case"}},
		{"empty element", "v=DKIM1;; p=" + long + ";", []string{"tag-malformed"}},
		{"bare element", "v=DKIM1; rsa; p=" + long, []string{"tag-malformed"}},
		{"odd name", "v=DKIM1; 1k=rsa; p=" + long, []string{"tag-malformed"}},
		{"unknown tag", "v=DKIM1; x=1; p=" + long, []string{"tag-unknown"}},
		{"historic g", "v=DKIM1; g=; p=" + long, []string{"tag-g"}},
		{"no p", "v=DKIM1; k=rsa", []string{"p-missing"}},
		{"unknown type", "v=DKIM1; k=dsa; p=" + long, []string{"k-unknown"}},
		{"type in capitals", "v=DKIM1; k=RSA; p=" + long, []string{"k-case"}},
		{"unknown flag", "v=DKIM1; t=n; p=" + long, []string{"t-unknown"}},
		{"bad character", "v=DKIM1; p=MIIB…", []string{"non-ascii", "p-bad-base64"}},
		{"bad character in ASCII", "v=DKIM1; p=MIIB*" + long, []string{"p-bad-base64"}},
		{"padding missing", "v=DKIM1; p=" + strings.TrimRight(k1024p, "="), []string{"p-bad-base64"}},
		{"garbage", "v=DKIM1; p=" + b64([]byte("this is no key at all, is it")), []string{"k-mismatch"}},
		{"31 octets", "v=DKIM1; k=ed25519; p=" + b64(make([]byte, 31)), []string{"ed25519-length"}},
		{"small order", "v=DKIM1; k=ed25519; p=" + b64(append([]byte{1}, make([]byte, 31)...)), []string{"ed25519-bad-point"}},
		{"strings the wrong way round", long[200:] + "v=DKIM1; k=rsa; p=" + long[:200], []string{"p-truncated"}},
		{"middle string lost", "v=DKIM1; k=rsa; p=" + long[:120] + long[240:], []string{"p-truncated"}},
		{"space in a tag name", "v=DKIM1; k =rsa; p = " + long, nil},
		{"unknown type, secret in p", "v=DKIM1; k=x; p=" + secretText(), []string{"p-private-key"}},
		{"p twice, the second a secret", "v=DKIM1; p=" + long + "; p=" + secretText(), []string{"p-private-key"}},
		{"a secret without tags", secretText(), []string{"p-private-key"}},
		{"a secret with a damaged character", "v=DKIM1; p=" + secretText()[:100] + "*" + secretText()[100:], []string{"p-private-key"}},
		{"a seed with its public key", "v=DKIM1; k=ed25519; p=" + b64(ed25519.NewKeyFromSeed(make([]byte, 32))), []string{"p-private-key"}},
		{"64 octets that are none", "v=DKIM1; k=ed25519; p=" + b64(make([]byte, 64)), []string{"ed25519-length"}},
		{"trailing", "v=DKIM1; p=" + b64(append(mustDER(t, long), 0, 0)), []string{"p-trailing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, problems := ParseKey(c.text)
			want := append([]string{}, c.want...)
			if diff := cmp.Diff(want, ids(problems)); diff != "" {
				t.Errorf("problems of %q (-want +got):\n%s", c.text, diff)
			}
			for _, p := range problems {
				if p.Fix == "" {
					continue
				}
				if _, again := ParseKey(p.Fix); slices.Contains(ids(again), strings.TrimPrefix(p.Rule, "dkim-")) {
					t.Errorf("the fix of %s has the same problem: %q", p.Rule, p.Fix)
				}
			}
			_ = k
		})
	}
}

func TestParseKeyFixes(t *testing.T) {
	for _, c := range []struct{ text, rule, want string }{
		{"v=DKIM1; p=" + k1024p, "dkim-p-pkcs1", "v=DKIM1; p=" + k1024},
		{"v=DKIM1; k=ed25519; p=" + kedw, "dkim-ed25519-wrapped", "v=DKIM1; k=ed25519; p=" + ked},
		{"v=DKIM1; p=" + ked, "dkim-ed25519-k-missing", "v=DKIM1; k=ed25519; p=" + ked},
		{"v=DKIM1; p=" + kedw + "; k=rsa", "dkim-ed25519-k-missing", "v=DKIM1; p=" + ked + "; k=ed25519"},
		{`v=DKIM1\; p=` + k1024, "dkim-escaped-semicolon", "v=DKIM1; p=" + k1024},
		{"v=DKIM1 k=rsa p=" + k1024, "dkim-separator-missing", "v=DKIM1; k=rsa; p=" + k1024},
		{"k=rsa; v=DKIM1; p=" + k1024, "dkim-v-not-first", "v=DKIM1; k=rsa; p=" + k1024},
		{"v=DKIM1; t=y:s; p=" + k1024, "dkim-t-testing", "v=DKIM1; t=s; p=" + k1024},
		{"v=DKIM1; p=-----BEGIN PUBLIC KEY-----" + k1024[:64] + "\n" + k1024[64:] + "-----END PUBLIC KEY-----", "dkim-p-pem", "v=DKIM1; p=" + k1024},
	} {
		_, problems := ParseKey(c.text)
		i := slices.IndexFunc(problems, func(p Problem) bool { return p.Rule == c.rule })
		if i < 0 {
			t.Errorf("%q: no %s", c.text, c.rule)
		} else if problems[i].Fix != c.want {
			t.Errorf("fix of %s in %q: got %q, want %q", c.rule, c.text, problems[i].Fix, c.want)
		}
	}
}

// TestWrongStructures holds the reader to naming what was published instead of a key.
func TestWrongStructures(t *testing.T) {
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(rsaKey())
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	sec1, _ := x509.MarshalECPrivateKey(ec)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ed8, _ := x509.MarshalPKCS8PrivateKey(ed)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.com"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1e9, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: template.Subject}, rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		der  []byte
		want string
	}{
		{"PKCS#8", pkcs8, "p-private-key"},
		{"PKCS#8 cut", pkcs8[:len(pkcs8)/2], "p-private-key"},
		{"PKCS#1", x509.MarshalPKCS1PrivateKey(rsaKey()), "p-private-key"},
		{"SEC 1", sec1, "p-private-key"},
		{"Ed25519 PKCS#8", ed8, "p-private-key"},
		{"OpenSSH", []byte("openssh-key-v1\x00none"), "p-private-key"},
		{"certificate", cert, "p-certificate"},
		{"request", csr, "p-certificate"},
	} {
		_, problems := ParseKey("v=DKIM1; k=rsa; p=" + b64(c.der))
		if diff := cmp.Diff([]string{c.want}, ids(problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
			continue
		}
		if fix := problems[0].Fix; c.want == "p-certificate" && fix != "v=DKIM1; k=rsa; p="+k2048() {
			t.Errorf("%s: fix %q is not the key in it", c.name, fix)
		}
	}
	_, problems := ParseKey("-----BEGIN PRIVATE KEY----- " + b64(pkcs8) + " -----END PRIVATE KEY-----")
	if diff := cmp.Diff([]string{"p-private-key"}, ids(problems)); diff != "" {
		t.Errorf("PEM as the whole text (-want +got):\n%s", diff)
	}
}

func TestIrregularDER(t *testing.T) {
	n, e := rsaKey().N, big.NewInt(65537)
	inner, _ := asn1.Marshal(struct{ N, E *big.Int }{n, e})
	padded := slices.Clone(inner)
	padded = append([]byte{0x30, 0x82, 0, 0, 0x02, 0x82, 0, 0, 0}, padded[8:]...) // one more zero in front of the modulus
	bits := len(padded) - 4
	padded[2], padded[3] = byte(bits>>8), byte(bits)
	size := n.BitLen()/8 + 2
	padded[6], padded[7] = byte(size>>8), byte(size)
	k, problems := ParseKey("v=DKIM1; p=" + b64(padded))
	if diff := cmp.Diff([]string{"p-der-irregular", "p-pkcs1"}, ids(problems)); diff != "" {
		t.Errorf("padded modulus (-want +got):\n%s", diff)
	}
	if k.Bits != 2048 || !k.Usable() {
		t.Errorf("padded modulus: %d bits, usable %v; want 2048, true", k.Bits, k.Usable())
	}
	noNull, _ := asn1.Marshal(struct {
		A struct{ OID asn1.ObjectIdentifier }
		B asn1.BitString
	}{struct{ OID asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}}, asn1.BitString{Bytes: inner, BitLength: 8 * len(inner)}})
	_, problems = ParseKey("v=DKIM1; p=" + b64(noNull))
	if diff := cmp.Diff([]string{"p-der-irregular"}, ids(problems)); diff != "" {
		t.Errorf("NULL missing (-want +got):\n%s", diff)
	}
	if problems[0].Fix != "v=DKIM1; p="+k2048() {
		t.Errorf("NULL missing: fix %q is not the canonical form", problems[0].Fix)
	}
}

func mustMarshal(n, e *big.Int) []byte {
	der, err := asn1.Marshal(struct{ N, E *big.Int }{n, e})
	if err != nil {
		panic(err)
	}
	return der
}

func TestROCA(t *testing.T) {
	// A modulus of the flawed form: each factor is a power of 65537 modulo the
	// product of the small primes.
	m := big.NewInt(1)
	for _, p := range rocaPrimes {
		m.Mul(m, new(big.Int).SetUint64(p))
	}
	m.Lsh(m, 1)
	form := func(a int64) *big.Int {
		r := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), m)
		return r.Add(r, new(big.Int).Lsh(m, 300))
	}
	n := new(big.Int).Mul(form(12345), form(67890))
	if !roca(n) {
		t.Error("the fingerprint was not seen")
	}
	for range 50 {
		if x, _ := rand.Int(rand.Reader, n); roca(x) {
			t.Errorf("a random number has the fingerprint: %v", x)
		}
	}
}

func TestBadPoint(t *testing.T) {
	for range 5 {
		pub, _, _ := ed25519.GenerateKey(rand.Reader)
		if why := badPoint(pub); why != "" {
			t.Errorf("a good key %x is said to be bad: %s", pub, why)
		}
	}
	zero, ones := make([]byte, 32), slices.Repeat([]byte{0xFF}, 32)
	two := append([]byte{2}, make([]byte, 31)...)
	for want, key := range map[string][]byte{"order": zero, "encoding": ones, "curve": two} {
		if got := badPoint(key); got != want {
			t.Errorf("badPoint(%x): got %q, want %q", key, got, want)
		}
	}
}
