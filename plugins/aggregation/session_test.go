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

func sessionsOf(t *testing.T, keys string) *harness {
	t.Helper()
	return newHarness(t, `{"event_time": "at", "watermark": "1m", "window": {"session": {"gap": "30s"}},
		"group_by": ["kind"], "aggregates": {"n": "count()"}`+keys+`}`, schemaOf(t, "at timestamp", "kind string"))
}

func TestSessionEndsWithASilence(t *testing.T) {
	h := sessionsOf(t, "")
	h.partitions("p/0")
	h.json("p/0", row("00:00:10", "b"), row("00:00:00", "a"), row("00:00:29", "a"),
		row("00:00:58.999999", "a"), row("00:01:29", "a"))
	h.want()
	h.json("p/0", row("00:02:28", "a"))
	h.want("00:00:10|00:00:40|b|1") // the watermark is 00:01:28
	h.json("p/0", row("00:02:29", "a"))
	h.want("00:00:10|00:00:40|b|1", "00:00:00|00:01:28.999999|a|3")
	h.end()
	h.want("00:00:10|00:00:40|b|1", "00:00:00|00:01:28.999999|a|3", "00:01:29|00:01:59|a|1",
		"00:02:28|00:02:59|a|2")
}

func TestRowAtTheEndOfASessionBeginsAnother(t *testing.T) {
	h := sessionsOf(t, "")
	h.json("p", row("00:00:00", "a"), row("00:00:30", "a"))
	h.end()
	h.want("00:00:00|00:00:30|a|1", "00:00:30|00:01:00|a|1")
}

func TestRowBetweenTwoSessionsMakesThemOne(t *testing.T) {
	for _, rows := range [][]string{{"00:00:00", "00:00:40", "00:00:20"}, {"00:00:40", "00:00:20", "00:00:00"},
		{"00:00:20", "00:00:40", "00:00:00"}} {
		h := sessionsOf(t, "")
		for i, at := range rows {
			h.json(fmt.Sprintf("p/%d", i), row(at, "a"), row("00:00:05", "b"))
			h.barrier()
		}
		if got := h.cellsStored(); got != 2 {
			t.Errorf("rows %v: got %d stored cells, want one for each group", rows, got)
		}
		h.reopen()
		h.end()
		h.want("00:00:05|00:00:35|b|3", "00:00:00|00:01:10|a|3")
	}
}

// TestManySessionsBecomeOneWithinABatch: every second row joins two, so that a
// cell is joined into one that is itself joined.
func TestManySessionsBecomeOneWithinABatch(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		var rows []string
		for i := range 50 { // 20 s apart: each reaches into the next
			rows = append(rows, row(clockText(int64(i)*20_000_000), "a"), row("00:00:00", "b"))
		}
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		h := sessionsOf(t, "")
		h.config = strings.Replace(h.config, `"1m"`, `"1h"`, 1)
		h.reopen()
		h.json("p", rows...)
		h.end()
		h.want("00:00:00|00:00:30|b|50", "00:00:00|00:16:50|a|50")
	}
}

func TestRowBehindTheWatermarkIsLateOutsideOfOpenSessions(t *testing.T) {
	for _, batches := range []bool{false, true} {
		h := sessionsOf(t, "")
		h.partitions("p")
		rows := []string{row("00:00:50", "a"), row("00:01:59", "b"), // the watermark is 00:00:59
			row("00:00:58.999999", "a"), row("00:00:50", "a"), row("00:00:49.999999", "a"), // before its beginning
			row("00:00:58.999999", "late"), row("00:01:28", "a"), // prolongs it to 00:01:58
			row("00:02:20", "b"), row("00:01:19", "a"), // the watermark is 00:01:20
			row("00:03:00", "b"), row("00:01:57", "a")} // and 00:02:00: it is over
		if batches {
			for _, one := range rows {
				h.json("p", one)
				h.barrier()
				h.reopen()
				h.partitions("p")
			}
		} else {
			h.json("p", rows...)
		}
		if h.out.lateRows != 3 {
			t.Fatalf("late: got %d rows, want 3", h.out.lateRows)
		}
		if got := clockText(h.out.late[0].watermark.UnixMicro()); got != "00:00:59" {
			t.Errorf("classified by %s, want 00:00:59", got)
		}
		h.end()
		h.want("00:00:50|00:01:58|a|5", "00:01:59|00:02:50|b|2", "00:03:00|00:03:30|b|1")
	}
}

// TestOpenSessionsOfOtherPartitionsLetNoRowIn: whether they are there yet depends on
// how partitions interleave.
func TestOpenSessionsOfOtherPartitionsLetNoRowIn(t *testing.T) {
	for _, first := range []string{"p/0", "p/1"} {
		h := sessionsOf(t, "")
		h.partitions("p/0", "p/1")
		behind := map[string]func(){
			"p/0": func() { h.json("p/0", row("00:00:00", "a"), row("00:00:25", "a"), row("00:00:50", "a")) },
			"p/1": func() { h.json("p/1", row("00:00:40", "a"), row("00:01:45", "b"), row("00:00:30", "a")) },
		}
		behind[first]()
		delete(behind, first)
		for _, other := range behind {
			other()
		}
		h.json("p/1", row("00:00:41", "a"), row("00:00:39", "a"))
		if h.out.lateRows != 2 {
			t.Errorf("%s first, late: got %d rows, want 2", first, h.out.lateRows)
		}
		h.end()
		h.want("00:00:00|00:01:20|a|5", "00:01:45|00:02:15|b|1")
	}
}

func TestEmittedSessionsNeverOverlap(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 8))
		c, parts := randomCase(r, "session", 4)
		c.onIdle = []string{"advance", "flush"}[seed%2]
		h := newHarness(t, c.json(), refSchema(false))
		f := newFeed(c, parts, false, 20)
		f.quiet = true
		f.run(r, h)
		ends := map[string]string{}
		var bounds []int64
		for _, line := range h.out.lines() {
			v := strings.Split(line, "|")
			key := v[2] + "|" + v[3]
			start, end := dayTime(t, v[0]), dayTime(t, v[1])
			if before := ends[key]; before != "" && dayTime(t, before) > start {
				t.Errorf("session from %s overlaps the one to %s", v[0], before)
			}
			ends[key] = v[1]
			bounds = append(bounds, end)
		}
		if !slices.IsSorted(bounds) {
			t.Errorf("seed %d: sessions are not emitted in the order of their ends", seed)
		}
	}
}

// dayTime reads what clockText wrote.
func dayTime(t *testing.T, text string) int64 {
	t.Helper()
	if len(text) < len("2006-01-02 ") || text[4] != '-' {
		text = "1970-01-01 " + text
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999", text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

func TestSessionsFlushWhenAllIsSilent(t *testing.T) {
	h := sessionsOf(t, `, "on_idle": "flush"`)
	h.partitions("p")
	h.json("p", row("00:00:50", "a"), row("00:00:00", "b"))
	h.idle("p", noon, time.Minute)
	h.want("00:00:00|00:00:30|b|1", "00:00:50|00:01:20|a|1")
	h.json("p", row("00:01:19", "late"), row("00:01:20", "a"))
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want 1", h.out.lateRows)
	}
	h.end()
	h.want("00:00:00|00:00:30|b|1", "00:00:50|00:01:20|a|1", "00:01:20|00:01:50|a|1")
}

func TestSessionSnapshotPutsOnlyWhatChanged(t *testing.T) {
	h := sessionsOf(t, "")
	h.partitions("p")
	h.json("p", row("00:00:30", "a"), row("00:00:30", "b"))
	if got := h.barrier(); got != 4 { // the clock, the partition, two sessions
		t.Errorf("first snapshot: got %d keys, want 4", got)
	}
	h.json("p", row("00:00:10", "a"))
	if got := h.barrier(); got != 2 { // a session that begins earlier is another key
		t.Errorf("snapshot after a session grew to the left: got %d keys, want 2", got)
	}
	h.json("p", row("00:00:20", "a"))
	if got := h.barrier(); got != 1 {
		t.Errorf("snapshot after a row inside a session: got %d keys, want 1", got)
	}
	if got := h.barrier(); got != 0 {
		t.Errorf("snapshot of no change: got %d keys, want 0", got)
	}
	h.reopen()
	if got := h.barrier(); got != 0 {
		t.Errorf("snapshot after a restart: got %d keys, want 0", got)
	}
}

func TestPromiseIsTheStartOfTheOldestOpenSession(t *testing.T) {
	h := sessionsOf(t, "")
	h.partitions("p")
	for i := range 10 { // a session that goes on for two minutes
		h.json("p", row(fmt.Sprintf("00:%02d:%02d", i*20/60, i*20%60), "a"))
	}
	h.json("p", row("00:06:00", "b"))
	var got []string
	for _, at := range h.out.marks {
		got = append(got, clockText(at.UnixMicro()))
	}
	// At first the watermark itself, a minute behind the row; then the start of a's.
	wantLines(t, got, []string{"1969-12-31 23:59:00", "1969-12-31 23:59:20", "1969-12-31 23:59:40", "00:00:00",
		"00:05:00"})
}

func TestStartsOfClosedSessionsAreForgotten(t *testing.T) {
	s := newSessions(&cells{}, 10)
	g := newGroups([]groupColumn{{kind: fixedKind}})
	for _, key := range []int64{1, 2} {
		if _, err := restoreGroup(g, appendFixedKey(nil, key)); err != nil {
			t.Fatal(err)
		}
	}
	s.open.extend(2)
	for at := int64(0); at < 1_000_000; at += 5 { // one group without an end, the other of short sessions
		s.at(at, 0, 0, g)
		if at%50 == 0 {
			s.at(at, 1, 0, g)
		}
		for _, c := range s.due(at-5, g) {
			s.drop(c.cell, g)
		}
	}
	if n, m := len(s.starts.items), len(s.ends.items); n > 2*leastSweep || m > 100 {
		t.Errorf("queued: got %d starts and %d ends of 3 open sessions", n, m)
	}
	if got := s.promise(900_000); got != 0 {
		t.Errorf("promise: got %d, want the start of the long session", got)
	}
}

func TestQueueGivesTheEarliestFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var q queue
	var want []int64
	for range 5000 {
		if _, ok := q.first(); !ok || r.IntN(3) > 0 {
			at := r.Int64N(500)
			q.push(queued{at: at})
			want = append(want, at)
			continue
		}
		first, _ := q.first()
		q.pop()
		least := slices.Min(want)
		if first.at != least {
			t.Fatalf("got %d, want %d", first.at, least)
		}
		want = slices.Delete(want, slices.Index(want, least), slices.Index(want, least)+1)
	}
}

// TestGroupsOfClosedSessionsAreForgotten crosses the point at which groups are
// numbered anew, while sessions are open.
func TestGroupsOfClosedSessionsAreForgotten(t *testing.T) {
	h := sessionsOf(t, "")
	step := h.step.(*transform)
	step.regroup = 10
	h.partitions("p")
	for i := range 100 {
		at := clockText(int64(i) * 10_000_000)
		h.json("p", row(at, fmt.Sprint("k", i)), row(at, "all"))
		if step.groups.len() >= 10 && step.regroup > 1000 {
			step.regroup = 10
		}
	}
	h.end()
	if h.out.emitted != 101 || step.groups.len() > 60 {
		t.Errorf("got %d sessions and %d groups, want 101 and few", h.out.emitted, step.groups.len())
	}
	if lines := h.out.lines(); !slices.Contains(lines, "00:00:00|00:17:00|all|100") {
		t.Errorf("the long session is not whole: %s", lines[len(lines)-3:])
	}
}

func TestDamagedSessionsAreRefused(t *testing.T) {
	h := sessionsOf(t, "")
	h.partitions("p")
	h.json("p", row("00:00:30", "a"))
	h.barrier()
	var key string
	for k := range h.state {
		if k[0] == stateSession {
			key = k
		}
	}
	good := h.state[key]
	length := good[:len(good)-1]
	for name, value := range map[string][]byte{
		"shorter than the gap": append([]byte{1}, good[len(good)-1]), "cut": length,
		"longer than time": append([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 2),
		"of the past":      nil,
	} {
		h.state[key] = value
		if err := h.restart(); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	h.state[key] = good
	other := string(appendStart(nil, stateSession, 45_000_000)) + key[9:] // it would begin inside the first
	h.state[other] = good
	if err := h.restart(); err == nil {
		t.Error("overlapping sessions: got no error")
	}
}

// TestSessionsThatTouchTheEndOfTimeAreRestored: what a row may be, a state may be.
func TestSessionsThatTouchTheEndOfTimeAreRestored(t *testing.T) {
	h := sessionsOf(t, "")
	h.partitions("p")
	h.json("p", `{"at": "9999-12-31T23:59:29.999999Z", "kind": "a"}`,
		`{"at": "9999-12-31T23:59:29.999999Z", "kind": "b"}`)
	h.barrier()
	h.reopen()
	h.signal(sdk.Signal{Kind: sdk.End})
	if h.out.emitted != 2 {
		t.Errorf("got %d sessions, want 2", h.out.emitted)
	}
}

func TestFloatSumsOfSessionsDoNotDependOnWhoJoinsThem(t *testing.T) {
	in := schemaOf(t, "at timestamp", "x float64")
	config := `{"event_time": "at", "watermark": "1h", "window": {"session": {"gap": "30s"}},
		"aggregates": {"sum": "sum(x)", "mean": "avg(x)"}}`
	values := map[string]string{"00:00:00": "0.1", "00:00:10": "1e17", "00:00:20": "0.2", "00:00:49": "-1e17",
		"00:01:00": "0.3", "00:01:10": "null"}
	// Rounded once. With every addition rounded, nothing would be left beside 1e17.
	want := "00:00:00|00:01:40|" + number(0.6) + "|" + number(0.6/5)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := newHarness(t, config, in)
		times := []string{"00:00:00", "00:00:10", "00:00:20", "00:00:49", "00:01:00", "00:01:10"}
		r.Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] })
		for _, at := range times {
			h.json(fmt.Sprint("p/", r.IntN(2)), fmt.Sprintf(`{"at": "1970-01-01T%sZ", "x": %s}`, at, values[at]))
			h.barrier()
			h.reopen()
		}
		h.end()
		if lines := h.out.lines(); len(lines) != 1 || lines[0] != want {
			t.Fatalf("in the order %v: got %v, want %s", times, lines, want)
		}
	}
}
