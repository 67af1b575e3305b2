package filter

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// input is batches with nulls in every column and a divisor that is 0 at times.
func input() []*sdk.Batch {
	in := sdk.Schema{{Key: "priorite", Value: sdk.Column{Type: "string"}},
		{Key: "amount", Value: sdk.Column{Type: "float64"}}, {Key: "n", Value: sdk.Column{Type: "int64"}},
		{Key: "urgent", Value: sdk.Column{Type: "bool"}}}.Arrow()
	random := rand.New(rand.NewPCG(1, 2))
	var all []*sdk.Batch
	for turn := range 4 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, in)
		for range 40 {
			b.Field(0).(*array.StringBuilder).Append([]string{"low", "urgent", "é", ""}[random.IntN(4)])
			b.Field(1).(*array.Float64Builder).Append(random.Float64() * 20)
			b.Field(2).(*array.Int64Builder).Append(random.Int64N(4))
			b.Field(3).(*array.BooleanBuilder).Append(random.IntN(2) == 0)
			for _, f := range b.Fields() {
				if random.IntN(8) == 0 {
					f.(interface{ SetNull(int) }).SetNull(f.Len() - 1)
				}
			}
		}
		all = append(all, &sdk.Batch{Rows: b.NewRecordBatch(), Partition: string(rune('a' + turn%2))})
	}
	return all
}

func TestTransformKeepsTheContract(t *testing.T) {
	for name, config := range map[string]string{
		"short":               `"priorite == \"urgent\" || amount > 10"`,
		"long":                `{"where": "urgent && priorite != null"}`,
		"some rows fail":      `"12 / n > 5"`,
		"row by row":          `"priorite.upper() == \"URGENT\""`,
		"nothing is filtered": `"true"`,
	} {
		t.Run(name, func(t *testing.T) {
			sdktest.Transform(t, Transform, config, sdktest.Options{Input: input()})
		})
	}
}
