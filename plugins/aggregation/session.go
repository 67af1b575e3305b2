package aggregation

import (
	"cmp"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// sessions is windows that are made by rows: each row is good for the time from
// its own to a gap later, and rows of one group whose times overlap are in one
// session. A row at the very end of a session begins another, as windows do not
// hold their ends; so a session that the watermark has closed can be touched by
// no row that is in time.
type sessions struct {
	*cells
	gap    int64
	open   list[[]uint32]  // by group: its open sessions, oldest first
	start  list[int64]     // by cell: its beginning
	until  list[int64]     // by cell: its end
	queued list[int64]     // by cell: when to check whether it is complete, unset if it is not open
	ends   queue           // by queued
	owners list[uint32]    // by cell: index + 1 of the partition whose rows alone it is of, or shared
	parts  list[[]stretch] // by cell: of a shared one, what each partition makes of it
	heap   int64           // bytes of these
	passed int64           // by the watermark of the batch's partition, when it began
	starts queue           // by start; what is not open or has another start by now is skipped
	joins  []join
	into   []uint32 // by cell: the one it was joined to in this batch + 1
	ready  []ready

	stored      cellSet // cells in a snapshot, under their start and group
	deleted     []byte  // keys of stored cells that are no more
	deletedEnds []int
	value       []byte // scratch
	restoring   restoring
}

func newSessions(c *cells, gap int64) *sessions {
	return &sessions{cells: c, gap: gap}
}

func (s *sessions) assign(j *classified, gids []uint32, in *input, g *groups) []join {
	s.open.extend(g.len())
	s.joins, s.passed = s.joins[:0], j.watermark
	before := len(in.cells)
	behind := j.behind
	for i, row := range j.rows {
		if len(behind) > 0 && behind[0].at == i {
			row := behind[0]
			behind = behind[1:]
			if !s.hasOpenStretch(j.last[i], gids[i], j.partition, row.watermark) {
				j.behind[j.refused] = row // at an index that has been read
				j.refused++
				continue
			}
		}
		in.cells = append(in.cells, s.at(j.last[i], gids[i], j.partition, g))
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
func (s *sessions) at(t int64, group, part uint32, g *groups) uint32 {
	open := *s.open.at(group)
	// The last one that begins before the row is over: no other reaches into it
	// but the one before, since none is shorter than the row's own time.
	last := len(open) - 1
	if last >= 0 && *s.start.at(open[last]) >= t+s.gap {
		last = sort.Search(last, func(i int) bool { return *s.start.at(open[i]) >= t+s.gap }) - 1
	}
	if last < 0 || *s.until.at(open[last]) <= t {
		return s.begin(t, group, part, last+1)
	}
	cell := open[last]
	s.dirty.set(cell)
	if *s.owners.at(cell) != part+1 {
		s.share(cell)
		s.stretch(cell, part, t)
	}
	*s.until.at(cell) = max(*s.until.at(cell), t+s.gap)
	if t >= *s.start.at(cell) {
		return cell
	}
	if last > 0 && *s.until.at(open[last-1]) > t {
		return s.join(open[last-1], cell, group, part, t, last)
	}
	s.unstore(cell, g) // under its old start
	*s.start.at(cell) = t
	s.starts.push(queued{t, cell})
	return cell
}

// begin opens a session of one row, at index at among those of the group.
func (s *sessions) begin(t int64, group, part uint32, at int) uint32 {
	cell := s.alloc(group)
	s.add(cell, t, t+s.gap)
	*s.owners.at(cell) = part + 1
	*s.open.at(group) = slices.Insert(*s.open.at(group), at, cell)
	s.dirty.set(cell)
	return cell
}

func (s *sessions) add(cell uint32, start, until int64) {
	s.start.extend(s.len())
	s.until.extend(s.len())
	s.queued.extend(s.len())
	s.owners.extend(s.len())
	s.stored = extend(s.stored, len(s.dirty))
	*s.start.at(cell), *s.until.at(cell), *s.queued.at(cell) = start, until, until
	s.ends.push(queued{until, cell})
	s.starts.push(queued{start, cell})
	if n := len(s.starts.items); n > leastSweep && n > 4*(s.len()-s.free.len()) {
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

// begins reports whether an open session begins as it was queued.
func (s *sessions) begins(q queued) bool {
	return *s.queued.at(q.cell) != unset && *s.start.at(q.cell) == q.at
}

// join makes one session of two neighbours. The later one's cell is not free
// before its content has been moved.
func (s *sessions) join(into, from, group, part uint32, t int64, at int) uint32 {
	s.dirty.set(into)
	s.joinStretches(into, from, part, t)
	*s.until.at(into) = max(*s.until.at(into), *s.until.at(from))
	*s.queued.at(from) = unset
	*s.open.at(group) = slices.Delete(*s.open.at(group), at, at+1)
	s.joins = append(s.joins, join{into, from})
	return into
}

// due orders cells by end, then by start and group.
func (s *sessions) due(closed int64, g *groups) []ready {
	s.ready = s.ready[:0]
	for {
		first, ok := s.ends.first()
		if !ok || first.at > closed {
			break
		}
		s.ends.pop()
		cell := first.cell
		switch {
		case *s.queued.at(cell) != first.at: // of an earlier use of the cell
		case *s.until.at(cell) > closed: // prolonged since
			*s.queued.at(cell) = *s.until.at(cell)
			s.ends.push(queued{*s.until.at(cell), cell})
		default:
			s.close(cell)
			s.ready = append(s.ready, ready{at: *s.start.at(cell), group: *s.group.at(cell), cell: cell})
		}
	}
	var keys [2][]byte
	slices.SortFunc(s.ready, func(a, b ready) int {
		// Not cmp.Or, which would build the keys even where ends differ.
		if order := cmp.Compare(*s.until.at(a.cell), *s.until.at(b.cell)); order != 0 {
			return order
		}
		if order := cmp.Compare(a.at, b.at); order != 0 {
			return order
		}
		return g.compare(a.group, b.group, &keys)
	})
	return s.ready
}

func (s *sessions) close(cell uint32) {
	group := *s.group.at(cell)
	open := *s.open.at(group)
	at := sort.Search(len(open), func(i int) bool { return *s.start.at(open[i]) >= *s.start.at(cell) })
	*s.open.at(group) = slices.Delete(open, at, at+1)
	*s.queued.at(cell) = unset
}

func (s *sessions) bounds(cells []ready) (arrow.Array, arrow.Array) {
	starts, ends := make([]arrow.Timestamp, len(cells)), make([]arrow.Timestamp, len(cells))
	for i, c := range cells {
		starts[i], ends[i] = arrow.Timestamp(c.at), arrow.Timestamp(*s.until.at(c.cell))
	}
	return fixedColumn(sdk.Timestamp, starts), fixedColumn(sdk.Timestamp, ends)
}

func (s *sessions) end() int64 {
	end := int64(unset)
	for group := range uint32(s.open.len()) {
		if open := *s.open.at(group); len(open) > 0 {
			end = max(end, *s.until.at(open[len(open)-1]))
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

// release frees cells whose session has been emitted.
func (s *sessions) release(cells []ready, g *groups) {
	for _, c := range cells {
		s.drop(c.cell, g)
	}
}

func (s *sessions) drop(cell uint32, g *groups) {
	s.unstore(cell, g)
	s.unshare(cell)
	s.dirty.clear(cell)
	s.free.push(cell)
}

// unstore deletes what the snapshots have of a cell.
func (s *sessions) unstore(cell uint32, g *groups) {
	if !s.stored.has(cell) {
		return
	}
	s.stored.clear(cell)
	s.deleted = g.appendKey(appendStart(s.deleted, stateSession, *s.start.at(cell)), *s.group.at(cell))
	s.deletedEnds = append(s.deletedEnds, len(s.deleted))
}

func (s *sessions) cleared() [][]byte { return nil }

func (s *sessions) regroup(live, old *groups) {
	before := s.open
	s.open = list[[]uint32]{}
	for group := range uint32(before.len()) {
		open := *before.at(group)
		if len(open) == 0 {
			continue
		}
		group := live.adopt(old, *s.group.at(open[0]))
		for _, cell := range open {
			*s.group.at(cell) = group
		}
		s.open.extend(int(group) + 1)
		*s.open.at(group) = open
	}
}
