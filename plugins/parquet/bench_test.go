package parquet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// tickets are batches such as the main job writes.
func tickets(batches, rows int) []arrow.RecordBatch {
	r := rand.New(rand.NewPCG(1, 2))
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "ticket_id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "client_id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "created_at", Type: sdk.Timestamp, Nullable: true},
		{Name: "demande", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "type", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "priorite", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	var out []arrow.RecordBatch
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for range batches {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		text := func(column int, s string) { b.Field(column).(*array.StringBuilder).Append(s) }
		for range rows {
			at += r.Int64N(700)
			text(0, fmt.Sprintf("%08X", r.Uint32()))
			text(1, fmt.Sprintf("C%05d", r.IntN(20000)))
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
			text(3, fmt.Sprintf("Bonjour, ma commande n° %d n'est pas arrivée, pouvez-vous m'aider ?", r.IntN(1e6)))
			text(4, []string{"support", "billing", "technical", "account", "delivery"}[r.IntN(5)])
			text(5, []string{"low", "normal", "high", "urgent"}[r.IntN(4)])
		}
		out = append(out, b.NewRecordBatch())
	}
	return out
}

func BenchmarkWrite(b *testing.B) {
	batches := tickets(64, sdk.DefaultBatchRows)
	b.ResetTimer()
	for b.Loop() {
		w, err := newWriter(io.Discard, batches[0].Schema(), options{codec: &quickSnappy{}, rowGroupRows: 128 << 10})
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range batches {
			if err := w.Write(rows); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batches)*sdk.DefaultBatchRows), "ns/row")
}
