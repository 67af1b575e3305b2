package aggregation

import "unsafe"

// Estimates of memory: slices by their capacity, what cells refer to by what was
// added to it. The engine warns by their sum.

// bytesOf is the memory of a slice of plain values.
func bytesOf[T any](s []T) int64 { return int64(cap(s)) * int64(unsafe.Sizeof(*new(T))) }

// memoryUsed is the bytes that the cells of an accumulator refer to.
type memoryUsed int64

// added counts the values that a set has come to have.
func (h *memoryUsed) added(before, after int, each int64) {
	if before == after {
		return
	}
	if before == 0 {
		*h += setBytes
	} else if after == 0 {
		*h -= setBytes
	}
	*h += memoryUsed(int64(after-before) * each)
}

// A value in a set takes its own 8 bytes and 8 to 16 of slots; a slice that
// grows has a quarter of its capacity to spare, or more while it is short.
const (
	setBytes    = 16 // of the first value, over what each takes
	numberBytes = 8 + 8/2 + 12
	textBytes   = 16 + 16/2 + 12
	binBytes    = numberBytes + 8 + 8/2
	sketchBytes = 1 << sketchPrecision
)

// heap is what the set has beside itself.
func (n *numbers) heap() int64 {
	if len(n.values) == 0 {
		return 0
	}
	return setBytes + numberBytes*int64(len(n.values))
}

func (t *texts) heap() int64 {
	if t.len() == 0 {
		return 0
	}
	return setBytes + textBytes*int64(t.len()) + t.long.bytes()
}

// reportMemory sets the gauge to the estimated bytes of the state.
func (t *transform) reportMemory() {
	n := t.groups.bytes() + t.cells.bytes() + t.windows.bytes()
	for _, a := range t.accumulators {
		n += a.bytes()
	}
	t.memory.Set(n)
}

// bytes of the tables that number groups, which are large: their slices are known.
func (g *groups) bytes() (n int64) {
	add := func(t *texts) { n += bytesOf(t.slots) + t.values.bytes() + t.long.bytes() }
	for i := range g.columns {
		add(&g.columns[i].values)
	}
	for i := range g.joins {
		add(&g.joins[i])
	}
	return n
}

func (c *cells) bytes() int64 {
	return c.group.bytes() + bytesOf(c.dirty) + c.free.bytes()
}

func (w *window) bytes() int64 {
	return int64(unsafe.Sizeof(*w)) + w.index.byGroup.bytes() + bytesOf(w.index.slots) + w.cells.bytes()
}

func (a *aligned) bytes() int64 { return a.memoryUsed }

// bytes takes each open session to be the only one of its group.
func (s *sessions) bytes() int64 {
	const least = 8 // of a list of one
	return s.heap + s.owners.bytes() + s.parts.bytes() + s.open.bytes() + least*int64(s.len()-s.free.len()) +
		s.start.bytes() + s.until.bytes() + s.queued.bytes() +
		bytesOf(s.ends.items) + bytesOf(s.starts.items) + bytesOf(s.into) + bytesOf(s.stored) + bytesOf(s.deleted)
}
