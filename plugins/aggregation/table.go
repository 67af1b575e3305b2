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
	size := max(2*len(n.slots), leastSlots)
	n.slots, n.shift = make([]uint32, size), shiftFor(size)
	mask := uint32(len(n.slots) - 1)
	for id, v := range n.values {
		at := mixNumber(v, n.shift)
		for n.slots[at] != 0 {
			at = (at + 1) & mask
		}
		n.slots[at] = uint32(id + 1)
	}
}

// shiftFor leaves as many bits of a 64-bit hash as a table of a size that is a
// power of two has slots.
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

// digest is two words by which values differ: a text of up to 15 bytes and its
// length, or a hash of a longer one, longMark, and the address of its bytes; an
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

// hash costs two multiplications. It ignores the address of a long text.
func (s *seed) hash(d digest) uint32 {
	last := d.last &^ d.addressMask()
	high, low := bits.Mul64(d.first^s.first, last^s.last)
	return uint32((high ^ low) * 0x9e3779b97f4a7c15 >> 32)
}

// addressMask is the bits of last that are the address of a long text.
func (d digest) addressMask() uint64 { return uint64(int64(d.last)>>63) >> 1 }

// differs is 0 if two digests are of one value or of two long texts with one hash.
func (d digest) differs(kept digest) uint64 {
	return d.first ^ kept.first | (d.last^kept.last)&^d.addressMask()
}

// texts gives every different value the next id, from 0. Of texts it keeps one
// copy. The zero value is empty.
type texts struct {
	slots  []slot // a power of two long, at most three quarters full
	shift  uint8
	values list[digest] // by id
	long   blocks       // texts of more than mostShort bytes
}

// slot is the hash of a value and behind it its id+1, or 0. A value's slot is the
// one that its hash begins with, or the next free one behind that: so a table can
// grow, and most look-ups can fail, without reading the values, which are elsewhere in
// memory.
type slot uint64

func newSlot(hash, id uint32) slot { return slot(hash)<<32 | slot(id+1) }

func (s slot) hash() uint32 { return uint32(s >> 32) }

// id is that of a slot that is not empty.
func (s slot) id() uint32 { return uint32(s) - 1 }

const leastTexts = 4 // slots

func (t *texts) len() int { return t.values.len() }

// intern returns the id of a text, whose bytes it copies if they are new. All
// calls on one table have the same seed.
func (t *texts) intern(s *seed, v []byte) uint32 { return t.add(s, s.digest(v), v) }

// add returns the id of a value by its digest; v is the bytes of a long text.
func (t *texts) add(s *seed, d digest, v []byte) uint32 {
	t.reserve(1)
	return t.find(d, v, s.hash(d))
}

// find is add by the hash as well.
func (t *texts) find(d digest, v []byte, hash uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	for at := hash >> t.shift; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			return t.insert(d, v, hash, at)
		}
		if slot.hash() == hash && t.same(d, v, slot.id()) {
			return slot.id()
		}
	}
}

// insert adds a value that is not there, at a slot that is free.
func (t *texts) insert(d digest, v []byte, hash, at uint32) uint32 {
	if d.last == longMark {
		d.last |= t.long.keep(v)
	}
	id := uint32(t.values.len())
	t.values.push(d)
	t.slots[at] = newSlot(hash, id)
	return id
}

func (t *texts) same(d digest, v []byte, id uint32) bool {
	kept := *t.values.at(id)
	return d.differs(kept) == 0 && (d.last != longMark || bytes.Equal(t.keptAt(kept), v))
}

func (t *texts) keptAt(d digest) []byte { return t.long.at(d.last &^ longMark) }

// value is the text of an id, which is in scratch if it is short.
func (t *texts) value(id uint32, scratch *[16]byte) []byte { return t.text(*t.values.at(id), scratch) }

// text is value by what is kept of it.
func (t *texts) text(d digest, scratch *[16]byte) []byte {
	if d.last&longMark != 0 {
		return t.keptAt(d)
	}
	binary.LittleEndian.PutUint64(scratch[:], d.first)
	binary.LittleEndian.PutUint64(scratch[8:], d.last)
	return scratch[:d.last>>56&mostShort] // none of null
}

// length is how many bytes a text has.
func (t *texts) length(d digest) int {
	if d.last&longMark != 0 {
		return len(t.keptAt(d))
	}
	return int(d.last >> 56 & mostShort)
}

// reserve grows the table for n more values. Slots are in the order of hashes, but
// for those that had to move on: so growing reads and writes memory in order.
func (t *texts) reserve(n int) {
	size := max(len(t.slots), leastTexts)
	for 4*(t.len()+n) > 3*size {
		size *= 2
	}
	if size == len(t.slots) {
		return
	}
	before := t.slots
	t.slots, t.shift = make([]slot, size), shiftFor(size)-32
	advise(t.slots)
	mask := uint32(size - 1)
	for _, slot := range before {
		if slot == 0 {
			continue
		}
		at := slot.hash() >> t.shift
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = slot
	}
}

// stage is how many rows are looked up together. What a look-up waits for is
// memory: so all rows' slots are read before the first is needed, and then all
// their values, by loops that the processor can run far ahead in.
const stage = 256

// lookup is the scratch of one stage.
type lookup struct {
	digests [stage]digest
	hashes  [stage]uint32
	at      [stage]uint32 // where in the table its search has ended
	slots   [stage]slot   // the one that each value may be in
	differs [stage]uint64
}

// beyondCache is the table size, in slots, from which batched probing pays: it no
// longer fits the cache.
const beyondCache = 1 << 14

// addAll is add for the first n digests of a stage. text gives the bytes of long ones.
func (t *texts) addAll(s *seed, l *lookup, ids []uint32, text func(i int) []byte) {
	t.reserve(len(ids))
	if len(t.slots) < beyondCache {
		t.addNear(s, l, ids, text)
		return
	}
	n := min(len(ids), stage)
	for i := range n {
		l.hashes[i] = s.hash(l.digests[i])
	}
	slots, shift, mask := t.slots, t.shift&31, uint32(len(t.slots)-1) // &31: spares the check for larger shifts
	for i := range n {
		l.slots[i] = slots[l.hashes[i]>>shift]
	}
	for i := range n {
		hash, slot := l.hashes[i], l.slots[i]
		at := hash >> shift
		for slot != 0 && slot.hash() != hash {
			at = (at + 1) & mask
			slot = slots[at]
		}
		l.slots[i], l.at[i] = slot, at
	}
	for i := range ids {
		l.differs[i] = l.digests[i].differs(*t.values.at(max(uint32(l.slots[i]), 1) - 1))
	}
	for i := range ids {
		d := l.digests[i]
		if l.slots[i] != 0 && l.differs[i] == 0 && d.last != longMark {
			ids[i] = l.slots[i].id()
			continue
		}
		var v []byte
		if d.last == longMark {
			v = text(i)
		}
		if slots[l.at[i]] == 0 {
			ids[i] = t.insert(d, v, l.hashes[i], l.at[i])
		} else { // it was free and may have it by now; or another value of the same hash
			ids[i] = t.find(d, v, l.hashes[i])
		}
	}
}

// addNear is addAll for a table that the processor's cache holds.
func (t *texts) addNear(s *seed, l *lookup, ids []uint32, text func(i int) []byte) {
	for i := range ids {
		d := l.digests[i]
		hash := s.hash(d)
		var v []byte
		if d.last == longMark {
			v = text(i)
		} else if slot := t.slots[hash>>t.shift]; slot != 0 && *t.values.at(slot.id()) == d {
			ids[i] = slot.id()
			continue
		}
		ids[i] = t.find(d, v, hash)
	}
}

// blocks keeps texts, each in one block and behind its length. A block is as large
// as all before it together: a cell may have a table of its own.
type blocks struct {
	all  [][]byte
	size int64
}

const (
	firstBlock = 1 << 14 // bytes of the first block, which begins small
	blockBytes = 1 << 20 // of further ones, at most, unless a text is longer
)

// keep copies a text and returns its address: the block and the offset in it.
func (b *blocks) keep(v []byte) (address uint64) {
	need := len(v) + binary.MaxVarintLen64
	last := len(b.all) - 1
	if last < 0 || last == 0 && len(b.all[0])+need > firstBlock || last > 0 && len(b.all[last])+need > cap(b.all[last]) {
		last++
		size := 0
		if last > 0 {
			size = max(need, min(blockBytes, int(b.size)))
		}
		b.all = append(b.all, make([]byte, 0, size))
		b.size += int64(size)
	}
	block := b.all[last]
	b.all[last] = appendText8(block, v)
	b.size += int64(cap(b.all[last]) - cap(block))
	return uint64(last)<<32 | uint64(len(block))
}

func (b *blocks) at(address uint64) []byte {
	kept := b.all[address>>32][uint32(address):]
	n, size := binary.Uvarint(kept)
	return kept[size : size+int(n)]
}

func (b *blocks) bytes() int64 { return b.size }
