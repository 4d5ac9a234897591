package starttls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"strings"
)

// renegotiate asks once, inside a session of TLS 1.2, for another handshake. A
// server that begins one lets clients have it work at will; it is left there.
//
// crypto/tls does not ask for that, so the request is put under the session's
// keys here, which it logs.
func (d *deeper) renegotiate() {
	inside, begun := false, false
	d.connect(kindRenegotiation, nil, func(s *session) error {
		tap, keys := &tapConn{Conn: s.raw}, &bytes.Buffer{}
		c := tls.Client(tap, &tls.Config{
			ServerName: s.out.Host.String(), InsecureSkipVerify: true, // nothing is said inside
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, KeyLogWriter: keys,
			CipherSuites: []uint16{
				tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
				tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			},
		})
		if err := c.HandshakeContext(s.ctx); err != nil {
			return err
		}
		cs := c.ConnectionState()
		h := d.hello()
		h.finished = cs.TLSUnique // of the client's Finished: RFC 5746 §3.4
		request, err := sealNext(tap.seen.Bytes(), cs.CipherSuite, keys.String(), h.bytes()[5:])
		if err != nil {
			return err
		}
		if _, err := s.raw.Write(request); err != nil {
			return err
		}
		inside = true
		for range maxReplyLines {
			kind, _, err := readRecord(s.raw)
			switch {
			case err != nil:
				return err
			case kind == 22: // a handshake message: the server goes along
				begun = true
				return nil
			case kind == 21:
				return errNoRenegotiation
			}
		}
		return errNotTLS
	}, func(t *Handshake) {
		switch {
		case begun:
			t.Result, t.Detail, t.Version = accepted, "", "TLS 1.2"
		case !inside:
			t.Result = untold // the first handshake failed: that says nothing of a second
		case t.Detail == errNoRenegotiation.Error():
			t.Result = refused
		}
	})
}

var errNoRenegotiation = errors.New("an alert")

// sealNext puts a handshake message under the client's keys, as the first record
// after its Finished. received are the records that came so far, from the
// ServerHello on. RFC 5246 §6.3, RFC 5288 §3.
func sealNext(received []byte, suite uint16, keyLog string, msg []byte) ([]byte, error) {
	const random = 5 + 4 + 2 // record, message, version
	fields := strings.Fields(keyLog)
	if len(fields) != 3 || fields[0] != "CLIENT_RANDOM" || len(received) < random+32 || received[0] != 22 || received[5] != 2 {
		return nil, errors.New("no key of the session")
	}
	client, err := hex.DecodeString(fields[1])
	if err != nil {
		return nil, err
	}
	master, err := hex.DecodeString(fields[2])
	if err != nil {
		return nil, err
	}
	newHash, size := sha256.New, 16
	if strings.HasSuffix(suiteName(suite), "AES_256_GCM_SHA384") {
		newHash, size = sha512.New384, 32
	}
	// Two keys and two salts of 4 octets; no MAC keys.
	block := prf12(newHash, master, "key expansion", append(bytes.Clone(received[random:random+32]), client...), 2*size+8)
	key, salt := block[:size], block[2*size:2*size+4]
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(b)
	if err != nil {
		return nil, err
	}
	seq := binary.BigEndian.AppendUint64(nil, 1) // Finished was 0
	head := append(bytes.Clone(seq), 22, 3, 3, byte(len(msg)>>8), byte(len(msg)))
	body := aead.Seal(bytes.Clone(seq), append(bytes.Clone(salt), seq...), msg, head)
	return appendVec16([]byte{22, 3, 3}, body), nil
}

// prf12 is the PRF of TLS 1.2 (RFC 5246 §5).
func prf12(newHash func() hash.Hash, secret []byte, label string, seed []byte, size int) []byte {
	mac := func(parts ...[]byte) []byte {
		h := hmac.New(newHash, secret)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	var out []byte
	for a := mac(seed); len(out) < size; a = mac(a) {
		out = append(out, mac(a, seed)...)
	}
	return out[:size]
}
