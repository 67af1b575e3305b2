package parquet

import (
	"math"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
)

// A file may hold numbers that its types do not: none of them becomes another value.
func TestValuesThatTheirTypesDoNotHoldAreRejected(t *testing.T) {
	i32, i64 := func(v int32) pq.Value { return pq.Int32Value(v) }, func(v int64) pq.Value { return pq.Int64Value(v) }
	bytes := func(v ...byte) pq.Value { return pq.ByteArrayValue(v) }
	int96 := func(day int32, nanos uint64) pq.Value {
		return pq.Int96Value(deprecated.Int96{uint32(nanos), uint32(nanos >> 32), uint32(day)})
	}
	decimal := pq.Decimal(2, 10, pq.ByteArrayType)
	tests := []struct {
		name   string
		node   pq.Node
		good   pq.Value
		bad    []pq.Value
		schema string
		reason string
	}{
		{"milliseconds", pq.Timestamp(pq.Millisecond), i64(0), []pq.Value{i64(253402300800000), i64(-62135596800001),
			i64(math.MaxInt64), i64(math.MinInt64), i64(math.MaxInt64 / 1000)}, "x:timestamp", "of the years 1 to 9999"},
		{"microseconds", pq.Timestamp(pq.Microsecond), i64(253402300799999999), []pq.Value{i64(253402300800000000),
			i64(math.MaxInt64)}, "x:timestamp", "of the years 1 to 9999"},
		{"INT96", pq.Leaf(pq.Int96Type), int96(2440588, 1), []pq.Value{int96(math.MaxInt32, 0), int96(math.MinInt32, 0),
			int96(107640569, 0), int96(0, 0), int96(5373485, 0)}, "x:timestamp", "of the years 1 to 9999"},
		{"days", pq.Date(), i32(2932896), []pq.Value{i32(2932897), i32(-719163), i32(math.MaxInt32)}, "x:date",
			"want a date of the years 1 to 9999"},
		{"days as timestamps", pq.Date(), i32(1), []pq.Value{i32(math.MaxInt32), i32(math.MinInt32), i32(2932897)},
			"x:timestamp", "of the years 1 to 9999"},
		{"times of the day", pq.Time(pq.Microsecond), i64(86399999999), []pq.Value{i64(86400000000), i64(-1)}, "x:time",
			"want a time from 00:00:00 to 23:59:59.999999"},
		{"milliseconds of the day", pq.Time(pq.Millisecond), i32(86399999), []pq.Value{i32(86400000), i32(-1)}, "x:time",
			"want a time from 00:00:00 to 23:59:59.999999"},
		{"decimals", decimal, bytes(1, 2), []pq.Value{bytes(append([]byte{1}, make([]byte, 16)...)...),
			bytes(append([]byte{0xfe}, make([]byte, 17)...)...), bytes(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
			bytes(0x7f, 0, 0, 0, 0, 0)}, "x:decimal(10,2)", "want a decimal(10,2), got"},
		{"small decimals", pq.Decimal(2, 4, pq.Int32Type), i32(-9999), []pq.Value{i32(10000), i32(math.MinInt32)},
			"x:decimal(4,2)", "want a decimal(4,2), got"},
		{"json", pq.String(), bytes([]byte("{}")...), []pq.Value{bytes(), bytes([]byte("not json")...),
			bytes([]byte("1}\n{2")...), bytes([]byte("\"\xff\"")...)}, "x:json", "want"},
	}
	for _, tt := range tests {
		for _, node := range []pq.Node{tt.node, pq.Optional(tt.node)} {
			values := []pq.Value{tt.good}
			values = append(append(values, tt.bad...), tt.good)
			if node.Optional() {
				for i := range values {
					values[i] = values[i].Level(0, 1, 0)
				}
			}
			rows, rejected := readAll(t, onDisk(t, foreign(t, node, asUsual, values...)), schemaOf(t, tt.schema), 0)
			if n := joined(t, schemaOf(t, tt.schema).Arrow(), rows...).NumRows(); n != 2 || len(rejected) != len(tt.bad) {
				t.Errorf("%s: got %d rows and %d rejects, want 2 and %d", tt.name, n, len(rejected), len(tt.bad))
			}
			for i, r := range rejected {
				if r.Position != int64(i+2) || !strings.HasPrefix(r.Reason, "x: ") || !strings.Contains(r.Reason, tt.reason) {
					t.Errorf("%s: got row %d: %s, want row %d: %s", tt.name, r.Position, r.Reason, i+2, tt.reason)
				}
			}
		}
	}
}
