package aggregation

import (
	"cmp"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
)

// sessions is windows that are made by rows: each row is good for the time from
// its own to a gap later, and rows of one group whose times overlap are in one
// session. A row at the very end of a session begins another, as windows do not
// hold their ends; so a session that the watermark has closed can be touched by
// no row that is in time.
type sessions struct {
	*cells
	gap    int64
	open   [][]uint32 // by group: its open sessions, oldest first
	until  []int64    // by cell: its end
	queued []int64    // by cell: when it is looked at for being complete, unset if it is not open
	ends   queue      // by queued
	starts queue      // by start; what is not open or has another start by now is skipped
	joins  []join
	into   []uint32 // by cell: the one it was joined to in this batch + 1
	ready  []uint32

	stored      cellSet // cells in a snapshot, under their start and group
	deleted     []byte  // keys of stored cells that are no more
	deletedEnds []int
	value       []byte // room
}

func newSessions(c *cells, gap int64) *sessions {
	return &sessions{cells: c, gap: gap}
}

func (s *sessions) place(j *judged, gids []uint32, in *input, g *groups) []join {
	s.open = extend(s.open, g.len())
	s.joins = s.joins[:0]
	before := len(in.cells)
	for i, row := range j.rows {
		in.cells = append(in.cells, s.at(j.last[i], gids[i], g))
		in.rows = append(in.rows, row)
	}
	if len(s.joins) > 0 {
		s.follow(in.cells[before:])
	}
	return s.joins
}

// follow names for each row the cell that its session ended up in.
func (s *sessions) follow(cells []uint32) {
	s.into = extend(s.into, s.len())
	for _, j := range s.joins {
		s.into[j.from] = j.into + 1
	}
	for i, cell := range cells {
		for s.into[cell] != 0 {
			cell = s.into[cell] - 1
		}
		cells[i] = cell
	}
	for _, j := range s.joins {
		s.into[j.from] = 0
	}
}

// at returns the cell of the session that a row is in, which it may have begun,
// prolonged, or joined out of two.
func (s *sessions) at(t int64, group uint32, g *groups) uint32 {
	open := s.open[group]
	// The last one that begins before the row is over: no other reaches into it
	// but the one before, since none is shorter than the row's own time.
	last := len(open) - 1
	if last >= 0 && s.start[open[last]] >= t+s.gap {
		last = sort.Search(last, func(i int) bool { return s.start[open[i]] >= t+s.gap }) - 1
	}
	if last < 0 || s.until[open[last]] <= t {
		return s.begin(t, group, last+1)
	}
	cell := open[last]
	s.dirty.set(cell)
	s.until[cell] = max(s.until[cell], t+s.gap)
	if t >= s.start[cell] {
		return cell
	}
	if last > 0 && s.until[open[last-1]] > t {
		return s.join(open[last-1], cell, group, last)
	}
	s.unstore(cell, g) // under its old start
	s.start[cell] = t
	s.starts.push(queued{t, cell})
	return cell
}

// begin opens a session of one row, at its place among those of the group.
func (s *sessions) begin(t int64, group uint32, at int) uint32 {
	cell := s.alloc(t, group)
	s.add(cell, t+s.gap)
	s.open[group] = slices.Insert(s.open[group], at, cell)
	s.dirty.set(cell)
	return cell
}

func (s *sessions) add(cell uint32, until int64) {
	s.until, s.queued = extend(s.until, s.len()), extend(s.queued, s.len())
	s.stored = extend(s.stored, len(s.dirty))
	s.until[cell], s.queued[cell] = until, until
	s.ends.push(queued{until, cell})
	s.starts.push(queued{s.start[cell], cell})
	if n := len(s.starts.items); n > leastSweep && n > 4*(s.len()-len(s.free)) {
		s.sweep()
	}
}

// leastSweep is how many starts are kept without asking which still count.
const leastSweep = 1 << 10

// sweep drops the starts of sessions that are no more: behind that of one that
// goes on and on they would never have their turn.
func (s *sessions) sweep() {
	items := slices.DeleteFunc(s.starts.items, func(q queued) bool { return !s.begins(q) })
	slices.SortFunc(items, func(a, b queued) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.cell, b.cell))
	})
	s.starts.items = slices.Compact(items) // in order, they are a heap
}

// begins tells whether an open session begins as it was queued.
func (s *sessions) begins(q queued) bool {
	return s.queued[q.cell] != unset && s.start[q.cell] == q.at
}

// join makes one session of two neighbours. The later one's cell is not free
// before its content has been moved.
func (s *sessions) join(into, from, group uint32, at int) uint32 {
	s.dirty.set(into)
	s.until[into] = max(s.until[into], s.until[from])
	s.queued[from] = unset
	s.open[group] = slices.Delete(s.open[group], at, at+1)
	s.joins = append(s.joins, join{into, from})
	return into
}

// due orders cells by end, then by start and group.
func (s *sessions) due(closed int64, g *groups) []uint32 {
	s.ready = s.ready[:0]
	for {
		first, ok := s.ends.first()
		if !ok || first.at > closed {
			break
		}
		s.ends.pop()
		cell := first.cell
		switch {
		case s.queued[cell] != first.at: // of an earlier use of the cell
		case s.until[cell] > closed: // prolonged since
			s.queued[cell] = s.until[cell]
			s.ends.push(queued{s.until[cell], cell})
		default:
			s.close(cell)
			s.ready = append(s.ready, cell)
		}
	}
	slices.SortFunc(s.ready, func(a, b uint32) int {
		// Not cmp.Or, which would look for the keys even where ends differ.
		if order := cmp.Compare(s.until[a], s.until[b]); order != 0 {
			return order
		}
		if order := cmp.Compare(s.start[a], s.start[b]); order != 0 {
			return order
		}
		return s.compareGroups(a, b, g)
	})
	return s.ready
}

func (s *sessions) close(cell uint32) {
	group := s.group[cell]
	open := s.open[group]
	at := sort.Search(len(open), func(i int) bool { return s.start[open[i]] >= s.start[cell] })
	s.open[group] = slices.Delete(open, at, at+1)
	s.queued[cell] = unset
}

func (s *sessions) bounds(cells []uint32, starts, ends []arrow.Timestamp) {
	for i, cell := range cells {
		starts[i], ends[i] = arrow.Timestamp(s.start[cell]), arrow.Timestamp(s.until[cell])
	}
}

func (s *sessions) end() int64 {
	end := int64(unset)
	for _, open := range s.open {
		if len(open) > 0 {
			end = max(end, s.until[open[len(open)-1]])
		}
	}
	return end
}

func (s *sessions) promise(closed int64) int64 {
	for {
		first, ok := s.starts.first()
		if !ok {
			return closed
		}
		if s.begins(first) {
			return min(closed, first.at)
		}
		s.starts.pop()
	}
}

func (s *sessions) groupKey(key []byte, _ *reader) []byte { return key[8:] }

// restore wants sessions that the watermark has not closed, in the order of starts.
func (s *sessions) restore(key []byte, group uint32, closed int64, _ *groups, r *reader) uint32 {
	start, length := cutStart(key), r.uvarint()
	const most = 1 << 62 // more than all of time, and room to add
	if r.failed() || length < uint64(s.gap) || length > most || start < minTime || start > maxTime {
		r.fail()
		return 0
	}
	until := start + int64(length)
	s.open = extend(s.open, int(group)+1)
	open := s.open[group]
	if until <= closed || until > maxTime+s.gap ||
		len(open) > 0 && s.until[open[len(open)-1]] > start {
		r.fail()
		return 0
	}
	cell := s.alloc(start, group)
	s.add(cell, until)
	s.stored.set(cell)
	s.open[group] = append(open, cell)
	return cell
}

// release frees cells whose session has been emitted.
func (s *sessions) release(cells []uint32, g *groups) {
	for _, cell := range cells {
		s.drop(cell, g)
	}
}

func (s *sessions) drop(cell uint32, g *groups) {
	s.unstore(cell, g)
	s.dirty.clear(cell)
	s.free = append(s.free, cell)
}

// unstore deletes what the snapshots have of a cell.
func (s *sessions) unstore(cell uint32, g *groups) {
	if !s.stored.has(cell) {
		return
	}
	s.stored.clear(cell)
	s.deleted = g.appendKey(appendStart(s.deleted, s.start[cell]), s.group[cell])
	s.deletedEnds = append(s.deletedEnds, len(s.deleted))
}

func (s *sessions) cleared() [][]byte { return nil }

func (s *sessions) regroup(live, old *groups) {
	before := s.open
	s.open = nil
	for _, open := range before {
		if len(open) == 0 {
			continue
		}
		group := live.adopt(old, s.group[open[0]])
		for _, cell := range open {
			s.group[cell] = group
		}
		s.open = extend(s.open, int(group)+1)
		s.open[group] = open
	}
}
