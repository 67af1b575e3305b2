package parquet

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

const ticketSchema = `ticket_id:string client_id:string created_at:timestamp demande:string
	type:string priorite:string`

// tickets are batches such as the main job writes.
func tickets(t testing.TB, batches, rows int) []arrow.RecordBatch {
	r := rand.New(rand.NewPCG(1, 2))
	schema := schemaOf(t, ticketSchema).Arrow()
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
	batches := tickets(b, 64, sdk.DefaultBatchRows)
	for b.Loop() {
		w, err := newWriter(io.Discard, batches[0].Schema(), plainOptions)
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
	reportRows(b, len(batches)*sdk.DefaultBatchRows)
}

func reportRows(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
}

func BenchmarkRead(b *testing.B) {
	batches := tickets(b, 64, sdk.DefaultBatchRows)
	data := written(b, plainOptions, batches[0].Schema(), batches...)
	f := files.File{Schema: schemaOf(b, ticketSchema)}
	for b.Loop() {
		r, err := newReader(bytes.NewReader(data), int64(len(data)), f, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := drain(b, r); err != nil {
			b.Fatal(err)
		}
	}
	reportRows(b, len(batches)*sdk.DefaultBatchRows)
}

// Small row groups are written anew, full ones are copied.
func BenchmarkMerge(b *testing.B) {
	for _, rows := range []int{4096, 128 << 10} {
		b.Run(fmt.Sprintf("parts of %d rows", rows), func(b *testing.B) {
			var parts []files.Part
			for _, batch := range tickets(b, 256<<10/rows, rows) {
				parts = append(parts, partOf(written(b, plainOptions, batch.Schema(), batch)))
			}
			schema := tickets(b, 1, 1)[0].Schema()
			for b.Loop() {
				if err := merge(b.Context(), io.Discard, schema, parts, plainOptions); err != nil {
					b.Fatal(err)
				}
			}
			reportRows(b, 256<<10)
		})
	}
}
