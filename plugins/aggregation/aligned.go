package aggregation

import (
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

// aligned is windows that begin at the same times for all groups: tumbling and
// hopping ones, and the one window of all time.
type aligned struct {
	*cells
	spans spans
	open  map[int64]*window // by start
	last  *window           // the one used last, so that most rows need no lookup
	next  int64             // end of the window that closes first, MaxInt64 if none is open
	ready []uint32
}

func newAligned(c *cells, s spans) *aligned {
	return &aligned{cells: c, spans: s, open: map[int64]*window{}, next: math.MaxInt64}
}

func (a *aligned) place(j *judged, gids []uint32, in *input, _ *groups) []join {
	for i, row := range j.rows {
		for start := j.first[i]; start <= j.last[i]; start += a.spans.every {
			in.cells = append(in.cells, a.at(start, gids[i]))
			in.rows = append(in.rows, row)
		}
	}
	return nil
}

// at returns the cell of a group in the window that begins at start.
func (a *aligned) at(start int64, group uint32) uint32 {
	w := a.last
	if w == nil || w.start != start {
		w = a.window(start)
	}
	position := w.groups.intern(int64(group))
	if int(position) == len(w.cells) {
		w.cells = append(w.cells, a.alloc(start, group))
	}
	cell := w.cells[position]
	a.touch(cell)
	return cell
}

func (a *aligned) window(start int64) *window {
	w := a.open[start]
	if w == nil {
		w = &window{start: start}
		a.open[start] = w
		a.next = min(a.next, start+a.spans.size)
	}
	a.last = w
	return w
}

// due orders cells by window and then by group.
func (a *aligned) due(closed int64, g *groups) []uint32 {
	a.ready = a.ready[:0]
	if a.next > closed {
		return a.ready
	}
	var due []*window
	a.next, a.last = math.MaxInt64, nil
	for start, w := range a.open {
		if start+a.spans.size <= closed {
			due = append(due, w)
			delete(a.open, start)
		} else {
			a.next = min(a.next, start+a.spans.size)
		}
	}
	slices.SortFunc(due, func(a, b *window) int { return cmp.Compare(a.start, b.start) })
	for _, w := range due {
		a.sort(w.cells, g)
		a.ready = append(a.ready, w.cells...)
	}
	return a.ready
}

// all is every open cell of the one window there is, by group. It stays open.
func (a *aligned) all(g *groups) []uint32 {
	a.ready = a.ready[:0]
	for _, w := range a.open {
		a.ready = append(a.ready, w.cells...)
	}
	a.sort(a.ready, g)
	return a.ready
}

func (a *aligned) bounds(cell uint32) (start, end int64) {
	return a.start[cell], a.start[cell] + a.spans.size
}

func (a *aligned) end() int64 {
	end := int64(unset)
	for start := range a.open {
		end = max(end, start+a.spans.size)
	}
	return end
}

func (a *aligned) promise(closed int64) int64 {
	if closed == unset {
		return unset
	}
	return a.spans.open(closed)
}

func (a *aligned) encode(state []byte, _ uint32) []byte { return state }

func (a *aligned) restore(start int64, group uint32, closed int64, r *reader) uint32 {
	before := a.len()
	if start < minTime-a.spans.size || start > maxTime || a.spans.last(start) != start ||
		start+a.spans.size <= closed {
		r.fail()
		return 0
	}
	cell := a.at(start, group)
	if int(cell) != before {
		r.fail() // the same key twice
	}
	return cell
}

func (a *aligned) regroup(number func(group uint32) uint32) {
	for _, w := range a.open {
		w.groups = numbers{}
		for _, cell := range w.cells {
			a.group[cell] = number(a.group[cell])
			w.groups.intern(int64(a.group[cell]))
		}
	}
}
