package aggregation

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// window is one open window: which of its groups have a cell.
type window struct {
	start  int64
	groups numbers  // group → position
	cells  []uint32 // by position
}

// cells is the arena in which every open window keeps its groups. A cell is a
// number; what it means for an aggregate is in that accumulator, at the same
// number. Cells of closed windows are used again.
type cells struct {
	spans spans
	open  map[int64]*window // by start
	last  *window           // the one used last, so that most rows need no lookup
	next  int64             // end of the window that closes first, MaxInt64 if none is open

	group []uint32 // by cell
	start []int64  // by cell
	flags []cellFlags
	free  []uint32
	dirty []uint32 // cells changed since the last snapshot; may hold freed ones

	deleted     []byte // keys of stored cells that are no more
	deletedEnds []int
}

type cellFlags uint8

const (
	cellDirty  cellFlags = 1 << iota // changed since the last snapshot
	cellStored                       // in a snapshot
)

func newCells(s spans) *cells {
	return &cells{spans: s, open: map[int64]*window{}, next: math.MaxInt64}
}

// len is the number of cells, free ones too.
func (c *cells) len() int { return len(c.group) }

// at returns the cell of a group in the window that begins at start.
func (c *cells) at(start int64, group uint32) uint32 {
	w := c.last
	if w == nil || w.start != start {
		w = c.window(start)
	}
	position := w.groups.intern(int64(group))
	if int(position) == len(w.cells) {
		w.cells = append(w.cells, c.alloc(start, group))
	}
	cell := w.cells[position]
	if c.flags[cell]&cellDirty == 0 {
		c.flags[cell] |= cellDirty
		c.dirty = append(c.dirty, cell)
	}
	return cell
}

func (c *cells) window(start int64) *window {
	w := c.open[start]
	if w == nil {
		w = &window{start: start}
		c.open[start] = w
		c.next = min(c.next, start+c.spans.size)
	}
	c.last = w
	return w
}

func (c *cells) alloc(start int64, group uint32) uint32 {
	if n := len(c.free); n > 0 {
		cell := c.free[n-1]
		c.free = c.free[:n-1]
		c.group[cell], c.start[cell] = group, start
		return cell
	}
	c.group, c.start = append(c.group, group), append(c.start, start)
	c.flags = append(c.flags, 0)
	return uint32(len(c.group) - 1)
}

// due takes out the windows that end at or before closed, oldest first.
func (c *cells) due(closed int64) []*window {
	if c.next > closed {
		return nil
	}
	var due []*window
	c.next, c.last = math.MaxInt64, nil
	for start, w := range c.open {
		if start+c.spans.size <= closed {
			due = append(due, w)
			delete(c.open, start)
		} else {
			c.next = min(c.next, start+c.spans.size)
		}
	}
	slices.SortFunc(due, func(a, b *window) int { return cmp.Compare(a.start, b.start) })
	return due
}

// end is when the last open window ends; false if none is open.
func (c *cells) end() (int64, bool) {
	end := int64(math.MinInt64)
	for start := range c.open {
		end = max(end, start+c.spans.size)
	}
	return end, len(c.open) > 0
}

// sort puts the cells of a window into the order of their groups' keys.
func (c *cells) sort(w *window, g *groups) {
	slices.SortFunc(w.cells, func(a, b uint32) int {
		return bytes.Compare(g.key(c.group[a]), g.key(c.group[b]))
	})
}

// release frees a cell whose window has been emitted.
func (c *cells) release(cell uint32, g *groups) {
	if c.flags[cell]&cellStored != 0 {
		c.deleted = appendCellKey(c.deleted, c.start[cell], g.key(c.group[cell]))
		c.deletedEnds = append(c.deletedEnds, len(c.deleted))
	}
	c.flags[cell] = 0
	c.free = append(c.free, cell)
}

// regroup gives every open cell its group's number in another numbering.
func (c *cells) regroup(number func(group uint32) uint32) {
	for _, w := range c.open {
		w.groups = numbers{}
		for _, cell := range w.cells {
			c.group[cell] = number(c.group[cell])
			w.groups.intern(int64(c.group[cell]))
		}
	}
}
