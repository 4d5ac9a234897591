package dkim

import (
	"crypto/rand"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// primes are for moduli that nobody uses: short ones, where only their product
// matters.
func primes(t testing.TB, count, bits int) []*big.Int {
	list := make([]*big.Int, count)
	for i := range list {
		p, err := rand.Prime(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = p
	}
	return list
}

func TestSharedPrimes(t *testing.T) {
	p := primes(t, 12, 256)
	mul := func(i, j int) *big.Int { return new(big.Int).Mul(p[i], p[j]) }
	for _, c := range []struct {
		name   string
		moduli []*big.Int
		want   map[int][]int
	}{
		{"nothing", nil, nil},
		{"one", []*big.Int{mul(0, 1)}, nil},
		{"strangers", []*big.Int{mul(0, 1), mul(2, 3), mul(4, 5)}, map[int][]int{}},
		{"a pair", []*big.Int{mul(0, 1), mul(2, 3), mul(0, 4)}, map[int][]int{0: {2}, 2: {0}}},
		{"three with one prime", []*big.Int{mul(0, 1), mul(0, 2), mul(0, 3), mul(4, 5)}, map[int][]int{0: {1, 2}, 1: {0, 2}, 2: {0, 1}}},
		{"two pairs", []*big.Int{mul(0, 1), mul(2, 3), mul(0, 4), mul(2, 5)}, map[int][]int{0: {2}, 1: {3}, 2: {0}, 3: {1}}},
		{"both primes of one shared with others", []*big.Int{mul(0, 1), mul(0, 2), mul(1, 3)}, map[int][]int{0: {1, 2}, 1: {0}, 2: {0}}},
		{"a ring", []*big.Int{mul(0, 1), mul(1, 2), mul(2, 0)}, map[int][]int{0: {1, 2}, 1: {0, 2}, 2: {0, 1}}},
		{"one divides the other", []*big.Int{p[0], mul(0, 1), mul(2, 3)}, map[int][]int{0: {1}, 1: {0}}},
	} {
		if diff := cmp.Diff(c.want, sharedPrimes(c.moduli)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestSharedPrimesAgree compares the tree with divisors by pairs.
func TestSharedPrimesAgree(t *testing.T) {
	r := mrand.New(mrand.NewPCG(1, 2))
	p := primes(t, 60, 64)
	for round := range 50 {
		var moduli []*big.Int
		for range r.IntN(40) {
			n := new(big.Int).Mul(p[r.IntN(len(p))], p[r.IntN(len(p))])
			if !slices.ContainsFunc(moduli, func(m *big.Int) bool { return m.Cmp(n) == 0 }) {
				moduli = append(moduli, n)
			}
		}
		want := map[int][]int{}
		for i := range moduli {
			for j := range moduli {
				if i != j && new(big.Int).GCD(nil, nil, moduli[i], moduli[j]).Cmp(big.NewInt(1)) > 0 {
					want[i] = append(want[i], j)
				}
			}
		}
		got := sharedPrimes(moduli)
		if got == nil {
			got = map[int][]int{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
	}
}

// TestBatchInAnyOrder: what is said of a domain does not hang on its place in the list.
func TestBatchInAnyOrder(t *testing.T) {
	p := primes(t, 6, 1024)
	key := func(i, j int) string { return "v=DKIM1; p=" + spki(new(big.Int).Mul(p[i], p[j]), big.NewInt(65537)) }
	world := dnstest.New(t, txt("s1._domainkey.a.example", key(0, 1))+txt("s1._domainkey.b.example", key(0, 2))+
		txt("s2._domainkey.b.example", key(3, 4))+txt("dkim._domainkey.c.example", key(3, 4))+
		txt("s1._domainkey.d.example", key(0, 5))+txt("smtpapi._domainkey.d.example", key(4, 5))+
		txt("smtpapi._domainkey.a.example", key(4, 5))+txt("k1._domainkey.e.example", "v=DKIM1; p="))
	names := []dns.Name{"a.example", "b.example", "c.example", "d.example", "e.example"}
	run := func(order []int) []string {
		facts := make([]*Facts, len(names), len(names)+1)
		for _, i := range order {
			f, err := Gather(t.Context(), world, names[i], Options{})
			if err != nil {
				t.Fatal(err)
			}
			facts[i] = f
		}
		list := []*Facts{nil}
		for _, i := range order {
			list = append(list, facts[i])
		}
		Batch(list)
		Batch(list) // a second time changes nothing
		out := []string{}
		for _, f := range facts {
			for _, res := range check.Evaluate(shapeRules, f) {
				for _, x := range res.Findings {
					if strings.Contains(res.Rule.ID, "shared") {
						out = append(out, fmt.Sprint(res.Rule.ID, " ", x.Variant, " ", x.Subject, ": ", x.Params["With"]))
					}
				}
			}
			for _, s := range f.Selectors {
				if s.Usable && s.Name == "s1" {
					out = append(out, "usable: "+s.Owner().String())
				}
			}
		}
		return out
	}
	const prime, key2 = "dkim-rsa-shared-prime ", "dkim-key-shared-domains "
	at := func(s string) string { return strings.ReplaceAll(s, "@", "._domainkey.") + ".example" }
	want := []string{
		prime + at(" s1@a") + ": " + at("s1@b") + ", " + at("s1@d"),
		prime + at(" smtpapi@a") + ": " + at("dkim@c") + ", " + at("s1@d") + ", " + at("s2@b"),
		key2 + at("vendor smtpapi@a") + ": " + at("smtpapi@d"),
		prime + at(" s1@b") + ": " + at("s1@a") + ", " + at("s1@d"),
		prime + at(" s2@b") + ": " + at("smtpapi@a") + ", " + at("smtpapi@d"),
		key2 + at(" s2@b") + ": " + at("dkim@c"),
		prime + at(" dkim@c") + ": " + at("smtpapi@a") + ", " + at("smtpapi@d"),
		key2 + at(" dkim@c") + ": " + at("s2@b"),
		prime + at(" s1@d") + ": " + at("s1@a") + ", " + at("s1@b") + ", " + at("smtpapi@a") + ", " + at("smtpapi@d"),
		prime + at(" smtpapi@d") + ": " + at("dkim@c") + ", " + at("s1@d") + ", " + at("s2@b"),
		key2 + at("vendor smtpapi@d") + ": " + at("smtpapi@a"),
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}} {
		if diff := cmp.Diff(want, run(order)); diff != "" {
			t.Errorf("order %v (-want +got):\n%s", order, diff)
		}
	}
}

// benchModuli are products of few primes, so that many are made fast; the tree
// does not care that most share one.
var benchModuli = sync.OnceValue(func() []*big.Int {
	r := mrand.New(mrand.NewPCG(3, 4))
	list := make([]*big.Int, 2000)
	for i := range list {
		words := make([]byte, 256)
		for j := range words {
			words[j] = byte(r.Uint32())
		}
		words[0] |= 0x80
		words[255] |= 1
		list[i] = new(big.Int).SetBytes(words)
	}
	return list
})

func BenchmarkRemainderTree(b *testing.B) {
	for _, n := range []int{100, 500, 2000} {
		b.Run(fmt.Sprint(n, " keys of 2048 bits"), func(b *testing.B) {
			moduli := benchModuli()[:n]
			for b.Loop() {
				remainders(moduli)
			}
		})
	}
}
