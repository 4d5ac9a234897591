package dkim

import (
	"cmp"
	"math/big"
	"slices"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

const (
	// maxBatchBits bounds the moduli that are compared, by their length together,
	// which is that of the product tree's root: five thousand keys of 2048 bits
	// cost some seconds, and twice as many three times that.
	maxBatchBits = 5000 * 2048
	// maxPairs bounds the divisors that tell who shares a prime with whom.
	maxPairs = 100_000
	// maxNamedShared bounds the names in one finding.
	maxNamedShared = 8
)

// shared is one selector whose key has something in common with others.
type shared struct {
	selector *Selector
	with     []string // owners of the others, sorted
	domains  []string // domains of the others, sorted, each once
	vendor   bool     // a provider's own key, which all of its customers have
}

// Batch compares the keys of several domains and keeps in each facts what only
// the comparison shows: RSA moduli that share a prime, which lays open both, and
// one key at domains of different owners. It asks nothing and may be called once
// the facts of all domains are gathered, before rules run; without it the rules
// dkim-rsa-shared-prime and dkim-key-shared-domains do not apply. Nil facts are
// skipped, and the order of the list does not matter.
//
// Moduli over 8192 bits are left out, and primes are looked for among the first
// ten million bits of moduli, 5,000 different keys of 2048 bits.
func Batch(list []*Facts) {
	list = slices.DeleteFunc(slices.Clone(list), func(f *Facts) bool { return f == nil })
	slices.SortStableFunc(list, func(a, b *Facts) int { return cmp.Compare(a.Domain, b.Domain) })
	byKey := map[string][]owned{}
	var prints []string
	for _, f := range list {
		f.shape.compared, f.shape.primes, f.shape.reused = len(list) > 1, nil, nil
		for _, s := range f.Selectors {
			if s.key == nil || s.Fingerprint == "" {
				continue
			}
			if byKey[s.Fingerprint] == nil {
				prints = append(prints, s.Fingerprint)
			}
			byKey[s.Fingerprint] = append(byKey[s.Fingerprint], owned{f, s})
		}
	}
	var moduli []*big.Int
	var at []string
	bits := 0
	slices.Sort(prints)
	for _, print := range prints {
		reuse(byKey[print])
		if k := byKey[print][0].s.key; bits+k.Bits <= maxBatchBits && k.comparable() {
			bits += k.Bits
			moduli, at = append(moduli, k.Modulus), append(at, print)
		}
	}
	for i, partners := range sharedPrimes(moduli) {
		for _, o := range byKey[at[i]] {
			sh := shared{selector: o.s}
			for _, j := range partners {
				for _, other := range byKey[at[j]] {
					sh.with = append(sh.with, other.s.subject(other.f))
					sh.domains = append(sh.domains, other.f.Domain.String())
				}
			}
			sh.with, sh.domains = sorted(sh.with), sorted(sh.domains)
			o.f.shape.primes = append(o.f.shape.primes, sh)
			o.s.Usable, o.s.key.unusable = false, true
		}
	}
	for _, f := range list {
		for _, list := range [][]shared{f.shape.primes, f.shape.reused} {
			slices.SortFunc(list, func(a, b shared) int { return cmp.Compare(a.selector.Name, b.selector.Name) })
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// owned is a selector and the domain it was found at.
type owned struct {
	f *Facts
	s *Selector
}

// comparable tells whether the modulus can share a prime that is worth naming. A
// damaged one has small factors, in common with many, and its own finding.
func (k *Key) comparable() bool {
	return k.Modulus != nil && k.Bits >= 256 && smallFactor(k.Modulus) == 0
}

// reuse keeps one key at domains of different owners.
func reuse(list []owned) {
	for _, o := range list {
		sh := shared{selector: o.s, vendor: o.s.vendorKey()}
		for _, other := range list {
			if organisation(other.f.Domain) != organisation(o.f.Domain) {
				sh.with = append(sh.with, other.s.subject(other.f))
				sh.domains = append(sh.domains, other.f.Domain.String())
				sh.vendor = sh.vendor || other.s.vendorKey()
			}
		}
		if sh.with == nil {
			continue
		}
		sh.with, sh.domains = sorted(sh.with), sorted(sh.domains)
		o.f.shape.reused = append(o.f.shape.reused, sh)
	}
}

// vendorKeys are selectors of providers that give one key to all customers as
// text, not as an alias: SendGrid's old one and Mandrill's.
var vendorKeys = []string{"smtpapi", "mandrill"}

// vendorKey tells whether a provider holds the key for all of its customers.
func (s *Selector) vendorKey() bool {
	return s.Provider != "" || slices.Contains(vendorKeys, s.Name)
}

// organisation is the domain that its owner registered. Who was given a name
// below a private suffix is an owner of their own.
func organisation(d dns.Name) string {
	if org, err := publicsuffix.EffectiveTLDPlusOne(d.String()); err == nil {
		return org
	}
	return d.String()
}

// sharedPrimes gives for the index of each modulus that has a prime in common
// with others their indices, in order. The moduli must differ from each other
// and be at least 2.
//
// It is the batch greatest common divisor of D. J. Bernstein ("How to find smooth
// parts of integers", 2004): the product of all, taken modulo the square of
// each down the same tree, divided by the modulus, leaves what it has in common
// with the product of the others. That is a handful of multiplications of long
// numbers where pairs would take n²/2 divisors.
func sharedPrimes(moduli []*big.Int) map[int][]int {
	if len(moduli) < 2 {
		return nil
	}
	common := make([]*big.Int, len(moduli)) // nil where nothing is
	rest := remainders(moduli)
	one := big.NewInt(1)
	var hit []int
	for i, n := range moduli {
		g := new(big.Int).Quo(rest[i], n)
		if g.GCD(nil, nil, g, n); g.Cmp(one) > 0 {
			common[i] = g
			hit = append(hit, i)
		}
	}
	// What a modulus has in common is a prime, the same one for all that have it;
	// or it is the whole modulus, both of whose primes others have. Only the
	// latter needs divisors by pairs, and they are counted: a stranger's keys must
	// not cost more than naming them is worth.
	whole := func(i int) bool { return common[i].Cmp(moduli[i]) == 0 }
	out := map[int][]int{}
	pairs := 0
	g := new(big.Int)
	for a, i := range hit {
		out[i] = append(out[i], nil...)
		for _, j := range hit[a+1:] {
			same := common[i].Cmp(common[j]) == 0
			if !same && pairs < maxPairs && (whole(i) || whole(j)) {
				pairs++
				same = g.GCD(nil, nil, common[i], common[j]).Cmp(one) > 0
			}
			if same {
				out[i], out[j] = append(out[i], j), append(out[j], i)
			}
		}
	}
	return out
}

// remainders gives the product of all numbers modulo the square of each.
func remainders(numbers []*big.Int) []*big.Int {
	levels := [][]*big.Int{numbers}
	for top := numbers; len(top) > 1; {
		next := make([]*big.Int, 0, (len(top)+1)/2)
		for i := 0; i < len(top); i += 2 {
			if i+1 < len(top) {
				next = append(next, new(big.Int).Mul(top[i], top[i+1]))
			} else {
				next = append(next, top[i])
			}
		}
		levels, top = append(levels, next), next
	}
	rest := levels[len(levels)-1]
	square := new(big.Int)
	for l := len(levels) - 2; l >= 0; l-- {
		level := make([]*big.Int, len(levels[l]))
		for i, n := range levels[l] {
			level[i] = new(big.Int).Rem(rest[i/2], square.Mul(n, n))
		}
		rest = level
	}
	return rest
}
