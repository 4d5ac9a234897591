package dkim

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// Key is one key record, read as far as it could be understood. An example:
//
//	v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA…
type Key struct {
	Text string // as published, character-strings joined
	Tags []Tag  // of Text, in order, duplicates and unknown tags kept

	// Repaired is the text after the damage that copying does (escapes, quotes,
	// missing separators, an owner name in front) was undone, "" where nothing
	// had to be. All that follows was read from it, so that a key can be graded
	// before its record is mended.
	Repaired string

	Version  string   // "v", "" when absent, RFC 6376 §3.6.1
	Type     string   // "k", default "rsa"; lower case where it is a known type
	Hashes   []string // "h", nil when absent: all
	Services []string // "s", nil when absent: all
	Flags    []string // "t"
	Note     string   // "n", as published
	Revoked  bool     // "p" is there and empty

	Data     []byte   // octets of "p", nil where it is not base64
	Modulus  *big.Int // of an RSA key; nil beyond the sizes worth computing with
	Exponent *big.Int // of an RSA key; nil beyond 512 bits
	Point    []byte   // of an Ed25519 key: 32 octets
	Bits     int      // length of the modulus; 256 for Ed25519; 0 where no key was read

	keyish   bool // has "p" or says DKIM in "v": somebody meant a key
	unusable bool // by what its problems say
	modulus  []byte
}

// Tag is one element of a tag-list (RFC 6376 §3.2).
type Tag struct {
	Name  string
	Value string     // without surrounding white space
	Bare  bool       // has no "="
	Span  check.Span // of the element in the text, without surrounding white space
	value check.Span
	name  check.Span
}

// String is the tag as a record has it.
func (t Tag) String() string {
	if t.Bare {
		return t.Name
	}
	return t.Name + "=" + t.Value
}

// String prints the tags as they were parsed, one space after each separator.
func (k *Key) String() string { return tagString(k.Tags) }

func tagString(tags []Tag) string {
	parts := make([]string, len(tags))
	for i, t := range tags {
		parts[i] = t.String()
	}
	return strings.Join(parts, "; ")
}

// Usable tells whether a verifier that keeps to the standards can use the key
// for mail: the record is in force and the key is neither too short nor broken.
func (k *Key) Usable() bool { return !k.unusable && !k.Revoked && k.Bits > 0 }

// Testing tells whether the record asks verifiers to look away (t=y).
func (k *Key) Testing() bool { return slices.Contains(k.Flags, "y") }

// fingerprint is the SHA-256 of the key itself, whatever its encoding, in hex;
// "" where no key was read.
func (k *Key) fingerprint() string {
	var sum [sha256.Size]byte
	switch {
	case k.modulus != nil:
		sum = sha256.Sum256(k.modulus)
	case k.Point != nil:
		sum = sha256.Sum256(k.Point)
	default:
		return ""
	}
	return hex.EncodeToString(sum[:])
}

// Problem is one thing wrong with the text of a key record.
type Problem struct {
	Rule    string // ID of the rule that reports it
	Variant string
	Span    check.Span // in the text as published
	Params  check.Params
	Fix     string // the text to publish instead, "" where none can be derived
	Verb    string // of the fix
	Alias   string // the CNAME target to publish instead of the text, "" for none

	refused bool // verifiers discard the record
	weak    bool // the record is fine, the key in it is not
}
