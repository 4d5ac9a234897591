package message

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
)

// maxKeyBits is the longest RSA key that is computed with. RFC 8301 §3.2 asks
// verifiers for 4096 bits; a key of a stranger's choice must not cost seconds.
const maxKeyBits = 16384

// SigningKey is the key that a signature names, as DNS has it now.
type SigningKey struct {
	Name     dns.Name   `json:"name"`
	Lookup   dns.Lookup `json:"lookup"`
	Record   string     `json:"record"`   // of the key used; "" where there is none
	Type     string     `json:"key_type"` // "rsa", "ed25519", the value of k=, or ""
	Bits     int        `json:"bits"`
	Testing  bool       `json:"testing"`  // t=y
	Strict   bool       `json:"strict"`   // t=s: i= must not be below d=
	Problems []string   `json:"problems"` // rules that say more about the key
	Unusable string     `json:"unusable"` // the rule for which verifiers refuse it; "" where they take it

	public crypto.PublicKey // nil where Unusable says why
	data   []byte
}

// keyring asks for each key once.
type keyring struct {
	r    dns.Resolver
	mu   sync.Mutex
	keys map[dns.Name]func() *SigningKey
}

func newKeyring(r dns.Resolver) *keyring {
	return &keyring{r: r, keys: map[dns.Name]func() *SigningKey{}}
}

func (k *keyring) get(ctx context.Context, name dns.Name) *SigningKey {
	k.mu.Lock()
	ask := k.keys[name]
	if ask == nil {
		ask = sync.OnceValue(func() *SigningKey { return newSigningKey(name, dns.Ask(ctx, k.r, name, dns.TypeTXT)) })
		k.keys[name] = ask
	}
	k.mu.Unlock()
	return ask()
}

// prefetch asks for several keys at once.
func (k *keyring) prefetch(ctx context.Context, list []dns.Name) {
	var wg sync.WaitGroup
	for _, name := range list {
		wg.Go(func() { k.get(ctx, name) })
	}
	wg.Wait()
}

// breakable are the problems of keys that verifiers take and attackers too: the
// mail passes, and that is the trouble.
var breakable = []string{"dkim-rsa-trivial-factor", "dkim-rsa-fermat", "dkim-rsa-roca", "dkim-known-public-key"}

// newSigningKey reads the answer. Of several texts the one that is a key counts;
// with several keys nobody can tell which (RFC 6376 §3.6.2.2).
func newSigningKey(name dns.Name, l dns.Lookup) *SigningKey {
	k := &SigningKey{Name: name, Lookup: l, Problems: []string{}}
	var key *dkim.Key
	var problems []dkim.Problem
	keys, others := 0, 0
	for _, rr := range l.Records() {
		parsed, found := dkim.ParseKey(rr.Text())
		if slices.ContainsFunc(found, func(p dkim.Problem) bool { return p.Rule == "dkim-not-a-key" || p.Rule == "dkim-cname-as-txt" }) {
			if others++; key == nil {
				key, problems = parsed, found
			}
			continue
		}
		if keys++; keys == 1 {
			key, problems = parsed, found
		}
	}
	if key == nil {
		return k
	}
	k.Record, k.Type, k.Bits, k.Testing, k.data = key.Text, key.Type, key.Bits, key.Testing(), key.Data
	k.Strict = slices.Contains(key.Flags, "s")
	for _, p := range problems {
		severe := severityOf(p)
		if severe >= check.Warning && !slices.Contains(k.Problems, p.Rule) {
			k.Problems = append(k.Problems, p.Rule)
		}
		if k.Unusable == "" && severe == check.Error && !slices.Contains(breakable, p.Rule) && !key.Usable() {
			k.Unusable = p.Rule
		}
	}
	switch {
	case keys > 1:
		k.Unusable = "dkim-multiple-keys"
		k.Problems = append(k.Problems, k.Unusable)
	case keys == 1 && others > 0:
		k.Problems = append(k.Problems, "dkim-extra-txt")
	}
	switch {
	case k.Unusable != "":
	case key.Revoked:
		k.Unusable = "dkim-revoked"
	case key.Point != nil:
		k.public = ed25519.PublicKey(key.Point)
	case key.Modulus != nil && key.Bits >= 1024 && key.Bits <= maxKeyBits && key.Exponent != nil && key.Exponent.BitLen() < 63:
		k.public = &rsa.PublicKey{N: key.Modulus, E: int(key.Exponent.Int64())}
	case key.Bits > maxKeyBits:
		k.Unusable = "dkim-rsa-over-4096"
	default:
		k.Unusable = "dkim-not-a-key"
	}
	return k
}

func severityOf(p dkim.Problem) check.Severity {
	for i := range dkim.Rules {
		if m := &dkim.Rules[i].Meta; m.ID == p.Rule {
			return m.SeverityOf(&check.Finding{Variant: p.Variant})
		}
	}
	return check.Error
}

// fits tells whether the key is of the kind that the algorithm needs.
func (k *SigningKey) fits(algo string) bool {
	kind, _, _ := strings.Cut(algo, "-")
	switch k.public.(type) {
	case *rsa.PublicKey:
		return kind == "rsa"
	case ed25519.PublicKey:
		return kind == "ed25519"
	}
	return false
}

// verifies tells whether sig is a signature of the digest (RFC 8017 §8.2.2; RFC
// 8463 §3: the hash is what Ed25519 signs).
func (k *SigningKey) verifies(digest [sha256.Size]byte, sig []byte) bool {
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(pub, digest[:], sig)
	}
	return false
}

// sha256Info is what stands before a SHA-256 digest (RFC 8017 §9.2 note 1).
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// signedDigest is the digest that an RSA signature was made of, whatever the
// message says now; false where another key made it.
func (k *SigningKey) signedDigest(sig []byte) (digest [sha256.Size]byte, ok bool) {
	pub, isRSA := k.public.(*rsa.PublicKey)
	if !isRSA || len(sig) > (pub.N.BitLen()+7)/8 || pub.N.Bit(0) == 0 {
		return digest, false
	}
	em := new(big.Int).Exp(new(big.Int).SetBytes(sig), big.NewInt(int64(pub.E)), pub.N).FillBytes(make([]byte, (pub.N.BitLen()+7)/8))
	head := len(em) - len(sha256Info) - sha256.Size
	if head < 11 || em[0] != 0 || em[1] != 1 || em[head-1] != 0 || string(em[head:head+len(sha256Info)]) != string(sha256Info) {
		return digest, false
	}
	for _, c := range em[2 : head-1] {
		if c != 0xFF {
			return digest, false
		}
	}
	return [sha256.Size]byte(em[head+len(sha256Info):]), true
}

// plain is the key as a record of which every reader makes the same.
func (k *SigningKey) plain() string {
	return "v=DKIM1; k=" + k.Type + "; p=" + base64.StdEncoding.EncodeToString(k.data)
}
