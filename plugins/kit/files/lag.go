package files

import (
	"sync/atomic"
)

// lag estimates the records that are still to be read from the bytes of the
// files and the records per byte so far.
type lag struct {
	total    int64 // bytes of all files
	bytes    int64 // of files read to their end
	records  int64 // of files read to their end
	estimate atomic.Int64
	known    atomic.Bool
	limit    atomic.Int64 // records until the run ends
}

func (l *lag) add(bytes int64) { l.total += bytes }

// at updates the lag by the progress of the file at hand.
func (l *lag) at(r *reading) {
	bytes, records := l.bytes, l.records
	if o, ok := r.reader.(interface{ Offset() int64 }); ok {
		bytes, records = bytes+o.Offset(), records+r.at.Records
	}
	l.set(bytes, records)
}

func (l *lag) finished(r *reading) {
	l.bytes, l.records = l.bytes+r.size, l.records+r.at.Records
	l.set(l.bytes, l.records)
}

func (l *lag) set(bytes, records int64) {
	if bytes <= 0 {
		return
	}
	left := max(0, l.total-bytes)
	l.estimate.Store(int64(float64(left) * float64(records) / float64(bytes)))
	l.known.Store(true)
}

// Lag is about how many records are left, or -1 before anything is known.
func (s *source) Lag() int64 {
	limit := s.lag.limit.Load()
	if !s.lag.known.Load() {
		return limit // at most
	}
	if limit == unlimited {
		return s.lag.estimate.Load()
	}
	return min(s.lag.estimate.Load(), limit)
}
