package selection

import (
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// input is batches with nulls, and with texts that are no numbers.
func input() []*sdk.Batch {
	var all []*sdk.Batch
	for turn := range 3 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, tickets)
		for i := range 30 {
			amount := strconv.Itoa(i*turn) + ".5"
			if i%6 == 0 {
				amount = "n/a"
			}
			b.Field(0).(*array.StringBuilder).Append(strconv.Itoa(i))
			b.Field(1).(*array.StringBuilder).Append(amount)
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(i * turn * 3_600_000_000))
			b.Field(3).(*array.Int64Builder).Append(int64(i) << (turn * 20))
			b.Field(4).(*array.Int64Builder).Append(int64(turn*30 + i))
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
		"a list": `["n", "id"]`,
		"its own keys": `{"keep": ["id", "amount", "at"], "rename": {"price": "amount"},
			"cast": {"price": "float64"}}`,
		"some do not fit": `{"drop": ["id"], "cast": {"n": "int32", "at": "date",
			"amount": {"type": "decimal(6,2)",
			"required": true}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			sdktest.Transform(t, Transform, config, sdktest.Options{Input: input()})
		})
	}
}
