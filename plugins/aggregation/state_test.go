package aggregation

import (
	"fmt"
	"strings"
	"testing"
)

func TestSnapshotPutsOnlyWhatChanged(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0")
	h.json("p/0", row("00:00:01", "a"), row("00:00:02", "b"), row("00:01:00", "a"))
	if got := h.barrier(); got != 6 { // the clock, the partition, and of two windows the groups and their cells
		t.Errorf("first snapshot: got %d keys, want 6", got)
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
	if got := h.barrier(); got != 5 { // the clock, the partition, one cell, groups and cells of a window
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
	if got := h.barrier(); got != 4 {   // the clock, the partition, a group and its cell
		t.Errorf("snapshot: got %d keys, want 4", got)
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
		"(give the step another label to begin anew beside it, or run with --fresh)"
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
	err := h.step.Snapshot(t.Context(), 1, putter(func(_, _ []byte) error { return full }))
	if err != full {
		t.Errorf("got %v, want %v", err, full)
	}
}

// TestSnapshotCostsWhatChanged has many groups, and touches one in a hundred:
// neighbours, which are of a few runs, and then some of all runs.
func TestSnapshotCostsWhatChanged(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string")
	h := newHarness(t, with(`"group_by": ["id"]`), schema)
	const groups = 20_000
	h.partitions("p")
	h.apply("p", idRows(schema, 0, 0, groups))
	if got, want := h.barrier(), 2*runs(groups)+2; got != want { // the clock and the partition too
		t.Errorf("first snapshot: got %d keys, want %d", got, want)
	}
	for first := range int64(5) {
		h.apply("p", idRows(schema, 0, 1000*first, groups/100))
		h.apply("p", idRows(schema, 0, 1000*first, groups/200)) // twice is once
		if got := h.barrier(); got > groups/100/runCells+2*(fewCells+1) {
			t.Errorf("snapshot after 1 %% was touched: got %d keys of %d cells", got, groups/100)
		}
		for id := first; id < groups; id += 100 {
			h.apply("p", idRows(schema, 0, id, 1))
		}
		if got := h.barrier(); got != groups/100 {
			t.Errorf("snapshot after 1 %% here and there was touched: got %d keys, want %d", got, groups/100)
		}
		h.reopen()
		h.partitions("p")
	}
	h.apply("p", idRows(schema, 200_000_000, 0, 1))
	if got := h.barrier(); got != 6 { // the clock, the partition, a group and its cell, and a window that closed
		t.Errorf("snapshot after %d groups were emitted: got %d keys, want 6", groups, got)
	}
	if got := h.cellsStored(); got != 1 {
		t.Errorf("stored cells: got %d, want 1", got)
	}
}
