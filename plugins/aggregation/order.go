package aggregation

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"sync/atomic"

	"etlengine/plugins/kit/parallel"
)

// sort returns cells of a window that begins at start in the order of their groups'
// keys. They are many and keys are far from one another in memory, so that only
// those are compared in full that begin alike. Nothing else goes on meanwhile: so
// many are sorted by all processors.
func (c *cells) sort(cells *list[uint32], start int64, g *groups) []ready {
	items := make([]ready, cells.len())
	advise(items)
	if !c.begin(items, cells, g, c.common(cells, g, fewSorted)) {
		c.begin(items, cells, g, c.common(cells, g, cells.len()))
	}
	ends, shift, ok := split(items, 56)
	if !ok {
		slices.SortFunc(items, g.order())
	} else {
		var next atomic.Int32
		inParallel(len(items), func(int, int) {
			order := g.reader().order()
			for b := int(next.Add(1) - 1); b < len(ends); b = int(next.Add(1) - 1) {
				from := 0
				if b > 0 {
					from = ends[b-1]
				}
				sortByPrefix(items[from:ends[b]], shift-8, order)
			}
		})
	}
	for i := range items {
		items[i].at = start
	}
	return items
}

// inParallel does something with each part of so many items, of many at the same
// time. Few are one part: readers of groups are not free.
func inParallel(items int, do func(from, to int)) {
	const worthIt = 1 << 16
	parts := 1
	if items >= worthIt {
		parts = runtime.GOMAXPROCS(0)
	}
	_ = parallel.Do(parts, func(part int) error { // which never fails
		do(items*part/parts, items*(part+1)/parts)
		return nil
	})
}

// order compares cells by how their keys begin, and then by their keys.
func (g *groups) order() func(a, b ready) int {
	var keys [2][]byte
	return func(a, b ready) int {
		if a.at != b.at {
			return cmp.Compare(uint64(a.at), uint64(b.at))
		}
		return g.compare(a.group, b.group, &keys)
	}
}

// begin fills the items in, with the bytes behind what all keys have in common.
// It returns false if one key has less than that in common with the first.
func (c *cells) begin(items []ready, cells *list[uint32], g *groups, common int) bool {
	if len(items) == 0 {
		return true
	}
	first := g.appendKey(nil, *c.group.at(*cells.at(0)))[:common]
	var unlike atomic.Bool
	inParallel(len(items), func(from, to int) {
		g, key := g.reader(), []byte(nil)
		for i := from; i < to; i++ {
			cell := *cells.at(uint32(i))
			group := *c.group.at(cell)
			if key = g.appendKey(key[:0], group); !bytes.HasPrefix(key, first) {
				unlike.Store(true)
				return
			}
			items[i] = ready{at: int64(prefix(key[common:])), group: group, cell: cell}
		}
	})
	return !unlike.Load()
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

// sortByPrefix sorts items by the bytes of their prefixes, from the one at shift on.
func sortByPrefix(items []ready, shift int, compare func(a, b ready) int) {
	ends, shift, ok := split(items, shift)
	if !ok {
		slices.SortFunc(items, compare)
		return
	}
	from := 0
	for _, end := range ends {
		if end-from > 1 {
			sortByPrefix(items[from:end], shift-8, compare)
		}
		from = end
	}
}

// split puts items into the order of one byte of their prefixes, in place: the
// first one, from that at shift on, in which they differ. It returns which it was
// and where the items of each byte end, or false if they are few or alike.
func split(items []ready, shift int) (ends [256]int, at int, ok bool) {
	var counts [256]int
	for {
		if len(items) < fewSorted || shift < 0 {
			return ends, 0, false
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
	var next [256]int
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
	return ends, shift, true
}
