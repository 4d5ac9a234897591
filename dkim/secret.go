package dkim

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/postseal/postseal/check"
)

// maxSecretText is the most base64 that is searched for a private key: what tells
// one stands in its first octets.
const maxSecretText = 4 << 10

// secret reports a private key and tells whether there is one. It comes before
// everything else and reads more leniently: a report repeats records, and a
// private key in one that is broken, doubled or of an unknown type is as public
// as in one that is not.
func (p *parser) secret(original source) bool {
	report := func(span check.Span, form string) bool {
		p.add(Problem{Rule: "dkim-p-private-key", Span: span, refused: true, Params: check.Params{"Form": form}})
		return true
	}
	text := original.text
	if privateKeyText(text) {
		return report(trimmed(text), "PEM")
	}
	for _, e := range p.list {
		if value := e.value(p.src); len(value) >= 16 && privateKeyData(value) {
			return report(p.src.span(e.valueStart, e.valueEnd), "DER")
		}
	}
	if !p.key.keyish && privateKeyData(text) {
		return report(trimmed(text), "DER")
	}
	return false
}

// privateKeyText knows the armour of a private key.
func privateKeyText(s string) bool {
	if !strings.Contains(s, "PRIVATE") {
		return false
	}
	return strings.Contains(s, "PRIVATE KEY-") || strings.Contains(s, "BEGIN OPENSSH PRIVATE") ||
		strings.Contains(strings.Join(strings.Fields(s), ""), "PRIVATEKEY--")
}

// privateKeyData tells whether what base64 is in the text begins a private key.
func privateKeyData(s string) bool {
	clean := make([]byte, 0, min(len(s), maxSecretText))
	for i := 0; i < len(s) && len(clean) < maxSecretText; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	data := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	if _, err := base64.RawStdEncoding.Decode(data, clean); err != nil {
		return false
	}
	if bytes.HasPrefix(data, []byte("openssh-key-v1\x00")) {
		return true
	}
	if len(data) == ed25519.PrivateKeySize {
		// The form in which libraries keep an Ed25519 key: the seed, then the
		// public key that follows from it.
		return bytes.Equal(ed25519.NewKeyFromSeed(data[:ed25519.SeedSize]), data)
	}
	st, ok := inspect(data)
	return ok && st.form == formPrivate
}
