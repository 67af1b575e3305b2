package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// compileByRow compiles an expression that CEL alone evaluates, to compare the
// evaluation by columns with.
func compileByRow(text string, schema *arrow.Schema) (*Program, error) {
	l, err := theLanguage()
	if err != nil {
		return nil, err
	}
	c := &compiler{language: l, text: text, variables: variablesOf(schema)}
	if err := c.check(); err != nil {
		return nil, err
	}
	t, err := c.result(c.ast.Expr())
	if err != nil {
		return nil, err
	}
	root, err := c.whole(c.ast.Expr(), t)
	return &Program{text: text, field: arrow.Field{Type: t}, root: root}, err
}

// writer writes random expressions that are of the right types.
type writer struct{ *rand.Rand }

func (w writer) pick(all ...string) string { return all[w.IntN(len(all))] }

// write is an expression of a type: b, i, u, f, s or t.
func (w writer) write(kind byte, depth int) string {
	if depth <= 0 || w.IntN(6) == 0 {
		return w.leaf(kind)
	}
	sub := func(k byte) string { return w.write(k, depth-1) }
	switch w.IntN(4) {
	case 0:
		return fmt.Sprintf("(%s ? %s : %s)", sub('b'), sub(kind), w.pick(sub(kind), sub(kind), "null"))
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", sub(kind), sub(kind))
	}
	number := w.pick("i", "i", "u", "f")[0]
	other := number
	if w.IntN(3) == 0 {
		other = w.pick("i", "u", "f")[0]
	}
	switch kind {
	case 'b':
		return w.condition(sub, number, other)
	case 'i':
		return w.pick(fmt.Sprintf("(%s %s %s)", sub('i'), w.pick("+", "-", "*", "/", "%"), sub('i')),
			"(-"+sub('i')+")",
			"size("+sub('s')+")", sub('t')+"."+w.pick("getHours", "getFullYear", "getDayOfWeek", "getMonth",
				"getDate", "getDayOfYear", "getDayOfMonth", "getMinutes", "getSeconds",
				"getMilliseconds")+"()")
	case 'u':
		return fmt.Sprintf("(%s %s %s)", sub('u'), w.pick("+", "-", "*", "/", "%"), sub('u'))
	case 'f':
		return w.pick(fmt.Sprintf("(%s %s %s)", sub('f'), w.pick("+", "-", "*", "/"), sub(w.pick("f", "i",
			"u")[0])),
			fmt.Sprintf("(%s %s %s)", sub(w.pick("i", "u")[0]), w.pick("+", "-", "*", "/"), sub('f')),
			"(-"+sub('f')+")")
	case 's':
		return w.pick(fmt.Sprintf("(%s + %s)", sub('s'), sub('s')), sub('s')+".upper()",
			"string("+sub('i')+")")
	}
	return w.leaf(kind)
}

func (w writer) condition(sub func(byte) string, number, other byte) string {
	order := w.pick("==", "!=", "<", "<=", ">", ">=")
	switch w.IntN(9) {
	case 0:
		return fmt.Sprintf("(%s %s %s)", sub(number), order, sub(other))
	case 1:
		k := w.pick("s", "t", "s")[0]
		return fmt.Sprintf("(%s %s %s)", sub(k), order, sub(k))
	case 2:
		return fmt.Sprintf("(%s %s %s)", sub('b'), w.pick("&&", "||"), sub('b'))
	case 3:
		return fmt.Sprintf("(%s %s %s %s %s)", sub('b'), w.pick("&&", "||"), sub('b'), w.pick("&&", "||"),
			sub('b'))
	case 4:
		return fmt.Sprintf("!%s", sub('b'))
	case 5:
		return fmt.Sprintf("(%s %s null)", sub(w.pick("i", "s", "b", "f", "t")[0]), w.pick("==", "!="))
	case 6:
		return w.pick(fmt.Sprintf(`(%s in [%s, "a", "é"])`, sub('s'), w.leaf('s')),
			fmt.Sprintf(`(%s in ["1", "2", "3", "4", "5", "6", "a", "b", ""])`, sub('s')),
			fmt.Sprintf("(%s in [1, 2, -9223372036854775808])", sub(number)),
			fmt.Sprintf("(%s in [1.0, 0.5])", sub(number)), fmt.Sprintf("(%s in [true])", sub('b')))
	case 7:
		return fmt.Sprintf("%s.%s(%s)", sub('s'), w.pick("startsWith", "endsWith", "contains"), sub('s'))
	}
	return fmt.Sprintf("%s.matches(%s)", sub('s'), w.pick(`"^a"`, `"b.*c"`, `"^$"`, `"[0-9]+"`))
}

func (w writer) leaf(kind byte) string {
	switch kind {
	case 'b':
		return w.pick("b", "b", "b", "true", "false")
	case 'i':
		return w.pick("i", "i", "j", "j", "0", "1", "-7", "9223372036854775807", "(1 + 2)")
	case 'u':
		return w.pick("u", "u", "u", "0u", "3u", "18446744073709551615u")
	case 'f':
		return w.pick("f", "f", "g", "0.0", "1.5", "-2.0", "9223372036854775808.0")
	case 's':
		return w.pick("s", "s", "z", `""`, `"a"`, `"bc"`, `"é"`, `("a" + "b")`)
	}
	return w.pick("t", "t", "d", `timestamp("2026-03-01T12:30:45.5Z")`,
		`timestamp("2026-03-01T12:30:45.0000005Z")`)
}

var variety = arrow.NewSchema([]arrow.Field{{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "j", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "u", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
	{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "g", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "z", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "t", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
	{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true}}, nil)

// varietyRows are rows with the least and greatest values and nulls, as a slice of more rows.
func varietyRows(random *rand.Rand, rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, variety)
	one := func(n int) int { return random.IntN(n) }
	ints := []int64{0, 1, -1, 2, 7, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}
	floats := []float64{0, 1, -1, 0.5, 1.5, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 63, -(1 << 63),
		1 << 53,
		math.Copysign(0, -1)}
	texts := []string{"", "a", "b", "bc", "abc", "é", "12", "\xff", "A"}
	before := random.IntN(12)
	for range rows + before + 3 {
		b.Field(0).(*array.BooleanBuilder).Append(one(2) == 0)
		b.Field(1).(*array.Int64Builder).Append(ints[one(len(ints))])
		b.Field(2).(*array.Int32Builder).Append(int32(ints[one(5)]))
		b.Field(3).(*array.Uint64Builder).Append([]uint64{0, 1, 3, 1 << 63, math.MaxUint64,
			1<<53 + 1}[one(6)])
		b.Field(4).(*array.Float64Builder).Append(floats[one(len(floats))])
		b.Field(5).(*array.Float32Builder).Append(float32(floats[one(len(floats))]))
		b.Field(6).(*array.StringBuilder).Append(texts[one(len(texts))])
		b.Field(7).(*array.StringBuilder).Append(texts[one(4)])
		b.Field(8).(*array.TimestampBuilder).Append(arrow.Timestamp(
			[]int64{0, -1, 1_772_368_245_500_000, 1_772_368_245_000_000, 86_400_000_000}[one(5)]))
		b.Field(9).(*array.Date32Builder).Append(arrow.Date32([]int32{0, 1, -1, 20513}[one(4)]))
		for _, f := range b.Fields() {
			if one(5) == 0 {
				f.(interface{ SetNull(int) }).SetNull(f.Len() - 1)
			}
		}
	}
	return b.NewRecordBatch().NewSlice(int64(before), int64(before+rows))
}

// outcome is the result of every row as text.
func outcome(t testing.TB, p *Program, rows arrow.RecordBatch) []string {
	t.Helper()
	column, faults, err := p.Eval(rows)
	if err != nil {
		t.Fatalf("%s: %v", p.text, err)
	}
	if column.Len() != int(rows.NumRows()) || !arrow.TypeEqual(column.DataType(), p.Type()) {
		t.Fatalf("%s: got %d rows of %s, want %d of %s", p.text, column.Len(), column.DataType(),
			rows.NumRows(), p.Type())
	}
	all := make([]string, column.Len())
	for i := range all {
		all[i] = fmt.Sprintf("%q", column.ValueStr(i))
		if column.IsNull(i) {
			all[i] = "null"
		}
	}
	for _, f := range faults {
		if all[f.Row] != "null" {
			t.Errorf("%s: row %d failed and is %s, want null", p.text, f.Row, all[f.Row])
		}
		all[f.Row] = f.Reason
	}
	return all
}

// constantFaults are what a constant part may be refused for.
var constantFaults = []string{overflow, tooLarge, divideByZero, modulusByZero}

// sameBothWays holds the two ways to run an expression against each other.
func sameBothWays(t testing.TB, text string, rows arrow.RecordBatch) (ran bool) {
	t.Helper()
	columns, err := Compile(text, rows.Schema())
	if fault, ok := firstFault(err); ok && slices.Contains(constantFaults, fault.Message) {
		return false
	} else if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if _, ok := columns.root.(*copied); ok {
		return false // it keeps its type, which CEL does not have
	}
	byRow, err := compileByRow(text, rows.Schema())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got, want := outcome(t, columns, rows), outcome(t, byRow, rows)
	for i := range want {
		if got[i] != want[i] {
			var row []string
			for at, c := range rows.Columns() {
				row = append(row, rows.ColumnName(at)+"="+c.ValueStr(i))
			}
			t.Fatalf("%s: by columns %s, by rows %s, of %s", text, got[i], want[i], strings.Join(row, " "))
		}
	}
	if columns.Type().ID() == arrow.BOOL {
		keep, faults, err := columns.Filter(rows)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			if got[f.Row] != f.Reason {
				t.Fatalf("%s: row %d: filter failed for %q, want %s", text, f.Row, f.Reason, got[f.Row])
			}
		}
		for i := range keep {
			if keep[i] != (got[i] == `"true"`) {
				t.Fatalf("%s: row %d: filter gives %v, want %s", text, i, keep[i], got[i])
			}
		}
	}
	return true
}

func TestColumnsGiveWhatRowsGive(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	w := writer{random}
	ran, vectors := 0, 0
	for range 4000 {
		text := w.write("bbbiufst"[random.IntN(8)], 1+random.IntN(4))
		if sameBothWays(t, text, varietyRows(random, 12+random.IntN(30))) {
			ran++
		}
		if p, err := Compile(text, variety); err == nil {
			if _, ok := p.root.(*whole); !ok {
				vectors++
			}
		}
	}
	if ran < 3000 || vectors < 2500 {
		t.Errorf("got %d expressions run, %d of them over columns; want most", ran, vectors)
	}
}

// FuzzColumnsGiveWhatRowsGive writes an expression from a seed of the fuzzer.
func FuzzColumnsGiveWhatRowsGive(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Add(uint64(77), uint64(1))
	f.Fuzz(func(t *testing.T, one, two uint64) {
		random := rand.New(rand.NewPCG(one, two))
		text := writer{random}.write("bbbiufst"[random.IntN(8)], 1+random.IntN(5))
		sameBothWays(t, text, varietyRows(random, 20))
	})
}
