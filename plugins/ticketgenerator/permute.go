package ticketgenerator

import "math/bits"

// permutation shuffles the numbers below n without remembering any: a bijection
// of the next power of two, walked until it lands below n again.
type permutation struct {
	n, mask uint64
	shift   int
	add     uint64
	mul1    uint64
	mul2    uint64
}

func newPermutation(n, key uint64) permutation {
	width := bits.Len64(n - 1)
	key = mix(key)
	return permutation{n: n, mask: 1<<width - 1, shift: (width + 1) / 2,
		add: mix(key), mul1: mix(key+1) | 1, mul2: mix(key+2) | 1}
}

// at is where i goes; i must be below n.
func (p *permutation) at(i uint64) uint64 {
	for {
		i = (i + p.add) * p.mul1 & p.mask // odd factors and shifts to the right can be undone
		i ^= i >> p.shift
		i = i * p.mul2 & p.mask
		i ^= i >> p.shift
		if i < p.n {
			return i
		}
	}
}

// mix spreads the bits of x over the whole word (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below scales 32 random bits to a number below n.
func below(random uint32, n uint64) uint64 {
	return uint64(random) * n >> 32
}
