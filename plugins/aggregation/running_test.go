package aggregation

import (
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

func TestWithoutAWindowResultsComeAtTheEnd(t *testing.T) {
	h := newHarness(t, running(`, "group_by": ["kind"], "unbounded_state": true, "event_time": "at"`),
		schemaOf(t, "at timestamp", "kind string"))
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:01", "b"), row("23:00:00", "a"))
	h.json("p/1", row("00:00:00", "b")) // no row is late
	h.idle("p/0", noon, time.Hour)
	h.idle("p/1", noon, time.Hour)
	h.signal(sdk.Signal{Kind: sdk.Watermark, Time: noon})
	h.want()
	h.end()
	h.want("a|1", "b|2")
	if len(h.out.marks) > 0 || h.out.lateRows > 0 {
		t.Errorf("got watermarks %v and %d late rows, want none", h.out.marks, h.out.lateRows)
	}
}

// TestRunningResultGoesOnInTheNextRun: what has been emitted is emitted again
// with what has come since.
func TestRunningResultGoesOnInTheNextRun(t *testing.T) {
	h := newHarness(t, running(`, "group_by": ["kind"], "unbounded_state": true`),
		schemaOf(t, "at timestamp", "kind string"))
	h.partitions("a.csv")
	h.json("a.csv", row("00:00:01", "b"))
	h.end()
	h.barrier()
	h.reopen()
	h.partitions("b.csv")
	h.json("b.csv", row("00:00:01", "a"), row("00:00:01", "b"))
	h.barrier()
	h.reopen()
	h.partitions("b.csv")
	h.end()
	h.want("b|1", "a|1", "b|2")
}

func TestStoppedRunEmitsNothing(t *testing.T) {
	h := newHarness(t, running(``), schemaOf(t, "kind string"))
	h.partitions("p")
	h.json("p", `{"kind": "a"}`)
	h.barrier()
	h.want()
	h.reopen()
	h.partitions("p")
	h.json("p", `{"kind": "a"}`)
	h.end()
	h.want("2")
}

func TestEventTimeIsCheckedEvenWithoutAWindow(t *testing.T) {
	h := newHarness(t, running(`, "event_time": "at"`), schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:00:01", "a"), `{"at": null, "kind": "a"}`)
	h.end()
	h.want("1")
	if len(h.out.rejects) != 1 {
		t.Errorf("rejects: got %v, want one", h.out.rejects)
	}
}

func TestFirstAndLastWithoutAWindow(t *testing.T) {
	h := newHarness(t, `{"emit": "on_end", "event_time": "at",
		"aggregates": {"f": "first(kind)", "l": "last(kind)", "total": "sum(x)"}}`,
		schemaOf(t, "at timestamp", "kind string", "x float64"))
	h.partitions("p/1", "p/0")
	h.json("p/1", `{"at": "1970-01-01T05:00:00Z", "kind": "last", "x": 1e16}`)
	h.json("p/0", `{"at": "1970-01-01T03:00:00Z", "kind": "first", "x": 1}`)
	h.partitions("p/2") // the others are not forgotten: their sums are still of use
	h.json("p/2", `{"at": "1970-01-01T04:00:00Z", "kind": "between", "x": 1}`)
	h.end()
	h.want("first|last|1e+16")
}

func TestNothingIsTheResultOfNothing(t *testing.T) {
	h := newHarness(t, running(``), schemaOf(t, "kind string"))
	h.partitions("p")
	h.end()
	h.want()
}

// future is rows taken at noon, by a step that believes an hour.
func future(t *testing.T, keys string) *harness {
	return newHarness(t, with(`"max_future_skew": "1h", "group_by": ["kind"]`+keys),
		schemaOf(t, "at timestamp", "kind string"))
}

func (h *harness) applyAt(now time.Time, partition string, objects ...string) {
	h.t.Helper()
	rows := jsonRows(h.t, h.in, objects...)
	h.rows += rows.NumRows()
	err := h.step.Apply(h.t.Context(), &sdk.Batch{Rows: rows, Partition: partition, Time: now}, h.out)
	if err != nil {
		h.t.Fatalf("applying: %v", err)
	}
	h.balance()
}

func TestRowTooFarAheadIsRejectedAndMovesNothing(t *testing.T) {
	h := future(t, "")
	now := time.Date(1970, 1, 1, 12, 0, 0, 0, time.UTC)
	h.partitions("p")
	h.applyAt(now, "p", row("12:59:59", "a"), row("13:00:00.000001", "b"), row("23:00:00", "b"),
		row("13:00:00", "a"), row("12:59:55", "a"))
	h.end()
	h.want("12:59:00|13:00:00|a|2", "13:00:00|13:01:00|a|1")
	if len(h.out.rejects) != 2 || h.out.lateRows != 0 {
		t.Fatalf("got %d rejects and %d late rows, want 2 and 0", len(h.out.rejects), h.out.lateRows)
	}
	want := "at: want a time at most 1h ahead of the clock (max_future_skew), got 1970-01-01T23:00:00Z " +
		"when it was 1970-01-01T12:00:00Z"
	if r := h.out.rejects[1]; r.Reason != want || string(r.Row) != `{"at":"1970-01-01T23:00:00Z","kind":"b"}` {
		t.Errorf("reject: got %s of %s, want %s", r.Reason, r.Row, want)
	}
}

func TestWithoutAClockNoRowIsAhead(t *testing.T) {
	h := future(t, "")
	h.json("p", row("23:00:00", "a"))
	h.end()
	h.want("23:00:00|23:01:00|a|1")
}

func TestWithoutASkewEveryTimeIsBelieved(t *testing.T) {
	h := minutes(t, "")
	h.applyAt(time.Unix(0, 0), "p", row("23:00:00", "a"))
	h.end()
	h.want("23:00:00|23:01:00|a|1")
}
