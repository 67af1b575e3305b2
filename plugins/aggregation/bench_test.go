package aggregation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// sinkhole counts what it throws away.
type sinkhole struct{ rows int64 }

func (s *sinkhole) Emit(b *sdk.Batch) error    { s.rows += b.NumRows(); return nil }
func (s *sinkhole) Late(sdk.Late) error        { return nil }
func (s *sinkhole) Reject(...sdk.Reject) error { return nil }
func (s *sinkhole) Watermark(time.Time) error  { return nil }
func (s *sinkhole) Count(sdk.Counts)           {}

// benchTickets is an hour of tickets: some 200 for each minute and group.
func benchTickets(tb testing.TB, batches int) []arrow.RecordBatch {
	return ticketsOver(tb, batches, 3600)
}

// ticketsOver is a stream of tickets with five seconds of disorder.
func ticketsOver(tb testing.TB, batches int, seconds int64) []arrow.RecordBatch {
	schema := schemaOf(tb, "created_at timestamp", "client_id string", "type string",
		"priorite string", "amount int64")
	r := rand.New(rand.NewPCG(1, 1))
	types := []string{"support", "billing", "technical", "account", "other"}
	levels := []string{"low", "normal", "high", "urgent"}
	step := seconds * 1_000_000 / int64(batches*sdk.DefaultBatchRows)
	var all []arrow.RecordBatch
	at := int64(1_700_000_000_000_000)
	for range batches {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for range sdk.DefaultBatchRows {
			at += step
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at - r.Int64N(5_000_000)))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("C%05d", r.IntN(20_000)))
			b.Field(2).(*array.StringBuilder).Append(types[r.IntN(len(types))])
			b.Field(3).(*array.StringBuilder).Append(levels[r.IntN(len(levels))])
			b.Field(4).(*array.Int64Builder).Append(r.Int64N(10_000))
		}
		all = append(all, b.NewRecordBatch())
	}
	return all
}

func benchConfig(aggregates string) string {
	return `{"event_time": "created_at", "watermark": "10s", "window": {"tumbling": "1m"},
		"group_by": ["type", "priorite"], "aggregates": {` + aggregates + `}}`
}

func benchSessions(groups string) string {
	return `{"event_time": "created_at", "watermark": "10s", "window": {"session": {"gap": "10s"}},
		"group_by": [` + groups + `], "aggregates": {` + benchCount + `}}`
}

const (
	benchCount = `"tickets": "count()"`
	benchMain  = `"tickets": "count()", "clients": "approx_count_distinct(client_id)"`
	benchMany  = benchMain + `, "sum": "sum(amount)", "mean": "avg(amount)",
		"least": "min(amount)", "most": "max(amount)"`
)

// BenchmarkFull is the set of aggregates that the main job is about, with as many
// rows for each minute and group as 1,000 tickets a second give.
func BenchmarkFull(b *testing.B) {
	batches := ticketsOver(b, 64, 262)
	for _, bench := range []struct{ name, aggregates string }{{"count", benchCount}, {"main job", benchMain},
		{"six calls", benchMany}, {"all", benchMany + `, "p95": "quantile(amount, 0.95)"`}} {
		b.Run(bench.name, func(b *testing.B) { benchApply(b, benchConfig(bench.aggregates), batches) })
	}
}

func BenchmarkApply(b *testing.B) {
	for _, bench := range []struct{ name, config string }{
		{"count", benchConfig(benchCount)}, {"main job", benchConfig(benchMain)},
		{"six calls", benchConfig(benchMany)},
		{"exact", benchConfig(`"clients": "count_distinct(client_id)"`)},
		{"quantile", benchConfig(`"p95": "quantile(amount, 0.95)"`)},
		{"where", benchConfig(`"high": {"call": "count()", "where": "priorite == 'high'"}`)},
		{"sessions of groups", benchSessions(`"type", "priorite"`)},
		{"sessions of clients", benchSessions(`"client_id"`)},
		{"hopping", strings.Replace(benchConfig(benchCount), `{"tumbling": "1m"}`,
			`{"hopping": {"size": "5m", "every": "1m"}}`, 1)},
	} {
		b.Run(bench.name, func(b *testing.B) { benchApply(b, bench.config, benchTickets(b, 64)) })
	}
}

func benchApply(b *testing.B, config string, batches []arrow.RecordBatch) {
	b.ReportAllocs()
	rows, begun := 0, cpu(b)
	for b.Loop() {
		out := &sinkhole{}
		instance, err := Transform.Open(context.Background(), []byte(config), batches[0].Schema(), sdk.Env{})
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range batches {
			batch := &sdk.Batch{Rows: rows, Partition: "p/0"}
			if err := instance.(sdk.Transform).Apply(context.Background(), batch, out); err != nil {
				b.Fatal(err)
			}
		}
		rows += len(batches) * sdk.DefaultBatchRows
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(cpu(b)-begun)/float64(rows), "cpu-ns/row")
}

// plainLoop is what a program for the count alone would do: the same columns, a
// map of structs, one watermark.
func plainLoop(batches []arrow.RecordBatch) int {
	type key struct {
		minute      int64
		kind, level string
	}
	counts := map[key]*int64{}
	newest := int64(0)
	for _, batch := range batches {
		at, kind := batch.Column(0).(*array.Timestamp), batch.Column(2).(*array.String)
		level := batch.Column(3).(*array.String)
		for i := range int(batch.NumRows()) {
			t := int64(at.Value(i))
			minute := t / 60_000_000
			if (minute+1)*60_000_000 <= newest-10_000_000 {
				continue
			}
			newest = max(newest, t)
			k := key{minute, kind.Value(i), level.Value(i)}
			n := counts[k]
			if n == nil {
				n = new(int64)
				counts[k] = n
			}
			*n++
		}
	}
	return len(counts)
}

func BenchmarkPlainLoop(b *testing.B) {
	batches := benchTickets(b, 64)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		plainLoop(batches)
		rows += len(batches) * sdk.DefaultBatchRows
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}

func TestApplyDoesNotAllocatePerRow(t *testing.T) {
	batches := benchTickets(t, 8)
	// An hour's delay keeps all windows open, so that the same rows may come again.
	config := strings.Replace(benchConfig(benchMany), `"10s"`, `"1h"`, 1)
	instance, err := Transform.Open(t.Context(), []byte(config), batches[0].Schema(), sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	step, out := instance.(sdk.Transform), &sinkhole{}
	batch := &sdk.Batch{Rows: batches[0], Partition: "p/0"}
	apply := func() {
		if err := step.Apply(context.Background(), batch, out); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	if got := testing.AllocsPerRun(10, apply); got > 20 {
		t.Errorf("a batch of %d rows: got %.0f allocations, want at most 20", sdk.DefaultBatchRows, got)
	}
}

// BenchmarkFloatSum adds a batch to the cells of so many groups.
func BenchmarkFloatSum(b *testing.B) {
	for _, groups := range []int{1, 25, 4000} {
		b.Run(fmt.Sprint(groups), func(b *testing.B) {
			s, in := &floatSum{parts: newPartitions()}, &input{columns: make([]column, 1)}
			s.grow(groups)
			for row := range sdk.DefaultBatchRows {
				in.rows, in.cells = append(in.rows, uint32(row)), append(in.cells, uint32(row%groups))
				in.columns[0].floats = append(in.columns[0].floats, float64(row))
			}
			for b.Loop() {
				s.add(in)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*sdk.DefaultBatchRows), "ns/row")
		})
	}
}
