//go:build e2e

package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority is a CA of the test's own; postseal is given it with --ca-file.
type authority struct {
	dir    string
	file   string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

func newAuthority(t *testing.T, dir string) *authority {
	a := &authority{dir: folder(t, dir, "certs")}
	a.key = newKey(t)
	now := time.Now()
	der := a.sign(t, &x509.Certificate{
		Subject:   pkix.Name{CommonName: "End-to-end Root"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, &a.key.PublicKey)
	a.file = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), a.dir, "ca.pem")
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issueRSA makes a certificate with an RSA key, as issue does with a curve's.
func (a *authority) issueRSA(t *testing.T, file string, names ...string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return a.install(t, file, 30, key, names...)
}

// issue makes a certificate of 90 days, the first of them age days ago, and
// gives the file with key and certificate that Postfix and nginx read.
func (a *authority) issue(t *testing.T, file string, age int, names ...string) string {
	t.Helper()
	return a.install(t, file, age, newKey(t), names...)
}

func (a *authority) install(t *testing.T, file string, age int, key crypto.Signer, names ...string) string {
	t.Helper()
	from := time.Now().AddDate(0, 0, -age)
	der := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: from, NotAfter: from.AddDate(0, 0, 90),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key.Public())
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	path := filepath.Join(a.dir, file+".pem")
	// Both servers read keys before they give up root.
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, pub crypto.PublicKey) []byte {
	t.Helper()
	a.serial++
	template.SerialNumber = big.NewInt(a.serial)
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// appendTo puts the authority's own certificate behind those in a file.
func (a *authority) appendTo(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}); err != nil {
		t.Fatal(err)
	}
}

// selfSigned is a certificate that nobody else vouches for, as issue gives it.
func (a *authority) selfSigned(t *testing.T, name string) string {
	t.Helper()
	alone := &authority{dir: a.dir, key: newKey(t)}
	return alone.install(t, name, 30, alone.key, name)
}
