package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// refusal is an error of this generator that has an ID and words of its own.
func refusal(id string, params check.Params, err error) *check.GenProblem {
	return &check.GenProblem{ID: id, Severity: check.Error, Params: params, Err: err}
}

// PrivateKey is a signing key. It never prints its secret: %v and JSON show the
// type only.
type PrivateKey struct {
	Type   string        // "rsa2048", "rsa3072", "rsa4096" or "ed25519"
	Signer crypto.Signer `json:"-"` // *rsa.PrivateKey or ed25519.PrivateKey
}

// String and GoString name the type alone.
func (k *PrivateKey) String() string { return "dkim private key (" + k.Type + ")" }

// GoString keeps %#v from printing the secret.
func (k *PrivateKey) GoString() string { return k.String() }

// keyTypes are the types of key that are made here.
var keyTypes = []string{"rsa2048", "rsa3072", "rsa4096", "ed25519"}

// KeyBits is the size of a type of key: the RSA modulus, 256 for Ed25519. A type
// that is not made here is an error; one under 2048 bits a *check.GenProblem:
// verifiers may drop it tomorrow (RFC 8301 §3.2).
func KeyBits(keyType string) (int, error) {
	if keyType == "ed25519" {
		return 256, nil
	}
	digits, isRSA := strings.CutPrefix(keyType, "rsa")
	bits, err := strconv.Atoi(digits)
	switch {
	case isRSA && err == nil && bits < 2048:
		return 0, refusal("gen-dkim-weak", check.Params{"Bits": bits}, nil)
	case !slices.Contains(keyTypes, keyType):
		return 0, fmt.Errorf("dkim: unknown key type %q (one of %s)", keyType, strings.Join(keyTypes, ", "))
	}
	return bits, nil
}

// GenerateKey makes a new key of one of KeyTypes. Its errors are those of KeyBits.
func GenerateKey(keyType string) (*PrivateKey, error) {
	bits, err := KeyBits(keyType)
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	if keyType == "ed25519" {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = makeRSA(bits)
	}
	if err != nil {
		return nil, fmt.Errorf("dkim: making a %s key: %w", keyType, err)
	}
	return &PrivateKey{keyType, key}, nil
}

// makeRSA has crypto/rsa make two keys at the same time and takes the one that
// is ready first: how long a search for primes takes is luck, and half of the
// luck is on the other processor. Candidates are drawn at random and independent
// of each other, so that being first says nothing about a key. crypto/rsa cannot
// be stopped: the second search ends by itself, soon after, and is forgotten.
func makeRSA(bits int) (*rsa.PrivateKey, error) {
	type made struct {
		key *rsa.PrivateKey
		err error
	}
	ready := make(chan made, 2) // room for both: nobody waits for the second
	for range min(2, runtime.GOMAXPROCS(0)) {
		go func() {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			ready <- made{key, err}
		}()
	}
	first := <-ready
	return first.key, first.err
}

// RecordOptions are the tags of a new record beyond the key.
type RecordOptions struct {
	Testing  bool     // t=y: verifiers look away
	Strict   bool     // t=s: no signatures for subdomains
	SHA256   bool     // h=sha256
	Services []string // s=, nil to leave it out
}

// Record is the text to publish for the key (RFC 6376 §3.6.1; RFC 8463 §4).
func (k *PrivateKey) Record(opts RecordOptions) string {
	parts := []string{"v=DKIM1"}
	if opts.SHA256 {
		parts = append(parts, "h=sha256")
	}
	parts = append(parts, "k="+k.algorithm())
	if len(opts.Services) > 0 {
		parts = append(parts, "s="+strings.Join(opts.Services, ":"))
	}
	var flags []string
	if opts.Testing {
		flags = append(flags, "y")
	}
	if opts.Strict {
		flags = append(flags, "s")
	}
	if flags != nil {
		parts = append(parts, "t="+strings.Join(flags, ":"))
	}
	return strings.Join(append(parts, "p="+k.public()), "; ")
}

func (k *PrivateKey) algorithm() string {
	if _, ok := k.Signer.(ed25519.PrivateKey); ok {
		return "ed25519"
	}
	return "rsa"
}

// public is the value of "p": SubjectPublicKeyInfo for RSA, as everybody reads
// it, and the bare 32 octets for Ed25519 (RFC 8463 §4.2).
func (k *PrivateKey) public() string {
	switch pub := k.Signer.Public().(type) {
	case ed25519.PublicKey:
		return base64.StdEncoding.EncodeToString(pub)
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			panic(err) // an RSA key that was made or read here always has one
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	panic(fmt.Sprintf("dkim: a private key of type %T", k.Signer))
}

// Advice is what to know about publishing keys of these types: what the options
// asked for and is not wrong.
func Advice(keyTypes ...string) []check.GenProblem {
	var list []check.GenProblem
	if slices.Contains(keyTypes, "rsa4096") {
		list = append(list, check.GenProblem{ID: "gen-dkim-rsa4096", Severity: check.Notice, Params: check.Params{"Bits": 4096}})
	}
	if !slices.ContainsFunc(keyTypes, func(s string) bool { return s != "ed25519" }) {
		// RFC 8463 §1: verifiers may still lack it.
		list = append(list, check.GenProblem{ID: "gen-dkim-ed25519-only", Severity: check.Warning})
	}
	return list
}

// ReadBack holds a record to be published to our own reader: it must hold the
// public half of this key, and no fault that is not asked for.
func (k *PrivateKey) ReadBack(text string) error {
	key, problems := parseKey(text, true)
	for _, p := range problems {
		for i := range Rules {
			if m := &Rules[i].Meta; m.ID == p.Rule && m.SeverityOf(&check.Finding{Variant: p.Variant}) == check.Error {
				return refusal("gen-roundtrip", check.Params{"Term": text}, nil)
			}
		}
	}
	if !k.Matches(key) {
		return refusal("gen-roundtrip", check.Params{"Term": text}, nil)
	}
	return nil
}

// Matches tells whether the published key is the public half of this one.
func (k *PrivateKey) Matches(published *Key) bool {
	own := k.fingerprint()
	return k.algorithm() == published.Type && own != "" && own == published.fingerprint()
}

// fingerprint is that of the public half, as Key.Fingerprint has it.
func (k *PrivateKey) fingerprint() string {
	switch pub := k.Signer.Public().(type) {
	case ed25519.PublicKey:
		return (&Key{Point: pub}).fingerprint()
	case *rsa.PublicKey:
		return (&Key{modulus: pub.N.Bytes()}).fingerprint()
	}
	return ""
}

// Raw is an Ed25519 key as the base64 of its 32-octet seed on one line, as rspamd
// keeps it; an RSA key has no such form. It is the secret, as PEM is.
func (k *PrivateKey) Raw() ([]byte, error) {
	key, ok := k.Signer.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("dkim: a key of type %s has no raw form; only ed25519 has", k.Type)
	}
	return []byte(base64.StdEncoding.EncodeToString(key.Seed()) + "\n"), nil
}

// PEM is the key as PKCS#8 PEM. It is the secret: write it to a file of mode
// 0600 and nowhere else.
func (k *PrivateKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.Signer)
	if err != nil {
		return nil, fmt.Errorf("dkim: encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// monthSelector is the beginning of the selector of a key made at that time, such
// as "s202611": a date tells how old a key is, and a letter after it leaves room
// for another one in the same month.
func monthSelector(now time.Time) string { return now.UTC().Format("s200601") }
