package mtasts

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/postseal/postseal/internal/fetch"
)

// Verdicts on a certificate. Of several faults the first in this order counts:
// untrusted, expired, name.
const (
	VerdictOK        = "ok"
	VerdictUntrusted = "untrusted"
	VerdictExpired   = "expired" // or not valid yet
	VerdictName      = "name"
)

// Cert is the policy host's certificate.
type Cert struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"` // SAN DNS-IDs
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Chain     int       `json:"chain"`   // certificates sent
	Verdict   string    `json:"verdict"` // "ok", "untrusted", "expired", "name"
	Detail    string    `json:"detail"`
}

// maxNames bounds the DNS-IDs that are kept of one certificate.
const maxNames = 100

// verify judges a chain as a sender must (RFC 8461 §3.3). The error says that
// there are no roots to judge by; the certificate's facts are there all the same.
func verify(chain []*x509.Certificate, roots *x509.CertPool, host string, now time.Time) (*Cert, error) {
	leaf := chain[0]
	c := &Cert{
		Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(),
		Names:     append([]string{}, leaf.DNSNames[:min(len(leaf.DNSNames), maxNames)]...),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), Chain: len(chain),
	}
	roots, err := fetch.TrustedRoots(roots)
	if err != nil {
		return c, err
	}
	between := x509.NewCertPool()
	for _, k := range chain[1:] {
		between.AddCert(k)
	}
	// The chain is built at a moment when the leaf is valid, so that a chain
	// that is both unknown and expired is told as unknown.
	at := now
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	} else if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case isInvalid && invalid.Reason == x509.Expired:
		c.Verdict, c.Detail = VerdictExpired, err.Error()
	case err != nil:
		c.Verdict, c.Detail = VerdictUntrusted, err.Error()
	case now.Before(leaf.NotBefore):
		c.Verdict, c.Detail = VerdictExpired, fmt.Sprintf("valid from %s", day(leaf.NotBefore))
	case now.After(leaf.NotAfter):
		c.Verdict, c.Detail = VerdictExpired, fmt.Sprintf("valid until %s", day(leaf.NotAfter))
	default:
		// SAN DNS-IDs only, "*" only as the whole leftmost label: RFC 8461 §3.3, RFC 9525.
		c.Verdict = VerdictOK
		if err := leaf.VerifyHostname(host); err != nil {
			c.Verdict, c.Detail = VerdictName, err.Error()
		}
	}
	return c, nil
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
