package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

func timesOf(times ...time.Time) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: sdk.PositionColumn, Type: arrow.PrimitiveTypes.Int64}}, nil))
	for i, at := range times {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
		b.Field(1).(*array.Int64Builder).Append(int64(i + 70))
	}
	return b.NewRecordBatch()
}

func TestRowsWithTimesOfNoYearBecomeDeadLetters(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := &sdk.Batch{Rows: timesOf(day, day.AddDate(8000, 0, 0), day), Partition: "p"}
	rows, rejected, err := gate(b, nil)
	if err != nil || rows.NumRows() != 2 || len(rejected) != 1 {
		t.Fatalf("got %v, %v and %v, want two rows and a reject", rows, rejected, err)
	}
	if r := rejected[0]; r.Partition != "p" || r.Position != 71 || string(r.Row) != `{"at":"10026-01-01T00:00:00Z"}` ||
		r.Reason != "at: want a timestamp of the years 1 to 9999, got 10026-01-01T00:00:00Z" {
		t.Errorf("got %+v with %s, want its reason, place and values", r, r.Row)
	}
	if rows, rejected, err = gate(b, b.Rows); err != nil || rows != b.Rows || rejected != nil {
		t.Errorf("got %v and %v of columns that passed before", rejected, err)
	}
}

// Whatever a step computes passes the gate.
func TestWhatAStepEmitsPassesTheGate(t *testing.T) {
	rows := timesOf(time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC))
	var reached int
	e := &emitter{transform: &transform{counters: &counters{}, sideOutputs: &sideOutputs{},
		step: &plan.Step{Out: rows.Schema()}}, next: func(sdk.Item) error { reached++; return nil }}
	err := e.Emit(&sdk.Batch{Rows: rows, Partition: "p"})
	if err == nil || !strings.Contains(err.Error(), "of the years 1 to 9999") || reached != 0 {
		t.Errorf("got %v and %d batches handed on, want an error for want of dead letters", err, reached)
	}
}
