package aggregation

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestRowsWithoutAnEventTimeAreRejected(t *testing.T) {
	h := newHarness(t, perMinute, schemaOf(t, "at string", "kind string"))
	h.partitions("p/0")
	h.json("p/0", row("00:00:01", "a"), `{"at": null, "kind": "b"}`, `{"at": "yesterday", "kind": "c"}`,
		`{"at": "", "kind": "d"}`, row("00:00:02", "a"))
	h.end()
	h.want("00:00:00|00:01:00|a|2")
	var got []string
	for _, r := range h.out.rejects {
		got = append(got, r.Reason+" "+string(r.Row))
		if r.Partition != "p/0" || r.Position != -1 {
			t.Errorf("reject: got partition %q, position %d; want p/0, -1", r.Partition, r.Position)
		}
	}
	wantLines(t, got, []string{
		`at: want an event time, got null {"at":null,"kind":"b"}`,
		`at: want a time in RFC 3339 such as 2026-01-31T09:30:00Z, got "yesterday" {"at":"yesterday","kind":"c"}`,
		`at: want a time in RFC 3339 such as 2026-01-31T09:30:00Z, got "" {"at":"","kind":"d"}`,
	})
}

func TestTimestampsOutOfReachAreRejected(t *testing.T) {
	plain := schemaOf(t, "at timestamp", "kind string")
	schema := arrow.NewSchema(append(plain.Fields(), arrow.Field{Name: "_position",
		Type: arrow.PrimitiveTypes.Int64, Nullable: true}), nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, at := range []int64{1 << 62, 5_000_000, -1 << 62} {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
		b.Field(1).(*array.StringBuilder).Append("a")
		b.Field(2).(*array.Int64Builder).Append(int64(40 + i))
	}
	b.Field(0).AppendNull()
	b.Field(1).AppendNull()
	b.Field(2).AppendNull()
	h := newHarness(t, perMinute, schema)
	h.partitions("p/0")
	h.apply("p/0", b.NewRecordBatch())
	h.end()
	h.want("00:00:00|00:01:00|a|1")
	if len(h.out.rejects) != 3 {
		t.Fatalf("rejects: got %v, want three", h.out.rejects)
	}
	want := "at: want a time in the years 1 to 9999, got -4611686018427387904 µs since 1970"
	if r := h.out.rejects[1]; r.Reason != want || r.Position != 42 {
		t.Errorf("reject: got %s at %d, want %s at 42", r.Reason, r.Position, want)
	}
	if r := h.out.rejects[2]; r.Position != -1 {
		t.Errorf("position of a row without one: got %d, want -1", r.Position)
	}
}
