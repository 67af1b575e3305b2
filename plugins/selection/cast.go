package selection

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// cast gives the values of a column another type. Every value goes through its
// text form, which is the one that CSV and JSON files have: what a cast takes is
// what a file takes.
type cast struct {
	from     arrow.Field
	field    arrow.Field // after the cast
	schema   sdk.Schema
	required bool
}

func newCast(from arrow.Field, to sdk.Column) (*cast, error) {
	if to.From != "" {
		return nil, sdk.Problem{Message: "from is for reading files and topics; here the column is named already"}
	}
	schema := sdk.Schema{{Key: from.Name, Value: to}}
	if columns.Check(schema) != nil || nested(columns.KindOf(schema.Arrow().Field(0))) {
		return nil, sdk.Problem{Message: "columns cannot become " + to.Type}
	}
	c := &cast{from: from, field: schema.Arrow().Field(0), required: to.Required}
	schema[0].Value.Required = false // a null is refused here, where the row is known
	c.schema = schema
	if why := refusal(columns.KindOf(from), columns.KindOf(c.field), to.Format); why != "" {
		return nil, sdk.Problem{Hint: why,
			Message: name(from) + " cannot become " + name(c.field)}
	}
	return c, nil
}

// nested reports whether a column's values have no text but JSON.
func nested(k columns.Kind) bool { return k == columns.Other || k > columns.Decimal }

func name(f arrow.Field) string {
	if columns.KindOf(f) == columns.JSON {
		return "json"
	}
	return sdk.TypeName(f.Type)
}

// refusal says what to do instead of a cast that has no plain meaning, or "".
func refusal(from, to columns.Kind, format string) string {
	text := func(k columns.Kind) bool { return k == columns.String || k == columns.JSON }
	number := func(k columns.Kind) bool {
		return k >= columns.Int32 &&
			k <= columns.Float64 || k == columns.Decimal
	}
	switch {
	case from == to && !(from == columns.Timestamp && format != ""):
		return ""
	case from == columns.Bytes || to == columns.Bytes:
		return "in derive, string(x) and bytes(x) take bytes as UTF-8"
	case text(to), from == columns.String, number(from) && number(to):
		return ""
	case from == columns.Timestamp && to == columns.Date, from == columns.Date && to == columns.Timestamp:
		return ""
	case number(from) && to == columns.Timestamp && strings.HasPrefix(format, "unix"):
		return ""
	case number(from) && to == columns.Timestamp:
		return "say what the number counts: {type: timestamp, format: unix_s}"
	case from == columns.Timestamp && number(to):
		return "in derive, int(x) is the number of seconds since 1970"
	case from == columns.Bool && number(to):
		return "in derive, write x ? 1 : 0"
	case number(from) && to == columns.Bool:
		return "in derive, write x != 0"
	case from == columns.JSON:
		return "cast it to string first"
	}
	return "compute the column in derive"
}

// column casts a whole column. Rows that do not fit are null in it and are
// given to bad.
func (c *cast) column(in arrow.Array, bad func(row int, reason string)) arrow.Array {
	if arrow.TypeEqual(c.from.Type, c.field.Type) && columns.KindOf(c.from) == columns.KindOf(c.field) {
		c.checkNulls(in, bad)
		return in
	}
	builder := columns.NewBuilder(c.schema)
	column := &builder.Columns()[0]
	view := columns.NewView(c.from, in)
	var scratch []byte
	for row := range in.Len() {
		if view.IsNull(row) {
			column.SetNull()
		} else {
			scratch = c.text(scratch[:0], &view, row)
			if !column.SetText(scratch) {
				bad(row, fmt.Sprintf("want %s, got %s%s", column.Want(), columns.Quoted(scratch), column.Why(scratch)))
				column.SetNull()
			}
		}
		if err := builder.Commit(); err != nil { // columns may be null: cannot fail
			bad(row, err.Error())
		}
	}
	c.checkNulls(in, bad)
	return builder.NewRecordBatch().Column(0)
}

func (c *cast) checkNulls(in arrow.Array, bad func(row int, reason string)) {
	if !c.required || in.NullN() == 0 {
		return
	}
	for row := range in.Len() {
		if in.IsNull(row) {
			bad(row, "want a value, got null")
		}
	}
}

// text is the value as the target's type is written.
func (c *cast) text(dst []byte, view *columns.View, row int) []byte {
	to := columns.KindOf(c.field)
	switch {
	case to == columns.JSON && view.Kind != columns.String || nested(view.Kind):
		return jsonrows.AppendValue(dst, view, row)
	case view.Kind == columns.Timestamp && to == columns.Date:
		at := int64(view.Array().(*array.Timestamp).Value(row))
		return columns.AppendDate(dst, int32((at-((at%microsPerDay)+microsPerDay)%microsPerDay)/microsPerDay))
	case view.Kind == columns.Date && to == columns.Timestamp:
		return append(view.Append(dst, row), "T00:00:00Z"...)
	}
	return view.Append(dst, row)
}

const microsPerDay = 24 * 60 * 60 * 1_000_000
