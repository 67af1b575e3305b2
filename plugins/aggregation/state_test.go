package aggregation

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

func TestSnapshotPutsOnlyWhatChanged(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0")
	h.json("p/0", row("00:00:01", "a"), row("00:00:02", "b"), row("00:01:00", "a"))
	if got := h.barrier(); got != 5 { // the clock, the partition, three cells
		t.Errorf("first snapshot: got %d keys, want 5", got)
	}
	if got := h.barrier(); got != 0 {
		t.Errorf("snapshot of no change: got %d keys, want 0", got)
	}
	h.json("p/0", row("00:00:03", "b"))
	if got := h.barrier(); got != 1 {
		t.Errorf("snapshot after one group changed: got %d keys, want 1", got)
	}
	h.reopen()
	h.partitions("p/0")
	if got := h.barrier(); got != 0 {
		t.Errorf("snapshot after a restart: got %d keys, want 0", got)
	}
	h.json("p/0", row("00:01:10", "a"))
	if got := h.barrier(); got != 5 { // the clock, the partition, one cell, two deleted
		t.Errorf("snapshot after a window closed: got %d keys, want 5", got)
	}
	if got := h.cellsStored(); got != 1 {
		t.Errorf("stored cells: got %d, want 1", got)
	}
}

func TestCellsThatComeAndGoWithinAnEpochAreNotStored(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0")
	h.json("p/0", row("00:00:01", "a"), row("00:01:10", "a"))
	h.json("p/0", row("00:01:11", "a")) // takes the cell of the closed window again
	if got := h.barrier(); got != 3 {
		t.Errorf("snapshot: got %d keys, want 3", got)
	}
}

func TestStateOfAnotherConfigIsRefused(t *testing.T) {
	h := minutes(t, "")
	h.json("p/0", row("00:00:01", "a"))
	h.barrier()
	h.config = strings.Replace(h.config, `"1m"`, `"2m"`, 1)
	err := h.restart()
	want := "restoring the state at key 00: the state is of windows of 60000000us every 60000000us from 0us " +
		"by at; groups kind:string; aggregates count(); the config asks for windows of 120000000us " +
		"every 120000000us from 0us by at; groups kind:string; aggregates count() " +
		"(give the step another label to begin anew beside it, or start with --fresh)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestDelayAndIdlePolicyMayChangeBetweenRuns(t *testing.T) {
	h := minutes(t, "")
	h.json("p/0", row("00:00:01", "a"))
	h.barrier()
	h.config = strings.Replace(h.config, `"10s"`, `"1h"`, 1)
	h.reopen()
	h.partitions("p/0")
	h.json("p/0", row("00:02:00", "a"))
	h.want()
}

func TestPutErrorEndsTheSnapshot(t *testing.T) {
	h := minutes(t, "")
	h.json("p/0", row("00:00:01", "a"))
	full := fmt.Errorf("disk full")
	err := h.step.(sdk.Stateful).Snapshot(t.Context(), 1, func(_, _ []byte) error { return full })
	if err != full {
		t.Errorf("got %v, want %v", err, full)
	}
}

// everyCall has one aggregate of each accumulator.
const everyCall = `{"event_time": "at", "watermark": "10s", "window": {"tumbling": "1m"},
	"group_by": ["kind", "level"], "aggregates": {"a": "count()", "b": "sum(amount)", "c": "sum(price)",
	"d": "min(amount)", "e": "max(client)", "f": "count_distinct(client)", "g": "count_distinct(level)",
	"h": "approx_count_distinct(client)", "i": "first(price)", "j": "last(client)"}}`

func storedState(t testing.TB, rows int) (keys, values [][]byte) {
	t.Helper()
	_, parts := randomCase(rand.New(rand.NewPCG(7, 7)), "tumbling", 1)
	for i := range parts[0] {
		parts[0][i].at = 0
	}
	in := rowsOf(parts[0], false)
	instance, err := Transform.Open(context.Background(), []byte(everyCall), refSchema(false), sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	step := instance.(*transform)
	batch := &sdk.Batch{Rows: in.NewSlice(0, min(int64(rows), in.NumRows())), Partition: "p/0"}
	if err := step.Apply(context.Background(), batch, &collector{}); err != nil {
		t.Fatal(err)
	}
	err = step.Snapshot(context.Background(), 1, func(key, value []byte) error {
		keys, values = append(keys, bytes.Clone(key)), append(values, bytes.Clone(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, values
}

// restoreAndFlush restores a state of three keys and emits all that is in it.
func restoreAndFlush(t testing.TB, in *arrow.Schema, state [][2][]byte) error {
	instance, err := Transform.Open(context.Background(), []byte(everyCall), in, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	step := instance.(*transform)
	slices.SortFunc(state, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	err = step.Restore(context.Background(), func(yield func(k, v []byte) bool) {
		for _, entry := range state {
			if !yield(entry[0], entry[1]) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return step.Signal(context.Background(), sdk.Signal{Kind: sdk.End}, &collector{schema: step.out})
}

func TestCutStateIsRefused(t *testing.T) {
	keys, values := storedState(t, 300)
	for i := range keys {
		for cut := range values[i] {
			var state [][2][]byte
			for j := range keys {
				value := values[j]
				if i == j {
					value = value[:cut]
				}
				state = append(state, [2][]byte{keys[j], value})
			}
			if err := restoreAndFlush(t, refSchema(false), state); err == nil {
				t.Fatalf("key %x, value %x cut to %d bytes: got no error", keys[i], values[i], cut)
			}
		}
		if i > 3 {
			break
		}
	}
}

func TestStateWithoutItsClockIsRefused(t *testing.T) {
	keys, values := storedState(t, 10)
	err := restoreAndFlush(t, refSchema(false), [][2][]byte{{keys[2], values[2]}})
	if err == nil {
		t.Error("got no error")
	}
}

func FuzzRestore(f *testing.F) {
	for _, rows := range []int{1, 300} {
		keys, values := storedState(f, rows)
		f.Add(keys[0], values[0], keys[1], values[1], keys[2], values[2])
	}
	in := refSchema(false)
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 []byte) {
		// Whatever it is, it is refused or it can be emitted.
		_ = restoreAndFlush(t, in, [][2][]byte{{k1, v1}, {k2, v2}, {k3, v3}})
	})
}
