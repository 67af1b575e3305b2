package stream

import "time"

// hurry is a channel that becomes ready when the source has waited long enough
// for a barrier, and what ends the waiting.
func (s *source) hurry() (<-chan time.Time, func()) {
	patience := s.step.Description.Patience
	if patience == 0 || !s.fresh || s.state != reading {
		return nil, func() {}
	}
	timer := time.NewTimer(patience)
	return timer.C, func() { timer.Stop() }
}
