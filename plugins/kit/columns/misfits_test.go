package columns

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// fits and misfits of every type that has any.
func misfitsOf(b array.Builder, bad int) {
	const year = 365 * microsPerDay
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append([]string{"[1]", "\xff", ""}[bad])
	case *array.TimestampBuilder:
		b.Append([]arrow.Timestamp{0, 8040 * year, math.MinInt64}[bad])
	case *array.Date32Builder:
		b.Append([]arrow.Date32{0, 8040 * 365, math.MinInt32}[bad])
	case *array.Time64Builder:
		b.Append([]arrow.Time64{0, microsPerDay, -1}[bad])
	case *array.Decimal128Builder:
		p := b.Type().(*arrow.Decimal128Type).Precision
		b.Append([]decimal128.Num{decimal128.GetMaxValue(p), decimal128.GetMaxValue(p).Add(decimal128.FromI64(1)),
			decimal128.New(math.MinInt64, 0)}[bad])
	case *array.ListBuilder:
		b.Append(true)
		b.ValueBuilder().AppendNull()
		misfitsOf(b.ValueBuilder(), 0)
		misfitsOf(b.ValueBuilder(), bad)
	case *array.StructBuilder:
		b.Append(true)
		misfitsOf(b.FieldBuilder(0), bad)
	}
}

func TestMisfitsAreFoundInEveryType(t *testing.T) {
	want := map[string]string{"timestamp": "want a timestamp of the years", "date": "want a date of the years",
		"time": "want a time from 00:00:00", "json": "want", "decimal(4,2)": "want a decimal(4,2), got",
		"decimal(38,0)": "want a decimal(38,0), got"}
	for name, reason := range want {
		for _, shape := range []string{name, "list(" + name + ")", "list(list(" + name + "))"} {
			schema := sdk.Schema{{Key: "x", Value: sdk.Column{Type: shape}}}.Arrow()
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			for _, bad := range []int{0, 1, 0, 2} {
				misfitsOf(b.Field(0), bad)
			}
			b.Field(0).AppendNull()
			rows := b.NewRecordBatch()
			got := map[int]string{}
			Misfits(rows, got)
			if rows := slices.Sorted(maps.Keys(got)); !slices.Equal(rows, []int{1, 3}) {
				t.Errorf("%s: got the rows %v, want 1 and 3", shape, rows)
			}
			for _, r := range got {
				if !strings.HasPrefix(r, "x: "+reason) {
					t.Errorf("%s: got %q, want %q in it", shape, r, reason)
				}
			}
			if found := OutOfRange(rows, nil); name != "json" && !maps.Equal(found, got) {
				t.Errorf("%s: got %v as out of range, want %v", shape, found, got)
			}
			sliced := rows.NewSlice(1, 4)
			got = map[int]string{}
			if Misfits(sliced, got); !slices.Equal(slices.Sorted(maps.Keys(got)), []int{0, 2}) {
				t.Errorf("%s: got %v of a slice, want the rows 0 and 2", shape, got)
			}
		}
	}
}

// What a null stands on is nobody's value.
func TestNothingUnderANullIsAMisfit(t *testing.T) {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	b.AppendValues([]arrow.Timestamp{math.MaxInt64, 1}, []bool{false, true})
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: b.Type(), Nullable: true}}, nil)
	rows := array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, 2)
	if found := OutOfRange(rows, nil); found != nil {
		t.Errorf("got %v, want nothing", found)
	}
}

func TestDatesAreOfTheYears1To9999(t *testing.T) {
	b := NewBuilder(sdk.Schema{{Key: "x", Value: sdk.Column{Type: "date"}}})
	for text, want := range map[string]bool{"0000-12-31": false, "0001-01-01": true, "9999-12-31": true} {
		if got := b.Columns()[0].SetText([]byte(text)); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}
