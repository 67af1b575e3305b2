package aggregation

import (
	"encoding/binary"
	"slices"
)

// Without a window, cells are handed out at the end of every run. Only those that
// have changed since are: readers of the results would else find each group again
// in every run, and could not distinguish the newest from the others.

const pendingWords = runCells / 64 // of a run's cells, which are stored together

func (a *aligned) markPending(cells []uint32) {
	a.pending = extend(a.pending, len(a.cells.dirty))
	for _, cell := range cells {
		a.pending.set(cell)
	}
}

// emitted says that all pending cells have been handed out.
func (a *aligned) emitted() { clear(a.pending) }

func (a *aligned) holds() bool {
	if !a.keeps {
		return len(a.open) > 0
	}
	return slices.ContainsFunc(a.pending, func(word uint64) bool { return word != 0 })
}

func (a *aligned) count(from, to int64) (n int64) {
	for start := range a.open {
		if end := start + a.spec.size; end > from && end <= to {
			n++
		}
	}
	return n
}

// putPending puts which cells are pending, by run, where that has changed. In a
// window that keeps them, cells are in the order of positions.
func (a *aligned) putPending(to *snapshot) error {
	a.stored = extend(a.stored, len(a.pending))
	for _, w := range a.open {
		for from := 0; from < len(a.pending); from += pendingWords {
			words := a.pending[from:min(from+pendingWords, len(a.pending))]
			if slices.Equal(words, a.stored[from:from+len(words)]) {
				continue
			}
			copy(a.stored[from:], words)
			var value []byte // none: it is deleted
			if slices.ContainsFunc(words, func(word uint64) bool { return word != 0 }) {
				for _, word := range words {
					value = binary.BigEndian.AppendUint64(value, word)
				}
			}
			if err := to.put(a.runKey(statePending, w, from/pendingWords), value); err != nil {
				return err
			}
		}
	}
	return nil
}

// restorePending reads the pending cells of a run.
func (a *aligned) restorePending(key, value []byte) error {
	start, run := parseRunKey(key)
	if a.open[start] == nil || run >= runs(a.cells.len()) || len(value)%8 != 0 || len(value) > 8*pendingWords {
		return errState
	}
	a.pending = extend(a.pending, len(a.cells.dirty))
	for i := range len(value) / 8 {
		word := binary.BigEndian.Uint64(value[8*i:])
		if at := run*pendingWords + i; at < len(a.pending) {
			a.pending[at] = word
		} else if word != 0 {
			return errState
		}
	}
	a.stored = append(a.stored[:0], a.pending...)
	return nil
}

// allPending is for a state that does not say which cells have been handed out.
func (a *aligned) allPending() {
	var all []uint32
	for cell := range uint32(a.cells.len()) {
		all = append(all, cell)
	}
	a.markPending(all)
}
