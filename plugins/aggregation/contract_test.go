package aggregation

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// contractInput is three partitions with disorder, late rows and nulls in every column.
func contractInput() []*sdk.Batch {
	var columns sdk.Schema
	for _, column := range [][2]string{{"at", "timestamp"}, {"kind", "string"}, {"urgent", "bool"},
		{"client", "string"}, {"n", "int64"}, {"x", "float64"}} {
		columns = append(columns, sdk.Entry[sdk.Column]{Key: column[0], Value: sdk.Column{Type: column[1]}})
	}
	in := columns.Arrow()
	random := rand.New(rand.NewPCG(1, 2))
	var input []*sdk.Batch
	for turn := range 6 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, in)
		for range 60 {
			minute := arrow.Timestamp(60e6)
			at := arrow.Timestamp(turn)*minute + arrow.Timestamp(random.Int64N(90e6))
			if random.IntN(10) == 0 {
				at -= 3 * minute
			}
			b.Field(0).(*array.TimestampBuilder).Append(at)
			b.Field(1).(*array.StringBuilder).Append([]string{"support", "é", ""}[random.IntN(3)])
			b.Field(2).(*array.BooleanBuilder).Append(random.IntN(2) == 0)
			b.Field(3).(*array.StringBuilder).Append("C" + string(rune('a'+random.IntN(20))))
			b.Field(4).(*array.Int64Builder).Append(random.Int64N(1000))
			b.Field(5).(*array.Float64Builder).Append(random.NormFloat64())
			for _, column := range b.Fields() { // a row in ten has a null in one column
				if at := random.IntN(60); at == 0 {
					column.(interface{ SetNull(int) }).SetNull(column.Len() - 1)
				}
			}
		}
		input = append(input, &sdk.Batch{Rows: b.NewRecordBatch(), Partition: string(rune('a' + turn%3))})
	}
	return input
}

func TestTransformKeepsTheContract(t *testing.T) {
	for name, keys := range map[string]string{
		"tumbling":  `"window": {"tumbling": "1m"}, "group_by": ["kind", "urgent"]`,
		"hopping":   `"window": {"hopping": {"size": "2m", "every": "30s"}}, "group_by": ["kind"]`,
		"sessions":  `"window": {"session": {"gap": "2s"}}, "group_by": ["kind", "urgent"]`,
		"no window": `"emit": "on_end", "unbounded_state": true, "group_by": ["kind"]`,
		"kept open": `"window": {"tumbling": "45s"}, "on_end": "hold"`,
	} {
		t.Run(name, func(t *testing.T) {
			config := `{"event_time": "at", "watermark": "10s", "max_future_skew": "1h", ` + keys + `,
				"aggregates": {"rows": "count()",
				"known": "count(client)", "clients": "count_distinct(client)",
				"about": "approx_count_distinct(client)", "total": "sum(n)", "mean": "avg(x)", "sum": "sum(x)",
				"low": "min(x)", "high": "max(n)", "first_kind": "min(kind)", "p95": "quantile(x, 0.95)",
				"middle": "quantile(n, 0.5)", "early": "first(client)", "latest": "last(n)",
				"large": {"call": "sum(x)", "where": "n > 500 && kind != ''"},
				"split": {"call": "count()", "where": "1000 / n > 2"}}}`
			sdktest.Transform(t, Transform, config, sdktest.Options{Input: contractInput()})
		})
	}
}
