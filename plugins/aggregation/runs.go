package aggregation

import (
	"encoding/binary"
	"maps"
	"slices"
)

const (
	runCells   = 128 // in a run; the last one of a window has fewer
	fewCells   = runCells / 8
	groupBytes = 64 << 10 // of groups under one key, about
)

// runOf is the cells of a run. They are valid until the next call.
func (a *aligned) runOf(w *window, run int) []uint32 {
	a.run = a.run[:0]
	for position := run * runCells; position < min((run+1)*runCells, w.cells.len()); position++ {
		a.run = append(a.run, *w.cells.at(uint32(position)))
	}
	return a.run
}

func runs(cells int) int { return (cells + runCells - 1) / runCells }

func (a *aligned) cleared() [][]byte {
	slices.Sort(a.gone)
	var all [][]byte
	for _, sort := range []byte{stateGroups, stateCells} {
		for _, start := range a.gone {
			all = append(all, appendStart(nil, sort, start))
		}
	}
	a.gone = a.gone[:0]
	return all
}

func (a *aligned) changes(to *snapshot) error {
	var changed []*window
	for _, start := range slices.Sorted(maps.Keys(a.open)) {
		if w := a.open[start]; w.dirty {
			changed = append(changed, w)
		}
	}
	for _, w := range changed {
		if err := a.putGroups(w, to); err != nil {
			return err
		}
	}
	for _, w := range changed {
		if err := a.putCells(w, to); err != nil {
			return err
		}
		w.dirty, w.stored = false, w.cells.len()
	}
	if a.keeps {
		return a.putPending(to)
	}
	return nil
}

// putGroups puts the groups of the cells that are new.
func (a *aligned) putGroups(w *window, to *snapshot) error {
	for from := w.stored; from < w.cells.len(); {
		a.names = a.names[:0]
		until := from
		for ; until < min(from+runCells, w.cells.len()) && len(a.names) < groupBytes; until++ {
			cell := *w.cells.at(uint32(until))
			a.name = to.groups.appendKey(a.name[:0], *a.group.at(cell))
			a.names = appendText8(a.names, a.name)
		}
		a.value = append(binary.AppendUvarint(a.value[:0], uint64(until-from)), a.names...)
		if err := to.put(a.runKey(stateGroups, w, from), a.value); err != nil {
			return err
		}
		from = until
	}
	return nil
}

// putCells puts what cells have come to that have changed.
func (a *aligned) putCells(w *window, to *snapshot) error {
	for run := range runs(w.cells.len()) {
		cells := a.runOf(w, run)
		changed := 0
		for _, cell := range cells {
			if a.dirty.has(cell) {
				changed++
			}
		}
		var err error
		switch more := run*runCells+len(cells) > w.stored; {
		case changed == 0:
		case a.apart || !more && changed <= fewCells:
			err = a.putSingle(w, run, cells, to)
		default:
			err = a.putRun(w, run, cells, to)
		}
		if err != nil {
			return err
		}
		for _, cell := range cells {
			a.dirty.clear(cell)
		}
	}
	return nil
}

// putRun puts all cells of a run, and deletes what there is of single ones.
func (a *aligned) putRun(w *window, run int, cells []uint32, to *snapshot) error {
	a.value = to.encode(a.value[:0], cells)
	key := a.runKey(stateCells, w, run)
	if err := to.put(key, a.value); err != nil {
		return err
	}
	if run*runCells/64 >= len(w.single) {
		return nil
	}
	for offset := range cells {
		if position := uint32(run*runCells + offset); w.single.has(position) {
			w.single.clear(position)
			if err := to.put(append(key, byte(offset)), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// putSingle puts the cells of a run that have changed.
func (a *aligned) putSingle(w *window, run int, cells []uint32, to *snapshot) error {
	key := a.runKey(stateCells, w, run)
	for offset, cell := range cells {
		if !a.dirty.has(cell) {
			continue
		}
		a.markSingle(w, run*runCells+offset)
		a.value = to.encode(a.value[:0], cells[offset:offset+1])
		if err := to.put(append(key, byte(offset)), a.value); err != nil {
			return err
		}
	}
	return nil
}

// markSingle marks that a cell has a state beside that of its run, if it has a run.
func (a *aligned) markSingle(w *window, position int) {
	if a.apart {
		return
	}
	w.single = extend(w.single, runs(position+1)*runCells/64)
	w.single.set(uint32(position))
}

// runKey is the key of a run, or of groups from a position on.
func (a *aligned) runKey(sort byte, w *window, at int) []byte {
	a.key = binary.BigEndian.AppendUint32(appendStart(a.key[:0], sort, w.start), uint32(at))
	return a.key
}

const runKey = 1 + 8 + 4 // bytes of such a key

func (a *aligned) restore(key, value []byte, t *transform) error {
	var err error
	switch {
	case len(key) == runKey && key[0] == stateGroups:
		err = a.restoreGroups(key, value, t)
	case len(key) == runKey && key[0] == stateCells && !a.apart:
		err = a.restoreRun(key, value, t)
	case len(key) == runKey+1 && key[0] == stateCells:
		err = a.restoreSingle(key, value, t)
	case len(key) == runKey && key[0] == statePending && a.keeps:
		err = a.restorePending(key, value)
	default:
		err = errState
	}
	if err != nil {
		return atKey(key, err)
	}
	return nil
}

// parseRunKey reads what runKey makes.
func parseRunKey(key []byte) (start int64, at int) {
	return parseStart(key[1:]), int(binary.BigEndian.Uint32(key[9:]))
}

// restoreGroups opens cells. It wants positions without a gap: a window loses no
// cell before it closes.
func (a *aligned) restoreGroups(key, value []byte, t *transform) error {
	start, position := parseRunKey(key)
	if start < minTime-a.spec.size || start > maxTime || a.spec.last(start) != start ||
		start+a.spec.size <= t.clock.closed {
		return errState
	}
	r := &reader{remaining: value}
	keys := make([][]byte, r.count(1))
	if len(keys) == 0 || len(keys) > runCells {
		return errState
	}
	for i := range keys {
		keys[i] = r.text()
	}
	if err := r.done(); err != nil {
		return err
	}
	w := a.window(start)
	w.dirty = false
	if w.cells.len() != position {
		return errState
	}
	gids, bad := t.groups.restore(keys, nil)
	if bad >= 0 {
		return errKey
	}
	for _, group := range gids {
		if w.index.find(group) != 0 {
			return errState // the same group twice
		}
		a.begin(w, group, t.groups)
	}
	w.stored = w.cells.len()
	return nil
}

// restoreRun wants what all runs have come to, in order.
func (a *aligned) restoreRun(key, value []byte, t *transform) error {
	start, run := parseRunKey(key)
	w := a.open[start]
	if w == nil || w.restored != run || run >= runs(w.cells.len()) {
		return errState
	}
	w.restored++
	return t.decode(&reader{remaining: value}, a.runOf(w, run))
}

// restoreSingle reads what a cell has come to since its run was written, or the
// next one of cells without a run.
func (a *aligned) restoreSingle(key, value []byte, t *transform) error {
	start, run := parseRunKey(key)
	w, offset := a.open[start], int(key[runKey])
	if w == nil || offset >= runCells || run*runCells+offset >= w.cells.len() {
		return errState
	}
	switch {
	case !a.apart && run >= w.restored, a.apart && run*runCells+offset != w.restored:
		return errState
	case a.apart:
		w.restored++
	}
	cell := a.runOf(w, run)[offset : offset+1]
	for _, a := range t.accumulators {
		a.grow(t.cells.len())
		a.clear(cell[0])
	}
	a.markSingle(w, run*runCells+offset)
	return t.decode(&reader{remaining: value}, cell)
}

// restored wants a state for every cell.
func (a *aligned) restored(t *transform) error {
	for start, w := range a.open {
		want := w.cells.len()
		if !a.apart {
			want = runs(want)
		}
		if w.restored != want {
			return atKey(a.runKey(stateCells, &window{start: start}, w.restored), errState)
		}
		w.restored = 0
	}
	a.last = nil
	if a.keeps && t.restoredVersion == versionWithoutEnds {
		a.allPending()
	}
	return nil
}
