package aggregation

import (
	"bytes"
	"cmp"
	"slices"
)

// cells is the arena in which every open window keeps its groups. A cell is a
// number; what it means for an aggregate is in that accumulator, at the same
// number. Cells of closed windows are used again.
type cells struct {
	group list[uint32] // by cell
	dirty cellSet      // cells changed since the last snapshot
	free  list[uint32]
	keys  [2][]byte
}

// cellSet is a set of cells, a bit for each.
type cellSet []uint64

func (b cellSet) has(i uint32) bool { return b[i/64]>>(i%64)&1 != 0 }

// set tests first: most are set already, and a word that is only read holds
// nobody up.
func (b cellSet) set(i uint32) {
	if bit := uint64(1) << (i % 64); b[i/64]&bit == 0 {
		b[i/64] |= bit
	}
}

func (b cellSet) clear(i uint32) { b[i/64] &^= 1 << (i % 64) }

// len is the number of cells, free ones too.
func (c *cells) len() int { return c.group.len() }

func (c *cells) alloc(group uint32) uint32 {
	if c.free.len() > 0 {
		cell := c.free.pop()
		*c.group.at(cell) = group
		return cell
	}
	c.group.push(group)
	c.dirty = extend(c.dirty, (c.len()+63)/64)
	return uint32(c.len() - 1)
}

func (c *cells) compareGroups(a, b ready, g *groups) int {
	return g.compare(a.group, b.group, &c.keys)
}

// ready is a cell that is to be emitted, its group, and when its window begins.
// While cells are sorted, at is how their keys begin instead.
type ready struct {
	at          int64
	group, cell uint32
}

// sort returns cells of a window that begins at start in the order of their groups'
// keys. They are many and keys are far from one another in memory, so that only
// those are compared in full that begin alike.
func (c *cells) sort(cells *list[uint32], start int64, g *groups) []ready {
	items := make([]ready, cells.len())
	advise(items)
	if !c.begin(items, cells, g, c.common(cells, g, fewSorted)) {
		c.begin(items, cells, g, c.common(cells, g, cells.len()))
	}
	sortByPrefix(items, 56, func(a, b ready) int {
		if a.at != b.at {
			return cmp.Compare(uint64(a.at), uint64(b.at))
		}
		return c.compareGroups(a, b, g)
	})
	for i := range items {
		items[i].at = start
	}
	return items
}

// begin fills the items in, with the bytes behind what all keys have in common.
// It returns false if one key has less than that in common with the first.
func (c *cells) begin(items []ready, cells *list[uint32], g *groups, common int) bool {
	var first, key []byte
	for i, cell := range cells.all() {
		group := *c.group.at(cell)
		key = g.appendKey(key[:0], group)
		if i == 0 {
			first = bytes.Clone(key[:common])
		}
		if !bytes.HasPrefix(key, first) {
			return false
		}
		items[i] = ready{at: int64(prefix(key[common:])), group: group, cell: cell}
	}
	return true
}

// common is how many bytes the keys of the first cells have in common at their
// beginning.
func (c *cells) common(cells *list[uint32], g *groups, most int) int {
	var first, key []byte
	for i, cell := range cells.all() {
		if int(i) == most {
			break
		}
		key = g.appendKey(key[:0], *c.group.at(cell))
		if i == 0 {
			first = bytes.Clone(key)
		}
		n := 0
		for n < len(first) && n < len(key) && key[n] == first[n] {
			n++
		}
		first = first[:n]
	}
	return len(first)
}

// prefix is the first bytes of a key as a number of the same order.
func prefix(key []byte) (p uint64) {
	for i := range 8 {
		p <<= 8
		if i < len(key) {
			p |= uint64(key[i])
		}
	}
	return p
}

// fewSorted is how many items are sorted faster by comparing them.
const fewSorted = 64

// sortByPrefix puts items into their order by one byte of their prefixes, from
// the highest on that lets them differ, in place, and then those behind each
// byte by the next one.
func sortByPrefix(items []ready, shift int, compare func(a, b ready) int) {
	var counts [256]int
	for {
		if len(items) < fewSorted || shift < 0 {
			slices.SortFunc(items, compare)
			return
		}
		for _, item := range items {
			counts[byte(item.at>>shift)]++
		}
		if counts[byte(items[0].at>>shift)] < len(items) {
			break
		}
		clear(counts[:])
		shift -= 8
	}
	var next, ends [256]int
	for b, sum := 0, 0; b < 256; b++ {
		next[b] = sum
		sum += counts[b]
		ends[b] = sum
	}
	for b := range 256 {
		for next[b] < ends[b] {
			item := items[next[b]]
			for to := byte(item.at >> shift); int(to) != b; to = byte(item.at >> shift) {
				items[next[to]], item = item, items[next[to]]
				next[to]++
			}
			items[next[b]] = item
			next[b]++
		}
	}
	for b := range 256 {
		if counts[b] > 1 {
			sortByPrefix(items[ends[b]-counts[b]:ends[b]], shift-8, compare)
		}
	}
}
