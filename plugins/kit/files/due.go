package files

import (
	"sync"
	"time"
)

// due decides when staged rows are old or many enough to be published.
type due struct {
	mu       sync.Mutex
	size     int64         // limit
	interval time.Duration // limit
	last     time.Time     // of the barrier before the rows now written
	staged   bool          // whether there are staged rows
	since    time.Time     // of the barrier before the oldest of them; zero: before the first barrier
	largest  int64         // bytes staged for one file
}

func (d *due) limits(r Roll) {
	d.size, d.interval = int64(r.Size), time.Duration(r.Interval)
}

// barrier sets the time of the barrier at hand. Rows staged before the first
// one get its time: they are at most the first, short epoch older.
func (d *due) barrier(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = at
	if d.staged && d.since.IsZero() {
		d.since = at
	}
}

// grew records that a file has staged rows, of so many bytes in all.
func (d *due) grew(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.staged {
		d.staged, d.since = true, d.last
	}
	d.largest = max(d.largest, bytes)
}

// shrank sets the bytes staged for the largest file after a merge.
func (d *due) shrank(largest int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.largest = largest
}

// restore sets what the record kept.
func (d *due) restore(since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.since = since
}

// reset records that nothing is staged any more.
func (d *due) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.staged, d.since, d.largest = false, time.Time{}, 0
}

func (d *due) oldest() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.since
}

func (d *due) reached(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.staged {
		return false
	}
	if d.since.IsZero() {
		d.since = now
	}
	return d.largest >= d.size || now.Sub(d.since) >= d.interval
}

// RollDue reports whether a file has reached the size, or the oldest staged row
// the age, at which files are published.
func (s *store) RollDue(now time.Time) bool {
	return s.due.reached(now)
}
