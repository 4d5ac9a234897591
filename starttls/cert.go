package starttls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// certFacts describes what the server sent and judges it for the host. Roots
// nil means the system's.
func certFacts(chain []*x509.Certificate, staple []byte, host dns.Name, roots *x509.CertPool, now time.Time) *Cert {
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	c := &Cert{
		Subject: clip(leaf.Subject.String(), 300), CommonName: clip(leaf.Subject.CommonName, 300),
		Issuer: clip(leaf.Issuer.String(), 300), Serial: clip(hex.EncodeToString(leaf.SerialNumber.Bytes()), 60),
		Names: []string{}, Chain: []string{}, Built: []string{}, Usages: usages(leaf),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), CheckedAt: now.UTC(),
		Signature: leaf.SignatureAlgorithm.String(), MustStaple: mustStaple(leaf), Stapled: len(staple) > 0,
		PublicCA: publicCA(leaf.Issuer),
	}
	for i, n := range leaf.DNSNames {
		if i == maxNames {
			break
		}
		c.Names = append(c.Names, clip(n, 255))
	}
	c.SHA256, c.SPKISHA256 = digest(leaf.Raw), digest(leaf.RawSubjectPublicKeyInfo)
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
	c.Order = order(chain)
	if weak := weakSigner(chain); weak != nil {
		c.WeakSigner = clip(weak.Subject.String(), 300)
	}
	c.judge(chain, host, roots, now)
	return c
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
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

// judge says what PKIX makes of the chain for the host. Where several things are
// wrong the first of this order is it: self-signed, untrusted, expired, name.
func (c *Cert) judge(chain []*x509.Certificate, host dns.Name, roots *x509.CertPool, now time.Time) {
	leaf := chain[0]
	opts := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, x := range chain[1:] {
		opts.Intermediates.AddCert(x)
	}
	paths, err := leaf.Verify(opts)
	expired := now.After(leaf.NotAfter) || now.Before(leaf.NotBefore)
	if err != nil && expired {
		// Whether the chain was ever good is asked at a time when the leaf was valid.
		opts.CurrentTime = leaf.NotAfter.Add(-time.Second)
		if now.Before(leaf.NotBefore) {
			opts.CurrentTime = leaf.NotBefore.Add(time.Second)
		}
		paths, err = leaf.Verify(opts)
	}
	if err == nil {
		for _, x := range paths[0] {
			c.Built = append(c.Built, clip(x.Subject.String(), 300))
		}
	}
	var invalid x509.CertificateInvalidError
	switch {
	case err != nil && selfSigned(leaf):
		c.Verdict, c.Detail = "self-signed", err.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && !expired:
		c.Verdict, c.Detail = "expired", err.Error() // one above the leaf
	case err != nil:
		c.Verdict, c.Detail, c.Reason = "untrusted", err.Error(), distrust(chain, opts)
	case expired:
		c.Verdict = "expired"
	default:
		c.Verdict = "ok"
		if err := leaf.VerifyHostname(host.String()); err != nil {
			c.Verdict, c.Detail = "name", err.Error()
		}
	}
	c.Detail = clip(c.Detail, 500)
}

// distrust is the cause why no path to a root was found, "" where none stands out.
func distrust(chain []*x509.Certificate, opts x509.VerifyOptions) string {
	if weakSigner(chain) != nil {
		return "sigalg" // no library believes in one
	}
	opts.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	if _, err := chain[0].Verify(opts); err == nil {
		return "eku"
	}
	// The issuers sent are followed as far as they go. Where the path breaks off
	// below a public authority, its own certificate is what is missing (RFC 8446
	// §4.4.2); it is not fetched, the name and the place to fetch it from suffice.
	last := chain[0]
	for range chain {
		i := slices.IndexFunc(chain, func(x *x509.Certificate) bool {
			return x != last && bytes.Equal(x.RawSubject, last.RawIssuer)
		})
		if i < 0 {
			break
		}
		last = chain[i]
	}
	if !bytes.Equal(last.RawIssuer, last.RawSubject) && len(last.IssuingCertificateURL) > 0 && publicCA(last.Issuer) {
		return "chain-incomplete"
	}
	return ""
}

// order looks at the chain as sent: each certificate should be issued by the
// one after it, and the root may be left out (RFC 8446 §4.4.2).
func order(chain []*x509.Certificate) string {
	for i := 1; i < len(chain); i++ {
		if bytes.Equal(chain[i].RawSubject, chain[i-1].RawIssuer) {
			continue
		}
		if slices.ContainsFunc(chain, func(x *x509.Certificate) bool {
			return x != chain[i] && bytes.Equal(x.RawIssuer, chain[i].RawSubject)
		}) {
			return "unordered"
		}
		return "foreign"
	}
	if last := chain[len(chain)-1]; len(chain) > 1 && bytes.Equal(last.RawIssuer, last.RawSubject) {
		return "root"
	}
	return ""
}

// weakSigner is the first certificate whose signature anybody may forge. That of
// a root over itself proves nothing anyway.
func weakSigner(chain []*x509.Certificate) *x509.Certificate {
	weak := []x509.SignatureAlgorithm{
		x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
	}
	for _, x := range chain {
		if slices.Contains(weak, x.SignatureAlgorithm) && !bytes.Equal(x.RawIssuer, x.RawSubject) {
			return x
		}
	}
	return nil
}

// usages names the extended key usages; there are none where the extension is absent.
func usages(c *x509.Certificate) []string {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
		x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection",
		x509.ExtKeyUsageTimeStamping: "timeStamping", x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
	}
	out := []string{}
	for _, u := range c.ExtKeyUsage {
		name := names[u]
		if name == "" {
			name = "other"
		}
		out = append(out, name)
	}
	for i, oid := range c.UnknownExtKeyUsage {
		if i == 10 {
			break
		}
		out = append(out, clip(oid.String(), 60))
	}
	return out
}

var oidTLSFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

// mustStaple tells whether the certificate asks for status_request (RFC 7633 §4.2.3.1).
func mustStaple(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidTLSFeature) {
			continue
		}
		var features []int
		if rest, err := asn1.Unmarshal(e.Value, &features); err == nil && len(rest) == 0 {
			return slices.Contains(features, extStatus)
		}
	}
	return false
}

// publicAuthorities are names of organisations whose certificates the browsers'
// root programmes trust, as they stand in the issuer of a certificate. As of 2026-11.
var publicAuthorities = []string{
	"let's encrypt", "internet security research group", "zerossl", "sectigo", "comodo", "usertrust", "digicert", "geotrust",
	"thawte", "rapidssl", "globalsign", "google trust services", "amazon", "entrust", "godaddy", "starfield", "ssl.com",
	"ssl corporation", "identrust", "unizeto", "asseco", "harica", "hellenic academic", "actalis", "swisssign", "buypass",
	"quovadis", "microsoft corporation", "t-systems", "deutsche telekom security", "d-trust", "certigna", "dhimyotis",
	"network solutions", "trustwave", "wisekey", "izenpe", "telia", "gehirn", "cpanel", "trustasia", "secom trust",
	"certainly", "gandi", "cloudflare", "firmaprofesional", "microsec", "netlock", "disig", "cybertrust japan",
}

func publicCA(issuer pkix.Name) bool {
	return slices.ContainsFunc(issuer.Organization, func(o string) bool {
		o = strings.ToLower(strings.ReplaceAll(o, "’", "'"))
		return slices.ContainsFunc(publicAuthorities, func(name string) bool { return strings.HasPrefix(o, name) })
	})
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
