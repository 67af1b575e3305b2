package aggregation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// perFive is what may stand behind minutes: event time is the named column.
func perFive(by, keys string) string {
	return `{"event_time": "` + by + `", "watermark": "0s", "window": {"tumbling": "5m"}, "group_by": ["kind"],
		"aggregates": {"n": "sum(n)", "minutes": "count()"}` + keys + `}`
}

// TestWindowsOfWindows: what the second step makes of the first one's minutes is
// what it would make of the rows.
func TestWindowsOfWindows(t *testing.T) {
	first := minutes(t, "")
	second := first.chain(perFive(windowStart, ""))
	first.partitions("p/0", "p/1")
	for _, minute := range []string{"00:00", "00:01", "00:04", "00:05", "00:07", "00:12"} {
		first.json("p/0", row(minute+":05", "a"), row(minute+":30", "b"))
		first.json("p/1", row(minute+":07", "a"))
	}
	second.want("00:00:00|00:05:00|a|6|3", "00:00:00|00:05:00|b|3|3",
		"00:05:00|00:10:00|a|4|2", "00:05:00|00:10:00|b|2|2")
	first.end()
	second.want("00:00:00|00:05:00|a|6|3", "00:00:00|00:05:00|b|3|3",
		"00:05:00|00:10:00|a|4|2", "00:05:00|00:10:00|b|2|2", "00:10:00|00:15:00|a|2|1", "00:10:00|00:15:00|b|1|1")
	if second.out.lateRows != 0 {
		t.Errorf("late in the second step: got %d rows, want none", second.out.lateRows)
	}
}

func TestWindowsByTheirEndsAreInTheWindowThatBeginsThere(t *testing.T) {
	first := minutes(t, "")
	second := first.chain(perFive(windowEnd, ""))
	first.partitions("p/0")
	first.json("p/0", row("00:03:00", "a"), row("00:04:59", "a"), row("00:05:00", "a"))
	first.end()
	second.want("00:00:00|00:05:00|a|1|1", "00:05:00|00:10:00|a|2|2")
}

func TestRowsLateInFrontNeverReachTheStepBehind(t *testing.T) {
	first := minutes(t, "")
	second := first.chain(perFive(windowStart, ""))
	first.partitions("p/0")
	first.json("p/0", row("00:00:05", "a"), row("00:01:30", "a"), row("00:00:30", "late"), row("00:01:31", "a"))
	first.end()
	second.want("00:00:00|00:05:00|a|3|2")
	if first.out.lateRows != 1 || second.out.lateRows != 0 {
		t.Errorf("late: got %d and %d rows, want 1 and 0", first.out.lateRows, second.out.lateRows)
	}
}

// TestQuietStreamsLastWindowOfWindowsComesOut: the step in front advances by the
// wall clock, and its promises pass that on.
func TestQuietStreamsLastWindowOfWindowsComesOut(t *testing.T) {
	first := minutes(t, "")
	second := first.chain(perFive(windowStart, ""))
	first.partitions("p/0")
	first.json("p/0", row("00:03:30", "a"))
	for silent := 30 * time.Second; silent < 5*time.Minute; silent += time.Second {
		first.idle("p/0", noon.Add(silent), silent)
		// The watermark is 00:03:20 + the silence.
		if want := silent >= 100*time.Second; (second.out.emitted > 0) != want {
			t.Fatalf("after %s: got %d windows of windows, want one: %t", silent, second.out.emitted, want)
		}
	}
	second.want("00:00:00|00:05:00|a|1|1")
	first.json("p/0", row("00:08:30", "a"), row("00:07:00", "late"))
	first.end()
	second.want("00:00:00|00:05:00|a|1|1", "00:05:00|00:10:00|a|1|1")
	if second.out.lateRows != 0 {
		t.Errorf("late in the second step: got %d rows, want none", second.out.lateRows)
	}
}

// TestStepBehindNeverRunsAheadOfTheOneInFront: it hears of the same silence, but
// the greatest event time it has seen says nothing of what is still open there.
func TestStepBehindNeverRunsAheadOfTheOneInFront(t *testing.T) {
	config := strings.Replace(perMinute, `"10s"`, `"3m"`, 1)
	first := newHarness(t, config, schemaOf(t, "at timestamp", "kind string"))
	second := first.chain(perFive(windowStart, ""))
	first.partitions("p/0")
	first.json("p/0", row("00:00:05", "a"))
	first.idle("p/0", noon, 4*time.Minute+30*time.Second) // the watermark is 00:01:35
	second.want()
	// Of its own it would be at 00:04:30 by now, and at 00:06:00 soon.
	first.idle("p/0", noon.Add(90*time.Second), 6*time.Minute)
	first.json("p/0", row("00:04:30", "a"))
	first.end()
	second.want("00:00:00|00:05:00|a|2|2")
	if second.out.lateRows != 0 {
		t.Errorf("late in the second step: got %d rows, want none", second.out.lateRows)
	}
}

func TestFlushClosesTheWindowsOfWindowsToo(t *testing.T) {
	first := minutes(t, `, "on_idle": "flush"`)
	second := first.chain(perFive(windowStart, `, "on_idle": "flush"`))
	first.partitions("p/0")
	first.json("p/0", row("00:03:30", "a"))
	first.idle("p/0", noon, time.Minute)
	second.want("00:00:00|00:05:00|a|1|1")
	first.json("p/0", row("00:04:00", "late behind")) // in time in front, but its five minutes are closed
	first.end()
	second.want("00:00:00|00:05:00|a|1|1")
	if first.out.lateRows != 0 || second.out.lateRows != 1 {
		t.Errorf("late: got %d and %d rows, want 0 and 1", first.out.lateRows, second.out.lateRows)
	}
}

// TestPromisesSurviveARestart: without them the step behind would take the
// silence of the source for its own.
func TestPromisesSurviveARestart(t *testing.T) {
	second := newHarness(t, perFive(windowStart, ""), minutes(t, "").out.schema)
	second.partitions("p/0")
	second.json("", `{"window_start": "1970-01-01T00:01:00Z", "window_end": "1970-01-01T00:02:00Z",
		"kind": "a", "n": 1}`)
	second.signal(watermarkAt("00:02:00"))
	second.barrier()
	second.reopen()
	second.partitions("p/0")
	second.idle("p/0", noon, time.Hour)
	second.want()
	second.signal(watermarkAt("00:05:00"))
	second.want("00:00:00|00:05:00|a|1|1")
}

// TestMixedRowsWithoutPromisesAreNeverLate: a step in front that mixes partitions
// and promises nothing leaves the watermark to idleness and the end.
func TestMixedRowsWithoutPromisesAreNeverLate(t *testing.T) {
	h := minutes(t, "")
	h.partitions("p/0", "p/1")
	h.json("", row("00:09:00", "a"), row("00:00:00", "b"))
	h.json("", row("00:00:01", "b"))
	h.want()
	h.idle("p/0", noon, time.Minute)
	h.idle("p/1", noon, time.Minute)
	h.want("00:00:00|00:01:00|b|2")
	h.end()
	h.want("00:00:00|00:01:00|b|2", "00:09:00|00:10:00|a|1")
}

// TestThirdStepHearsTheSecondOnly: the first one is ahead of what the second
// still holds.
func TestThirdStepHearsTheSecondOnly(t *testing.T) {
	first := minutes(t, "")
	second := first.chain(perFive(windowStart, ""))
	third := second.chain(`{"event_time": "window_start", "watermark": "0s", "window": {"tumbling": "2m"},
		"aggregates": {"n": "sum(n)", "fives": "count()"}}`)
	first.partitions("p/0")
	for minute := range 30 {
		first.json("p/0", row(fmt.Sprintf("00:%02d:00", minute), "a"), row(fmt.Sprintf("00:%02d:30", minute), "b"))
	}
	first.end()
	third.want("00:00:00|00:02:00|10|2", "00:04:00|00:06:00|10|2", "00:10:00|00:12:00|10|2",
		"00:14:00|00:16:00|10|2", "00:20:00|00:22:00|10|2", "00:24:00|00:26:00|10|2")
	if third.out.lateRows > 0 {
		t.Errorf("late in the third step: got %d rows, want none", third.out.lateRows)
	}
}

func TestPartitionWithoutANameIsOneLikeAnyOther(t *testing.T) {
	h := minutes(t, "")
	h.partitions("")
	h.json("", row("00:09:00", "a"), row("00:00:00", "late"))
	h.end()
	h.want("00:09:00|00:10:00|a|1")
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
}

// TestRandomChainsEqualTheirFirstStepCounted: what comes out behind is what the
// windows in front add up to, and none of them is late there.
func TestRandomChainsEqualTheirFirstStepCounted(t *testing.T) {
	for seed := range uint64(120) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 6))
			shape := shapes[seed%3]
			c, parts := randomCase(r, shape, 3)
			c.onIdle = []string{"advance", "flush", "hold"}[seed/3%3]
			by := []string{windowStart, windowEnd}[seed/9%2]
			size := 1 + 3*c.size + 20*c.gap
			config := fmt.Sprintf(`{"event_time": %q, "watermark": "%ds", "window": {"tumbling": "%dus"},
				"group_by": ["kind"], "aggregates": {"windows": "count()", "rows": "sum(rows)", "most": "max(clients)",
				"total": "sum(total)"}}`, by, r.IntN(3), size)
			first := newHarness(t, c.json(), refSchema(false))
			second := first.chain(config)
			f := newFeed(c, parts, false, 100)
			f.quiet = seed/18%2 == 0
			if seed%5 == 0 {
				f.before = func(h *harness) { f.restart(h) }
			}
			f.run(r, first)
			f.wantReference(t, first)
			if second.out.lateRows > 0 {
				t.Errorf("late behind: got %d rows, want none", second.out.lateRows)
			}
			want := addUp(t, first.out.lines(), by, size)
			var got []string
			for _, line := range second.out.lines() { // float sums are for another test
				got = append(got, line[:strings.LastIndexByte(line, '|')])
			}
			wantLines(t, got, want)
			checkTotals(t, seed, config, c, parts, second)
		})
	}
}

// checkTotals feeds the same rows in other batches: float sums behind are the
// same to the last bit, since the windows in front come out in one order.
func checkTotals(t *testing.T, seed uint64, config string, c refConfig, parts [][]ticket, want *harness) {
	if seed/18%2 == 0 { // what the wall clock decides, it may decide otherwise
		return
	}
	first := newHarness(t, c.json(), refSchema(false))
	second := first.chain(config)
	newFeed(c, parts, false, 7).run(rand.New(rand.NewPCG(seed, 7)), first)
	second.want(want.out.lines()...)
}

// restart is a crash of a chain right after a barrier.
func (f *feed) restart(h *harness) {
	next := h.out.next
	h.barrier()
	next.barrier()
	h.reopen()
	next.reopen()
	h.partitions(f.names...)
	for _, p := range f.ref.parts { // idleness is counted anew
		p.since = time.Time{}
	}
	f.ref.tick(time.Time{})
}

// addUp does in a loop what the second step does.
func addUp(t *testing.T, lines []string, by string, size int64) (sums []string) {
	t.Helper()
	type sum struct{ windows, rows, most int }
	all := map[string]*sum{}
	for _, line := range lines {
		v := strings.Split(line, "|")
		at := dayTime(t, v[0])
		if by == windowEnd {
			at = dayTime(t, v[1])
		}
		start := at / size * size
		if at < 0 && at%size != 0 {
			start -= size
		}
		key := fmt.Sprintf("%020d|%s", start+1<<60, v[2]) // sorts as the step does
		s := all[key]
		if s == nil {
			s = &sum{}
			all[key] = s
		}
		var rows, clients int
		if _, err := fmt.Sscan(v[4], &rows); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(v[17], &clients); err != nil {
			t.Fatal(err)
		}
		s.windows, s.rows, s.most = s.windows+1, s.rows+rows, max(s.most, clients)
	}
	for key, s := range all {
		sums = append(sums, fmt.Sprintf("%s|%d|%d|%d", key, s.windows, s.rows, s.most))
	}
	slices.SortFunc(sums, func(a, b string) int {
		start, remaining, _ := strings.Cut(a, "|")
		otherStart, otherRemaining, _ := strings.Cut(b, "|")
		if order := strings.Compare(start, otherStart); order != 0 {
			return order
		}
		kind, _, _ := strings.Cut(remaining, "|")
		otherKind, _, _ := strings.Cut(otherRemaining, "|")
		if (kind == "null") != (otherKind == "null") { // nulls first
			if kind == "null" {
				return -1
			}
			return 1
		}
		return strings.Compare(kind, otherKind)
	})
	for i, line := range sums {
		key, remaining, _ := strings.Cut(line, "|")
		var start int64
		if _, err := fmt.Sscan(strings.TrimLeft(key, "0"), &start); err != nil {
			t.Fatal(err)
		}
		start -= 1 << 60
		sums[i] = clockText(start) + "|" + clockText(start+size) + "|" + remaining
	}
	return sums
}
