package aggregation

import (
	"bytes"
	"fmt"
	"iter"
	"math"

	"etlengine/plugins/sdk"
)

// restore reads what the snapshots have put.
func (t *transform) restore(state iter.Seq2[[]byte, []byte]) error {
	defer t.reportMemory()
	for key, value := range state {
		if t.saved.clock != nil && len(key) > 0 && key[0] > statePartition {
			if err := t.windows.restore(key, value, t); err != nil {
				return err
			}
			t.reportMemory()
			continue
		}
		r := &reader{remaining: value}
		var err error
		switch {
		case len(key) == 1 && key[0] == stateClock:
			if err = t.restoreClock(r); err == nil {
				t.saved.clock = bytes.Clone(value)
			}
		case len(key) >= 1 && key[0] == statePartition:
			t.restorePartition(string(key[1:]), r)
		default:
			r.fail()
		}
		if err == nil {
			err = r.done()
		}
		if err != nil {
			return atKey(key, err)
		}
	}
	return t.windows.restored(t)
}

func atKey(key []byte, err error) error {
	return fmt.Errorf("restoring the state at key %x: %w", key, err)
}

func (t *transform) restoreClock(r *reader) error {
	version := r.byte()
	if version != stateVersion && version != versionWithoutEnds {
		return sdk.Problem{Message: fmt.Sprintf("want version %d of the state, got %d", stateVersion, version),
			Hint: "run the engine that made it, or run with --fresh to begin anew"}
	}
	size := r.uvarint()
	shape := string(r.text())
	closed, newest, promised, emitted := r.time(), r.time(), r.time(), r.time()
	natural := closed
	if version == stateVersion {
		natural = r.time()
	}
	if err := r.done(); err != nil {
		return err
	}
	if shape != t.shape || size != uint64(t.windowSize()) {
		return sdk.Problem{Message: fmt.Sprintf("the state is of %s; the config asks for %s", shape, t.shape),
			Hint: "give the step another label to begin anew beside it, or run with --fresh"}
	}
	t.clock.closed, t.clock.newest, t.clock.promised, t.clock.emitted = closed, newest, promised, emitted
	t.clock.natural, t.restoredVersion = natural, version
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

// decode reads the accumulators of cells, one aggregate after the other.
func (t *transform) decode(r *reader, cells []uint32) error {
	for _, a := range t.accumulators {
		a.grow(t.cells.len())
		for _, cell := range cells {
			a.decode(r, cell)
		}
	}
	return r.done()
}
