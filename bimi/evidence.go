package bimi

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/fetch"
)

// Object identifiers of mark certificates.
var (
	oidLogotype = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 12} // RFC 9399
	oidMarkEKU  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 31} // id-kp-BrandIndicatorforMessageIdentification
	oidMarkType = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 53087, 1, 13}
	oidSCTs     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2} // RFC 6962 §3.3
	oidServer   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
)

// Bounds of what is parsed of one file, and of the names that are kept of one
// certificate.
const (
	maxCertificates = 10
	maxNames        = 100
)

// Evidence is the mark certificate that "a" names.
type Evidence struct {
	Fetch        *Fetch    `json:"fetch"`        // nil when HTTPS was not to be used
	Fault        string    `json:"fault"`        // why it cannot be used: "none", "der", "broken", "order"; "" otherwise
	Certificates int       `json:"certificates"` // in the file
	Subject      string    `json:"subject"`
	Issuer       string    `json:"issuer"`
	NotBefore    time.Time `json:"not_before"`
	NotAfter     time.Time `json:"not_after"`
	Names        []string  `json:"names"`     // SAN
	EKU          []string  `json:"eku"`       // object identifiers
	MarkType     string    `json:"mark_type"` // as the issuer wrote it
	Kind         string    `json:"kind"`      // "vmc", "cmc" or ""
	SCT          bool      `json:"sct"`       // it carries timestamps of certificate logs
	Trust        string    `json:"trust"`     // "trusted", "untrusted", or "" when no roots are known
	Detail       string    `json:"detail"`    // of an untrusted chain
	Logotype     string    `json:"logotype"`  // "ok", "missing", "no-svg", "hash"
	SVG          *SVG      `json:"svg"`       // the logo in it
	SameLogo     *bool     `json:"same_logo"` // as the file at "l"; nil when either is not known
	Covers       bool      `json:"covers"`    // a name of it covers the domain
	ValidAt      string    `json:"valid_at"`  // "yes", "expired", "soon" (less than 30 days left), "early"
}

func newEvidence() *Evidence { return &Evidence{Names: []string{}, EKU: []string{}} }

// read tells whether there is a certificate to judge.
func (e *Evidence) read() bool { return e.Fetch.ok() && e.Fault == "" }

func (e *Evidence) take(f *Fetch, names []dns.Name, o GatherOptions) {
	e.Fetch = f
	if !f.ok() {
		return
	}
	chain, fault := certificates(f.Body)
	e.Certificates = len(chain)
	if e.Fault = fault; fault != "" {
		return
	}
	leaf := chain[0]
	e.Subject, e.Issuer = clipped(leaf.Subject.String()), clipped(leaf.Issuer.String())
	e.NotBefore, e.NotAfter = leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	switch now := o.Now; {
	case now.After(leaf.NotAfter):
		e.ValidAt = "expired"
	case now.Before(leaf.NotBefore):
		e.ValidAt = "early"
	case now.AddDate(0, 0, 30).After(leaf.NotAfter):
		e.ValidAt = "soon"
	default:
		e.ValidAt = "yes"
	}
	for i, n := range leaf.DNSNames {
		if i < maxNames {
			e.Names = append(e.Names, clipped(n))
		}
		if slices.Contains(names, dns.FromPresentation(strings.ToLower(n))) {
			e.Covers = true
		}
	}
	e.EKU = usages(leaf)
	for _, attr := range leaf.Subject.Names {
		if s, ok := attr.Value.(string); ok && attr.Type.Equal(oidMarkType) {
			e.MarkType, e.Kind = clipped(s), kindOf(s)
		}
	}
	e.SCT = extension(leaf, oidSCTs) != nil
	e.logotype(leaf)
	e.trust(chain, o)
}

// kindOf tells a verified mark from a common one by the issuers' mark types.
func kindOf(markType string) string {
	switch strings.ToLower(strings.TrimSpace(markType)) {
	case "registered mark", "government mark":
		return "vmc"
	case "prior use mark", "modified registered mark":
		return "cmc"
	}
	return ""
}

// certificates reads a PEM file, leaf first.
func certificates(data []byte) (chain []*x509.Certificate, fault string) {
	if c, err := x509.ParseCertificate(data); err == nil && c != nil {
		return nil, "der"
	}
	for len(chain) < maxCertificates {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return chain, "broken"
		}
		chain = append(chain, c)
	}
	switch {
	case len(chain) == 0:
		return nil, "none"
	case chain[0].IsCA:
		return chain, "order"
	}
	return chain, ""
}

func usages(c *x509.Certificate) []string {
	list := []string{}
	for _, u := range c.UnknownExtKeyUsage {
		list = append(list, u.String())
	}
	if slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		list = append(list, oidServer.String())
	}
	return list
}

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

// trust judges the chain by the roots that the user named, at a moment when the
// leaf is valid: its time is told by itself.
func (e *Evidence) trust(chain []*x509.Certificate, o GatherOptions) {
	if o.MarkRoots == nil {
		return
	}
	leaf := chain[0]
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	// The logotype is critical in some and unknown to package x509.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, oidLogotype.Equal)
	at := o.Now
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	} else if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	e.Trust = "trusted"
	_, err := leaf.Verify(x509.VerifyOptions{Roots: o.MarkRoots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		e.Trust, e.Detail = "untrusted", fetch.Detail(err, 200)
	}
}

// logotype reads the logo in the certificate.
func (e *Evidence) logotype(leaf *x509.Certificate) {
	ext := extension(leaf, oidLogotype)
	if ext == nil {
		e.Logotype = "missing"
		return
	}
	images, err := subjectImages(ext)
	e.Logotype = "no-svg"
	if err != nil {
		return
	}
	for _, img := range images {
		data, ok := dataURI(img.URIs)
		if !ok {
			continue
		}
		svg, _, err := inflate(data)
		if err != nil {
			continue
		}
		e.SVG = parseSVG(svg)
		e.Logotype = "ok"
		if !img.matches(data) && !img.matches(svg) {
			e.Logotype = "hash"
		}
		return
	}
}

// dataURI decodes the first SVG among data: URIs (RFC 2397).
func dataURI(uris []string) ([]byte, bool) {
	for _, u := range uris {
		head, body, ok := strings.Cut(u, ",")
		lower := strings.ToLower(head)
		if !ok || !strings.HasPrefix(lower, "data:image/svg+xml") || !strings.HasSuffix(lower, ";base64") || len(body) > MaxEvidence {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(strings.TrimRight(body, " \r\n"))
		if err == nil {
			return data, true
		}
	}
	return nil, false
}

// image is one LogotypeDetails (RFC 9399).
type image struct {
	MediaType string `asn1:"ia5"`
	Hashes    []hashed
	URIs      []string
}

type hashed struct {
	Algorithm struct {
		OID    asn1.ObjectIdentifier
		Params asn1.RawValue `asn1:"optional"`
	}
	Value []byte
}

var hashOIDs = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
	"1.3.14.3.2.26": crypto.SHA1,
}

// matches tells whether one of the hashes is that of the data.
func (i *image) matches(data []byte) bool {
	for _, h := range i.Hashes {
		if alg, ok := hashOIDs[h.Algorithm.OID.String()]; ok && alg.Available() {
			sum := alg.New()
			sum.Write(data)
			if bytes.Equal(sum.Sum(nil), h.Value) {
				return true
			}
		}
	}
	return false
}

var errLogotype = errors.New("bimi: the logotype extension cannot be read")

// subjectImages finds the images of the subject's logo: LogotypeExtn is a
// sequence of tagged fields, the subject's logo number 2, in it the direct
// choice 0 with the list of images first.
func subjectImages(ext []byte) ([]image, error) {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(ext, &outer); err != nil || len(rest) > 0 || outer.Tag != asn1.TagSequence || outer.Class != asn1.ClassUniversal {
		return nil, errLogotype
	}
	subject, ok := tagged(outer.Bytes, 2)
	if !ok {
		return nil, errLogotype
	}
	direct, ok := tagged(subject, 0)
	if !ok {
		return nil, errLogotype
	}
	var list asn1.RawValue
	if _, err := asn1.Unmarshal(direct, &list); err != nil || list.Tag != asn1.TagSequence || list.Class != asn1.ClassUniversal {
		return nil, errLogotype
	}
	var images []image
	for rest := list.Bytes; len(rest) > 0 && len(images) < 8; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return images, errLogotype
		}
		var img image
		if _, err := asn1.Unmarshal(one.Bytes, &img); err == nil {
			images = append(images, img)
		}
	}
	return images, nil
}

// tagged is the content of the first context-specific field with that number.
func tagged(der []byte, tag int) ([]byte, bool) {
	for len(der) > 0 {
		var v asn1.RawValue
		var err error
		if der, err = asn1.Unmarshal(der, &v); err != nil {
			return nil, false
		}
		if v.Class == asn1.ClassContextSpecific && v.Tag == tag {
			return v.Bytes, true
		}
	}
	return nil, false
}
