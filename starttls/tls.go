package starttls

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// What is read of a certificate chain at most, before anything is verified.
const (
	maxChain   = 20
	maxModulus = 16384 // bits of an RSA key
	maxNames   = 200
)

// hello is one way to open a handshake.
type hello int

const (
	helloDefault hello = iota // H1: 1.3 and 1.2 as Go does it, post-quantum shares too
	helloSmall                // H1b: classical groups only, so that the hello fits one packet
	helloOld                  // H4: 1.0 to 1.2 and every suite Go knows, to learn of servers left behind
)

// config is the client's side of a handshake. Verification is done afterwards,
// with all facts in hand, so that no chain error hides the certificate.
func (h hello) config(host dns.Name) *tls.Config {
	c := &tls.Config{
		ServerName:         host.String(),
		InsecureSkipVerify: true, // judged by verdict: a failed chain is a fact here
		MinVersion:         tls.VersionTLS12,
	}
	switch h {
	case helloSmall:
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	case helloOld:
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
		for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			c.CipherSuites = append(c.CipherSuites, s.ID)
		}
	}
	return c
}

// handshake makes the TLS layer. How it failed decides what may be said of the
// server: see failure.
func handshake(ctx context.Context, conn net.Conn, host dns.Name, h hello) (*tls.Conn, error) {
	c := tls.Client(conn, h.config(host))
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// failure sorts a failed handshake: "plaintext" is SMTP where TLS should be,
// "certificate" one that Go cannot read, "timeout" our own deadline.
func failure(ctx context.Context, err error) string {
	var record tls.RecordHeaderError
	var netErr net.Error
	switch {
	case errors.As(err, &record) && isReplyStart(record.RecordHeader[:]):
		return "plaintext"
	case ctx.Err() != nil, errors.As(err, &netErr) && netErr.Timeout():
		return "timeout"
	case strings.Contains(err.Error(), "failed to parse certificate"),
		strings.Contains(err.Error(), "certificate containing RSA key larger"):
		return "certificate"
	}
	return "refused"
}

// isReplyStart tells "220 m" or "500-x" from a TLS record.
func isReplyStart(b []byte) bool {
	_, sep, _, ok := splitReply(string(b))
	return ok && sep != 0
}

func tlsFacts(cs tls.ConnectionState) *TLS {
	return &TLS{Version: tls.VersionName(cs.Version), Suite: tls.CipherSuiteName(cs.CipherSuite), Group: groupName(cs.CurveID)}
}

func groupName(id tls.CurveID) string {
	switch id {
	case 0:
		return ""
	case tls.CurveP256:
		return "P-256"
	case tls.CurveP384:
		return "P-384"
	case tls.CurveP521:
		return "P-521"
	}
	return id.String()
}

// certFacts describes what the server sent and judges it for the host. Roots
// nil means the system's.
func certFacts(chain []*x509.Certificate, host dns.Name, roots *x509.CertPool, now time.Time) *Cert {
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	c := &Cert{
		Subject: clip(leaf.Subject.String(), 300), CommonName: clip(leaf.Subject.CommonName, 300),
		Issuer: clip(leaf.Issuer.String(), 300), Names: []string{}, Chain: []string{},
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), CheckedAt: now.UTC(),
	}
	for i, n := range leaf.DNSNames {
		if i == maxNames {
			break
		}
		c.Names = append(c.Names, clip(n, 255))
	}
	sum := sha256.Sum256(leaf.Raw)
	c.SHA256 = hex.EncodeToString(sum[:])
	c.KeyType, c.Bits = keyFacts(leaf)
	if len(chain) > maxChain {
		c.Verdict, c.Detail = "unparsable", "the chain has more than 20 certificates"
		return c
	}
	for _, x := range chain {
		c.Chain = append(c.Chain, clip(x.Subject.String(), 300))
		c.DER = append(c.DER, x.Raw)
		if _, bits := keyFacts(x); bits > maxModulus {
			c.Verdict, c.Detail = "unparsable", "an RSA key has more than 16384 bits"
			return c
		}
	}
	c.Verdict, c.Detail = verdict(chain, host, roots, now)
	return c
}

func keyFacts(c *x509.Certificate) (kind string, bits int) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA", k.N.BitLen()
	case *ecdsa.PublicKey:
		return "ECDSA", k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return "Ed25519", 256
	}
	return c.PublicKeyAlgorithm.String(), 0
}

// verdict is what PKIX says for the host. Where several things are wrong the
// first of this order is it: self-signed, untrusted, expired, name.
func verdict(chain []*x509.Certificate, host dns.Name, roots *x509.CertPool, now time.Time) (string, string) {
	leaf := chain[0]
	opts := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(opts)
	expired := now.After(leaf.NotAfter) || now.Before(leaf.NotBefore)
	if err != nil && expired {
		// Whether the chain was ever good is asked at a time when the leaf was valid.
		opts.CurrentTime = leaf.NotAfter.Add(-time.Second)
		if now.Before(leaf.NotBefore) {
			opts.CurrentTime = leaf.NotBefore.Add(time.Second)
		}
		_, err = leaf.Verify(opts)
	}
	var invalid x509.CertificateInvalidError
	switch {
	case err != nil && selfSigned(leaf):
		return "self-signed", err.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && !expired:
		return "expired", err.Error() // one above the leaf
	case err != nil:
		return "untrusted", err.Error()
	case expired:
		return "expired", ""
	}
	if err := leaf.VerifyHostname(host.String()); err != nil {
		return "name", clip(err.Error(), 500)
	}
	return "ok", ""
}

// selfSigned tells whether the certificate is signed with its own key.
func selfSigned(c *x509.Certificate) bool {
	return string(c.RawIssuer) == string(c.RawSubject) &&
		c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// byWildcard tells whether only a wildcard name covers the host.
func (c *Cert) byWildcard(host dns.Name) bool {
	_, parent, _ := strings.Cut(host.String(), ".")
	wild := false
	for _, n := range c.Names {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		if n == host.String() {
			return false
		}
		wild = wild || n == "*."+parent
	}
	return wild
}

// inCommonNameOnly tells whether the host stands in the subject's CN, which
// verifiers ignore (RFC 9525 §6.3 knows SAN only), and in no SAN.
func (c *Cert) inCommonNameOnly(host dns.Name) bool {
	return c.Verdict == "name" && strings.EqualFold(strings.TrimSuffix(c.CommonName, "."), host.String())
}
