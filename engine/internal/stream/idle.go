package stream

import (
	"maps"
	"slices"
	"time"

	"etlengine/plugins/sdk"
)

// silence is the time for which a partition has provably had nothing to read: from
// the first time it was found at its end to the newest. The clock alone proves
// nothing. While the process was stopped nobody asked, and what was written
// meanwhile is found by the next fetch; and a partition that was at its end when
// the run before stopped, and is there now, has been silent in between.
type silence struct {
	from, to time.Time // to is zero until this process has found it at its end
	earlier  bool      // from is of an earlier run
}

// silences are the partitions at their end, by name.
type silences map[string]*silence

// recordedSilences turns what a record has of them into silences that are yet to be
// confirmed.
func recordedSilences(since map[string]time.Time, earlier bool) silences {
	all := silences{}
	for name, from := range since {
		all[name] = &silence{from: from, earlier: earlier}
	}
	return all
}

// found prolongs the silence of a partition up to when its source asked.
func (s silences) found(partition string, asked time.Time) {
	if asked.IsZero() {
		asked = time.Now()
	}
	asked = asked.Round(0) // the monotonic clock stands still while a machine sleeps
	if s[partition] == nil {
		s[partition] = &silence{from: asked, to: asked}
		return
	}
	if one := s[partition]; asked.After(one.to) {
		one.to = asked
	}
}

// only forgets partitions that are not assigned.
func (s silences) only(partitions []string) {
	maps.DeleteFunc(s, func(p string, _ *silence) bool { return !slices.Contains(partitions, p) })
}

// since is what the record keeps.
func (s silences) since() map[string]time.Time {
	if len(s) == 0 {
		return nil
	}
	since := make(map[string]time.Time, len(s))
	for name, one := range s {
		since[name] = one.from
	}
	return since
}

// signalIdle passes on how long a partition has been at its end. What pipelines of
// the same file still fill is never idle.
func (s *source) signalIdle(partition string) {
	one := s.idle[partition]
	if one == nil || one.to.IsZero() || s.upstreams.Load() > 0 {
		return
	}
	s.pending = append(s.pending, sdk.Item{Signal: &sdk.Signal{Kind: sdk.Idle, Partition: partition,
		Time: one.to, For: max(0, one.to.Sub(one.from)), Again: s.bounded && one.earlier}})
}

func (s *source) signalAllIdle() {
	for _, p := range slices.Sorted(maps.Keys(s.idle)) {
		s.signalIdle(p)
	}
}
