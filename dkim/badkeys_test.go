package dkim

import (
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBadKeys judges the weak public keys and the records that badkeys tests
// itself with (testdata/badkeys, MIT, the licence beside them).
func TestBadKeys(t *testing.T) {
	want := map[string][]string{
		"rsa-e-larger-n.key":           {"p-pkcs1", "rsa-exponent-invalid", "rsa-too-short"},
		"rsa-fermat-pkcs1.key":         {"p-pkcs1", "rsa-trivial-factor"}, // its primes are equal, the closest there are
		"rsa-nprime.key":               {"p-pkcs1", "rsa-trivial-factor"},
		"rsa-roca.key":                 {"p-pkcs1", "rsa-roca"},
		"rsa-sharedprimes.key":         {"p-pkcs1"}, // alone it looks good; see below
		"rsa-smallfactors-corrupt.key": {"p-pkcs1", "rsa-trivial-factor"},
		"rsa-vanity.key":               {"rsa-4096"}, // text in the modulus: odd, not weak
		"rsapoly128.key":               {"p-pkcs1"},  // needs lattices: not tried
		"rsapoly32.key":                {"p-pkcs1", "rsa-1024", "rsa-exponent-small", "rsa-odd-size"},
		"rsazerozero.key":              {"p-pkcs1", "rsa-exponent-invalid", "rsa-too-short"},
		"dkim-broken-ecdsa.txt":        {"k-mismatch", "n-note"},
		"dkim-broken-unsupported.txt":  {"k-mismatch", "n-note"},
		"dkim-comment-quotes.txt":      {"rsa-1024", "tag-unknown"}, // quotes are legal in a value: RFC 6376 §3.2
		"dkim-escaped-quote.txt":       {"escaped-semicolon", "literal-quote", "n-note", "rsa-1024"},
		"dkim-insecure-rfc8463.txt":    {"known-public-key", "literal-quote"},
	}
	for name, ids1 := range want {
		data, err := os.ReadFile(filepath.Join("testdata", "badkeys", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSpace(string(data))
		if block, _ := pem.Decode(data); block != nil {
			text = "v=DKIM1; p=" + b64(block.Bytes)
		}
		k, problems := ParseKey(text)
		if diff := cmp.Diff(ids1, ids(problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if name == "rsa-sharedprimes.key" {
			// The other keys with this prime are not published with it: any of its
			// factors would do, and a stranger's modulus has none in common.
			if got := sharedPrimes([]*big.Int{k.Modulus, rsaKey().N}); len(got) != 0 {
				t.Errorf("%s: shares a prime with a key just made: %v", name, got)
			}
		}
		weak := slices.ContainsFunc(problems, func(p Problem) bool { return p.weak || p.refused })
		if k.Usable() == weak {
			t.Errorf("%s: usable %v with %v", name, k.Usable(), ids(problems))
		}
	}
}
