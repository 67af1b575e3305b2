package aggregation

import (
	"fmt"
	"iter"
	"time"

	"etlengine/plugins/sdk"
)

// storedWindows tells which windows a state holds, without the config that it was
// made with: each window with its groups, by start. Sessions, of which each group
// has its own, are one: from the first start to the last end, with the number of
// sessions in place of groups. Without windows there is one of all time.
func storedWindows(state iter.Seq2[[]byte, []byte]) ([]sdk.Window, error) {
	var all []sdk.Window
	size := int64(-1)
	for key, value := range state {
		r := &reader{rest: value}
		switch {
		case len(key) == 1 && key[0] == stateClock:
			if version := r.byte(); version != stateVersion {
				return nil, fmt.Errorf("want version %d of the state, got %d", stateVersion, version)
			}
			size = int64(r.uvarint())
		case len(key) >= 1 && key[0] == statePartition:
		case len(key) >= 9 && key[0] == stateCell && size >= 0:
			all = addWindow(all, cutStart(key[1:]), size, r)
		default:
			r.fail()
		}
		if r.failed() {
			return nil, fmt.Errorf("reading the state at key %x: %w", key, errState)
		}
	}
	return all, nil
}

// addWindow counts a cell in, whose window is the last one or comes after it.
func addWindow(all []sdk.Window, start, size int64, r *reader) []sdk.Window {
	length := size
	if size == ownSize {
		length = int64(r.uvarint())
	}
	if size == allTime {
		if len(all) == 0 {
			all = append(all, sdk.Window{})
		}
		all[0].Groups++
		return all
	}
	const most = 1 << 60 // ends are no more than a year 9999 and a window
	if start < -most || start > most || length <= 0 || length > most {
		r.fail()
		return all
	}
	from, to := time.UnixMicro(start).UTC(), time.UnixMicro(start+length).UTC()
	if n := len(all); n == 0 || size != ownSize && !all[n-1].Start.Equal(from) {
		all = append(all, sdk.Window{Start: from, End: to})
	}
	w := &all[len(all)-1]
	if w.Groups++; to.After(w.End) {
		w.End = to
	}
	return all
}
