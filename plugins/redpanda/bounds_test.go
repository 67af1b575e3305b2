package redpanda_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// mixed fills partition 0 with committed, aborted and plain records, and returns
// the values that count. Its log ends with a marker.
func (w *world) mixed() []string {
	w.t.Helper()
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	w.begin(0, `{"n":"never"}`, `{"n":"never"}`)(kgo.TryAbort)
	w.begin(0, `{"n":"c"}`, `{"n":"d"}`)(kgo.TryCommit)
	w.put(0, `{"n":"e"}`)
	w.begin(0, `{"n":"never"}`)(kgo.TryAbort)
	w.begin(0, `{"n":"f"}`)(kgo.TryCommit)
	w.decided()
	return []string{"a", "b", "c", "d", "e", "f"}
}

// offset is where partition 0 goes on from.
func (in *input) offset(positions map[string][]byte) int64 {
	in.t.Helper()
	var at struct{ Offset int64 }
	if err := json.Unmarshal(positions[in.topic+"/0"], &at); err != nil {
		in.t.Fatal(err)
	}
	return at.Offset
}

func (in *input) positions() map[string][]byte { return redpanda.Cursors(in.Source) }

func (in *input) bound(ends map[int]int64) {
	in.t.Helper()
	named := make(map[string]int64)
	for partition, end := range ends {
		named[fmt.Sprintf("%s/%d", in.topic, partition)] = end
	}
	if err := redpanda.EndsAt(in.ctx(), in.Source, named); err != nil {
		in.t.Fatal(err)
	}
}

func TestLimitCountsRecordsAndNotMarkers(t *testing.T) {
	w := newWorld(t, 1)
	values := w.mixed()
	for n := range len(values) + 2 {
		in := w.open(`{}`, nil)
		redpanda.LimitTo(in.Source, int64(n))
		in.end()
		in.untilEOF()
		given := min(n, len(values))
		in.want(0, values[:given]...)
		again := w.open(`{}`, in.positions())
		again.drain()
		again.want(0, values[given:]...)
	}
}

func TestLimitEndsASourceThatFollows(t *testing.T) {
	w := newWorld(t, 2)
	in := w.open(`{}`, nil)
	redpanda.LimitTo(in.Source, 9000)
	written, values := rows(0, 10_000)
	w.put(0, written...)
	w.put(1, `not json`)
	in.untilRows(8192)
	if lag := in.Lag(); lag > 9000-8192 {
		t.Errorf("lag before the limit: got %d, want what the limit leaves", lag)
	}
	in.untilEOF()
	if n := in.count(); n != 9000 && n != 8999 { // the reject may have been one of them
		t.Errorf("got %d rows, want the limit", n)
	}
	again := w.open(`{}`, in.positions())
	again.drain()
	again.want(0, values[len(in.values[w.topic+"/0"]):]...)
}

func TestBoundEndsEachPartitionAtItsOffset(t *testing.T) {
	w := newWorld(t, 4)
	written, values := rows(0, 10)
	for p := range int32(4) {
		w.put(p, written...)
	}
	in := w.open(`{}`, nil)
	in.bound(map[int]int64{0: 4, 1: 0, 2: 10})
	w.put(2, written...)
	w.put(3, written...)
	in.untilEOF()
	in.want(0, values[:4]...)
	in.want(1)
	in.want(2, values...)
	in.want(3, values...) // where it ended when the end was set
	if lag := in.Lag(); lag != 0 {
		t.Errorf("lag at the end: got %d", lag)
	}
	again := w.open(`{}`, in.positions())
	again.drain()
	again.want(0, values[4:]...)
	again.want(1, values...)
	again.want(2, values...)
	again.want(3, values...)
}

func TestBoundBeyondTheEndIsWaitedFor(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	in := w.open(`{}`, nil)
	in.bound(map[int]int64{0: 5})
	in.untilIdle(1)
	in.want(0, "a", "b")
	w.begin(0, `{"n":"never"}`)(kgo.TryAbort) // 2, marker 3
	w.decided()
	w.put(0, `{"n":"c"}`, `{"n":"d"}`)
	in.untilEOF()
	in.want(0, "a", "b", "c")
	if log := w.log.String(); !strings.Contains(log, `"log ends at"=2 end=5`) {
		t.Errorf("log: got %q, want the wait and both offsets", log)
	}
}

func TestDrainEndsTheWaitForABound(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	in := w.open(`{}`, nil)
	in.bound(map[int]int64{0: 5})
	in.untilIdle(1)
	in.drain() // whoever filled the topic has ended
	in.want(0, "a")
}

func TestBoundsThatCannotBeAreNamed(t *testing.T) {
	w := newWorld(t, 2)
	written, _ := rows(0, 10)
	w.put(0, written...)
	w.deleteBefore(6)
	in := w.open(`{}`, nil)
	resumed := w.open(`{}`, w.position(8))
	for _, test := range []struct {
		in   *input
		name string
		at   int64
		want string
	}{
		{in, w.topic + "/2", 1, "setting the end of " + w.topic + "/2: there is no such partition, did you mean"},
		{in, "elsewhere", 1, "no such partition (have " + w.topic + "/0, " + w.topic + "/1)"},
		{in, w.topic + "/0", 5, "want offset 6, where reading goes on, or a later one (the log ends at 10), got 5"},
		{resumed, w.topic + "/0", 7, "want offset 8, where reading goes on"},
	} {
		err := redpanda.EndsAt(w.ctx(), test.in.Source, map[string]int64{test.name: test.at})
		wantError(t, test.name, err, test.want)
	}
}

// openAtEnd opens a source as a fresh start does.
func (w *world) openAtEnd(keys string, resume map[string][]byte) *input {
	w.t.Helper()
	env := w.env()
	env.AtEnd, env.Resume = true, resume
	config := w.config(keys[:len(keys)-1] + `, "start": "earliest", "schema": ` + oneColumn + `}`)
	inst, err := redpanda.Source.Open(w.ctx(), config, nil, env)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { inst.Close(w.ctx()) })
	return &input{world: w, Source: inst.(sdk.Source), at: map[string][]byte{}, values: map[string][]string{}}
}

func TestSourceAtEndLeavesWhatForgottenRunsWrote(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"old"}`, `{"n":"old"}`)
	in := w.openAtEnd(`{"format": "json"}`, nil)
	if at := in.offset(in.positions()); at != 2 {
		t.Errorf("pinned at %d, want the end", at)
	}
	w.put(0, `{"n":"new"}`)
	in.drain()
	in.want(0, "new")
}

func TestSourceAtEndWithPositionsGoesOnFromThem(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	position, first := w.position(1), w.topic
	w.topic += ".added"
	w.makeTopic(1)
	w.put(0, `{"n":"c"}`)
	in := w.openAtEnd(fmt.Sprintf(`{"topic": [%q, %q]}`, first, w.topic), position)
	in.drain()
	in.want(0, "c") // the run before did not fill it
	if got := in.values[first+"/0"]; !slices.Equal(got, []string{"b"}) {
		t.Errorf("%s/0: got %q, want what follows the position", first, got)
	}
}
