package aggregation

import (
	"fmt"
	"iter"
	"time"

	"etlengine/plugins/sdk"
)

// storedWindows returns which windows a state holds, without the config that it was
// made with: each window with its groups, by start. Sessions, of which each group
// has its own, are one: from the first start to the last end, with the number of
// sessions instead of groups. Without windows there is one of all time.
func storedWindows(state iter.Seq2[[]byte, []byte]) ([]sdk.Window, error) {
	var all []sdk.Window
	size := int64(-1)
	for key, value := range state {
		r := &reader{remaining: value}
		switch {
		case len(key) == 1 && key[0] == stateClock:
			if version := r.byte(); version != stateVersion && version != versionWithoutEnds {
				return nil, fmt.Errorf("want version %d of the state, got %d", stateVersion, version)
			}
			size = int64(r.uvarint())
		case size < 0:
			r.fail()
		case len(key) >= 1 && key[0] == statePartition:
		case len(key) >= sessionKey && key[0] == stateSession && size == ownSize:
			w := windowAt(parseStart(key[1:]), int64(r.uvarint()), r)
			if len(all) == 0 {
				all = append(all, w)
			}
			if all[0].Groups++; w.End.After(all[0].End) {
				all[0].End = w.End
			}
		case len(key) == runKey && key[0] == stateGroups && size != ownSize:
			w := sdk.Window{}
			if size != allTime {
				w = windowAt(parseStart(key[1:]), size, r)
			}
			if n := len(all); n == 0 || !all[n-1].Start.Equal(w.Start) {
				all = append(all, w)
			}
			groups := r.count(1)
			if groups == 0 {
				r.fail()
			}
			all[len(all)-1].Groups += int64(groups)
		case len(key) >= runKey && (key[0] == stateCells || key[0] == statePending):
		default:
			r.fail()
		}
		if r.failed() {
			return nil, fmt.Errorf("reading the state at key %x: %w", key, errState)
		}
	}
	return all, nil
}

// windowAt is a window without its groups.
func windowAt(start, length int64, r *reader) sdk.Window {
	const most = 1 << 60 // ends are no more than a year 9999 and a window
	if start < -most || start > most || length <= 0 || length > most {
		r.fail()
	}
	return sdk.Window{Start: time.UnixMicro(start).UTC(), End: time.UnixMicro(start + length).UTC()}
}
