package aggregation

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// TestMemoryOfTheStateIsNearTheHeap holds the estimate against what the garbage
// collector finds, of states that are large in different ways.
func TestMemoryOfTheStateIsNearTheHeap(t *testing.T) {
	tumbling := `"window": {"tumbling": "1m"}, `
	for name, test := range map[string]struct {
		groups int // of one row each, or of many if there are few
		keys   string
		calls  string
	}{
		"many groups": {200_000, tumbling + `"group_by": ["text"]`, `"a": "count()", "b": "sum(n)"`},
		"long texts":  {50_000, tumbling + `"group_by": ["long", "n"]`, `"a": "count()"`},
		"overlapping windows": {30_000, `"window": {"hopping": {"size": "10m", "every": "1m"}},
			"group_by": ["text"]`, `"a": "count()"`},
		"sessions": {100_000, `"window": {"session": {"gap": "1s"}}, "group_by": ["text"]`,
			`"a": "count()", "b": "sum(x)"`},
		"texts in cells": {50_000, tumbling + `"group_by": ["text"]`,
			`"a": "max(long)", "b": "last(long)", "c": "first(n)", "d": "min(x)"`},
		"floats": {50_000, tumbling + `"group_by": ["text"]`, `"a": "sum(x)", "b": "avg(x)"`},
		"sets of one": {50_000, tumbling + `"group_by": ["text"]`, `"a": "count_distinct(n)",
			"b": "count_distinct(long)", "c": "approx_count_distinct(n)", "d": "quantile(x, 0.5)"`},
		"large sets": {3, tumbling + `"group_by": ["text"]`,
			`"a": "count_distinct(n)", "b": "count_distinct(long)"`},
		"short texts in sets": {3, tumbling + `"group_by": ["text"]`, `"a": "count_distinct(id)"`},
		"sketches": {2000, tumbling + `"group_by": ["text"]`,
			`"a": "approx_count_distinct(n)", "b": "quantile(x, 0.5)", "c": "quantile(x, 0.9)"`},
	} {
		config := `{"event_time": "at", "watermark": "1h", ` + test.keys + `, "aggregates": {` + test.calls + `}}`
		batches := sizeRows(t, test.groups)
		before := heapInUse()
		env := sdk.Env{Memory: &sdk.Gauge{}}
		instance, err := Transform.Open(t.Context(), []byte(config), batches[0].Schema(), env)
		if err != nil {
			t.Fatal(err)
		}
		step := instance.(*transform)
		empty := step.memory.Value()
		feedScale(t, step, batches)
		checkSize(t, name, step, heapInUse()-before)

		state := map[string][]byte{}
		h := &harness{t: t, step: step, state: state, out: &collector{}}
		h.barrier()
		before = heapInUse()
		env = sdk.Env{Memory: &sdk.Gauge{}, State: h.stored}
		restored, err := Transform.Open(t.Context(), []byte(config), batches[0].Schema(), env)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h.step = restored.(*transform)
		checkSize(t, name+", restored", restored.(*transform), heapInUse()-before)
		runtime.KeepAlive(h)

		if _, err := step.Signal(t.Context(), sdk.Signal{Kind: sdk.End}, &sinkhole{}); err != nil {
			t.Fatal(err)
		}
		if n := step.hanging(); n != 0 || empty > 1<<20 {
			t.Errorf("%s: %d bytes hang on cells when all windows have closed, %d before the first", name, n, empty)
		}
		runtime.KeepAlive(batches)
	}
}

func checkSize(t *testing.T, name string, step *transform, heap int64) {
	t.Helper()
	if got := step.memory.Value(); 3*got < 2*heap || 2*got > 3*heap {
		t.Errorf("%s: reported %d bytes, the heap has %d: want them within a factor of 1.5 (%.2f)", name, got, heap,
			float64(got)/float64(heap))
	}
	runtime.KeepAlive(step)
}

// hanging is what the accumulators have beyond their slices.
func (t *transform) hanging() (n memoryUsed) {
	for _, a := range t.accumulators {
		switch c := a.(type) {
		case *exactSum:
			n += c.memoryUsed
		case *minMaxText:
			n += c.memoryUsed
		case *firstLast:
			n += c.memoryUsed
		case *distinctNumbers:
			n += c.memoryUsed
		case *distinctTexts:
			n += c.memoryUsed
		case *approx:
			n += c.memoryUsed
		case *quantile:
			n += c.memoryUsed
		}
	}
	return n
}

// sizeRows are 200,000 rows of so many groups.
func sizeRows(t *testing.T, groups int) (all []arrow.RecordBatch) {
	schema := schemaOf(t, "at timestamp", "text string", "long string", "id string", "n int64", "x float64")
	r := rand.New(rand.NewPCG(1, 1))
	for from := 0; from < 200_000; from += 4000 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range 4000 {
			group := (from + i) % groups
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(r.Int64N(60_000_000)))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("T", group))
			b.Field(2).(*array.StringBuilder).Append(strings.Repeat("long", 7) + fmt.Sprint(r.IntN(1<<40)))
			b.Field(3).(*array.StringBuilder).Append(fmt.Sprint(r.IntN(1 << 40)))
			b.Field(4).(*array.Int64Builder).Append(r.Int64())
			b.Field(5).(*array.Float64Builder).Append(r.ExpFloat64())
		}
		all = append(all, b.NewRecordBatch())
	}
	return all
}
