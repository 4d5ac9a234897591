package bimi

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
)

// markCA issues mark certificates for tests.
type markCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newMarkCA(t *testing.T) *markCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Mark Root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &markCA{c, key}
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func der(t *testing.T, v any, params string) []byte {
	t.Helper()
	b, err := asn1.MarshalWithParams(v, params)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wrap puts a tag around DER.
func wrap(t *testing.T, class, tag int, parts ...[]byte) []byte {
	t.Helper()
	return der(t, asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: bytes.Join(parts, nil)}, "")
}

// logotypeOf writes the extension as RFC 9399 has it, from its ASN.1:
// subjectLogo [2] EXPLICIT, direct [0], a list of images, each with details.
func logotypeOf(t *testing.T, uri string, hash []byte) []byte {
	t.Helper()
	alg := wrap(t, asn1.ClassUniversal, asn1.TagSequence, der(t, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, ""))
	hashes := wrap(t, asn1.ClassUniversal, asn1.TagSequence, wrap(t, asn1.ClassUniversal, asn1.TagSequence, alg, der(t, hash, "")))
	uris := wrap(t, asn1.ClassUniversal, asn1.TagSequence, der(t, uri, "ia5"))
	details := wrap(t, asn1.ClassUniversal, asn1.TagSequence, der(t, "image/svg+xml", "ia5"), hashes, uris)
	images := wrap(t, asn1.ClassUniversal, asn1.TagSequence, wrap(t, asn1.ClassUniversal, asn1.TagSequence, details))
	subject := wrap(t, asn1.ClassContextSpecific, 2, wrap(t, asn1.ClassContextSpecific, 0, images))
	return wrap(t, asn1.ClassUniversal, asn1.TagSequence, subject)
}

// newMark makes a PEM file. The kind says what is wrong with it, in words
// separated by spaces.
func newMark(t *testing.T, ca *markCA, kind string) []byte {
	t.Helper()
	has := func(word string) bool { return strings.Contains(" "+kind+" ", " "+word+" ") }
	switch {
	case has("none"):
		return []byte("<html>no certificate</html>")
	case has("broken"):
		return []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"example.com"},
		Subject:            pkix.Name{CommonName: "Example", ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidMarkType, Value: "Registered Mark"}}},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{oidMarkEKU},
		NotBefore:          testNow.AddDate(0, -3, 0), NotAfter: testNow.AddDate(0, 9, 0),
	}
	logo := goodLogo
	switch {
	case has("script"):
		logo = strings.Replace(goodLogo, "<rect", "<script/><rect", 1)
	case has("new-logo"):
		logo = strings.Replace(goodLogo, "#036", "#063", 1)
	}
	if has("cmc") {
		tmpl.Subject.ExtraNames[0].Value = "Prior Use Mark"
	}
	if has("other-mark") {
		tmpl.Subject.ExtraNames[0].Value = "Something Else"
	}
	if has("eku") {
		tmpl.UnknownExtKeyUsage, tmpl.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if has("domain") {
		tmpl.DNSNames = []string{"example.org"}
	}
	if has("selector") {
		tmpl.DNSNames = []string{"default._bimi.example.com"}
	}
	switch {
	case has("expired"):
		tmpl.NotAfter = testNow.AddDate(0, 0, -1)
	case has("soon"):
		tmpl.NotAfter = testNow.AddDate(0, 0, 10)
	case has("early"):
		tmpl.NotBefore = testNow.AddDate(0, 0, 10)
	}
	body := zipped(t, []byte(logo))
	hash := sha256.Sum256(body)
	if has("hash") {
		hash[0] ^= 1
	}
	uri := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(body)
	if has("no-svg") {
		uri = "https://example.com/logo.svg"
	}
	if !has("logotype") {
		tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, pkix.Extension{Id: oidLogotype, Critical: has("critical"), Value: logotypeOf(t, uri, hash[:])})
	}
	if !has("sct") {
		tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, pkix.Extension{Id: oidSCTs, Value: der(t, []byte{0, 0}, "")})
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if has("der") {
		return leaf
	}
	first, second := leaf, ca.cert.Raw
	if has("order") {
		first, second = second, first
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: first}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: second})...)
}

// TestEvidence looks at what is kept of a certificate that nothing is wrong with.
func TestEvidence(t *testing.T) {
	ca := newMarkCA(t)
	for _, kind := range []string{"", "critical"} {
		e := newEvidence()
		o := GatherOptions{Now: testNow, MarkRoots: x509.NewCertPool()}
		o.MarkRoots.AddCert(ca.cert)
		e.take(&Fetch{Status: 200, Body: newMark(t, ca, kind)}, []dns.Name{"example.com"}, o)
		if e.Fault != "" || e.Trust != "trusted" || e.Logotype != "ok" || e.Kind != "vmc" || !e.Covers || !e.SCT || e.ValidAt != "yes" ||
			e.SVG == nil || e.SVG.SHA256 != sum([]byte(goodLogo)) || e.SVG.Title != "Example" || len(e.SVG.Problems) > 0 {
			t.Errorf("%q: got %+v %+v", kind, e, e.SVG)
		}
	}
}

// FuzzLogotype holds the reader of the extension to never failing otherwise than by saying so.
func FuzzLogotype(f *testing.F) {
	f.Add([]byte{0x30, 0x00})
	f.Add([]byte{0x30, 0x04, 0xa2, 0x02, 0xa0, 0x00})
	f.Fuzz(func(t *testing.T, ext []byte) {
		images, err := subjectImages(ext)
		if err != nil && len(images) > 8 {
			t.Errorf("%d images and %v", len(images), err)
		}
	})
}

// TestManyNames: a certificate may speak for more names than are shown, and the
// domain may be the last of them.
func TestManyNames(t *testing.T) {
	ca := newMarkCA(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: testNow, NotAfter: testNow.AddDate(1, 0, 0)}
	for i := range maxNames {
		tmpl.DNSNames = append(tmpl.DNSNames, fmt.Sprintf("brand%d.example", i))
	}
	tmpl.DNSNames = append(tmpl.DNSNames, "example.com")
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, &ca.key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	e := newEvidence()
	e.take(FromFile("mark.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), MaxEvidence), []dns.Name{"example.com"}, GatherOptions{Now: testNow})
	if !e.Covers || len(e.Names) != maxNames {
		t.Errorf("got covers %v with %d names shown, want true with %d (%s)", e.Covers, len(e.Names), maxNames, e.Fault)
	}
}
