package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// Shown is what a server showed in a handshake and what it is held to.
type Shown struct {
	Chain [][]byte   // certificates as sent, leaf first, DER
	Names []dns.Name // any of which the leaf must have under usage 2; none: names are not judged
	At    time.Time  // dates are judged as of then; zero: they are not
}

// How is what became of one TLSA record against what a server showed.
type How string

// The ways a record can go. Those after HowNone are of usage 2 alone: the CA was
// found and something else is wanting.
const (
	HowMatches  How = "matches"
	HowUnusable How = "unusable" // senders of mail skip the record
	HowSilenced How = "silenced" // a stronger digest of the same usage and selector is looked at alone
	HowNone     How = "no-match"
	HowChain    How = "chain" // the certificates sent do not lead to the CA
	HowDates    How = "dates" // they do, and one of them is out of date
	HowName     How = "name"  // the leaf has none of the names
)

// better orders what may be said of one record when several certificates have its key.
var better = []How{HowNone, HowChain, HowDates, HowName, HowMatches}

// Outcome is what became of one record.
type Outcome struct {
	How   How      `json:"how"`
	Would How      `json:"would"` // of a silenced record: what it would be by itself; "" otherwise
	Depth int      `json:"depth"` // where in the path the match is, 0 the leaf; -1 without one
	Name  dns.Name `json:"name"`  // under usage 2, the name that the leaf has; "" otherwise
}

// Verdict is what a sender makes of all records of a host and one chain.
type Verdict struct {
	Outcomes []Outcome // of the records, in their order
	Usable   int       // records that a sender does not skip
	Match    int       // the first record that matches; -1 when none does
}

// OK tells whether a sender that knows DANE delivers: a record matches.
func (v *Verdict) OK() bool { return v.Match >= 0 }

// maxChain bounds the certificates that are looked at, of however many were sent.
const maxChain = 20

// Match holds what a server showed against its TLSA records as a sender of mail
// does (RFC 7672 §3, RFC 7671 §5 and §9): usages 0 and 1 mean nothing, of
// several digests of one usage and selector the strongest alone counts, usage 3
// looks at the leaf and nothing else, usage 2 wants a valid path to the CA.
func Match(records []dns.Record, s Shown) Verdict {
	v := Verdict{Match: -1}
	sent := read(s.Chain)
	for i, rec := range records {
		o := Outcome{How: HowUnusable, Depth: -1}
		if usable(rec.TLSA) {
			v.Usable++
			o = sent.hold(rec.TLSA, s)
			if silenced(rec.TLSA, records) {
				o.How, o.Would = HowSilenced, o.How
			}
		}
		v.Outcomes = append(v.Outcomes, o)
		if o.How == HowMatches && v.Match < 0 {
			v.Match = i
		}
	}
	return v
}

// silenced tells whether a usable record with a stronger digest stands beside
// this one. A record without digest always counts (RFC 7671 §9).
func silenced(t *dns.TLSA, records []dns.Record) bool {
	return t.Matching == 1 && slices.ContainsFunc(records, func(o dns.Record) bool {
		return usable(o.TLSA) && o.TLSA.Matching == 2 && o.TLSA.Usage == t.Usage && o.TLSA.Selector == t.Selector
	})
}

// sent is a chain, parsed as far as Go can. A certificate that it cannot read
// still has its octets and its key's.
type sent struct {
	der   [][]byte
	certs []*x509.Certificate // nil where it could not be read
}

func read(chain [][]byte) *sent {
	c := &sent{der: chain[:min(len(chain), maxChain)]}
	for _, der := range c.der {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			cert = nil
		}
		c.certs = append(c.certs, cert)
	}
	return c
}

func (c *sent) hold(t *dns.TLSA, s Shown) Outcome {
	none := Outcome{How: HowNone, Depth: -1}
	if len(c.der) == 0 {
		return none
	}
	if t.Usage == 3 {
		if selects(t, c.der[0]) {
			return Outcome{How: HowMatches} // dates, names and issuer do not count (RFC 7672 §3.1.1)
		}
		return none
	}
	best := none
	for _, a := range c.anchors(t) {
		if o := c.path(a, s); slices.Index(better, o.How) > slices.Index(better, best.How) {
			best = o
		}
	}
	return best
}

// anchors are the certificates that the record makes trusted, nil for one that
// could not be read: any sent but the leaf, unless that is its own issuer. A
// record that carries the whole certificate or key counts where nobody sent it
// (RFC 7671 §5.2.2, §5.2.3); of a key, what it signed is the anchor.
func (c *sent) anchors(t *dns.TLSA) []*x509.Certificate {
	var found []*x509.Certificate
	for i, der := range c.der {
		if (i > 0 || ownIssuer(c.certs[0])) && selects(t, der) {
			found = append(found, c.certs[i])
		}
	}
	if len(found) > 0 || t.Matching != 0 {
		return found
	}
	if t.Selector == 0 {
		if ca, err := x509.ParseCertificate(t.Data); err == nil && !bytes.Equal(t.Data, c.der[0]) {
			return []*x509.Certificate{ca}
		}
		return nil
	}
	key, err := x509.ParsePKIXPublicKey(t.Data)
	if err != nil {
		return nil
	}
	ca := &x509.Certificate{PublicKey: key}
	for _, cert := range c.certs {
		if cert != nil && ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil {
			found = append(found, cert)
		}
	}
	return found
}

// path judges the way from the leaf to the anchor (RFC 7671 §5.2).
func (c *sent) path(anchor *x509.Certificate, s Shown) Outcome {
	bad := Outcome{How: HowChain, Depth: -1}
	leaf := c.certs[0]
	if leaf == nil || anchor == nil {
		return bad
	}
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: s.At,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if s.At.IsZero() {
		opts.CurrentTime = leaf.NotBefore
	}
	opts.Roots.AddCert(anchor)
	for _, cert := range c.certs[1:] {
		if cert != nil {
			opts.Intermediates.AddCert(cert)
		}
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		if way := c.signed(leaf, anchor); way != nil && slices.ContainsFunc(way, func(x *x509.Certificate) bool {
			return opts.CurrentTime.Before(x.NotBefore) || opts.CurrentTime.After(x.NotAfter)
		}) {
			bad.How = HowDates
		}
		return bad
	}
	o := Outcome{How: HowMatches, Depth: len(chains[0]) - 1}
	for _, way := range chains[1:] {
		o.Depth = min(o.Depth, len(way)-1)
	}
	if len(s.Names) == 0 {
		return o
	}
	for _, n := range s.Names {
		if hasName(leaf, n) {
			o.Name = n
			return o
		}
	}
	return Outcome{How: HowName, Depth: -1}
}

// signed is a way of signatures from a certificate to the anchor, whatever the
// dates on it; nil without one. Each certificate is looked at once.
func (c *sent) signed(from, to *x509.Certificate) []*x509.Certificate {
	ways := [][]*x509.Certificate{{from}}
	left := append([]*x509.Certificate{to}, c.certs[1:]...)
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		last := way[len(way)-1]
		if last.Equal(to) {
			return way
		}
		for i, next := range left {
			if next != nil && bytes.Equal(last.RawIssuer, next.RawSubject) && last.CheckSignatureFrom(next) == nil {
				ways = append(ways, append(slices.Clone(way), next))
				left[i] = nil
			}
		}
	}
	return nil
}

// hasName: the leaf's names are those of its SAN; the common name counts where
// there is none (RFC 7672 §3.2.2, RFC 6125 §6.4.4).
func hasName(leaf *x509.Certificate, name dns.Name) bool {
	names := leaf.DNSNames
	if len(names) == 0 && len(leaf.EmailAddresses) == 0 && len(leaf.IPAddresses) == 0 {
		names = []string{leaf.Subject.CommonName}
	}
	host := strings.TrimSuffix(name.String(), ".")
	return (&x509.Certificate{DNSNames: names}).VerifyHostname(host) == nil
}

// ownIssuer: a self-signed leaf is a chain of one, and its own trust anchor.
func ownIssuer(cert *x509.Certificate) bool {
	return cert != nil && bytes.Equal(cert.RawIssuer, cert.RawSubject) &&
		cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// selects tells whether the record is made from this certificate.
func selects(t *dns.TLSA, der []byte) bool {
	data := der
	switch t.Selector {
	case 0:
	case 1:
		if data = keyOf(der); data == nil {
			return false
		}
	default:
		return false // nobody knows what it selects
	}
	return equals(t, data)
}

// equals compares as the matching type says (RFC 6698 §2.1.3).
func equals(t *dns.TLSA, data []byte) bool {
	switch t.Matching {
	case 0:
		return bytes.Equal(data, t.Data)
	case 1:
		sum := sha256.Sum256(data)
		return bytes.Equal(sum[:], t.Data)
	case 2:
		sum := sha512.Sum512(data)
		return bytes.Equal(sum[:], t.Data)
	}
	return false
}

// tbs is the head of a certificate as far as its key (RFC 5280 §4.1).
type tbs struct {
	Version                            int `asn1:"optional,explicit,default:0,tag:0"`
	Serial                             asn1.RawValue
	Algorithm                          asn1.RawValue
	Issuer, Validity, Subject, KeyInfo asn1.RawValue
}

// keyOf is the SubjectPublicKeyInfo of a certificate, also of one with a key or
// an extension that Go does not read; nil where there is none.
func keyOf(der []byte) []byte {
	var c struct {
		TBS       tbs
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &c); err != nil || len(rest) > 0 {
		return nil
	}
	return c.TBS.KeyInfo.FullBytes
}

// readable tells whether the data of a record without digest is what its
// selector says: a certificate, or a public key (RFC 6698 §2.1.4).
func readable(t *dns.TLSA) bool {
	if t.Selector == 0 {
		return keyOf(t.Data) != nil
	}
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(t.Data, &key)
	return err == nil && len(rest) == 0
}

// NamesRoot tells whether a record of usage 2 names a certificate of the chain
// that is its own issuer, or carries whole what nobody sent: that of a root CA,
// which does not change with a renewal.
func NamesRoot(t *dns.TLSA, chain [][]byte) bool {
	intermediate := false
	for _, der := range chain[:min(len(chain), maxChain)] {
		if selects(t, der) {
			if ownIssuer(read([][]byte{der}).certs[0]) {
				return true
			}
			intermediate = true
		}
	}
	return !intermediate
}
