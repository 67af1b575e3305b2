package derive

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// input is batches with nulls, and with zeros to divide by.
func input() []*sdk.Batch {
	in := arrow.NewSchema(append(tickets.Fields(), arrow.Field{Name: "_position",
		Type: arrow.PrimitiveTypes.Int64}), nil)
	var all []*sdk.Batch
	for turn := range 3 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, in)
		for i := range 50 {
			b.Field(0).(*array.StringBuilder).Append([]string{"billing", "support", "é", ""}[i%4])
			b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(i * turn * 3_600_000_000))
			b.Field(2).(*array.Int64Builder).Append(int64(i % 7))
			b.Field(3).(*array.Int64Builder).Append(int64(turn*50 + i))
			if column := b.Field(i % 9 % 4); column != b.Field(3) {
				column.(interface{ SetNull(int) }).SetNull(i)
			}
		}
		all = append(all, &sdk.Batch{Rows: b.NewRecordBatch(), Partition: string(rune('a' + turn%2))})
	}
	return all
}

func TestTransformKeepsTheContract(t *testing.T) {
	for name, config := range map[string]string{
		"columns": `{"team": "type == \"billing\" ? \"finance\" : \"care\"", "hour": "created_at.getHours()",
			"type": "type + \"!\"", "copy": "created_at", "late": "hour > 20", "known": "type != null"}`,
		"rows":           `{"upper": "type.upper()", "next": "created_at + duration(\"1h\")"}`,
		"some rows fail": `{"share": "100 / n", "again": "100 % n", "n": "n * 9223372036854775807"}`,
		"constants":      `{"one": 1, "yes": true, "text": "\"x\""}`,
	} {
		t.Run(name, func(t *testing.T) {
			sdktest.Transform(t, Transform, config, sdktest.Options{Input: input()})
		})
	}
}
