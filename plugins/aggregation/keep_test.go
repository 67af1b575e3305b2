package aggregation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

func TestOnlyWhatDecidesOfRowsToComeMayChange(t *testing.T) {
	var kept []string
	for _, f := range Transform.Fields {
		if f.Keep {
			kept = append(kept, f.Name)
		}
	}
	want := []string{"watermark", "on_idle", "idle_timeout", "on_end", "max_future_skew", "unbounded_state"}
	if !slices.Equal(kept, want) {
		t.Errorf("keys whose change keeps the state: got %v, want %v", kept, want)
	}
}

// TestKeptKeysMayChangeAtAnyBarrier restarts with another delay, another policy
// and another timeout, smaller or larger, again and again. The reference goes on
// with them as if it had never stopped.
func TestKeptKeysMayChangeAtAnyBarrier(t *testing.T) {
	changed, late := 0, 0
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 11))
			c, parts := randomCase(r, shapes[seed%3], 3)
			h := newHarness(t, c.json(), refSchema(false))
			f := newFeed(c, parts, false, 100)
			f.quiet = seed%2 == 0
			f.before = func(h *harness) {
				if r.IntN(8) > 0 {
					return
				}
				h.barrier()
				f.ref.c.delay = []int64{0, 1 + c.delay/7, c.delay, 1 + 3*c.delay}[r.IntN(4)]
				f.ref.c.onIdle = []string{"advance", "flush", "hold"}[r.IntN(3)]
				f.ref.c.timeout = []time.Duration{time.Second, 30 * time.Second, 5 * time.Minute}[r.IntN(3)]
				h.config = f.ref.c.json()
				h.reopen()
				h.partitions(f.names...)
				for _, p := range f.ref.parts { // silence is counted anew after a start
					p.since = time.Time{}
				}
				f.ref.tick(time.Time{})
				changed++
			}
			f.run(r, h)
			f.wantReference(t, h)
			late += f.ref.late
		})
	}
	if changed < 100 || late == 0 {
		t.Errorf("got %d changes and %d late rows: this proves nothing", changed, late)
	}
}

func (h *harness) change(old, new string) {
	h.t.Helper()
	config := strings.Replace(h.config, old, new, 1)
	if config == h.config {
		h.t.Fatalf("the config has no %s: %s", old, h.config)
	}
	h.barrier()
	h.config = config
	h.reopen()
}

func TestSmallerDelayClosesWindowsOnceAndForGood(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p")
	h.json("p", row("00:00:01", "a"), row("00:01:05", "a"))
	h.change(`"10s"`, `"1s"`)
	h.partitions("p")
	h.want("00:00:00|00:01:00|a|1")
	h.change(`"1s"`, `"1h"`) // the watermark does not go back
	h.partitions("p")
	h.json("p", row("00:00:02", "late"), row("00:01:06", "a"))
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want that of the window that was emitted", h.out.lateRows)
	}
	h.end()
	h.want("00:00:00|00:01:00|a|1", "00:01:00|00:02:00|a|2")
}

func TestLargerDelayKeepsWindowsOpen(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p", "q")
	h.json("p", row("00:00:01", "a"), row("00:05:00", "a")) // q holds the watermark
	h.change(`"10s"`, `"1h"`)
	h.partitions("p", "q")
	h.json("q", row("00:05:00", "a"))
	h.json("p", row("00:00:02", "a")) // late before, in time now: nothing of its window is out
	h.end()
	h.want("00:00:00|00:01:00|a|2", "00:05:00|00:06:00|a|2")
}

func TestIdlePolicyAndTimeoutMayChange(t *testing.T) {
	h := minutes(t, `, "on_idle": "hold"`)
	h.partitions("p")
	h.json("p", row("00:00:01", "a"))
	h.idle("p", noon, time.Hour)
	h.want()
	h.change(`"hold"`, `"flush", "idle_timeout": "1m"`)
	h.partitions("p")
	h.idle("p", noon, 59*time.Second)
	h.want()
	h.idle("p", noon.Add(time.Second), time.Minute)
	h.want("00:00:00|00:01:00|a|1")
	h.change(`"flush"`, `"advance"`) // an hour after the flush, event time is where it was
	h.partitions("p")
	h.json("p", row("00:00:59", "late"), row("00:01:00", "a"))
	h.idle("p", noon, 70*time.Second)
	h.want("00:00:00|00:01:00|a|1", "00:01:00|00:02:00|a|1")
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
}

func TestOnEndMayChange(t *testing.T) {
	h := minutes(t, `, "on_end": "hold"`)
	h.partitions("p")
	h.json("p", row("00:00:01", "a"))
	h.end()
	h.want()
	h.change(`"hold"`, `"flush"`)
	h.partitions("p")
	h.end()
	h.want("00:00:00|00:01:00|a|1")
	h.change(`"flush"`, `"hold"`) // what the flush closed stays closed
	h.partitions("p")
	h.json("p", row("00:00:30", "late"), row("00:01:30", "a"))
	h.end()
	h.want("00:00:00|00:01:00|a|1")
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
}

func TestFutureSkewMayChange(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p")
	apply := func(rows ...string) {
		t.Helper()
		h.rows += int64(len(rows))
		b := &sdk.Batch{Rows: jsonRows(t, h.in, rows...), Partition: "p", Time: time.UnixMicro(0).UTC()}
		if err := h.step.Apply(t.Context(), b, h.out); err != nil {
			t.Fatal(err)
		}
		h.balance()
	}
	apply(row("00:00:01", "a"), row("00:10:00", "a"))
	h.change(`"watermark"`, `"max_future_skew": "1m", "watermark"`)
	h.partitions("p")
	apply(row("00:20:00", "ahead"), row("00:00:30", "late")) // the row of 00:10 has closed its window
	if len(h.out.rejects) != 1 || h.out.lateRows != 1 {
		t.Errorf("got %d rejects and %d late rows, want one of each", len(h.out.rejects), h.out.lateRows)
	}
	h.change(`"max_future_skew": "1m", `, "")
	h.partitions("p")
	apply(row("00:20:00", "a"))
	h.end()
	h.want("00:00:00|00:01:00|a|1", "00:10:00|00:11:00|a|1", "00:20:00|00:21:00|a|1")
}

func TestPermissionForMoreStateMayChange(t *testing.T) {
	config := `{"emit": "on_end", "unbounded_state": true, "aggregates": {"n": "count()"}}`
	h := newHarness(t, config, schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:00:01", "a"))
	h.change(`"unbounded_state": true, `, "")
	h.json("p", row("00:00:02", "b"))
	h.end()
	h.want("2")
}
