package starttls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

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
