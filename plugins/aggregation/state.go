package aggregation

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"etlengine/plugins/sdk"
)

// The state is these keys, restored in their order:
//
//	0                     the shape of the state, and the clock
//	1 name                a partition
//	2 start group         a session: its length, and what it has come to
//	3 start position      groups of a window in the order they came, from a position on
//	4 start run           what all cells of a run have come to
//	4 start run offset    what one of them has come to since
//	5 start run           without a window: which of them are yet to be handed out
//
// A start is 8 bytes, a position or a run 4, an offset 1. Runs are written whole where
// many of their cells have changed, since keys cost more than what is in them; and
// groups apart and once, since they never change. Nothing is deleted one by one but
// sessions and single cells: a window goes with all its keys when it is emitted.
const (
	stateClock byte = iota
	statePartition
	stateSession
	stateGroups
	stateCells
	statePending
)

// stateVersion changes when what is below can no longer be read by an older engine.
// A state of the version before is read too: it does not say what the end of a run
// closed, which groups have been handed out, nor whose rows sessions are of.
const (
	stateVersion       = 5
	versionWithoutEnds = 4
)

// saved is the clock as of the last snapshot, and scratch to encode in.
type saved struct {
	clock      []byte
	key, value []byte
}

// appendStart begins the key of a cell; parseStart reads it, behind the first byte.
func appendStart(key []byte, sort byte, start int64) []byte {
	return binary.BigEndian.AppendUint64(append(key, sort), uint64(start)^1<<63)
}

func parseStart(key []byte) int64 { return int64(binary.BigEndian.Uint64(key) ^ 1<<63) }

// appendText8 writes bytes behind their length.
func appendText8(state, text []byte) []byte {
	return append(binary.AppendUvarint(state, uint64(len(text))), text...)
}

// Snapshot writes what changed since the last one: first that the windows emitted since
// then are gone.
func (t *transform) Snapshot(_ context.Context, _ uint64, state sdk.StateWriter) error {
	for _, prefix := range t.windows.cleared() {
		if err := state.Clear(prefix); err != nil {
			return err
		}
	}
	put, s := state.Put, &t.saved
	s.value = t.encodeClock(s.value[:0])
	if !bytes.Equal(s.value, s.clock) {
		s.clock = append(s.clock[:0], s.value...)
		if err := put([]byte{stateClock}, s.value); err != nil {
			return err
		}
	}
	if err := t.putPartitions(put); err != nil {
		return err
	}
	return t.windows.changes(&snapshot{t.groups, t.accumulators, put})
}

func (t *transform) encodeClock(value []byte) []byte {
	value = append(value, stateVersion)
	value = binary.AppendUvarint(value, uint64(t.windowSize()))
	value = appendText8(value, []byte(t.shape))
	value = binary.AppendVarint(value, t.clock.closed)
	value = binary.AppendVarint(value, t.clock.newest)
	value = binary.AppendVarint(value, t.clock.promised)
	value = binary.AppendVarint(value, t.clock.emitted)
	return binary.AppendVarint(value, t.clock.natural)
}

// windowSize is for those who know a state without its config: the length of
// every window, or one of the others.
func (t *transform) windowSize() int64 {
	switch {
	case !t.hasWindows:
		return allTime
	case t.hasSessions:
		return ownSize
	}
	return t.spec.size
}

const (
	ownSize = 0             // of a session: it is in its value
	allTime = math.MaxInt64 // without windows
)

func (t *transform) putPartitions(put func(key, value []byte) error) error {
	s, parts := &t.saved, t.clock.parts
	names := slices.Sorted(maps.Keys(parts.byName))
	for _, name := range parts.deleted {
		if parts.byName[name] == nil { // else it came back, and is put below
			names = append(names, name)
		}
	}
	parts.deleted = parts.deleted[:0]
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s.key, s.value = append(append(s.key[:0], statePartition), name...), s.value[:0]
		p := parts.byName[name]
		if p == nil {
			if err := put(s.key, nil); err != nil {
				return err
			}
			continue
		}
		if p.saved == p.newest {
			continue
		}
		p.saved = p.newest
		s.value = binary.AppendUvarint(s.value, uint64(p.index))
		s.value = binary.AppendVarint(s.value, p.newest)
		if err := put(s.key, s.value); err != nil {
			return err
		}
	}
	return nil
}

// snapshot is where cells are put that have changed, and what they are made of.
type snapshot struct {
	groups       *groups
	accumulators []accumulator
	put          func(key, value []byte) error
}

// encode appends what cells have come to, one aggregate after the other.
func (s *snapshot) encode(state []byte, cells []uint32) []byte {
	for _, a := range s.accumulators {
		for _, cell := range cells {
			state = a.encode(state, cell)
		}
	}
	return state
}
