package audit

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
)

// daneMatches tells whether every measured certificate of the host is one that
// its secure TLSA records name (RFC 7672 §3.1).
func daneMatches(f *Facts, h *starttls.Host) bool {
	for _, d := range f.DANE.Hosts {
		if d.Name != h.Name || d.Secure != "yes" || f.DANE.SecureMX != "yes" {
			continue
		}
		matched := false
		for _, s := range h.Sessions {
			if s.Port != 25 || s.Certificate == nil {
				continue
			}
			if !namedByTLSA(d.Lookup.Records(), s.Certificate.DER) {
				return false
			}
			matched = true
		}
		return matched
	}
	return false
}

// namedByTLSA tells whether one of the records names the leaf (usage 3) or an
// issuer that the server sent (usage 2). Usages 0 and 1 mean nothing to SMTP
// (RFC 7672 §3.1.3).
func namedByTLSA(records []dns.Record, chain [][]byte) bool {
	for _, rec := range records {
		t := rec.TLSA
		if t == nil {
			continue
		}
		for i, der := range chain {
			if (t.Usage == 3 && i == 0 || t.Usage == 2 && i > 0) && tlsaMatches(t, der) {
				return true
			}
		}
	}
	return false
}

func tlsaMatches(t *dns.TLSA, der []byte) bool {
	data := der
	if t.Selector == 1 {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		data = cert.RawSubjectPublicKeyInfo
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
