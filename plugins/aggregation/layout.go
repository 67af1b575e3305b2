package aggregation

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/expr"
	"etlengine/plugins/sdk"
)

// The columns of a row's window.
const (
	windowStart = "window_start"
	windowEnd   = "window_end"
)

// layout is a config that has met its input: every name is a column's index.
type layout struct {
	time       int     // the column with the event time, -1 if there is none
	groups     []int   // the columns grouped by
	aggregates []bound // the aggregates, in order
	out        *arrow.Schema
	shape      string // what a stored state depends on

	hasWindows, hasSessions bool
}

// windowed is how many columns of the output are about the window.
func (l *layout) windowed() int {
	if l.hasWindows {
		return 2
	}
	return 0
}

// bound is an aggregate whose column is known.
type bound struct {
	Call
	name      string
	column    int // -1 for count()
	in        arrow.DataType
	out       arrow.DataType
	condition string
	where     *expr.Program // nil: all rows count
}

// schema is the plugin's Schema: the columns after the step.
func describeColumns(c *Config, in *arrow.Schema, d *sdk.Description) {
	l, problems := newLayout(c, in)
	if d.Columns, d.ColumnProblems = nil, problems; len(problems) == 0 {
		d.Columns = l.out
	}
}

// newLayout looks all columns up; it returns everything that does not fit.
func newLayout(c *Config, in *arrow.Schema) (*layout, []sdk.Problem) {
	l, p := &layout{time: -1, hasWindows: c.Window != nil}, problems{}
	var fields []arrow.Field
	if l.hasWindows {
		l.hasSessions = c.Window.Session != nil
		fields = []arrow.Field{{Name: windowStart, Type: sdk.Timestamp}, {Name: windowEnd, Type: sdk.Timestamp}}
	}
	if c.EventTime != "" {
		l.timeColumn(c, in, &p)
	}
	for i, name := range c.GroupBy {
		at, err := sdk.FindColumn(in, name)
		if err != nil {
			p.at(pathOf("group_by", i), err)
			continue
		}
		field := in.Field(at)
		if !groupable(field) {
			p.add(pathOf("group_by", i), "want a column of plain values, %q is %s", name, sdk.WithArticle(describe(field)))
		}
		l.groups = append(l.groups, at)
		fields = append(fields, sdk.AskedFor(field))
	}
	for _, a := range c.Aggregates {
		b, err := bind(a.Value.Call, in)
		b.name = a.Key
		b.compile(a.Value.Where, in, &p)
		if err != nil {
			path := "aggregates." + a.Key
			if !a.Value.short {
				path += ".call"
			}
			p.at(path, err)
			continue
		}
		l.aggregates = append(l.aggregates, b)
		fields = append(fields, b.field(a.Key, in))
	}
	if len(p) > 0 {
		return nil, p
	}
	l.out = arrow.NewSchema(fields, nil)
	l.shape = l.stateShape(c, in)
	return l, nil
}

func (l *layout) timeColumn(c *Config, in *arrow.Schema, p *problems) {
	at, err := sdk.FindColumn(in, c.EventTime)
	if err != nil {
		p.at("event_time", err)
		return
	}
	field := in.Field(at)
	if !arrow.TypeEqual(field.Type, sdk.Timestamp) && (field.Type.ID() != arrow.STRING || isJSON(field)) {
		p.add("event_time", "want a timestamp or string column, %q is %s", c.EventTime, sdk.WithArticle(describe(field)))
	}
	l.time = at
}

// bind finds the column of a call and the type of its result.
func bind(c Call, in *arrow.Schema) (bound, error) {
	b := bound{Call: c, column: -1, out: arrow.PrimitiveTypes.Int64}
	if c.Column == "" {
		return b, nil
	}
	at, err := sdk.FindColumn(in, c.Column)
	if err != nil {
		return b, err
	}
	field := in.Field(at)
	b.column, b.in = at, field.Type
	switch c.Function {
	case "count":
		return b, nil
	case "sum", "avg", "quantile":
		if !numeric(field.Type) && (c.Function == "quantile" || !isDecimal(field.Type)) {
			return b, notNumeric(c, field)
		}
		b.out = sumType(c.Function, field.Type)
	case "first", "last":
		b.out = field.Type
		if _, ok := kindOf(field.Type); ok {
			return b, nil // JSON too: values are kept, not compared
		}
	case "min", "max":
		b.out = field.Type
	}
	if !groupable(field) {
		return b, fmt.Errorf("%s wants a column of plain values, %q is %s", c.Function, c.Column,
			sdk.WithArticle(describe(field)))
	}
	return b, nil
}

// compile checks the condition of an aggregate.
func (b *bound) compile(where string, in *arrow.Schema, p *problems) {
	if where == "" {
		return
	}
	program, err := expr.CompileCondition(where, in)
	if err != nil {
		*p = append(*p, expr.ProblemsOf(err, "aggregates."+b.name+".where", nil)...)
	}
	b.condition, b.where = where, program
}

// maxDigits is how many digits a decimal has at the most.
const maxDigits = 38

// sumType is the type of a sum, an average or a quantile: sums keep the kind of their
// column in its widest form.
func sumType(function string, in arrow.DataType) arrow.DataType {
	switch {
	case function != "sum" || isFloat(in):
		return arrow.PrimitiveTypes.Float64
	case in.ID() == arrow.UINT64:
		return arrow.PrimitiveTypes.Uint64
	case isDecimal(in):
		return &arrow.Decimal128Type{Precision: maxDigits, Scale: in.(*arrow.Decimal128Type).Scale}
	}
	return arrow.PrimitiveTypes.Int64
}

// field is the new column. A count is never null; everything else is where no
// row had a value.
func (b bound) field(name string, in *arrow.Schema) arrow.Field {
	f := arrow.Field{Name: name, Type: b.out, Nullable: !strings.Contains(b.Function, "count")}
	switch b.Function {
	case "first", "last", "min", "max":
		f.Metadata = in.Field(b.column).Metadata
	}
	return f
}

// stateShape is the part of the config and the input that the stored state was
// made by: a state of another shape cannot be read.
func (l *layout) stateShape(c *Config, in *arrow.Schema) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; groups", c.shape())
	for _, g := range l.groups {
		fmt.Fprintf(&b, " %s:%s", in.Field(g).Name, sdk.TypeName(in.Field(g).Type))
	}
	b.WriteString("; aggregates")
	for _, a := range l.aggregates {
		fmt.Fprintf(&b, " %s", a.Call)
		if a.column >= 0 {
			fmt.Fprintf(&b, ":%s", sdk.TypeName(a.in))
		}
		if a.where != nil {
			fmt.Fprintf(&b, " where %s", a.condition)
		}
	}
	return b.String()
}

// groupable reports whether values of the column can be compared one with
// another. JSON is text here, but equal documents need not be equal text.
func groupable(f arrow.Field) bool {
	_, ok := kindOf(f.Type)
	return ok && !isJSON(f)
}

func isJSON(f arrow.Field) bool {
	for i, key := range sdk.JSONMark.Keys() {
		if value, ok := f.Metadata.GetValue(key); ok && value == sdk.JSONMark.Values()[i] {
			return true
		}
	}
	return false
}

func describe(f arrow.Field) string {
	if isJSON(f) {
		return "json"
	}
	return sdk.TypeName(f.Type)
}

func numeric(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.INT32, arrow.INT64, arrow.UINT64:
		return true
	}
	return isFloat(t)
}

// notNumeric refuses to add what is no number, and quantiles of decimals.
func notNumeric(c Call, field arrow.Field) error {
	if isDecimal(field.Type) {
		return sdk.Problem{Message: fmt.Sprintf("%s wants integers or floats, %q is %s", c.Function, c.Column,
			sdk.WithArticle(describe(field))), Hint: fmt.Sprintf("make a float of it before: select: {cast: {%s: float64}}", c.Column)}
	}
	return fmt.Errorf("%s wants a column of numbers, %q is %s", c.Function, c.Column, sdk.WithArticle(describe(field)))
}

func isDecimal(t arrow.DataType) bool { return t.ID() == arrow.DECIMAL128 }

func isFloat(t arrow.DataType) bool {
	return t.ID() == arrow.FLOAT32 || t.ID() == arrow.FLOAT64
}
