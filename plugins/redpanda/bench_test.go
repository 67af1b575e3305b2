package redpanda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// The embedded broker and its client share the cores.

const ticketKeys = `{"topic": "t", "schema": {"ticket_id": "string", "client_id": "string",
	"created_at": "timestamp", "demande": "string", "type": "string", "priorite": "string"}}`

// ticketBatch is rows of about 180 bytes as JSON.
func ticketBatch(b *testing.B) *sdk.Batch {
	schema, problems := sdktest.Plan(redpanda.Source, []byte(ticketKeys), nil)
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	rows := builder(schema)
	for i := range sdk.DefaultBatchRows {
		for column, text := range map[int]string{0: fmt.Sprintf("T%07d", i), 1: fmt.Sprintf("C%05d", i%5000),
			3: "Bonjour, ma facture est en double et je ne peux pas la payer", 4: "billing", 5: "urgent"} {
			rows.Field(column).(*array.StringBuilder).Append(text)
		}
		rows.Field(2).(*array.TimestampBuilder).Append(1_700_000_000_000_000)
	}
	return &sdk.Batch{Rows: rows.NewRecordBatch()}
}

func openBench(b *testing.B) (sdk.Env, sdk.Sink) {
	b.Helper()
	env := sdk.Env{Log: slog.New(slog.DiscardHandler), StateDir: b.TempDir()}
	withBroker(b, &env)
	config := []byte(`{"topic": "t", "partitions": 4}`)
	if err := redpanda.Sink.Setup(b.Context(), config, env); err != nil {
		b.Fatal(err)
	}
	out, err := redpanda.Sink.Open(b.Context(), config, ticketBatch(b).Rows.Schema(), env)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { out.Close(context.Background()) })
	if err := out.(sdk.Sink).Recover(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	return env, out.(sdk.Sink)
}

func writeTickets(b *testing.B, out sdk.Sink, batches int) {
	b.Helper()
	batch := ticketBatch(b)
	for range batches {
		if err := out.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := endEpoch(b.Context(), out, 1); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWrite(b *testing.B) {
	_, out := openBench(b)
	b.ResetTimer()
	writeTickets(b, out, b.N)
	b.ReportMetric(float64(b.N*sdk.DefaultBatchRows)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRead(b *testing.B) {
	env, out := openBench(b)
	writeTickets(b, out, b.N)
	b.ResetTimer()
	inst, err := redpanda.Source.Open(b.Context(), []byte(ticketKeys), nil, env)
	if err != nil {
		b.Fatal(err)
	}
	defer inst.Close(context.Background())
	if err := inst.(sdk.Source).Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows := int64(0)
	for {
		item, err := inst.(sdk.Source).Next(b.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		if item.Batch != nil {
			rows += item.Batch.NumRows()
		}
	}
	if rows != int64(b.N)*sdk.DefaultBatchRows {
		b.Fatalf("got %d rows", rows)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
