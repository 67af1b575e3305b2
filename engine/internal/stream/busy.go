package stream

import (
	"sync/atomic"
	"time"
)

// busy is since when a step has been in its plugin's code, for the report of what
// the engine was doing when memory ran short.
type busy struct{ since atomic.Int64 } // ns since 1970; 0: it is not

// during marks the step busy while call runs.
func (b *busy) during(call func() error) error {
	b.since.Store(time.Now().UnixNano())
	defer b.since.Store(0)
	return call()
}

// pause is for what a step hands to those behind it: that is their work.
func (b *busy) pause(call func() error) error {
	since := b.since.Swap(0)
	defer b.since.Store(since)
	return call()
}

// length is how long the step has been busy, 0 if it is not.
func (b *busy) length(now time.Time) time.Duration {
	since := b.since.Load()
	if since == 0 {
		return 0
	}
	return max(now.Sub(time.Unix(0, since)), 1)
}
