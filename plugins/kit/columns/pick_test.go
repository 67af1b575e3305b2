package columns_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk/sdktest"
)

// allKinds is random rows of columns of every kind, as a slice.
func allKinds(random *rand.Rand, rows int) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "y", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "j", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "n", Type: &arrow.Decimal128Type{Precision: 10, Scale: 2}, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "r", Type: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64,
			Nullable: true}),
			Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	before := random.IntN(10)
	for range rows + before {
		for _, f := range b.Fields() {
			if random.IntN(4) == 0 {
				f.AppendNull()
				continue
			}
			text := []string{"", "a", "bcd", "é"}[random.IntN(4)]
			switch f := f.(type) {
			case *array.StringBuilder:
				f.Append(text)
			case *array.BinaryBuilder:
				f.Append([]byte(text))
			case *array.BooleanBuilder:
				f.Append(random.IntN(2) == 0)
			case *array.ListBuilder:
				f.Append(true)
				f.ValueBuilder().(*array.StringBuilder).Append(text)
			case *array.StructBuilder:
				f.Append(true)
				f.FieldBuilder(0).(*array.Int64Builder).Append(random.Int64())
			default:
				if err := f.AppendValueFromString("12"); err != nil {
					panic(err)
				}
			}
		}
	}
	return b.NewRecordBatch().NewSlice(int64(before), int64(before+rows))
}

func TestPickAndPickIndicesGiveTheRowsOfTheirArguments(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for n := range 200 {
		rows := allKinds(random, random.IntN(40))
		keep := make([]bool, rows.NumRows())
		var numbers []int
		var want []string
		for i, line := range sdktest.Text(rows) {
			if keep[i] = random.IntN(1+n%5) == 0; keep[i] {
				numbers, want = append(numbers, i), append(want, line)
			}
		}
		picked, err := columns.Pick(rows, keep)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, picked, want)
		byIndex, err := columns.PickIndices(rows, numbers)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, byIndex, want)
	}
}

func wantRows(t *testing.T, rows arrow.RecordBatch, want []string) {
	t.Helper()
	if got := sdktest.Text(rows); !slices.Equal(got, want) {
		t.Fatalf("got the rows %s, want %s", got, want)
	}
	for i, c := range rows.Columns() {
		nulls := 0
		for row := range c.Len() {
			if c.IsNull(row) {
				nulls++
			}
		}
		if c.NullN() != nulls {
			t.Errorf("%s: got a null count of %d, want %d", rows.ColumnName(i), c.NullN(), nulls)
		}
	}
}

func TestJoinedRowsAreTheRowsOfAllAndTheirNullsAreCounted(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		var batches []arrow.RecordBatch
		var want []string
		for range 1 + random.IntN(3) {
			rows := allKinds(random, random.IntN(20))
			batches, want = append(batches, rows), append(want, sdktest.Text(rows)...)
		}
		joined, err := columns.Join(batches)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range joined.Columns() {
			for _, d := range append(c.Data().Children(), c.Data()) {
				if d.NullN() < 0 {
					t.Fatalf("%s: the nulls are counted when somebody asks, perhaps two at a time", joined.ColumnName(i))
				}
			}
		}
		wantRows(t, joined, want)
	}
}
