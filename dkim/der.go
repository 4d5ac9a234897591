package dkim

import (
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"math/bits"
	"strings"
)

// The DER reader is our own because the standard library stops at the first
// irregularity, and an audit has to name it. It allocates nothing for what a
// record claims, only for what is there.

const (
	derInteger   = 0x02
	derBitString = 0x03
	derOctets    = 0x04
	derNull      = 0x05
	derOID       = 0x06
	derSequence  = 0x30
	derContext0  = 0xA0
)

// maxAnnounced stands for every longer length: no record holds so much.
const maxAnnounced = 1 << 30

// tlv is one tag-length-value.
type tlv struct {
	tag  byte
	body []byte
	raw  []byte // with its header
}

// form is what a structure turned out to be.
type form string

const (
	formSPKI        form = "SubjectPublicKeyInfo"
	formPKCS1       form = "RSAPublicKey"
	formPrivate     form = "private key"
	formCertificate form = "certificate"
	formRequest     form = "certificate request"
	formOther       form = ""
)

// structure is what the octets of "p" hold.
type structure struct {
	form      form
	declared  int      // octets the outer header announces, header included
	present   int      // octets there are
	irregular []string // breaches of DER, in the order found
	oid       string   // of the algorithm, dotted
	spki      []byte   // of a certificate or request: the key in it
	modulus   []byte   // unsigned, without leading zeros
	exponent  []byte
}

func (s *structure) truncated() bool { return s.declared > s.present }
func (s *structure) trailing() int   { return max(0, s.present-s.declared) }

func (s *structure) note(what string) {
	for _, have := range s.irregular {
		if have == what {
			return
		}
	}
	s.irregular = append(s.irregular, what)
}

// readTLV reads the value at the start of b. What is cut short is clamped, and
// declared then exceeds len(b).
func (s *structure) readTLV(b []byte) (t tlv, declared int, ok bool) {
	if len(b) < 2 {
		return tlv{}, 0, false
	}
	head, n := 2, int(b[1])
	switch {
	case b[1] == 0x80:
		// X.690 §10.1: DER has definite lengths only.
		s.note("indefinite length")
		body, _ := strings.CutSuffix(string(b[2:]), "\x00\x00")
		return tlv{tag: b[0], body: b[2 : 2+len(body)], raw: b}, len(b), true
	case b[1] > 0x80:
		octets := int(b[1] & 0x7F)
		if octets > 4 || len(b) < 2+octets {
			return tlv{}, 0, false
		}
		announced := uint32(0)
		for _, c := range b[2 : 2+octets] {
			announced = announced<<8 | uint32(c)
		}
		n = int(min(announced, maxAnnounced)) // an int may have 32 bits
		if n < 0x80 || b[2] == 0 {
			s.note("length not in its shortest form")
		}
		head += octets
	}
	end := min(len(b), head+n)
	return tlv{tag: b[0], body: b[head:end], raw: b[:end]}, head + n, true
}

// children reads the values in a constructed one, at most 16.
func (s *structure) children(b []byte) []tlv {
	var list []tlv
	for len(b) > 0 && len(list) < 16 {
		t, _, ok := s.readTLV(b)
		if !ok {
			break
		}
		list = append(list, t)
		b = b[len(t.raw):]
	}
	return list
}

// inspect tells what structure the octets hold; false where they are no DER at all.
func inspect(data []byte) (*structure, bool) {
	s := &structure{present: len(data)}
	outer, declared, ok := s.readTLV(data)
	if !ok || outer.tag != derSequence {
		return nil, false
	}
	s.declared = declared
	kids := s.children(outer.body)
	switch {
	case isPrivate(kids, s):
		s.form = formPrivate
	case tagsAre(kids, derInteger, derInteger) && len(kids) == 2:
		s.form = formPKCS1
		s.readRSA(kids)
	case tagsAre(kids, derSequence, derBitString) && s.algorithm(kids[0]):
		s.form = formSPKI
		s.readSPKI(kids)
	case tagsAre(kids, derSequence, derSequence, derBitString):
		s.readCertificate(kids[0])
	}
	return s, true
}

func tagsAre(kids []tlv, tags ...byte) bool {
	if len(kids) < len(tags) {
		return false
	}
	for i, t := range tags {
		if kids[i].tag != t {
			return false
		}
	}
	return true
}

// isPrivate knows PKCS#8, PKCS#1, SEC 1 and encrypted PKCS#8, cut short or whole.
func isPrivate(kids []tlv, s *structure) bool {
	scratch := &structure{}
	switch {
	case tagsAre(kids, derInteger, derSequence, derOctets):
		return true // PrivateKeyInfo, RFC 5208 §5
	case tagsAre(kids, derInteger, derInteger, derInteger, derInteger):
		return len(kids[0].body) == 1 && kids[0].body[0] <= 1 // RSAPrivateKey, RFC 8017 §A.1.2
	case tagsAre(kids, derInteger, derOctets):
		return true // ECPrivateKey, RFC 5915 §3
	case tagsAre(kids, derSequence, derOctets) && len(kids) == 2:
		return scratch.algorithm(kids[0]) // EncryptedPrivateKeyInfo, RFC 5208 §6
	}
	return false
}

// algorithm reads an AlgorithmIdentifier.
func (s *structure) algorithm(seq tlv) bool {
	kids := s.children(seq.body)
	if len(kids) == 0 || kids[0].tag != derOID {
		return false
	}
	s.oid = oidString(kids[0].body)
	if s.oid == oidRSA && (len(kids) < 2 || kids[1].tag != derNull || len(kids[1].body) != 0) {
		s.note("NULL parameters missing") // RFC 3279 §2.3.1
	}
	return true
}

func (s *structure) readSPKI(kids []tlv) {
	if s.oid != oidRSA || len(kids[1].body) < 1 {
		return
	}
	if kids[1].body[0] != 0 {
		s.note("bit string with unused bits")
	}
	inner, declared, ok := s.readTLV(kids[1].body[1:])
	if !ok || inner.tag != derSequence {
		return
	}
	if declared != len(kids[1].body)-1 && !s.truncated() {
		s.note("length of the inner key does not fit")
	}
	s.readRSA(s.children(inner.body))
}

// readRSA reads modulus and exponent (RFC 8017 §A.1.1).
func (s *structure) readRSA(kids []tlv) {
	if !tagsAre(kids, derInteger, derInteger) {
		return
	}
	s.modulus, s.exponent = s.integer(kids[0].body), s.integer(kids[1].body)
}

// integer gives the octets of an integer, read as unsigned.
func (s *structure) integer(b []byte) []byte {
	switch {
	case len(b) == 0:
		s.note("integer without octets")
	case b[0] >= 0x80:
		s.note("negative integer")
	case len(b) > 1 && b[0] == 0 && b[1] < 0x80:
		s.note("integer not in its shortest form")
	}
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// readCertificate finds the public key in the first part of a certificate or request.
func (s *structure) readCertificate(tbs tlv) {
	scratch := &structure{}
	kids := scratch.children(tbs.body)
	if len(kids) < 3 || kids[0].tag != derContext0 && kids[0].tag != derInteger {
		return
	}
	s.form = formCertificate
	if len(kids) <= 4 {
		s.form = formRequest // RFC 2986 §4.1: version, subject, key, attributes
	}
	for _, k := range kids {
		if parts := scratch.children(k.body); k.tag == derSequence && len(parts) == 2 &&
			tagsAre(parts, derSequence, derBitString) && scratch.algorithm(parts[0]) {
			s.spki = k.raw
		}
	}
}

const (
	oidRSA     = "1.2.840.113549.1.1.1"
	oidEd25519 = "1.3.101.112"
)

// oidNames are the algorithms that turn up in "p" by mistake.
var oidNames = map[string]string{
	oidRSA: "rsaEncryption", "1.2.840.113549.1.1.10": "id-RSASSA-PSS", "1.2.840.113549.1.1.7": "id-RSAES-OAEP",
	"1.2.840.10045.2.1": "id-ecPublicKey", "1.2.840.10040.4.1": "id-dsa", "1.2.840.10046.2.1": "dhpublicnumber",
	"1.3.101.110": "id-X25519", "1.3.101.111": "id-X448", oidEd25519: "id-Ed25519", "1.3.101.113": "id-Ed448",
}

func oidName(oid string) string {
	if n, ok := oidNames[oid]; ok {
		return n
	}
	return oid
}

// oidString prints the content octets of an object identifier, at most 16 arcs.
func oidString(b []byte) string {
	var arcs []string
	n := uint64(0)
	for _, c := range b {
		if n > 1<<56 || len(arcs) >= 16 {
			return "?"
		}
		n = n<<7 | uint64(c&0x7F)
		if c&0x80 != 0 {
			continue
		}
		if arcs == nil {
			first := min(n/40, 2)
			arcs = append(arcs, fmt.Sprint(first))
			n -= 40 * first
		}
		arcs = append(arcs, fmt.Sprint(n))
		n = 0
	}
	return strings.Join(arcs, ".")
}

func bitLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return 8*len(b) - bits.LeadingZeros8(b[0])
}

// encodeSPKI is the canonical form of an RSA key in base64, "" where it cannot be made.
func encodeSPKI(n, e *big.Int) string {
	if n == nil || e == nil {
		return ""
	}
	inner, err := asn1.Marshal(struct{ N, E *big.Int }{n, e})
	if err != nil {
		return ""
	}
	type algorithm struct {
		OID  asn1.ObjectIdentifier
		Null asn1.RawValue
	}
	outer, err := asn1.Marshal(struct {
		Algorithm algorithm
		Key       asn1.BitString
	}{
		algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.NullRawValue},
		asn1.BitString{Bytes: inner, BitLength: 8 * len(inner)},
	})
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(outer)
}
