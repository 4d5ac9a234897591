package starttls

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// What is read of an answer to a raw hello at most.
const (
	maxHandshake = 128 << 10 // octets of handshake messages
	maxRecords   = 512       // empty ones cost nothing to send
	maxRecord    = 1<<14 + 2048
	maxCertBytes = 64 << 10 // of one certificate
)

var (
	errNotTLS       = errors.New("the answer to the hello is not TLS")
	errLongFlight   = errors.New("the server sent more than 128 KiB of handshake")
	errBadHandshake = errors.New("a handshake message is malformed")
)

// alertError is the server's refusal (RFC 5246 §7.2).
type alertError struct{ level, code byte }

var alertNames = map[byte]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
	42: "bad_certificate", 43: "unsupported_certificate", 47: "illegal_parameter", 49: "access_denied", 50: "decode_error",
	51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response", 120: "no_application_protocol",
}

func (a alertError) Error() string {
	if name := alertNames[a.code]; name != "" {
		return "alert " + name
	}
	return fmt.Sprintf("alert %d", a.code)
}

// flight is what a server answers to a raw hello, up to its last message of
// TLS 1.2 and older. Fields are filled as far as the server came.
type flight struct {
	version     uint16 // 0: no ServerHello
	suite       uint16
	compression byte
	ems         bool // RFC 7627
	secureReneg bool // RFC 5746
	chain       [][]byte
	curve       uint16 // of ECDHE; 0 none
	oddCurve    bool   // a curve that has no number
	dhBits      int    // size of the DHE prime; 0 none
	scheme      uint16 // of the server's signature, TLS 1.2
	done        bool   // ServerHelloDone
}

// readFlight reads the answer to a raw hello. Whatever was understood until an
// error is in the flight.
func readFlight(r io.Reader) (*flight, error) {
	f := &flight{}
	var pending []byte // handshake octets that make no whole message yet
	total := 0
	for range maxRecords {
		kind, body, err := readRecord(r)
		if err != nil {
			return f, err
		}
		switch kind {
		case 21: // alert
			// A warning, as unrecognized_name, does not end the handshake (RFC 6066 §3).
			if len(body) == 2 && body[0] == 1 && body[1] != 0 {
				continue
			}
			if len(body) < 2 {
				return f, errBadHandshake
			}
			return f, alertError{body[0], body[1]}
		case 22:
		default:
			return f, errNotTLS
		}
		if total += len(body); total > maxHandshake {
			return f, errLongFlight
		}
		pending = append(pending, body...)
		for len(pending) >= 4 {
			n := int(pending[1])<<16 | int(pending[2])<<8 | int(pending[3])
			if n > maxHandshake {
				return f, errLongFlight
			}
			if len(pending) < 4+n {
				break
			}
			if err := f.message(pending[0], pending[4:4+n]); err != nil {
				return f, err
			}
			if f.done {
				return f, nil
			}
			pending = pending[4+n:]
		}
	}
	return f, errLongFlight
}

func readRecord(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(head[3:]))
	if head[1] != 3 || n > maxRecord {
		return 0, nil, errNotTLS
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

// message takes one handshake message in.
func (f *flight) message(kind byte, body []byte) error {
	c := &cursor{b: body}
	switch kind {
	case 2:
		if f.version != 0 {
			return errBadHandshake
		}
		f.serverHello(c)
	case 11:
		f.certificates(c)
	case 12:
		f.keyExchange(c)
		return nil // a form that is not known is no fault
	case 14:
		f.done = true
	}
	if c.bad || f.version == 0 {
		return errBadHandshake
	}
	return nil
}

func (f *flight) serverHello(c *cursor) {
	version := c.u16()
	c.take(32)
	c.take(int(c.u8()))
	suite := c.u16()
	compression := c.u8()
	if len(c.b) > 0 {
		ext := &cursor{b: c.take(int(c.u16()))}
		for len(ext.b) > 0 && !ext.bad {
			number := ext.u16()
			body := ext.take(int(ext.u16()))
			switch number {
			case extEMS:
				f.ems = true
			case extRenegotiation:
				f.secureReneg = true
			case extVersions:
				if len(body) == 2 {
					version = binary.BigEndian.Uint16(body)
				}
			}
		}
		c.bad = c.bad || ext.bad
	}
	if c.bad {
		return
	}
	f.version, f.suite, f.compression = version, suite, compression
	f.done = version == verTLS13 // the rest is encrypted
}

func (f *flight) certificates(c *cursor) {
	list := &cursor{b: c.take(c.u24())}
	for len(list.b) > 0 && !list.bad && len(f.chain) <= maxChain {
		der := list.take(list.u24())
		if len(der) > maxCertBytes {
			c.bad = true
			return
		}
		f.chain = append(f.chain, der)
	}
	c.bad = c.bad || list.bad
}

// keyExchange reads the group of an ephemeral key exchange and the scheme of
// the signature over it (RFC 5246 §7.4.3, RFC 8422 §5.4).
func (f *flight) keyExchange(c *cursor) {
	name := suiteName(f.suite)
	switch {
	case keyExchangeOf(name) == "ecdhe":
		if c.u8() != 3 { // named_curve
			f.oddCurve = !c.bad
			return
		}
		curve := c.u16()
		c.take(int(c.u8()))
		if c.bad {
			return
		}
		f.curve = curve
	case keyExchangeOf(name) == "dhe":
		prime := c.take(int(c.u16()))
		c.take(int(c.u16()))
		c.take(int(c.u16()))
		if c.bad {
			return
		}
		f.dhBits = new(big.Int).SetBytes(prime).BitLen()
	default:
		return
	}
	if f.version == verTLS12 && classOf(name) != ClassAnon {
		if scheme := c.u16(); !c.bad {
			f.scheme = scheme
		}
	}
}

// cursor takes fields off a message; what is not there makes it bad.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u24() int {
	if b := c.take(3); b != nil {
		return int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	}
	return 0
}

// readSSLv2 tells whether the server answers a hello of SSL 2.0 in kind: with a
// SERVER-HELLO, message 4, that names version 2.
func readSSLv2(r io.Reader) (bool, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return false, err
	}
	n := int(head[0]&0x7f)<<8 | int(head[1])
	if head[0]&0x80 == 0 { // a padded record of SSL 2.0, or a record of TLS
		rest := make([]byte, 5)
		if _, err := io.ReadFull(r, rest); err != nil {
			return false, err
		}
		if head[0] == 21 && head[1] == 3 {
			return false, alertError{rest[3], rest[4]}
		}
		return false, errNotTLS
	}
	if n < 11 || n > maxRecord {
		return false, errNotTLS
	}
	body := make([]byte, 5)
	if _, err := io.ReadFull(r, body); err != nil {
		return false, err
	}
	return body[0] == 4 && body[3] == 0 && body[4] == 2, nil
}
