package aggregation

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math"

	"etlengine/plugins/sdk"
)

// Restore takes back what the snapshots put.
func (t *transform) Restore(_ context.Context, state iter.Seq2[[]byte, []byte]) error {
	defer t.weigh()
	var few restoring
	for key, value := range state {
		if len(key) >= 9 && key[0] == stateCell && t.saved.clock != nil {
			if few.keep(key, value) {
				continue
			}
			if err := t.restoreCells(&few); err != nil {
				return err
			}
			continue
		}
		r := &reader{rest: value}
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
			return fmt.Errorf("restoring the state at key %x: %w", key, err)
		}
	}
	return t.restoreCells(&few)
}

func (t *transform) restoreClock(r *reader) error {
	if version := r.byte(); version != stateVersion {
		return sdk.Problem{Message: fmt.Sprintf("want version %d of the state, got %d", stateVersion, version),
			Hint: "run the engine that made it, or run with --fresh to begin anew"}
	}
	size, cells, groups := r.uvarint(), r.uvarint(), r.uvarint()
	shape := string(r.text())
	closed, newest, promised, told := r.time(), r.time(), r.time(), r.time()
	if err := r.done(); err != nil {
		return err
	}
	if shape != t.shape || size != uint64(t.windowSize()) {
		return sdk.Problem{Message: fmt.Sprintf("the state is of %s; the config asks for %s", shape, t.shape),
			Hint: "give the step another label to begin anew beside it, or run with --fresh"}
	}
	t.clock.closed, t.clock.newest, t.clock.promised, t.clock.told = closed, newest, promised, told
	t.saved.cells, t.saved.groups = cells, groups
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

// restoring is cells on their way back: groups are looked up many at a time.
type restoring struct {
	data []byte
	ends []int // of each key and each value, in turn
	keys [][]byte
	gids []uint32
}

// mostRestoring bounds the bytes of cells that wait for others.
const mostRestoring = 1 << 20

// keep copies a cell. It returns false if no more are to be kept.
func (r *restoring) keep(key, value []byte) bool {
	r.data = append(r.data, key...)
	r.ends = append(r.ends, len(r.data))
	r.data = append(r.data, value...)
	r.ends = append(r.ends, len(r.data))
	return len(r.ends) < 2*stage && len(r.data) < mostRestoring
}

// cell is the key and the value of a cell.
func (r *restoring) cell(i int) (key, value []byte) {
	from := 0
	if i > 0 {
		from = r.ends[2*i-1]
	}
	return r.data[from:r.ends[2*i]], r.data[r.ends[2*i]:r.ends[2*i+1]]
}

// restoreCells takes the cells that wait, in the order of their keys.
func (t *transform) restoreCells(few *restoring) error {
	n := len(few.ends) / 2
	few.keys = few.keys[:0]
	readers := make([]reader, n)
	for i := range n {
		key, value := few.cell(i)
		readers[i].rest = value
		few.keys = append(few.keys, t.frames.groupKey(key[1:], &readers[i]))
	}
	var bad int
	few.gids, bad = t.groups.restore(few.keys, few.gids[:0])
	if bad >= 0 {
		key, _ := few.cell(bad)
		return fmt.Errorf("restoring the state at key %x: %w", key, errKey)
	}
	for i, group := range few.gids {
		key, _ := few.cell(i)
		if err := t.restoreCell(key[1:], group, &readers[i]); err != nil {
			return fmt.Errorf("restoring the state at key %x: %w", key, err)
		}
	}
	few.data, few.ends = few.data[:0], few.ends[:0]
	t.weigh()
	return nil
}

// restoreCell takes a cell whose key is its start and what tells it from others.
func (t *transform) restoreCell(key []byte, group uint32, r *reader) error {
	cell := t.frames.restore(key, group, t.clock.closed, t.groups, r)
	if r.failed() {
		return errState
	}
	for _, call := range t.calls {
		call.grow(t.cells.len())
		call.decode(r, cell)
	}
	return r.done()
}
