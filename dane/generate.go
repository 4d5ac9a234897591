package dane

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Association is one TLSA record to publish (RFC 6698 §2.1), always with a
// SHA-256 digest: SHA-512 gains nothing, and beside SHA-256 it would silence it
// (RFC 7671 §9).
type Association struct {
	Usage    uint8 // 3: this key or certificate; 2: a CA that the server sends
	Selector uint8 // 1: the public key; 0: the whole certificate
	Digest   [sha256.Size]byte
}

// String is the record's data in presentation form.
func (a Association) String() string {
	return fmt.Sprintf("%d %d 1 %s", a.Usage, a.Selector, hex.EncodeToString(a.Digest[:]))
}

// Owner is where the record of a service stands (RFC 6698 §3).
func Owner(host dns.Name, port uint16) dns.Name {
	return host.Child(fmt.Sprintf("_%d._tcp", port))
}

// errNothing is the refusal of a file without anything to name.
var errNothing = &check.GenProblem{ID: "gen-tlsa-empty", Severity: check.Error}

// FromKey names the public key in data: of a certificate, a private or public
// key or a certificate request, in PEM or DER. The first one in the file counts,
// as servers keep the leaf first. Its errors never repeat the input.
func FromKey(data []byte) (Association, error) {
	spki, err := publicKey(data)
	if err != nil {
		return Association{}, err
	}
	return Association{Usage: 3, Selector: 1, Digest: sha256.Sum256(spki)}, nil
}

// OfLeaf names the key of a certificate that a server sent, in DER.
func OfLeaf(der []byte) (Association, error) {
	key := keyOf(der)
	if key == nil {
		return Association{}, errors.New("dane: the certificate could not be read")
	}
	return Association{Usage: 3, Selector: 1, Digest: sha256.Sum256(key)}, nil
}

// FromCertificate names the first certificate in data as a whole: it must be
// changed with each renewal (rule dane-cert-selector).
func FromCertificate(data []byte) (Association, error) {
	cert, err := certificate(data)
	if err != nil {
		return Association{}, err
	}
	return Association{Usage: 3, Selector: 0, Digest: sha256.Sum256(cert.Raw)}, nil
}

// FromCA names the key of a CA that the server sends with its certificate
// (RFC 7671 §5.2). A certificate that is no CA is an error.
func FromCA(data []byte) (Association, error) {
	cert, err := certificate(data)
	if err != nil {
		return Association{}, err
	}
	if !cert.IsCA {
		return Association{}, errors.New("dane: the certificate is not that of a CA")
	}
	return Association{Usage: 2, Selector: 1, Digest: sha256.Sum256(cert.RawSubjectPublicKeyInfo)}, nil
}

// certificate is the first one in PEM or DER.
func certificate(data []byte) (*x509.Certificate, error) {
	der := data
	if isPEM(data) {
		if der = block(data, "CERTIFICATE"); der == nil {
			return nil, errors.New("dane: there is no certificate in the file")
		}
	}
	if len(bytes.TrimSpace(der)) == 0 {
		return nil, errNothing
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("dane: the certificate could not be read")
	}
	return cert, nil
}

func isPEM(data []byte) bool { return bytes.Contains(data, []byte("-----BEGIN ")) }

// block is the first block of one of the types, nil without any.
func block(data []byte, types ...string) []byte {
	for {
		b, rest := pem.Decode(data)
		if b == nil {
			return nil
		}
		for _, t := range types {
			if b.Type == t {
				return b.Bytes
			}
		}
		data = rest
	}
}

// publicKey is the SubjectPublicKeyInfo of whatever holds a key.
func publicKey(data []byte) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errNothing
	}
	if !isPEM(data) {
		for _, read := range []func([]byte) ([]byte, error){spkiOfCertificate, spkiOfRequest, spkiOfPublic, spkiOfPrivate} {
			if spki, err := read(data); err == nil {
				return spki, nil
			}
		}
		return nil, errors.New("dane: neither a certificate nor a key, in PEM or DER")
	}
	for _, kind := range []struct {
		types []string
		read  func([]byte) ([]byte, error)
	}{
		{[]string{"CERTIFICATE"}, spkiOfCertificate},
		{[]string{"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}, spkiOfRequest},
		{[]string{"PUBLIC KEY"}, spkiOfPublic},
		{[]string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"}, spkiOfPrivate},
	} {
		der := block(data, kind.types...)
		if der == nil {
			continue
		}
		spki, err := kind.read(der)
		if err != nil {
			return nil, fmt.Errorf("dane: the %s could not be read", map[bool]string{true: "certificate", false: "key"}[kind.types[0] == "CERTIFICATE"])
		}
		return spki, nil
	}
	if block(data, "ENCRYPTED PRIVATE KEY") != nil {
		return nil, errors.New("dane: the private key is encrypted; give its certificate or public key")
	}
	return nil, errNothing
}

func spkiOfCertificate(der []byte) ([]byte, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return cert.RawSubjectPublicKeyInfo, nil
}

func spkiOfRequest(der []byte) ([]byte, error) {
	req, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, err
	}
	return req.RawSubjectPublicKeyInfo, req.CheckSignature()
}

func spkiOfPublic(der []byte) ([]byte, error) {
	_, err := x509.ParsePKIXPublicKey(der)
	return der, err
}

func spkiOfPrivate(der []byte) ([]byte, error) {
	var key any
	var err error
	for _, read := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(b []byte) (any, error) { return x509.ParsePKCS1PrivateKey(b) },
		func(b []byte) (any, error) { return x509.ParseECPrivateKey(b) },
	} {
		if key, err = read(der); err == nil {
			break
		}
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("dane: the private key could not be read")
	}
	return x509.MarshalPKIXPublicKey(signer.Public())
}

// Live is what DNS says that bears on new records for the host.
func (h *Host) Live(f *Facts, records []Association) []check.GenProblem {
	params := check.Params{"Host": h.Name.String()}
	var list []check.GenProblem
	switch {
	case h.SecureAddress == "no" && (h.A.Found() || h.AAAA.Found()):
		list = append(list, check.GenProblem{ID: "gen-tlsa-unsigned", Severity: check.Error, Params: params})
	case h.SecureAddress != "yes":
		list = append(list, check.GenProblem{ID: "gen-tlsa-unsigned", Severity: check.Warning, Variant: "unknown",
			Params: check.Params{"Host": h.Name.String(), "Cause": check.CauseOf(f.unsureAddress(h))}})
	}
	if f.MX.Found() && !h.among(f.MX.Records()) {
		list = append(list, check.GenProblem{ID: "gen-tlsa-not-mx", Severity: check.Warning,
			Params: check.Params{"Host": h.Name.String(), "Domain": f.Domain.String()}})
	}
	for _, rec := range h.Lookup.Records() {
		if rec.TLSA == nil || rec.TLSA.Matching != 2 {
			continue
		}
		for _, a := range records {
			if a.Usage == rec.TLSA.Usage && a.Selector == rec.TLSA.Selector {
				list = append(list, check.GenProblem{ID: "gen-tlsa-agility", Severity: check.Warning, Params: check.Params{
					"Host": h.Name.String(), "Old": fmt.Sprintf("%d %d 2", a.Usage, a.Selector)}})
			}
		}
	}
	return list
}

func (h *Host) among(mx []dns.Record) bool {
	for _, rec := range mx {
		if rec.Host == h.Name {
			return true
		}
	}
	return false
}
