package aggregation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// manyGroups is what the benchmarks of this file go up to.
const manyGroups = 5_000_000

const scaleConfig = `{"event_time": "at", "watermark": "1m", "window": {"tumbling": "1h"},
	"group_by": ["client"], "aggregates": {"rows": "count()", "total": "sum(amount)"}}`

// scaleRows is one row of every group, or more if there are few, in random order.
func scaleRows(tb testing.TB, groups int) []arrow.RecordBatch {
	schema := schemaOf(tb, "at timestamp", "client string", "amount int64")
	r := rand.New(rand.NewPCG(1, 1))
	var all []arrow.RecordBatch
	ids := r.Perm(groups)
	for from := 0; from < max(groups, 64*sdk.DefaultBatchRows); from += sdk.DefaultBatchRows {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Reserve(sdk.DefaultBatchRows)
		for i := range sdk.DefaultBatchRows {
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(r.Int64N(3_600_000_000)))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("C%08d", ids[(from+i)%groups]))
			b.Field(2).(*array.Int64Builder).Append(r.Int64N(10_000))
		}
		all = append(all, b.NewRecordBatch())
	}
	return all
}

func openScale(tb testing.TB, batches []arrow.RecordBatch) *transform {
	instance, err := Transform.Open(context.Background(), []byte(scaleConfig), batches[0].Schema(), sdk.Env{})
	if err != nil {
		tb.Fatal(err)
	}
	return instance.(*transform)
}

func feedScale(tb testing.TB, t *transform, batches []arrow.RecordBatch) {
	for _, rows := range batches {
		if err := t.Apply(context.Background(), &sdk.Batch{Rows: rows, Partition: "p/0"}, &sinkhole{}); err != nil {
			tb.Fatal(err)
		}
	}
}

// cpu is what this process has used of the processor: on a machine with other
// work it says more than the clock does.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

var scales = []int{100, 10_000, 1_000_000, manyGroups}

// BenchmarkGroups is the cost of a row by how many groups there are: of rows
// that open one, and of rows that find it open.
func BenchmarkGroups(b *testing.B) {
	for _, groups := range scales {
		batches := scaleRows(b, groups)
		rows := len(batches) * sdk.DefaultBatchRows
		b.Run(fmt.Sprintf("open/%d", groups), func(b *testing.B) {
			before, begun := heapInUse(), cpu(b)
			var step *transform
			for b.Loop() {
				step = openScale(b, batches)
				feedScale(b, step, batches)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
			b.ReportMetric(float64(cpu(b)-begun)/float64(b.N*rows), "cpu-ns/row")
			b.ReportMetric(float64(heapInUse()-before)/float64(groups), "B/group")
			runtime.KeepAlive(step)
		})
		b.Run(fmt.Sprintf("find/%d", groups), func(b *testing.B) {
			step := openScale(b, batches)
			feedScale(b, step, batches)
			b.ResetTimer()
			n, begun := 0, cpu(b)
			for b.Loop() { // up to a million rows a turn
				some := batches[:min(len(batches), 256)]
				feedScale(b, step, some)
				n += len(some) * sdk.DefaultBatchRows
				batches = append(batches[len(some):], some...)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
			b.ReportMetric(float64(cpu(b)-begun)/float64(n), "cpu-ns/row")
		})
	}
}

// BenchmarkEmission is the end of a window, by how many groups it has.
func BenchmarkEmission(b *testing.B) {
	for _, groups := range scales {
		b.Run(fmt.Sprint(groups), func(b *testing.B) {
			batches, used := scaleRows(b, groups), time.Duration(0)
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				step, out := openScale(b, batches), &sinkhole{}
				feedScale(b, step, batches)
				begun := cpu(b)
				b.StartTimer()
				if _, err := step.Signal(context.Background(), sdk.Signal{Kind: sdk.End}, out); err != nil {
					b.Fatal(err)
				}
				used += cpu(b) - begun
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*groups), "ns/group")
			b.ReportMetric(float64(used)/float64(b.N*groups), "cpu-ns/group")
		})
	}
}

// weigher looks at the heap once, in the middle of a burst.
type weigher struct {
	sinkhole
	at, heap int64
}

func (w *weigher) Emit(b *sdk.Batch) error {
	if w.rows += b.NumRows(); w.rows > w.at && w.heap == 0 {
		w.heap = heapInUse()
	}
	return nil
}

// TestBurstIsHandedOnInBoundedMemory: beyond the state, the end of a window takes
// some bytes for the order of its groups, and a batch.
func TestBurstIsHandedOnInBoundedMemory(t *testing.T) {
	const groups = 250_000
	batches := scaleRows(t, groups)
	step, out := openScale(t, batches), &weigher{at: groups / 2}
	feedScale(t, step, batches)
	before := heapInUse()
	if _, err := step.Signal(t.Context(), sdk.Signal{Kind: sdk.End}, out); err != nil {
		t.Fatal(err)
	}
	if out.rows != groups || out.heap == 0 {
		t.Fatalf("emitted %d rows, want %d", out.rows, groups)
	}
	if most := int64(24*groups + 2<<20); out.heap-before > most {
		t.Errorf("in the middle of the burst: got %d more bytes, want at most %d", out.heap-before, most)
	}
	runtime.KeepAlive(batches)
}
