package aggregation

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// numbers gives every different int64 the next id, from 0. It is a set, an
// interner and, with a slice beside it, a map. The zero value is empty.
type numbers struct {
	slots  []uint32 // id+1, or 0; a power of two long, at most half full
	shift  uint8
	values []int64 // by id
}

const leastSlots = 8

// intern returns the id of v.
func (n *numbers) intern(v int64) uint32 {
	if 2*len(n.values) >= len(n.slots) {
		n.grow()
	}
	mask := uint32(len(n.slots) - 1)
	for at := mixNumber(v, n.shift); ; at = (at + 1) & mask {
		slot := n.slots[at]
		if slot == 0 {
			n.values = append(n.values, v)
			n.slots[at] = uint32(len(n.values))
			return uint32(len(n.values) - 1)
		}
		if n.values[slot-1] == v {
			return slot - 1
		}
	}
}

// mixNumber is the top bits of a product: neighbours land far apart, so that
// runs of ids do not pile up.
func mixNumber(v int64, shift uint8) uint32 {
	x := uint64(v)
	return uint32(((x ^ x>>32) * 0x9e3779b97f4a7c15) >> shift)
}

func (n *numbers) grow() {
	n.slots, n.shift = nextSlots(len(n.slots))
	mask := uint32(len(n.slots) - 1)
	for id, v := range n.values {
		at := mixNumber(v, n.shift)
		for n.slots[at] != 0 {
			at = (at + 1) & mask
		}
		n.slots[at] = uint32(id + 1)
	}
}

// nextSlots makes the table after one of the given size, and the shift that
// leaves as many bits of a 64-bit hash as it has slots.
func nextSlots(size int) ([]uint32, uint8) {
	size = max(2*size, leastSlots)
	shift := uint8(64)
	for n := size; n > 1; n /= 2 {
		shift--
	}
	return make([]uint32, size), shift
}

// seed makes the hashes of one table unlike those of another, so that nobody
// can choose texts that all fall into one slot.
type seed struct {
	first, last uint64
	long        maphash.Seed
}

func newSeed() *seed {
	return &seed{first: rand.Uint64(), last: rand.Uint64(), long: maphash.MakeSeed()}
}

// digest is two words that tell texts apart: up to 15 bytes they are the text
// and its length, beyond that a hash of it.
type digest struct {
	first, last uint64
}

const mostShort = 15

func (s *seed) digest(v []byte) digest {
	n := len(v)
	d := digest{last: uint64(n) << 56}
	switch {
	case n > mostShort:
		return digest{maphash.Bytes(s.long, v), 1 << 63}
	case n > 8:
		d.first = binary.LittleEndian.Uint64(v)
		d.last |= binary.LittleEndian.Uint64(v[n-8:]) >> (8 * (16 - n))
	case n == 8:
		d.first = binary.LittleEndian.Uint64(v)
	case n >= 4: // the two halves overlap in bytes that are the same
		d.first = uint64(binary.LittleEndian.Uint32(v)) |
			uint64(binary.LittleEndian.Uint32(v[n-4:]))<<(8*(n-4))
	case n > 0:
		d.first = uint64(v[0]) | uint64(v[n/2])<<(8*(n/2)) | uint64(v[n-1])<<(8*(n-1))
	}
	return d
}

// hash costs one multiplication.
func (s *seed) hash(d digest) uint64 {
	high, low := bits.Mul64(d.first^s.first, d.last^s.last)
	return (high ^ low) * 0x9e3779b97f4a7c15
}

// texts gives every different byte string the next id, from 0, and keeps one
// copy of it. The zero value is empty.
type texts struct {
	slots   []uint32
	shift   uint8
	digests []digest // by id
	ends    []int    // by id: where its bytes end
	bytes   []byte
}

// intern returns the id of v, whose bytes it copies if they are new. All calls
// on one table have the same seed.
func (t *texts) intern(s *seed, v []byte) uint32 {
	if 2*len(t.ends) >= len(t.slots) {
		t.grow(s)
	}
	d := s.digest(v)
	mask := uint32(len(t.slots) - 1)
	for at := uint32(s.hash(d) >> t.shift); ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			t.digests, t.bytes = append(t.digests, d), append(t.bytes, v...)
			t.ends = append(t.ends, len(t.bytes))
			t.slots[at] = uint32(len(t.ends))
			return uint32(len(t.ends) - 1)
		}
		if t.digests[slot-1] == d && (len(v) <= mostShort || bytes.Equal(t.value(slot-1), v)) {
			return slot - 1
		}
	}
}

func (t *texts) value(id uint32) []byte {
	from := 0
	if id > 0 {
		from = t.ends[id-1]
	}
	return t.bytes[from:t.ends[id]]
}

func (t *texts) grow(s *seed) {
	t.slots, t.shift = nextSlots(len(t.slots))
	mask := uint32(len(t.slots) - 1)
	for id, d := range t.digests {
		at := uint32(s.hash(d) >> t.shift)
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = uint32(id + 1)
	}
}
