package aggregation

import (
	"fmt"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

const perMinute = `{"event_time": "at", "watermark": "10s", "window": {"tumbling": "1m"},
	"group_by": ["kind"], "aggregates": {"n": "count()"}}`

// noon is the wall clock when these tests begin. Event time is in 1970: the
// two have nothing to do with one another.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// row is a JSON row at a time of the day.
func row(at, kind string) string {
	return fmt.Sprintf(`{"at": "1970-01-01T%sZ", "kind": %q}`, at, kind)
}

func minutes(t *testing.T, keys string) *harness {
	t.Helper()
	config := perMinute[:len(perMinute)-1] + keys + "}"
	return newHarness(t, config, schemaOf(t, "at timestamp", "kind string"))
}

func TestWindowComesOutWhenTheWatermarkReachesItsEnd(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0")
	h.json("p/0", row("00:00:05", "a"), row("00:00:59.999999", "a"), row("00:01:09.999999", "b"))
	h.want()
	h.json("p/0", row("00:01:10", "b"))
	h.want("00:00:00|00:01:00|a|2")
	h.end()
	h.want("00:00:00|00:01:00|a|2", "00:01:00|00:02:00|b|2")
}

func TestRowsAreClassifiedByTheRowsBeforeThem(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0")
	// The third row is late by the second; the fifth would be late only by itself.
	h.json("p/0", row("00:00:05", "a"), row("00:01:10", "a"), row("00:00:59", "late"), row("00:01:59", "a"),
		row("00:05:00", "a"), row("00:01:30", "late"), row("00:01:31", "late"), row("00:04:50", "a"))
	h.want("00:00:00|00:01:00|a|1", "00:01:00|00:02:00|a|2")
	if len(h.out.late) != 2 {
		t.Fatalf("late: got %d runs of rows, want 2", len(h.out.late))
	}
	first, second := h.out.late[0], h.out.late[1]
	if first.rows.NumRows() != 1 || second.rows.NumRows() != 2 {
		t.Errorf("late rows: got %v and %v, want one and two neighbours", first.rows, second.rows)
	}
	if got, want := clockText(first.watermark.UnixMicro()), "00:01:00"; got != want {
		t.Errorf("watermark of the first late row: got %s, want %s", got, want)
	}
	if got := valueText(second.rows.Column(0), 1); got != "00:01:31" || second.partition != "p/0" {
		t.Errorf("second late run: got %s of %s, want 00:01:31 of p/0", got, second.partition)
	}
}

func TestPartitionAnHourBehindLosesNoRow(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	for i := range 60 {
		h.json("p/0", row(fmt.Sprintf("01:%02d:00", i), "ahead"))
	}
	h.want()
	for i := range 60 {
		h.json("p/1", row(fmt.Sprintf("00:%02d:00", i), "behind"))
	}
	h.end()
	if h.out.lateRows != 0 || h.out.emitted != 120 {
		t.Errorf("got %d late rows and %d windows, want 0 and 120", h.out.lateRows, h.out.emitted)
	}
}

func TestPartitionWithoutARowHoldsTheWatermark(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:05", "a"), row("00:10:00", "a"))
	h.want()
	h.idle("p/1", noon, 29*time.Second)
	h.want()
	h.idle("p/1", noon.Add(time.Second), 30*time.Second)
	h.want("00:00:00|00:01:00|a|1")
}

func TestPartitionThatIsGoneNoLongerHoldsTheWatermark(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:05", "a"), row("00:10:00", "a"))
	h.partitions("p/0")
	h.want("00:00:00|00:01:00|a|1")
}

func TestIdlePartitionThatWakesFindsItsWindowsClosed(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:05", "a"), row("00:10:00", "a"))
	h.idle("p/1", noon, time.Minute)
	h.json("p/1", row("00:00:30", "late"), row("00:09:30", "late"), row("00:09:55", "in time"))
	if h.out.lateRows != 1 || h.out.counts.Absorbed != 4 {
		t.Errorf("got %d late and %d in time, want 1 and 4", h.out.lateRows, h.out.counts.Absorbed)
	}
	if got := clockText(h.out.late[0].watermark.UnixMicro()); got != "00:09:50" {
		t.Errorf("classified by %s, want 00:09:50, the watermark of the others", got)
	}
	// Awake, it holds the watermark again.
	h.json("p/0", row("00:30:00", "a"))
	h.want("00:00:00|00:01:00|a|1")
}

func TestQuietStreamsLastWindowComesOut(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:50", "a"))
	h.json("p/1", row("00:00:10", "b"))
	// The watermark runs at the pace of the wall clock from 00:00:50 - 10s on,
	// since the partition that fell silent last did so.
	h.idle("p/0", noon, 25*time.Second)
	h.idle("p/1", noon, 90*time.Second)
	h.want() // p/0 is still waited for, and holds the watermark at 00:00:40
	for second := range 20 {
		now := noon.Add(time.Duration(second) * time.Second)
		h.idle("p/0", now, time.Duration(second+15)*time.Second)
		h.idle("p/1", now, time.Duration(second+90)*time.Second)
	}
	h.want("00:00:00|00:01:00|a|1", "00:00:00|00:01:00|b|1")
	h.json("p/0", row("00:00:55", "late"), row("00:01:05", "a"))
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1: the idle decision closed its window", h.out.lateRows)
	}
}

func TestAdvanceIsAtThePaceOfTheWallClock(t *testing.T) {
	for _, test := range []struct {
		silent time.Duration
		want   int64
	}{{29 * time.Second, 0}, {30 * time.Second, 0}, {69 * time.Second, 0}, {70 * time.Second, 1},
		{time.Hour, 1}} {
		h := minutes(t, "")
		h.partitions("p/0")
		h.json("p/0", row("00:00:00", "a"))
		h.idle("p/0", noon, test.silent)
		if h.out.emitted != test.want { // 00:00:00 + silence - 10s reaches 00:01:00
			t.Errorf("after %s of silence: got %d windows, want %d", test.silent, h.out.emitted, test.want)
		}
	}
}

func TestIdleTimeoutIsTheConfigs(t *testing.T) {
	h := minutes(t, `, "idle_timeout": "5m", "on_idle": "flush"`)
	h.partitions("p/0")
	h.json("p/0", row("00:00:00", "a"))
	h.idle("p/0", noon, 4*time.Minute)
	h.want()
	h.idle("p/0", noon, 5*time.Minute)
	h.want("00:00:00|00:01:00|a|1")
}

func TestFlushClosesEveryOpenWindowAtOnce(t *testing.T) {
	h := minutes(t, `, "on_idle": "flush"`)
	h.partitions("p/0")
	h.json("p/0", row("00:03:00", "b"), row("00:02:55", "a"))
	h.idle("p/0", noon, 30*time.Second)
	h.want("00:02:00|00:03:00|a|1", "00:03:00|00:04:00|b|1")
	h.json("p/0", row("00:03:59", "late"), row("00:04:00", "c"))
	h.idle("p/0", noon, 30*time.Second)
	h.want("00:02:00|00:03:00|a|1", "00:03:00|00:04:00|b|1", "00:04:00|00:05:00|c|1")
}

func TestHoldWaitsForData(t *testing.T) {
	h := minutes(t, `, "on_idle": "hold"`)
	h.partitions("p/0")
	h.json("p/0", row("00:00:00", "a"))
	h.idle("p/0", noon, time.Hour)
	h.want()
	h.json("p/0", row("01:00:00", "b"))
	h.want("00:00:00|00:01:00|a|1")
}

func TestSilenceBeforeAnyRowDecidesNothing(t *testing.T) {
	for _, policy := range []string{"advance", "flush", "hold"} {
		h := minutes(t, `, "on_idle": "`+policy+`"`)
		h.partitions("p/0")
		h.idle("p/0", noon, time.Hour)
		h.json("p/0", row("00:00:00", "a"))
		h.end()
		if h.out.emitted != 1 || h.out.lateRows != 0 {
			t.Errorf("%s: got %d windows and %d late rows, want 1 and 0", policy, h.out.emitted, h.out.lateRows)
		}
	}
}

func TestEndFlushesAndWhatItClosedStaysClosed(t *testing.T) {
	h := minutes(t, `, "on_end": "flush"`)
	h.partitions("p/0")
	h.json("p/0", row("00:00:05", "a"))
	h.end()
	h.want("00:00:00|00:01:00|a|1")
	h.barrier()
	h.reopen()
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:06", "late"))
	h.json("p/1", row("00:00:07", "late"), row("00:01:00", "b"))
	h.end()
	h.want("00:00:00|00:01:00|a|1", "00:01:00|00:02:00|b|1")
	if h.out.lateRows != 2 {
		t.Errorf("late: got %d rows, want 2", h.out.lateRows)
	}
}

func TestKeptWindowsGoOnInTheNextRun(t *testing.T) {
	h := minutes(t, `, "on_end": "hold"`)
	h.partitions("p/0")
	h.json("p/0", row("00:00:05", "a"))
	h.end()
	h.want()
	h.barrier()
	h.reopen()
	h.partitions("p/0")
	h.json("p/0", row("00:00:06", "a"), row("00:02:00", "b"))
	h.want("00:00:00|00:01:00|a|2")
}

func TestIdlenessIsCountedAnewAfterARestart(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:00:05", "a"))
	h.idle("p/1", noon, time.Minute)
	h.barrier()
	h.reopen()
	h.partitions("p/0", "p/1")
	h.json("p/0", row("00:10:00", "a"))
	h.want() // p/1 is waited for again
	h.idle("p/1", noon, time.Minute)
	h.want("00:00:00|00:01:00|a|1")
}

func TestWatermarkSignalClosesWindows(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1") // of the source, in front of the step that mixes them
	h.json("", row("00:00:05", "a"), row("00:01:30", "a"))
	h.want()
	h.signal(sdk.Signal{Kind: sdk.Watermark, Time: time.UnixMicro(61_000_000)})
	h.want("00:00:00|00:01:00|a|1")
	h.json("", row("00:00:59", "late"), row("00:01:31", "a"))
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
}

func TestPromisedWatermarkIsTheFirstStartToCome(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0")
	h.json("p/0", row("00:05:30", "a"))
	h.json("p/0", row("00:05:31", "a"))
	h.json("p/0", row("00:06:15", "a"))
	var got []string
	for _, at := range h.out.marks {
		got = append(got, clockText(at.UnixMicro()))
	}
	wantLines(t, got, []string{"00:05:00", "00:06:00"})
}

func TestForgottenPartitionIsClassifiedAsIfItWereKnown(t *testing.T) {
	h := minutes(t, "")
	h.partitions("a.csv", "b.csv")
	h.json("a.csv", row("00:00:30", "a"))
	h.json("b.csv", row("00:20:00", "b"))
	h.barrier()
	h.partitions("b.csv")
	h.json("b.csv", row("00:20:01", "b"))
	h.partitions("b.csv")
	if parts := h.step.(*transform).clock.parts; len(parts.byName) != 1 {
		t.Errorf("known partitions: got %d, want 1", len(parts.byName))
	}
	h.barrier()
	if _, ok := h.state[string(statePartition)+"a.csv"]; ok {
		t.Error("the state still has a.csv")
	}
	h.partitions("a.csv", "b.csv")
	h.json("a.csv", row("00:00:31", "late"))
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
}

func TestPartitionsAreOrderedByNumber(t *testing.T) {
	names := []string{"a/2", "a/10", "a/x", "b/1", "part-1.csv", "part-10.csv", "part-2.csv"}
	for i, a := range names {
		for j, b := range names {
			if got, want := compareNames(a, b) < 0, i < j; i < 4 && j < 4 && got != want {
				t.Errorf("%s before %s: got %t, want %t", a, b, got, want)
			}
			if compareNames(a, b) != -compareNames(b, a) || (compareNames(a, b) == 0) != (a == b) {
				t.Errorf("%s and %s: the order depends on which is asked first", a, b)
			}
		}
	}
}
