package stream

import "time"

// impatient is a source that holds something back until an epoch is recorded.
type impatient interface {
	// Patience is how long the source may be silent, with batches that no
	// record covers, before the epoch ends for them.
	Patience() time.Duration
}

// hurry is a channel that becomes ready when the source has waited long enough
// for a barrier, and what ends the waiting.
func (s *source) hurry() (<-chan time.Time, func()) {
	i, ok := s.instance.(impatient)
	if !ok || !s.fresh || s.state != reading {
		return nil, func() {}
	}
	timer := time.NewTimer(i.Patience())
	return timer.C, func() { timer.Stop() }
}
