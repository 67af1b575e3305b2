package aggregation

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// The state is three sorts of keys, restored in this order:
//
//	0                             the shape of the state, and the clock
//	1 name                        a partition
//	2 start (8 bytes) position    a group of a window, by when it came (4 bytes); its key first
//	2 start (8 bytes) group       a session; its length first
//
// Cells are put when they changed and deleted when their window was emitted: a
// window with all its groups at once, by the beginning of their keys.
const (
	stateClock byte = iota
	statePartition
	stateCell
)

// stateVersion changes when what is below can no longer be read.
const stateVersion = 3

// saved is the clock as of the last snapshot, and room to write in.
type saved struct {
	clock         []byte
	cells, groups uint64 // how many there were, of a state that is restored
	key, value    []byte
}

// appendStart begins the key of a cell; cutStart reads it, behind stateCell.
func appendStart(key []byte, start int64) []byte {
	return binary.BigEndian.AppendUint64(append(key, stateCell), uint64(start)^1<<63)
}

func cutStart(key []byte) int64 { return int64(binary.BigEndian.Uint64(key) ^ 1<<63) }

// appendText8 writes bytes behind their length.
func appendText8(state, text []byte) []byte {
	return append(binary.AppendUvarint(state, uint64(len(text))), text...)
}

// Snapshot puts what changed since the last one.
func (t *transform) Snapshot(_ context.Context, _ uint64, put func(key, value []byte) error) error {
	s := &t.saved
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
	return t.putCells(put)
}

func (t *transform) encodeClock(value []byte) []byte {
	value = append(value, stateVersion)
	value = binary.AppendUvarint(value, uint64(t.windowSize()))
	value = binary.AppendUvarint(value, uint64(t.cells.len()-t.cells.free.len()))
	value = binary.AppendUvarint(value, uint64(t.groups.len()))
	value = appendText8(value, []byte(t.shape))
	value = binary.AppendVarint(value, t.clock.closed)
	value = binary.AppendVarint(value, t.clock.newest)
	value = binary.AppendVarint(value, t.clock.promised)
	return binary.AppendVarint(value, t.clock.told)
}

// windowSize is for those who know a state without its config: the length of
// every window, or one of the others.
func (t *transform) windowSize() int64 {
	switch {
	case !t.windows:
		return allTime
	case t.sessions:
		return ownSize
	}
	return t.spans.size
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

func (t *transform) putCells(put func(key, value []byte) error) error {
	s := &t.saved
	return t.frames.changes(t.groups, func(key, value []byte, cell uint32) error {
		if cell == noCell {
			return put(key, nil)
		}
		s.value = append(s.value[:0], value...)
		for _, call := range t.calls {
			s.value = call.encode(s.value, cell)
		}
		return put(key, s.value)
	})
}

// Cleared is the windows that were emitted since the last snapshot.
func (t *transform) Cleared() [][]byte { return t.frames.cleared() }
