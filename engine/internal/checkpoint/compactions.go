package checkpoint

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// oneCompaction is Pebble's scheduler for one compaction at a time. Its own looks ten
// times a second whether more are allowed, which they never are, also in a process
// that is idle otherwise. A call of the database is made without the lock: it takes
// its own first and then asks here.
type oneCompaction struct {
	db pebble.DBForCompaction

	mu       sync.Mutex // guards what follows
	idle     sync.Cond  // no call of the database is under way
	running  bool       // or offered to the database
	offering bool
	refused  bool // something has asked since the offer began
	closed   bool
}

func newOneCompaction() *oneCompaction {
	s := &oneCompaction{}
	s.idle.L = &s.mu
	return s
}

func (s *oneCompaction) Register(_ int, db pebble.DBForCompaction) { s.db = db }

func (s *oneCompaction) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.offering {
		s.idle.Wait()
	}
}

// TrySchedule grants a compaction if none is running. One that is refused is offered
// again by Done; the database does not ask again.
func (s *oneCompaction) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.running {
		s.refused = true
		return false, nil
	}
	s.running = true
	return true, s
}

// Done offers the next compaction to the database. Who asked while it declined was
// refused, so it is asked once more.
func (s *oneCompaction) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	for again := true; again && !s.closed && !s.running; again = s.refused {
		s.running, s.offering, s.refused = true, true, false
		s.mu.Unlock()
		waiting, _ := s.db.GetWaitingCompaction()
		accepted := waiting && s.db.Schedule(s)
		s.mu.Lock()
		s.offering = false
		s.idle.Broadcast()
		if accepted {
			return
		}
		s.running = false
	}
}

// UpdateGetAllowedWithoutPermission has nothing to update.
func (*oneCompaction) UpdateGetAllowedWithoutPermission() {}

func (*oneCompaction) Started()                                          {}
func (*oneCompaction) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (*oneCompaction) CumulativeStats(pebble.CompactionGrantHandleStats) {}
