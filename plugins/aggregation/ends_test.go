package aggregation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

// nextRun ends the run and begins another one of some partitions.
func (h *harness) nextRun(partitions ...string) {
	h.t.Helper()
	h.end()
	h.barrier()
	h.reopen()
	h.partitions(partitions...)
}

// TestRowsThatOnlyTheEndOfARunMadeLateStopTheNext unless the config says what
// becomes of them. Those that the watermark makes late are late.
func TestRowsThatOnlyTheEndOfARunMadeLateStopTheNext(t *testing.T) {
	tests := []struct{ window, first, second, want string }{
		{`{"tumbling": "1m"}`, "00:00:05", "00:00:50", "at 1970-01-01T00:00:50Z belongs to the window from " +
			"1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, which came out when an earlier run ended"},
		{`{"tumbling": "1m"}`, "00:00:05", "00:01:00", ""},
		{`{"tumbling": "1m"}`, "00:01:30", "00:00:59", ""}, // late by the watermark, which was 00:01:20
		{`{"tumbling": "1m"}`, "00:01:05", "00:00:59", "from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z"},
		{`{"hopping": {"size": "1m", "every": "20s"}}`, "00:00:05", "00:00:50", "from 1970-01-01T00:00:00Z to"},
		{`{"hopping": {"size": "1m", "every": "20s"}}`, "00:01:30", "00:03:00", ""},
		{`{"session": {"gap": "1m"}}`, "00:00:05", "00:00:50", "may belong to a session that came out"},
		{`{"session": {"gap": "1m"}}`, "00:00:05", "00:01:05", ""},
		{`{"session": {"gap": "1m"}}`, "00:01:30", "00:01:19", ""},
	}
	for _, test := range tests {
		for _, keys := range []string{``, `, "on_end": "hold"`, `, "on_end": "flush"`, "a late output"} {
			name := fmt.Sprintf("%s %s, then %s%s", test.window, test.first, test.second, keys)
			undecided, late := keys == "", keys == "a late output"
			if late {
				keys = ""
			}
			h := newHarness(t, with(`"group_by": ["kind"], "window": `+test.window+keys),
				schemaOf(t, "at timestamp", "kind string"))
			h.late = late
			h.reopen()
			h.partitions("a.csv")
			h.json("a.csv", row(test.first, "a"))
			h.nextRun() // which finds nothing to read
			h.nextRun("b.csv")
			h.barrier()
			h.reopen() // killed in the second run
			h.partitions("b.csv")
			err := h.tryApply("b.csv", jsonRows(t, h.in, row(test.second, "a")))
			switch {
			case test.want == "" || !undecided:
				if err != nil {
					t.Errorf("%s: got %v", name, err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) ||
				!strings.Contains(err.Error(), "on_end: hold") || !strings.Contains(err.Error(), "row b.csv"):
				t.Errorf("%s: got %v, want %s", name, err, test.want)
			}
		}
	}
}

// TestWindowsThatOnlyTheEndOfARunClosedMayBePassedLater: from then on their rows are
// late as any others.
func TestWindowsThatOnlyTheEndOfARunClosedMayBePassedLater(t *testing.T) {
	h := minutes(t, "")
	h.partitions("a.csv")
	h.json("a.csv", row("00:00:05", "a"))
	h.nextRun("b.csv")
	h.json("b.csv", row("00:02:00", "b"), row("00:00:50", "late"))
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
}

// TestManyRunsEqualTheReference: rows of all partitions come in several runs, whose
// ends close what is open, or leave it.
func TestManyRunsEqualTheReference(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 11))
			c, parts := randomCase(r, shapes[seed%3], 3)
			onEnd := []string{"flush", "hold"}[seed/3%2]
			c.onIdle = []string{"advance", "flush", "hold"}[seed/6%3]
			config := strings.Replace(c.json(), `{"event_time"`, fmt.Sprintf(`{"on_end": %q, "event_time"`, onEnd), 1)
			h := newHarness(t, config, refSchema(false))
			f := newFeed(c, parts, false, 100)
			f.quiet = true
			f.before = func(h *harness) {
				if r.IntN(8) > 0 {
					return
				}
				h.nextRun(f.names...)
				if onEnd == "flush" {
					f.ref.flush()
				}
				for _, p := range f.ref.parts {
					p.since = time.Time{}
				}
				f.ref.tick(time.Time{})
			}
			f.run(r, h)
			if onEnd == "hold" {
				h.change(`"hold"`, `"flush"`)
				h.partitions(f.names...)
				h.end()
			}
			f.wantReference(t, h)
		})
	}
}

// TestRunningTotalsComeOutWhenTheyHaveChanged in whichever process.
func TestRunningTotalsComeOutWhenTheyHaveChanged(t *testing.T) {
	h := newHarness(t, running(`, "group_by": ["kind"], "unbounded_state": true`),
		schemaOf(t, "at timestamp", "kind string"))
	want := map[string]int{}
	r := rand.New(rand.NewPCG(1, 12))
	h.partitions("p")
	for run := range 40 {
		changed := map[string]bool{}
		for range r.IntN(3) {
			var rows []string
			for range r.IntN(200) {
				kind := fmt.Sprintf("k%03d", r.IntN(400))
				rows = append(rows, row("00:00:00", kind))
				want[kind]++
				changed[kind] = true
			}
			h.json("p", rows...)
			if r.IntN(2) == 0 {
				h.barrier()
				h.reopen()
				h.partitions("p")
			}
		}
		if got := h.step.(*transform).windows.holds(); got != (len(changed) > 0) {
			t.Errorf("run %d: holding %t with %d groups changed", run, got, len(changed))
		}
		h.out.batches = nil
		h.nextRun("p")
		var lines []string
		for kind := range changed {
			lines = append(lines, fmt.Sprintf("%s|%d", kind, want[kind]))
		}
		slices.Sort(lines)
		h.want(lines...)
	}
}

// olderState turns the stored state into one of the version before.
func (h *harness) olderState() {
	for key, value := range h.state {
		switch key[0] {
		case stateClock:
			value = bytes.Clone(value)
			value[0] = versionWithoutEnds
			r := &reader{remaining: value}
			r.byte()
			r.uvarint()
			r.text()
			for range 4 {
				r.varint()
			}
			h.state[key] = value[:len(value)-len(r.remaining)]
		case stateSession:
			_, length := binary.Uvarint(value)
			_, owner := binary.Uvarint(value[length:])
			h.state[key] = slices.Concat(value[:length], value[length+owner:])
		case statePending:
			delete(h.state, key)
		}
	}
}

func TestStateOfTheVersionBeforeIsGoneOnWith(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "kind string")
	tests := []struct {
		config string
		want   []string
	}{
		{with(`"group_by": ["kind"]`), []string{"00:00:00|00:01:00|a|1", "00:01:00|00:02:00|a|1"}},
		{with(`"group_by": ["kind"], "window": {"session": {"gap": "10s"}}`),
			[]string{"00:00:05|00:00:15|a|1", "00:01:30|00:01:45|a|2"}},
		{running(`, "group_by": ["kind"], "unbounded_state": true`), []string{"a|1", "a|3"}},
	}
	for _, test := range tests {
		h := newHarness(t, test.config, schema)
		h.partitions("p")
		h.json("p", row("00:00:05", "a"))
		if strings.Contains(test.config, "session") {
			h.json("p", row("00:01:30", "a"))
			h.barrier()
		} else {
			h.end()
			h.barrier()
		}
		h.olderState()
		h.reopen()
		h.partitions("p")
		h.json("p", row("00:01:35", "a"), row("00:00:06", "a")) // it is not known who closed that window
		h.end()
		h.want(test.want...)
	}
}

// TestStepBehindIsNotSilentWhileTheOneBeforeHoldsRows: neither does it flush, nor does
// the end of the run close what is to come in the next.
func TestStepBehindIsNotSilentWhileTheOneBeforeHoldsRows(t *testing.T) {
	first := minutes(t, `, "on_end": "hold"`)
	second := first.chain(perFive(windowStart, `, "on_idle": "flush", "idle_timeout": "1s"`))
	first.partitions("p/0")
	first.json("p/0", row("00:00:30", "a"), row("00:02:30", "a")) // the watermark is 00:02:20
	for silent := 30 * time.Second; silent < 40*time.Second; silent += time.Second {
		first.idle("p/0", noon.Add(silent), silent)
	}
	second.want()
	first.signal(sdk.Signal{Kind: sdk.End})
	second.want()
	first.idle("p/0", noon.Add(40*time.Second), 40*time.Second) // 00:03:00: nothing is buffered any more
	second.want("00:00:00|00:05:00|a|2|2")
	if second.out.lateRows != 0 {
		t.Errorf("late behind: got %d rows, want none", second.out.lateRows)
	}
}

// TestPartitionsThatHoldWindowsBackAreNamed with how many each.
func TestPartitionsThatHoldWindowsBackAreNamed(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1", "p/2", "p/10", "p/3")
	h.json("p/0", row("00:00:05", "a"), row("00:01:05", "a"), row("00:03:15", "a"))
	h.json("p/1", row("00:02:05", "a"))
	h.idle("p/3", noon, time.Minute)
	at := time.UnixMicro(0).UTC()
	want := []sdk.Waiting{{Partition: "p/2", Windows: 3}, {Partition: "p/10", Windows: 3},
		{Partition: "p/1", Windows: 2, Newest: at.Add(2*time.Minute + 5*time.Second)}}
	h.signal(sdk.Signal{Kind: sdk.Barrier, Epoch: 1, Roll: true})
	if got := h.survey.Waiting(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestPartitionFoundEmptyAgainHoldsNothing: a run that ends where the input ends now
// cannot wait, and what the run before has found empty too may stay so for ever. One
// that has had rows is idle by idle_timeout.
func TestPartitionFoundEmptyAgainHoldsNothing(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1", "p/2")
	h.json("p/2", row("00:00:05", "a"))
	again := func(partition string) {
		h.signal(sdk.Signal{Kind: sdk.Idle, Partition: partition, Time: noon, For: time.Second, Again: true})
	}
	again("p/1")
	h.json("p/0", row("00:00:05", "a"), row("00:01:15", "a"))
	h.want()
	again("p/2")
	h.want()
	h.json("p/2", row("00:01:15", "b"))
	h.want("00:00:00|00:01:00|a|2")
	h.json("p/1", row("00:01:05", "a"))
	h.end()
	h.want("00:00:00|00:01:00|a|2", "00:01:00|00:02:00|a|2", "00:01:00|00:02:00|b|1")
}

// TestRowOfAFarFutureIsNotBelieved unless the config says how far is: a mistyped year
// would close every window there is.
func TestRowOfAFarFutureIsNotBelieved(t *testing.T) {
	rows := []string{row("00:00:05", "a"), `{"at": "2099-01-01T00:00:00Z", "kind": "a"}`,
		`{"at": "1971-01-01T00:00:00.000001Z", "kind": "a"}`, row("00:00:06", "a")}
	for keys, rejects := range map[string]int{``: 2, `, "max_future_skew": "0s"`: 0,
		`, "max_future_skew": "9000h"`: 1} {
		h := minutes(t, keys)
		h.partitions("p")
		h.applyAt(time.UnixMicro(0), "p", rows...)
		if len(h.out.rejects) != rejects {
			t.Errorf("%q: got %d rejects, want %d", keys, len(h.out.rejects), rejects)
		}
		for _, r := range h.out.rejects {
			if !strings.Contains(r.Reason, "max_future_skew") {
				t.Errorf("the reason does not name the key: %s", r.Reason)
			}
		}
		if keys == "" {
			h.end()
			h.want("00:00:00|00:01:00|a|2")
		}
	}
	h := newHarness(t, running(`, "event_time": "at"`), schemaOf(t, "at timestamp", "kind string"))
	h.applyAt(time.UnixMicro(0), "p", rows...) // no window, none to close
	h.end()
	h.want("4")
}
