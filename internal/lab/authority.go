package lab

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// authority is the lab's CA. It lives in memory and is made anew at each start.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  time.Time

	mu     sync.Mutex
	issued map[string]tls.Certificate // by name and kind
	serial int64
}

// certKind is what is right or wrong with a certificate.
type certKind string

const (
	certGood       certKind = "good"
	certExpired    certKind = "expired"     // eleven days ago
	certWrongName  certKind = "wrong-name"  // for localhost.localdomain
	certSelfSigned certKind = "self-signed" // as mail packages make at installation
)

func newAuthority(now time.Time) (*authority, error) {
	a := &authority{now: now, issued: map[string]tls.Certificate{}, serial: 1}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("making the CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(a.serial),
		Subject:               pkix.Name{CommonName: "Lab Root CA", Organization: []string{"ca.example"}},
		NotBefore:             now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(9, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("making the CA certificate: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("reading the CA certificate: %w", err)
	}
	return a, nil
}

func (a *authority) pem() []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}) // a Buffer does not fail
	return b.Bytes()
}

// issue gives the certificate of a host, the same one each time.
func (a *authority) issue(name string, kind certKind) (tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := string(kind) + " " + name
	if c, ok := a.issued[id]; ok {
		return c, nil
	}
	c, err := a.sign(name, kind)
	if err != nil {
		return c, fmt.Errorf("certificate of %s: %w", name, err)
	}
	a.issued[id] = c
	return c, nil
}

func (a *authority) sign(name string, kind certKind) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	// 90 days, as public CAs issue them: 60 are left, no warning is due.
	from := a.now.AddDate(0, 0, -30)
	switch kind {
	case certExpired:
		from = a.now.AddDate(0, 0, -101)
	case certWrongName:
		name = "localhost.localdomain"
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    from,
		NotAfter:     from.AddDate(0, 0, 90),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer := a.cert, a.key
	if kind == certSelfSigned {
		template.NotAfter = from.AddDate(10, 0, 0)
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// tlsa is the DANE record "3 1 1" of the host's good certificate: the SHA-256
// of its public key (RFC 7672 §3.1.1).
func (a *authority) tlsa(name string) (string, error) {
	c, err := a.issue(name, certGood)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return "3 1 1 " + hex.EncodeToString(sum[:]), nil
}
