package audit

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"slices"

	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
)

// daneMatches tells whether the host is bound by secure TLSA records under a
// secure MX answer, and every measured certificate is one that they name
// (RFC 7672 §3.1); known is false where nobody could tell.
func daneMatches(f *Facts, h *starttls.Host) (matches, known bool) {
	d := daneHost(f, h.Name)
	if d == nil {
		return false, f.DANE.HostsUnknown == nil
	}
	bound, unsure := f.DANE.Bound(d)
	if !bound && unsure == nil || f.DANE.SecureMX == "no" {
		return false, true
	}
	if d.Lookup.Unknown() {
		return false, false
	}
	measured := false
	for _, s := range port25(h) {
		if s.Certificate == nil {
			continue
		}
		if !namedByTLSA(d.Lookup.Records(), s.Certificate.DER) {
			return false, true
		}
		measured = true
	}
	known = measured && bound && f.DANE.SecureMX == "yes"
	return known, known
}

func daneHost(f *Facts, name dns.Name) *dane.Host {
	for _, d := range f.DANE.Hosts {
		if d.Name == name {
			return d
		}
	}
	return nil
}

func port25(h *starttls.Host) []*starttls.Session {
	var out []*starttls.Session
	for _, s := range h.Sessions {
		if s.Port == 25 {
			out = append(out, s)
		}
	}
	return out
}

// namedByTLSA tells whether one of the records names the leaf (usage 3) or an
// issuer that the server sent (usage 2). Usages 0 and 1 mean nothing to SMTP
// (RFC 7672 §3.1.3). Senders look at the strongest digest alone (RFC 7671 §9).
func namedByTLSA(records []dns.Record, chain [][]byte) bool {
	return namedByAny(strongest(records), chain)
}

// strongest leaves out what a stronger digest of the same usage and selector
// silences; a record without digest always counts.
func strongest(records []dns.Record) []dns.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r dns.Record) bool {
		return r.TLSA != nil && r.TLSA.Matching == 1 && slices.ContainsFunc(records, func(o dns.Record) bool {
			return o.TLSA != nil && o.TLSA.Matching == 2 && o.TLSA.Usage == r.TLSA.Usage && o.TLSA.Selector == r.TLSA.Selector
		})
	})
}

func namedByAny(records []dns.Record, chain [][]byte) bool {
	for _, rec := range records {
		if rec.TLSA != nil && named(rec.TLSA, chain) {
			return true
		}
	}
	return false
}

func named(t *dns.TLSA, chain [][]byte) bool {
	for i, der := range chain {
		if (t.Usage == 3 && i == 0 || t.Usage == 2 && (i > 0 || ownIssuer(der))) && tlsaMatches(t, der) {
			return true
		}
	}
	return t.Usage == 2 && t.Matching == 0 && signedBy(t, chain)
}

// ownIssuer: a self-signed leaf is a chain of one, and its own trust anchor.
func ownIssuer(der []byte) bool {
	cert, err := x509.ParseCertificate(der)
	return err == nil && bytes.Equal(cert.RawIssuer, cert.RawSubject) &&
		cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// signedBy tells whether a record that carries the whole certificate or key of
// a CA signed one of those sent: then the server need not send it (RFC 7671 §5.2.2).
func signedBy(t *dns.TLSA, chain [][]byte) bool {
	ca := &x509.Certificate{}
	var err error
	if t.Selector == 0 {
		ca, err = x509.ParseCertificate(t.Data)
	} else {
		ca.PublicKey, err = x509.ParsePKIXPublicKey(t.Data)
	}
	if err != nil {
		return false
	}
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err == nil && ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil {
			return true
		}
	}
	return false
}

func tlsaMatches(t *dns.TLSA, der []byte) bool {
	data := der
	switch t.Selector {
	case 0:
	case 1:
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		data = cert.RawSubjectPublicKeyInfo
	default:
		return false // nobody knows what it selects
	}
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
