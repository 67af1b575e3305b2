package aggregation

import (
	"cmp"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// window is one open window: which of its groups have a cell. A cell is stored
// by its position, so that keys need no sorting and stay when groups are
// numbered anew.
type window struct {
	start    int64
	index    cellIndex
	cells    list[uint32] // by position, in the order of their first rows
	dirty    bool         // a cell has changed since the last snapshot
	stored   int          // how many cells a snapshot has
	single   cellSet      // positions of which it has a state beside that of their run
	restored int          // runs, or cells without one, whose states have been restored
}

// aligned is windows that begin at the same times for all groups: tumbling and
// hopping ones, and the one window of all time.
type aligned struct {
	*cells
	spec        windowSpec
	open        map[int64]*window // by start
	last        *window           // the one used last, so that most rows need no lookup
	next        int64             // end of the window that closes first, MaxInt64 if none is open
	closing     []*window         // due, and not released yet
	memoryUsed  int64             // bytes of the open windows
	gone        []int64           // starts of stored windows released since the last snapshot
	lastColumns windowColumns     // of the last call of bounds
	apart       bool              // each cell's state is written by itself, since it may be large

	keeps   bool    // the window never closes: its cells are handed out again and again
	pending cellSet // cells that have changed since they were handed out, if it keeps
	stored  cellSet // pending, as of the last snapshot

	run                     []uint32 // scratch
	key, name, names, value []byte
}

func newAligned(c *cells, s windowSpec) *aligned {
	return &aligned{cells: c, spec: s, open: map[int64]*window{}, next: math.MaxInt64}
}

func (a *aligned) assign(j *classified, gids []uint32, in *input, g *groups) []join {
	a.last = nil // so that every window of the batch is marked as changed
	before := len(in.cells)
	for i, row := range j.rows {
		for start := j.first[i]; start <= j.last[i]; start += a.spec.every {
			w := a.last
			if w == nil || w.start != start {
				w = a.window(start)
			}
			cell := w.index.find(gids[i])
			if cell == 0 {
				cell = a.begin(w, gids[i], g)
			}
			a.dirty.set(cell - 1)
			in.cells = append(in.cells, cell-1)
			in.rows = append(in.rows, row)
		}
	}
	if a.keeps {
		a.markPending(in.cells[before:])
	}
	return nil
}

// begin gives a group its cell in a window, and returns cell+1.
func (a *aligned) begin(w *window, group uint32, g *groups) uint32 {
	cell, before := a.alloc(group), w.bytes()
	w.cells.push(cell)
	w.index.add(group, cell, g.len())
	a.memoryUsed += w.bytes() - before
	return cell + 1
}

// window returns the window that begins at start, for a row that changes it.
func (a *aligned) window(start int64) *window {
	w := a.open[start]
	if w == nil {
		w = &window{start: start}
		a.memoryUsed += w.bytes()
		a.open[start] = w
		a.next = min(a.next, start+a.spec.size)
	}
	w.dirty = true
	a.last = w
	return w
}

// due orders cells by window and then by group.
func (a *aligned) due(closed int64, g *groups) []ready {
	if a.next > closed {
		return nil
	}
	a.next, a.last = math.MaxInt64, nil
	for start, w := range a.open {
		if start+a.spec.size <= closed {
			a.closing = append(a.closing, w)
			delete(a.open, start)
		} else {
			a.next = min(a.next, start+a.spec.size)
		}
	}
	slices.SortFunc(a.closing, func(a, b *window) int { return cmp.Compare(a.start, b.start) })
	var due []ready
	for _, w := range a.closing {
		cells := a.sort(&w.cells, w.start, g)
		if due == nil {
			due = cells
		} else {
			due = append(due, cells...)
		}
	}
	return due
}

// release gives cells back so that they come out again in order: neighbours in
// a window are neighbours in memory.
func (a *aligned) release([]ready, *groups) {
	for i, w := range slices.Backward(a.closing) {
		for position := w.cells.len(); position > 0; position-- {
			cell := *w.cells.at(uint32(position - 1))
			a.dirty.clear(cell)
			a.free.push(cell)
		}
		a.memoryUsed -= w.bytes()
		if w.stored > 0 {
			a.gone = append(a.gone, w.start)
		}
		a.closing[i] = nil
	}
	a.closing = a.closing[:0]
}

// drop is for sessions.
func (a *aligned) drop(uint32, *groups) { panic("aggregation: aligned windows are never joined") }

// all is every pending cell of the one window there is, by group. It stays open.
func (a *aligned) all(g *groups) []ready {
	if !a.holds() {
		return nil
	}
	for _, w := range a.open {
		return slices.DeleteFunc(a.sort(&w.cells, w.start, g), func(c ready) bool { return !a.pending.has(c.cell) })
	}
	return nil
}

// bounds makes columns once for all batches of a window that are as long.
func (a *aligned) bounds(cells []ready) (arrow.Array, arrow.Array) {
	n := len(cells)
	first, one := cells[0].at, cells[0].at == cells[n-1].at // they are in the order of windows
	if b := &a.lastColumns; one && b.start == first && b.n == n {
		return b.starts, b.ends
	}
	starts, ends := make([]arrow.Timestamp, n), make([]arrow.Timestamp, n)
	for i, c := range cells {
		starts[i], ends[i] = arrow.Timestamp(c.at), arrow.Timestamp(c.at+a.spec.size)
	}
	made := windowColumns{first, n, fixedColumn(sdk.Timestamp, starts), fixedColumn(sdk.Timestamp, ends)}
	if one {
		a.lastColumns = made
	}
	return made.starts, made.ends
}

// windowColumns is the columns window_start and window_end of n cells of one window.
type windowColumns struct {
	start        int64
	n            int
	starts, ends arrow.Array
}

func (a *aligned) end() int64 {
	end := int64(unset)
	for start := range a.open {
		end = max(end, start+a.spec.size)
	}
	return end
}

func (a *aligned) promise(closed int64) int64 {
	if closed == unset {
		return unset
	}
	return a.spec.open(closed)
}

func (a *aligned) regroup(live, old *groups) {
	for _, w := range a.open {
		for _, cell := range w.cells.all() {
			*a.group.at(cell) = live.adopt(old, *a.group.at(cell))
		}
	}
	for _, w := range a.open {
		a.memoryUsed -= w.bytes()
		w.index = cellIndex{}
		for _, cell := range w.cells.all() {
			w.index.add(*a.group.at(cell), cell, live.len())
		}
		a.memoryUsed += w.bytes()
	}
}
