package dkim

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hostile are keys made to cost a verifier or a reader much, with the findings
// that refuse them. Those without a list are only held to the bounds.
func hostile() []struct {
	name, text string
	want       []string
} {
	one, f4 := big.NewInt(1), big.NewInt(65537)
	n := rsaKey().N
	bits := func(size uint) *big.Int { // no small factor, as far as it matters
		x := new(big.Int).Lsh(one, size)
		return x.Sub(x, big.NewInt(105))
	}
	long := new(big.Int).Rsh(n, 48)
	long.SetBit(long, 0, 1)
	p := rsaKey().Primes[0]
	next := new(big.Int).Add(p, big.NewInt(2))
	for !next.ProbablyPrime(20) {
		next.Add(next, big.NewInt(2))
	}
	minus := func(x *big.Int) *big.Int { return new(big.Int).Neg(x) }
	deep := []byte{derNull, 0}
	for len(deep) < 8000 {
		deep = mustTLV(derSequence, deep)
	}
	lengths := bytes.Repeat([]byte{0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF}, 1000)
	const v = "v=DKIM1; p="
	return []struct {
		name, text string
		want       []string
	}{
		{"16384 bits", v + spki(bits(16384), f4), []string{"rsa-over-4096"}},
		{"16384 bits, PKCS #1", v + b64(mustMarshal(bits(16384), f4)), []string{"p-pkcs1", "rsa-over-4096"}},
		{"65536 bits", v + spki(bits(65536), f4), []string{"rsa-over-4096"}},
		{"8192 bits", v + spki(bits(8192), f4), nil},
		{"even modulus", v + spki(new(big.Int).Lsh(n, 1), f4), []string{"rsa-odd-size", "rsa-trivial-factor"}},
		{"exponent 0", v + spki(n, new(big.Int)), []string{"rsa-exponent-invalid"}},
		{"exponent 1", v + spki(n, one), []string{"rsa-exponent-invalid"}},
		{"exponent 2", v + spki(n, big.NewInt(2)), []string{"rsa-exponent-invalid"}},
		{"exponent 65536", v + spki(n, big.NewInt(65536)), []string{"rsa-exponent-invalid"}},
		{"exponent 2^33+1", v + spki(n, big.NewInt(1<<33+1)), []string{"rsa-exponent-large"}},
		{"exponent of 2000 bits", v + spki(n, long), []string{"rsa-exponent-large"}},
		{"the modulus as exponent", v + spki(n, n), []string{"rsa-exponent-invalid"}},
		{"exponent longer than the modulus", v + spki(n, bits(30000)), []string{"rsa-exponent-invalid"}},
		{"modulus 0", v + spki(new(big.Int), f4), []string{"k-mismatch"}},
		{"modulus 0, PKCS #1", v + b64(mustMarshal(new(big.Int), f4)), []string{"p-pkcs1", "rsa-exponent-invalid", "rsa-too-short"}},
		{"modulus 1", v + spki(one, f4), []string{"rsa-exponent-invalid", "rsa-odd-size", "rsa-too-short"}},
		{"negative modulus", v + b64(mustMarshal(minus(n), f4)), nil},
		{"negative exponent", v + b64(mustMarshal(n, minus(f4))), nil},
		{"square", v + spki(new(big.Int).Mul(p, p), f4), []string{"rsa-trivial-factor"}},
		{"close primes", v + spki(new(big.Int).Mul(p, next), f4), []string{"rsa-fermat"}},
		{"many small factors", v + spki(new(big.Int).Exp(big.NewInt(1048573), big.NewInt(102), nil), f4), nil},
		{"64 KiB of base64", v + strings.Repeat("MIIB", 16<<10-4), []string{"rsa-over-4096"}},
		{"a structure in a structure, two thousand times", v + b64(deep), []string{"k-mismatch"}},
		{"lengths of 4 GiB", v + b64(lengths), []string{"p-truncated"}},
		{"10,000 tags", "v=DKIM1;" + strings.Repeat("a=1;", 10_000) + "p=" + k1024, []string{
			"tag-duplicate", "tag-duplicate", "tag-duplicate", "tag-duplicate", "tag-duplicate", "tag-duplicate", "tag-duplicate", "tag-duplicate",
			"tag-malformed", "tag-unknown"}},
		{"1 MB of semicolons", "v=DKIM1" + strings.Repeat(";", 1<<20), nil},
		{"1 MB of tags", "v=DKIM1;" + strings.Repeat("k=rsa p=A;", 1<<17), nil},
		{"1 MB of quotes", "v=DKIM1;" + strings.Repeat(`"\;`, 1<<18), nil},
		{"1 MB of versions", strings.Repeat("v=DKIM1", 1<<17), nil},
		{"strings in the wrong order, again and again", strings.Repeat("AAAAv=DKIM1; p=", 4000), nil},
	}
}

func mustTLV(tag int, body []byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Tag: tag & 0x1F, IsCompound: tag&0x20 != 0, Bytes: body})
	if err != nil {
		panic(err)
	}
	return der
}

// TestHostileKeys counts instead of measuring time: no number beyond the bounds
// is made, and what is allocated stays in proportion to the most that is read.
func TestHostileKeys(t *testing.T) {
	ParseKey("v=DKIM1; p=" + k1024) // build the tables
	for _, c := range hostile() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		k, problems := ParseKey(c.text)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > mostAllocated {
			t.Errorf("%s: %d octets allocated for %d of text", c.name, n, len(c.text))
		}
		if k.Modulus != nil && k.Modulus.BitLen() > maxModulusBits {
			t.Errorf("%s: a number of %d bits was made", c.name, k.Modulus.BitLen())
		}
		if k.Exponent != nil && k.Exponent.BitLen() > maxExponentBits {
			t.Errorf("%s: an exponent of %d bits was made", c.name, k.Exponent.BitLen())
		}
		if len(problems) == 0 {
			t.Errorf("%s: nothing was found", c.name)
		}
		if c.want != nil {
			if diff := cmp.Diff(c.want, ids(problems)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	}
}

// TestFermatStops: the search gives up after a fixed number of steps.
func TestFermatStops(t *testing.T) {
	if steps, ok := fermat(rsaKey().N); ok || steps != fermatSteps {
		t.Errorf("a good key: got %d steps, %v; want %d, none found", steps, ok, fermatSteps)
	}
	if steps, ok := fermat(big.NewInt(65537 * 65539)); !ok || steps != 1 {
		t.Errorf("neighbours: got %d steps, %v; want 1, found", steps, ok)
	}
}

func BenchmarkParseKey(b *testing.B) {
	ParseKey("v=DKIM1; p=" + k1024)
	for _, c := range append(hostile(), struct {
		name, text string
		want       []string
	}{"good key of 2048 bits", "v=DKIM1; k=rsa; p=" + k2048(), nil}) {
		b.Run(strings.ReplaceAll(c.name, " ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseKey(c.text)
			}
		})
	}
}
