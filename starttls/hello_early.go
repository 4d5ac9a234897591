package starttls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"net"
	"strings"
)

// earlyData makes a session of TLS 1.3 and looks into the tickets that the
// server hands out: how many octets of early data they allow (RFC 8446 §4.6.1).
// Nothing is sent early: that the server invites to it is the fact.
//
// crypto/tls keeps tickets to itself, so the records are kept as they come and
// opened once more with the keys that it logs.
func (d *deeper) earlyData() {
	found := -1
	d.connect(kindEarlyData, nil, func(s *session) error {
		tap, keys := &tapConn{Conn: s.raw}, &bytes.Buffer{}
		c := tls.Client(tap, &tls.Config{
			ServerName: s.out.Host.String(), InsecureSkipVerify: true, // nothing is sent but EHLO
			MinVersion: tls.VersionTLS13, KeyLogWriter: keys, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		})
		if err := c.HandshakeContext(s.ctx); err != nil {
			return err
		}
		s.conn, s.r = c, &reader{src: c}
		if s.out.Port == 465 {
			if e := s.greeting(); e != nil {
				return e
			}
		}
		_, e := s.ehlo() // tickets come before the answer
		allowed, err := ticketEarlyData(tap.seen.Bytes(), c.ConnectionState().CipherSuite, keys.String())
		switch {
		case err != nil:
			return err
		case e != nil && allowed == 0:
			return e // it may be that none has come yet
		}
		found = allowed
		s.quit()
		return nil
	}, func(t *Handshake) {
		if found >= 0 {
			t.Result, t.Detail, t.Version, t.EarlyData = accepted, "", "TLS 1.3", found
		} else {
			t.Result = untold
		}
	})
}

// tapConn keeps what was read. The connection below bounds it.
type tapConn struct {
	net.Conn
	seen bytes.Buffer
}

func (c *tapConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.seen.Write(p[:n])
	return n, err
}

// ticketEarlyData gives the most early data that a ticket among the records
// allows, 0 for none.
func ticketEarlyData(records []byte, suite uint16, keyLog string) (int, error) {
	newHash, size := sha256.New, 16
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
	case tls.TLS_AES_256_GCM_SHA384:
		newHash, size = sha512.New384, 32
	default:
		return 0, fmt.Errorf("tickets under %s are not looked into", tls.CipherSuiteName(suite))
	}
	var secret []byte
	for line := range strings.Lines(keyLog) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "SERVER_TRAFFIC_SECRET_0" {
			secret, _ = hex.DecodeString(f[2])
		}
	}
	if secret == nil {
		return 0, fmt.Errorf("no key of the session")
	}
	key, err := expandLabel(newHash, secret, "key", size)
	if err != nil {
		return 0, err
	}
	iv, err := expandLabel(newHash, secret, "iv", 12)
	if err != nil {
		return 0, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return 0, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return 0, err
	}
	most, seq := 0, uint64(0)
	var pending []byte
	for r := bytes.NewReader(records); ; {
		kind, body, err := readRecord(r)
		if err != nil {
			return most, nil // the end
		}
		if kind != 23 || len(body) < aead.Overhead() {
			continue
		}
		// RFC 8446 §5.2, §5.3. Records under the handshake's own keys do not open.
		nonce := bytes.Clone(iv)
		for i := range 8 {
			nonce[4+i] ^= byte(seq >> (56 - 8*i))
		}
		head := []byte{23, 3, 3, byte(len(body) >> 8), byte(len(body))}
		plain, err := aead.Open(nil, nonce, body, head)
		if err != nil {
			continue
		}
		seq++
		plain = bytes.TrimRight(plain, "\x00")
		if len(plain) == 0 || plain[len(plain)-1] != 22 {
			continue
		}
		pending = append(pending, plain[:len(plain)-1]...)
		for len(pending) >= 4 {
			n := int(pending[1])<<16 | int(pending[2])<<8 | int(pending[3])
			if len(pending) < 4+n {
				break
			}
			if pending[0] == 4 {
				most = max(most, earlyDataOf(pending[4:4+n]))
			}
			pending = pending[4+n:]
		}
	}
}

// earlyDataOf reads max_early_data_size of one NewSessionTicket (RFC 8446 §4.6.1).
func earlyDataOf(ticket []byte) int {
	c := &cursor{b: ticket}
	c.take(8)            // lifetime, age_add
	c.take(int(c.u8()))  // nonce
	c.take(int(c.u16())) // ticket
	ext := &cursor{b: c.take(int(c.u16()))}
	for len(ext.b) > 0 && !ext.bad {
		number := ext.u16()
		body := ext.take(int(ext.u16()))
		if number == 42 && len(body) == 4 {
			return int(binary.BigEndian.Uint32(body))
		}
	}
	return 0
}

// expandLabel is HKDF-Expand-Label without context (RFC 8446 §7.1).
func expandLabel(h func() hash.Hash, secret []byte, label string, size int) ([]byte, error) {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "+label...), 0)
	return hkdf.Expand(h, secret, string(info), size)
}
