package stream

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestNullsAreCountedBeforeBranchesShareThem: also those inside lists and structs.
func TestNullsAreCountedBeforeBranchesShareThem(t *testing.T) {
	number := arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	schema := arrow.NewSchema([]arrow.Field{number,
		{Name: "s", Type: arrow.StructOf(number), Nullable: true},
		{Name: "l", Type: arrow.ListOfField(number), Nullable: true}}, nil)
	text := strings.Repeat(`{"n": 1, "s": {"n": null}, "l": [1, null]} {"n": null, "s": null, "l": null} `, 3)
	whole, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema,
		strings.NewReader("["+strings.ReplaceAll(strings.TrimSpace(text), "} {", "}, {")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	rows := whole.NewSlice(1, 5)
	ensureNullCounts(rows)
	var unknown func(where string, column arrow.Array)
	unknown = func(where string, column arrow.Array) {
		if column.Data().NullN() == array.UnknownNullCount {
			t.Errorf("%s: the nulls are still to be counted", where)
		}
		switch c := column.(type) {
		case *array.Struct:
			unknown(where+"."+number.Name, c.Field(0))
		case array.ListLike:
			unknown(where+"[]", c.ListValues())
		}
	}
	for i, column := range rows.Columns() {
		unknown(schema.Field(i).Name, column)
	}
}
