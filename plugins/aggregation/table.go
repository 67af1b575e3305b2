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
	n.slots, n.shift = newSlots(max(2*len(n.slots), leastSlots))
	mask := uint32(len(n.slots) - 1)
	for id, v := range n.values {
		at := mixNumber(v, n.shift)
		for n.slots[at] != 0 {
			at = (at + 1) & mask
		}
		n.slots[at] = uint32(id + 1)
	}
}

// newSlots makes a table of a size that is a power of two, and the shift that
// leaves as many bits of a 64-bit hash as it has slots.
func newSlots(size int) ([]uint32, uint8) {
	slots := make([]uint32, size)
	advise(slots)
	return slots, shiftFor(size)
}

func shiftFor(size int) uint8 { return uint8(64 - bits.TrailingZeros(uint(size))) }

// seed makes the hashes of one table unlike those of another, so that nobody
// can choose texts that all fall into one slot.
type seed struct {
	first, last uint64
	long        maphash.Seed
}

func newSeed() *seed {
	return &seed{first: rand.Uint64(), last: rand.Uint64(), long: maphash.MakeSeed()}
}

// digest is two words that tell values apart: a text of up to 15 bytes and its
// length, or a hash of a longer one, longMark, and where its bytes are kept; an
// integer and fixedMark; nullMark; or up to three ids. One table has either ids
// or the others.
type digest struct {
	first, last uint64
}

const (
	mostShort = 15
	longMark  = 1 << 63
	fixedMark = 1 << 61
	nullMark  = 1 << 62
)

func (s *seed) digest(v []byte) digest {
	n := len(v)
	d := digest{last: uint64(n) << 56}
	switch {
	case n > mostShort:
		return digest{maphash.Bytes(s.long, v), longMark}
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

// digestAll is digest for rows of a column. Texts of groups are of any length, in
// no order that could be foreseen: so nothing depends on how short one is.
func (s *seed) digestAll(in *column, rows []uint32, into []digest) {
	for i, row := range rows {
		from, to := int(in.offsets[row]), int(in.offsets[row+1])
		if n := to - from; n <= mostShort && from+16 <= len(in.bytes) {
			v, keep := in.bytes[from:from+16], &shortMasks[n]
			into[i] = digest{binary.LittleEndian.Uint64(v) & keep.first,
				binary.LittleEndian.Uint64(v[8:])&keep.last | uint64(n)<<56}
			continue
		}
		into[i] = s.digest(in.bytes[from:to])
	}
}

// shortMasks keep the bytes of a text, by its length.
var shortMasks = func() (masks [mostShort + 1]digest) {
	for n := range masks {
		masks[n] = digest{1<<(8*min(n, 8)) - 1, 1<<(8*max(n-8, 0)) - 1}
	}
	return masks
}()

// hash costs one multiplication. Where a long text is kept is nothing to it.
func (s *seed) hash(d digest) uint64 {
	last := d.last &^ d.place()
	high, low := bits.Mul64(d.first^s.first, last^s.last)
	return (high ^ low) * 0x9e3779b97f4a7c15
}

// place is the bits of last that tell where a long text is kept.
func (d digest) place() uint64 { return uint64(int64(d.last)>>63) >> 1 }

// differs is 0 if two digests are of one value or of two long texts with one hash.
func (d digest) differs(kept digest) uint64 {
	return d.first ^ kept.first | (d.last^kept.last)&^d.place()
}

// texts gives every different value the next id, from 0. Of texts it keeps one
// copy. The zero value is empty.
type texts struct {
	slots  []uint32 // id+1, or 0; a power of two long, at most half full
	shift  uint8
	values []digest // by id
	long   []byte   // texts of more than mostShort bytes, each behind its length
}

func (t *texts) len() int { return len(t.values) }

// intern returns the id of a text, whose bytes it copies if they are new. All
// calls on one table have the same seed.
func (t *texts) intern(s *seed, v []byte) uint32 { return t.add(s, s.digest(v), v) }

// add returns the id of a value by its digest; v is the bytes of a long text.
func (t *texts) add(s *seed, d digest, v []byte) uint32 {
	t.reserve(s, 1)
	return t.find(d, v, uint32(s.hash(d)>>t.shift))
}

// find is add from a slot on.
func (t *texts) find(d digest, v []byte, at uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	for ; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			if d.last == longMark {
				d.last |= uint64(len(t.long))
				t.long = appendText8(t.long, v)
			}
			t.values = push(t.values, d)
			t.slots[at] = uint32(len(t.values))
			return uint32(len(t.values) - 1)
		}
		if t.same(d, v, slot-1) {
			return slot - 1
		}
	}
}

func (t *texts) same(d digest, v []byte, id uint32) bool {
	kept := t.values[id]
	return d.differs(kept) == 0 && (d.last != longMark || bytes.Equal(t.keptAt(kept), v))
}

func (t *texts) keptAt(d digest) []byte {
	kept := t.long[d.last&^longMark:]
	n, size := binary.Uvarint(kept)
	return kept[size : size+int(n)]
}

// value is the text of an id, which is in room if it is short.
func (t *texts) value(id uint32, room *[16]byte) []byte { return t.text(t.values[id], room) }

// text is value by what is kept of it.
func (t *texts) text(d digest, room *[16]byte) []byte {
	if d.last&longMark != 0 {
		return t.keptAt(d)
	}
	binary.LittleEndian.PutUint64(room[:], d.first)
	binary.LittleEndian.PutUint64(room[8:], d.last)
	return room[:d.last>>56&mostShort] // none of null
}

// length is how many bytes a text has.
func (t *texts) length(d digest) int {
	if d.last&longMark != 0 {
		return len(t.keptAt(d))
	}
	return int(d.last >> 56 & mostShort)
}

// reserve makes room for n more values.
func (t *texts) reserve(s *seed, n int) {
	size := max(len(t.slots), leastSlots)
	for 2*(len(t.values)+n) > size {
		size *= 2
	}
	if size == len(t.slots) {
		return
	}
	t.slots, t.shift = newSlots(size)
	mask := uint32(size - 1)
	for id, d := range t.values {
		at := uint32(s.hash(d) >> t.shift)
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = uint32(id + 1)
	}
}

// stage is how many rows are looked up together. What a look-up waits for is
// memory: so all rows' slots are read before the first is needed, and then all
// their values, by loops that the processor can run far ahead in.
const stage = 256

// lookup is the room that one stage is worked in.
type lookup struct {
	digests [stage]digest
	at      [stage]uint32 // the slot each value is looked for in
	differs [stage]uint64
	left    [stage]uint8 // the values that are not found yet
}

// beyondCache is how many slots a table has that is worth the loops of its own.
const beyondCache = 1 << 14

// addAll is add for the first n digests of a stage. text gives the bytes of long ones.
func (t *texts) addAll(s *seed, l *lookup, ids []uint32, text func(i int) []byte) {
	t.reserve(s, len(ids))
	if len(t.slots) < beyondCache {
		t.addNear(s, l, ids, text)
		return
	}
	for i := range ids {
		l.at[i] = uint32(s.hash(l.digests[i]) >> t.shift)
		l.left[i] = uint8(i)
	}
	mask := uint32(len(t.slots) - 1)
	for left := l.left[:len(ids)]; len(left) > 0; {
		for _, i := range left {
			ids[i] = t.slots[l.at[i]]
		}
		for _, i := range left {
			l.differs[i] = l.digests[i].differs(t.values[max(ids[i], 1)-1])
		}
		n := 0
		for _, i := range left {
			d := l.digests[i]
			switch {
			case ids[i] == 0 || l.differs[i] == 0 && d.last == longMark:
				// New so far; it may be there by now, or be of the same hash only.
				var v []byte
				if d.last == longMark {
					v = text(int(i))
				}
				ids[i] = t.find(d, v, l.at[i])
			case l.differs[i] == 0:
				ids[i]--
			default:
				l.at[i] = (l.at[i] + 1) & mask
				left[n] = i
				n++
			}
		}
		left = left[:n]
	}
}

// addNear is addAll for a table that the processor's cache holds.
func (t *texts) addNear(s *seed, l *lookup, ids []uint32, text func(i int) []byte) {
	for i := range ids {
		d := l.digests[i]
		at := uint32(s.hash(d) >> t.shift)
		var v []byte
		if d.last == longMark {
			v = text(i)
		} else if slot := t.slots[at]; slot != 0 && t.values[slot-1] == d {
			ids[i] = slot - 1
			continue
		}
		ids[i] = t.find(d, v, at)
	}
}
