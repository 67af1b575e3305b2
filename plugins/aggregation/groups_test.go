package aggregation

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// idRows are rows at one time whose ids run from first on.
func idRows(schema *arrow.Schema, at, first, n int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range n {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("%08d", first+i))
	}
	return b.NewRecordBatch()
}

func TestManyGroupsAreHandedOnInBatches(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string")
	h := newHarness(t, with(`"group_by": ["id"]`), schema)
	const groups = 20_000
	for i := groups - 1000; i >= 0; i -= 1000 {
		h.apply("p", idRows(schema, 0, int64(i), 1000))
	}
	h.end()
	lines := h.out.lines()
	if len(lines) != groups || len(h.out.batches) != (groups-1)/sdk.DefaultBatchRows+1 {
		t.Fatalf("got %d rows in %d batches", len(lines), len(h.out.batches))
	}
	for i, line := range lines {
		if want := fmt.Sprintf("00:00:00|00:01:00|%08d|1", i); line != want {
			t.Fatalf("row %d: got %s, want %s", i, line, want)
		}
	}
}

func TestLargeResultsAreSplitByBytes(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string", "text string")
	h := newHarness(t, with(`"group_by": ["id"], "aggregates": {"most": "max(text)"}`), schema)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	const size = 3 << 20
	for i := range 5 {
		b.Field(0).(*array.TimestampBuilder).Append(0)
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint(i))
		b.Field(2).(*array.StringBuilder).Append(string(make([]byte, size)))
	}
	h.apply("p", b.NewRecordBatch())
	h.end()
	if got := len(h.out.batches); got != 3 {
		t.Errorf("five results of 3 MiB: got %d batches, want 3 of at most two", got)
	}
}

func TestGroupsOfClosedWindowsAreForgotten(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string")
	h := newHarness(t, with(`"group_by": ["id"]`), schema)
	step := h.step.(*transform)
	step.regroup = 1000
	h.apply("p", idRows(schema, 0, 0, 10))
	for i := range int64(50) {
		h.apply("q", idRows(schema, i*60_000_000, 10+i*500, 500))
		h.apply("p", idRows(schema, 0, 0, 1)) // holds its windows open
	}
	if got := step.groups.len(); got < 25_000 {
		t.Errorf("groups while all windows are open: got %d, want all", got)
	}
	h.apply("p", idRows(schema, 48*60_000_000, 1, 1)) // closes all but the last three
	if got := step.groups.len(); got > 1600 {
		t.Errorf("groups after the windows closed: got %d, want those of open windows", got)
	}
	memoryUsed := int64(0)
	aligned := step.windows.(*aligned)
	for _, w := range aligned.open {
		memoryUsed += w.bytes()
	}
	if aligned.memoryUsed != memoryUsed {
		t.Errorf("open windows have %d bytes, reported were %d", memoryUsed, aligned.memoryUsed)
	}
	h.apply("p", idRows(schema, 49*60_000_000, 10+49*500, 1)) // a group that moved
	h.end()
	if got := h.out.emitted; got != 10+50*500+1 {
		t.Errorf("emitted: got %d groups, want %d", got, 10+50*500+1)
	}
	lines := h.out.lines()
	if got, want := lines[len(lines)-500], "00:49:00|00:50:00|00024510|2"; got != want {
		t.Errorf("a group that outlived the forgetting: got %s, want %s", got, want)
	}
}

func TestTablesKeepWhatTheyGot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	var n numbers
	ids := map[int64]uint32{}
	for range 20_000 {
		v := []int64{r.Int64N(5000), r.Int64(), r.Int64N(100) << 40}[r.IntN(3)]
		id := n.intern(v)
		if want, ok := ids[v]; ok && id != want || !ok && int(id) != len(ids) {
			t.Fatalf("id of %d: got %d, want %d of %d", v, id, want, len(ids))
		}
		ids[v] = id
	}
}

func TestTextsKeepTheirOwnCopy(t *testing.T) {
	g := newGroups(nil)
	var s texts
	buffer := []byte("abc")
	s.intern(g.seed, buffer)
	copy(buffer, "xyz")
	if got := s.intern(g.seed, []byte("abc")); got != 0 {
		t.Errorf("id of abc after its buffer changed: got %d, want 0", got)
	}
}

func TestKeysSortAsTheirValues(t *testing.T) {
	texts := []string{"", "\x00", "\x00\x00", "\x00\x01", "\x00a", "\x01", "a", "a\x00", "a\x00b", "a\x01", "ab"}
	for i := 1; i < len(texts); i++ {
		// A second column must not reach into the first.
		a := appendFixedKey(appendTextKey(nil, []byte(texts[i-1])), 1<<62)
		b := appendFixedKey(appendTextKey(nil, []byte(texts[i])), -1<<62)
		if string(a) >= string(b) {
			t.Errorf("%q and %q: keys %x and %x are out of order", texts[i-1], texts[i], a, b)
		}
	}
}
