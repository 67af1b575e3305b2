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
	group []uint32 // by cell
	start []int64  // by cell: where its window begins
	dirty cellSet  // cells changed since the last snapshot
	free  []uint32
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
func (c *cells) len() int { return len(c.group) }

func (c *cells) alloc(start int64, group uint32) uint32 {
	if n := len(c.free); n > 0 {
		cell := c.free[n-1]
		c.free = c.free[:n-1]
		c.group[cell], c.start[cell] = group, start
		return cell
	}
	c.group, c.start = push(c.group, group), push(c.start, start)
	c.dirty = extend(c.dirty, (len(c.group)+63)/64)
	return uint32(len(c.group) - 1)
}

// reserve makes room for n cells in all.
func (c *cells) reserve(n int) {
	c.group, c.start = room(c.group, n), room(c.start, n)
	c.dirty = room(c.dirty, (n+63)/64)
}

func (c *cells) compareGroups(a, b uint32, g *groups) int {
	return g.compare(c.group[a], c.group[b], &c.keys)
}

// sorted is a cell and the first bytes in which its group's key is unlike others.
type sorted struct {
	prefix uint64
	cell   uint32
}

// sort returns the cells in the order of their groups' keys. They are many and
// keys are far from one another in memory, so that only those are compared in
// full that begin alike.
func (c *cells) sort(cells []uint32, g *groups) []uint32 {
	if len(cells) < 2 {
		return slices.Clone(cells)
	}
	common := c.common(cells, g)
	items := make([]sorted, len(cells))
	advise(items)
	var key []byte
	for i, cell := range cells {
		key = g.appendKey(key[:0], c.group[cell])
		items[i] = sorted{prefix(key[common:]), cell}
	}
	sortByPrefix(items, 56, func(a, b sorted) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return c.compareGroups(a.cell, b.cell, g)
	})
	in := make([]uint32, len(items))
	for i, item := range items {
		in[i] = item.cell
	}
	return in
}

// common is how many bytes all keys of the cells have in common at their beginning.
func (c *cells) common(cells []uint32, g *groups) int {
	first := g.appendKey(nil, c.group[cells[0]])
	var key []byte
	for _, cell := range cells[1:] {
		key = g.appendKey(key[:0], c.group[cell])
		if bytes.HasPrefix(key, first) {
			continue
		}
		n := 0
		for n < len(key) && key[n] == first[n] {
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
func sortByPrefix(items []sorted, shift int, compare func(a, b sorted) int) {
	var counts [256]int
	for {
		if len(items) < fewSorted || shift < 0 {
			slices.SortFunc(items, compare)
			return
		}
		for _, item := range items {
			counts[byte(item.prefix>>shift)]++
		}
		if counts[byte(items[0].prefix>>shift)] < len(items) {
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
			for to := byte(item.prefix >> shift); int(to) != b; to = byte(item.prefix >> shift) {
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
