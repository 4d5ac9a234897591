package dkim

import (
	"math/big"
	"sync"
)

// Bounds of what is computed with a stranger's numbers. A key beyond them is
// judged by its size alone.
const (
	maxModulusBits  = 8192
	maxExponentBits = 512
	maxPrimeBits    = 4096    // of a modulus that is tried for being a prime
	fermatSteps     = 100_000 // CVE-2022-26320 needs fewer than a hundred
	trialBound      = 1 << 20
)

// primeWords are the primes from 3 to trialBound in order, multiplied together as
// long as they fit into a word: one division by a word replaces several.
var primeWords = sync.OnceValue(func() []uint64 {
	composite := make([]bool, trialBound)
	var words []uint64
	word := uint64(1)
	for p := 3; p < trialBound; p += 2 {
		if composite[p] {
			continue
		}
		for m := p * p; m < trialBound; m += 2 * p {
			composite[m] = true
		}
		if word > 1<<43 {
			words = append(words, word)
			word = 1
		}
		word *= uint64(p)
	}
	return append(words, word)
})

// primorial is the product of the primes from 3 to trialBound: one division by a
// modulus and one greatest common divisor replace eighty thousand divisions.
var primorial = sync.OnceValue(func() *big.Int {
	var level []*big.Int
	for _, w := range primeWords() {
		level = append(level, new(big.Int).SetUint64(w))
	}
	for len(level) > 1 {
		half := level[:0:0]
		for i := 0; i < len(level); i += 2 {
			if i+1 < len(level) {
				half = append(half, new(big.Int).Mul(level[i], level[i+1]))
			} else {
				half = append(half, level[i])
			}
		}
		level = half
	}
	return level[0]
})

// smallFactor gives the smallest prime factor of n below 2^20, or 0.
func smallFactor(n *big.Int) int64 {
	if n.Bit(0) == 0 {
		return 2
	}
	if n.BitLen() < 2 {
		return 0
	}
	g := new(big.Int).Mod(primorial(), n)
	if g.Sign() != 0 {
		g.GCD(nil, nil, g, n)
	} else {
		g.Set(n)
	}
	if g.Cmp(big.NewInt(1)) <= 0 {
		return 0
	}
	d, m := new(big.Int), new(big.Int)
	for _, w := range primeWords() {
		common := gcd(m.Mod(g, d.SetUint64(w)).Uint64(), w)
		for p := uint64(3); common > 1 && p < trialBound; p += 2 {
			if common%p == 0 {
				return int64(p) // the smallest divisor of a number is prime
			}
		}
	}
	return 0
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// isSquare tells whether n is a perfect square.
func isSquare(n *big.Int) bool {
	r := new(big.Int).Sqrt(n)
	return r.Mul(r, r).Cmp(n) == 0
}

// sieveModuli filter the candidates of Fermat's method: a square is a square
// modulo each of them, so that few candidates need a root of full length.
var sieveModuli = []uint64{64, 63, 65, 11, 17, 19, 23, 29, 31, 37, 41, 43, 47}

var squaresOf = sync.OnceValue(func() [][]bool {
	tables := make([][]bool, len(sieveModuli))
	for i, m := range sieveModuli {
		tables[i] = make([]bool, m)
		for x := range m {
			tables[i][x*x%m] = true
		}
	}
	return tables
})

// fermat looks for two factors close to the root of n and gives the number of
// steps made, found or not.
func fermat(n *big.Int) (steps int, ok bool) {
	if n.Bit(0) == 0 || n.BitLen() < 16 {
		return 0, false
	}
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) < 0 {
		a.Add(a, big.NewInt(1))
	}
	squares := squaresOf()
	am, nm := make([]uint64, len(sieveModuli)), make([]uint64, len(sieveModuli))
	t := new(big.Int)
	for i, m := range sieveModuli {
		am[i] = t.Mod(a, new(big.Int).SetUint64(m)).Uint64()
		nm[i] = t.Mod(n, new(big.Int).SetUint64(m)).Uint64()
	}
	for k := range uint64(fermatSteps) {
		candidate := true
		for i, m := range sieveModuli {
			x := (am[i] + k) % m
			if !squares[i][(x*x+m-nm[i])%m] {
				candidate = false
				break
			}
		}
		if !candidate {
			continue
		}
		b := new(big.Int).Add(a, new(big.Int).SetUint64(k))
		b.Mul(b, b).Sub(b, n)
		if isSquare(b) {
			return int(k) + 1, true
		}
	}
	return fermatSteps, false
}

// rocaPrimes are those below 168. The flawed library makes primes of the form
// k·M + (65537^a mod M), M being a product of small primes, so that the modulus
// is a power of 65537 modulo each of them (CVE-2017-15361). Primes of which
// 65537 generates the whole group tell nothing and drop out by themselves.
var rocaPrimes = []uint64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// roca tells whether the modulus has the fingerprint of CVE-2017-15361.
func roca(n *big.Int) bool {
	t := new(big.Int)
	for _, p := range rocaPrimes {
		r := t.Mod(n, new(big.Int).SetUint64(p)).Uint64()
		if !powerOf65537(r, p) {
			return false
		}
	}
	return true
}

func powerOf65537(r, p uint64) bool {
	x := uint64(1)
	for range p {
		if x == r {
			return true
		}
		x = x * 65537 % p
	}
	return false
}

// badPoint tells why 32 octets are no usable Ed25519 key: "encoding" for a
// coordinate not reduced, "curve" for a point not on it, "order" for one of the
// eight points of small order; "" for a good one (RFC 8032 §5.1.3).
func badPoint(key []byte) string {
	c := edwards()
	le := make([]byte, 32)
	for i, b := range key {
		le[31-i] = b
	}
	sign := le[0] >> 7
	le[0] &= 0x7F
	y := new(big.Int).SetBytes(le)
	if y.Cmp(c.p) >= 0 {
		return "encoding"
	}
	// x² = (y² - 1) / (d·y² + 1)
	yy := c.mul(y, y)
	u := c.mod(new(big.Int).Sub(yy, big.NewInt(1)))
	v := c.mod(new(big.Int).Add(c.mul(c.d, yy), big.NewInt(1)))
	x := new(big.Int).ModSqrt(c.mul(u, new(big.Int).ModInverse(v, c.p)), c.p)
	if x == nil || x.Sign() == 0 && sign == 1 {
		return "curve"
	}
	// Three doublings take a point of small order to the neutral element (0, 1).
	for range 3 {
		x, y = c.double(x, y)
	}
	if x.Sign() == 0 && y.Cmp(big.NewInt(1)) == 0 {
		return "order"
	}
	return ""
}

// curve is edwards25519: -x² + y² = 1 + d·x²·y² modulo p.
type curve struct{ p, d *big.Int }

var edwards = sync.OnceValue(func() *curve {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	c := &curve{p: p}
	c.d = c.mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	return c
})

func (c *curve) mod(x *big.Int) *big.Int    { return x.Mod(x, c.p) }
func (c *curve) mul(a, b *big.Int) *big.Int { return c.mod(new(big.Int).Mul(a, b)) }

// double adds an affine point to itself; the denominators are never zero on this curve.
func (c *curve) double(x, y *big.Int) (*big.Int, *big.Int) {
	xy := c.mul(x, y)
	t := c.mul(c.d, c.mul(xy, xy))
	one := big.NewInt(1)
	nx := c.mod(new(big.Int).Lsh(xy, 1))
	ny := c.mod(new(big.Int).Add(c.mul(y, y), c.mul(x, x)))
	dx := c.mod(new(big.Int).Add(one, t))
	dy := c.mod(new(big.Int).Sub(one, t))
	return c.mul(nx, new(big.Int).ModInverse(dx, c.p)), c.mul(ny, new(big.Int).ModInverse(dy, c.p))
}
