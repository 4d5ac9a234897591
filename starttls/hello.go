package starttls

import (
	"crypto/rand"
	"encoding/binary"
)

// Versions on the wire.
const (
	verSSL2  = 0x0002
	verSSL3  = 0x0300
	verTLS10 = 0x0301
	verTLS11 = 0x0302
	verTLS12 = 0x0303
	verTLS13 = 0x0304
)

var versionNames = map[uint16]string{
	verSSL2: "SSL 2.0", verSSL3: "SSL 3.0", verTLS10: "TLS 1.0", verTLS11: "TLS 1.1", verTLS12: "TLS 1.2", verTLS13: "TLS 1.3",
}

// Numbers of the extensions that a hello carries or an answer is searched for.
const (
	extServerName    = 0
	extStatus        = 5
	extGroups        = 10
	extPointFormats  = 11
	extSignatures    = 13
	extEMS           = 23 // RFC 7627
	extVersions      = 43
	extRenegotiation = 0xff01 // RFC 5746
)

// Curves and groups of ordinary clients, and those under 224 bits.
var (
	usualGroups = []uint16{29, 23, 24, 25}
	weakGroups  = []uint16{1, 2, 3, 4, 5, 15, 16, 17, 18, 19}
)

// Signature schemes: of ordinary clients, by key type, and those with SHA-1.
var (
	rsaSchemes   = []uint16{0x0804, 0x0401, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201}
	ecdsaSchemes = []uint16{0x0403, 0x0503, 0x0603, 0x0807, 0x0203}
	sha1Schemes  = []uint16{0x0201, 0x0203}
)

// rawHello is a first message that crypto/tls does not send: of withdrawn
// versions, with weak suites, or without what every client has by now.
type rawHello struct {
	version  uint16 // the newest offered, TLS 1.2 at most
	suites   []uint16
	groups   []uint16
	schemes  []uint16 // of signatures; TLS 1.2 only
	name     string   // server name; "" leaves it out
	compress bool     // DEFLATE is offered too
	finished []byte   // in a session: the client's Finished that began it (RFC 5746)
}

// bytes is the hello as one record. The record itself says TLS 1.0, as all
// clients do for the sake of old servers (RFC 5246 appendix E.1).
func (h rawHello) bytes() []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, h.version)
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails, crypto/rand says
	b = append(b, random...)
	b = append(b, 0) // no session to resume
	suites := h.suites
	if h.version == verSSL3 {
		suites = append(suites[:len(suites):len(suites)], 0x00ff) // RFC 5746 §3.3: SSL 3.0 knows no extensions
	}
	b = appendList16(b, suites)
	if h.compress {
		b = append(b, 2, 1, 0)
	} else {
		b = append(b, 1, 0)
	}
	if h.version > verSSL3 {
		b = appendVec16(b, h.extensions())
	}
	msg := append([]byte{1, byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b...)
	record := uint16(verTLS10)
	if h.version == verSSL3 {
		record = verSSL3
	}
	out := append([]byte{22}, byte(record>>8), byte(record))
	return appendVec16(out, msg)
}

func (h rawHello) extensions() []byte {
	var e []byte
	add := func(number uint16, body []byte) {
		e = binary.BigEndian.AppendUint16(e, number)
		e = appendVec16(e, body)
	}
	if h.name != "" {
		add(extServerName, appendVec16(nil, appendVec16([]byte{0}, []byte(h.name))))
	}
	add(extEMS, nil)
	add(extRenegotiation, append([]byte{byte(len(h.finished))}, h.finished...))
	if len(h.groups) > 0 {
		add(extGroups, appendList16(nil, h.groups))
		add(extPointFormats, []byte{1, 0})
	}
	if h.version == verTLS12 && len(h.schemes) > 0 {
		add(extSignatures, appendList16(nil, h.schemes))
	}
	return e
}

// sslv2Hello is the first message of SSL 2.0 with all of its cipher kinds: RC4,
// RC2, IDEA, DES and 3DES, export forms too.
func sslv2Hello() []byte {
	kinds := []byte{
		0x01, 0x00, 0x80, 0x02, 0x00, 0x80, 0x03, 0x00, 0x80, 0x04, 0x00, 0x80,
		0x05, 0x00, 0x80, 0x06, 0x00, 0x40, 0x07, 0x00, 0xc0,
	}
	challenge := make([]byte, 16)
	_, _ = rand.Read(challenge)
	b := []byte{1, verSSL2 >> 8, verSSL2 & 0xff}
	b = binary.BigEndian.AppendUint16(b, uint16(len(kinds)))
	b = binary.BigEndian.AppendUint16(b, 0) // no session to resume
	b = binary.BigEndian.AppendUint16(b, uint16(len(challenge)))
	b = append(append(b, kinds...), challenge...)
	return append([]byte{0x80 | byte(len(b)>>8), byte(len(b))}, b...)
}

// appendVec16 adds a vector with a length of two octets.
func appendVec16(b, body []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

func appendList16(b []byte, list []uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(list)))
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}
