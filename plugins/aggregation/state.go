package aggregation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"etlengine/plugins/sdk"
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
	clock      []byte
	key, value []byte
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
	value = appendText8(value, []byte(t.shape))
	value = binary.AppendVarint(value, t.clock.closed)
	value = binary.AppendVarint(value, t.clock.newest)
	value = binary.AppendVarint(value, t.clock.promised)
	return binary.AppendVarint(value, t.clock.told)
}

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

// Restore takes back what the snapshots put.
func (t *transform) Restore(_ context.Context, state iter.Seq2[[]byte, []byte]) error {
	for key, value := range state {
		r := &reader{rest: value}
		var err error
		switch {
		case len(key) == 1 && key[0] == stateClock:
			err = t.restoreClock(r)
		case len(key) >= 1 && key[0] == statePartition:
			t.restorePartition(string(key[1:]), r)
		case len(key) >= 9 && key[0] == stateCell && t.saved.clock != nil:
			err = t.restoreCell(key[1:], r)
		default:
			r.fail()
		}
		if err == nil {
			err = r.done()
		}
		if err != nil {
			return fmt.Errorf("restoring the state at key %x: %w", key, err)
		}
	}
	return nil
}

func (t *transform) restoreClock(r *reader) error {
	if version := r.byte(); version != stateVersion {
		return sdk.Problem{Message: fmt.Sprintf("want version %d of the state, got %d", stateVersion, version),
			Hint: "run the engine that made it, or run with --fresh to begin anew"}
	}
	shape := string(r.text())
	closed, newest, promised, told := r.time(), r.time(), r.time(), r.time()
	if err := r.done(); err != nil {
		return err
	}
	if shape != t.shape {
		return sdk.Problem{Message: fmt.Sprintf("the state is of %s; the config asks for %s", shape, t.shape),
			Hint: "give the step another label to begin anew beside it, or run with --fresh"}
	}
	t.clock.closed, t.clock.newest, t.clock.promised, t.clock.told = closed, newest, promised, told
	t.saved.clock = t.encodeClock(nil)
	return nil
}

func (t *transform) restorePartition(name string, r *reader) {
	index := r.uvarint()
	newest := r.time()
	if r.failed() || index >= math.MaxUint32 || t.clock.parts.known(uint32(index)) {
		r.fail()
		return
	}
	p := t.clock.parts.add(name, uint32(index))
	p.newest, p.saved = newest, newest
}

// restoreCell takes a cell whose key is its start and what tells it from others.
func (t *transform) restoreCell(key []byte, r *reader) error {
	cell := t.frames.restore(key, t.clock.closed, t.groups, r)
	if r.failed() {
		return errState
	}
	for _, call := range t.calls {
		call.grow(t.cells.len())
		call.decode(r, cell)
	}
	return nil
}

var errState = errors.New("the stored state is damaged")

// reader reads a value of the state. After the first failure it gives zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) fail() { r.bad, r.rest = true, nil }

func (r *reader) failed() bool { return r.bad }

// done demands that all was read.
func (r *reader) done() error {
	if r.bad || len(r.rest) > 0 {
		return errState
	}
	return nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// time reads a time, or unset.
func (r *reader) time() int64 {
	v := r.varint()
	// A watermark is off the rows by the delay, and by idle time.
	const slack = 400 * 366 * 24 * 3600 * 1_000_000
	if v != unset && (v < minTime-slack || v > maxTime+slack) {
		r.fail()
	}
	return v
}

// rows reads how many rows there were. There is room to add some.
func (r *reader) rows() int64 {
	n := r.varint()
	if n < 0 || n > 1<<62 {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

func (r *reader) bool() bool {
	v := r.byte()
	if v > 1 {
		r.fail()
	}
	return v == 1
}

func (r *reader) uint64() uint64 {
	if len(r.rest) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

// text reads bytes that stand behind their length. They are the value's own.
func (r *reader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	return v
}

// count reads a number of items of at least so many bytes each, so that a
// damaged one cannot ask for more memory than there is state.
func (r *reader) count(least int) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/least) {
		r.fail()
		return 0
	}
	return int(n)
}
