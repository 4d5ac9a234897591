package audit

import (
	"bytes"
	"regexp"

	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
)

// keyMaterial is what a private key looks like inside a text.
var keyMaterial = regexp.MustCompile(`[A-Za-z0-9+/=]{32,}`)

// secrets are the pieces of private keys that a domain published by mistake. A
// TXT record is a fact in several places; a report must repeat it in none.
func secrets(lookups []dns.Lookup) [][]byte {
	var pieces [][]byte
	for _, q := range lookups {
		for _, r := range q.Records() {
			if r.Type != dns.TypeTXT || !dkim.HoldsPrivateKey(r.Text()) {
				continue
			}
			pieces = append(pieces, keyMaterial.FindAll([]byte(r.Text()), -1)...)
			pieces = append(pieces, keyMaterial.FindAll([]byte(r.Data), -1)...)
		}
	}
	return pieces
}

// hide takes the pieces out of a text.
func hide(text []byte, pieces [][]byte) []byte {
	for _, p := range pieces {
		text = bytes.ReplaceAll(text, p, []byte(dkim.Hidden))
	}
	return text
}
