package expr

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// unknown is how CEL sees a null: it makes what it is part of unknown, but for
// an && or || that something else decides. That is what SQL's null does.
var unknown = types.NewUnknown(1, nil)

// plan makes a part ready to be run by CEL.
func (c *compiler) plan(e ast.Expr) (cel.Program, error) {
	part := ast.NewCheckedAST(ast.NewAST(e, c.ast.SourceInfo()), c.ast.TypeMap(), c.ast.ReferenceMap())
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if c.loops(e) { // what does not loop costs as much as its text is long
		options = append(options, cel.CostLimit(maxCost), cel.MemoryLimit(maxMemory))
	}
	p, err := c.env.PlanProgram(part, options...)
	if err != nil {
		return nil, c.atPart(c.ast, e.ID(), reasonOf(err), "")
	}
	return p, nil
}

func (c *compiler) loops(e ast.Expr) bool {
	loops := false
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(inner ast.Expr) {
		loops = loops || inner.Kind() == ast.ComprehensionKind
	}))
	return loops
}

// rowByRow evaluates a part by CEL.
type rowByRow struct {
	program   cel.Program
	variables []variable // those that the part uses
}

func (c *compiler) rowByRow(e ast.Expr) (rowByRow, error) {
	p, err := c.plan(e)
	if err != nil {
		return rowByRow{}, err
	}
	r := rowByRow{program: p}
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(inner ast.Expr) {
		if inner.Kind() != ast.IdentKind {
			return
		}
		name := inner.AsIdent()
		used := func(v variable) bool { return v.name == name }
		if v, ok := c.variable(name); ok && !slices.ContainsFunc(r.variables, used) {
			r.variables = append(r.variables, v)
		}
	}))
	return r, nil
}

// each calls f with the value of every row that is needed. The value is of the
// checked type, unknown for null, or an error is given.
func (r *rowByRow) each(b *batch, need []uint8, f func(row int, value ref.Val, err error) error) error {
	at := &rowValues{}
	for _, v := range r.variables {
		column, around := v.path.find(b.rows)
		at.names = append(at.names, v.name)
		at.columns = append(at.columns, rowColumn{column, around})
	}
	for row := range b.n {
		if need != nil && need[row] == 0 {
			continue
		}
		at.row = row
		value, _, err := r.program.Eval(at)
		if err := f(row, value, err); err != nil {
			return err
		}
	}
	return nil
}

// byRowNode is a part that CEL evaluates, as a vector.
type byRowNode struct {
	rowByRow
	kind kind
}

func (c *compiler) byRow(e ast.Expr, k kind) (node, error) {
	r, err := c.rowByRow(e)
	return &byRowNode{r, k}, err
}

func (n *byRowNode) eval(b *batch, need []uint8) (*vector, error) {
	v := newVector(n.kind, b.n)
	filled := 0
	skip := func(to int) { // text must be written in the order of rows
		for ; filled < to; filled++ {
			v.setNull(filled)
		}
	}
	err := n.each(b, need, func(row int, value ref.Val, err error) error {
		skip(row)
		filled++
		switch {
		case err != nil:
			v.setNull(row)
			v.fail(row, b.n, reasonOf(err))
		case types.IsUnknown(value):
			v.setNull(row)
		case sizeOf(value) > MaxValue:
			v.setNull(row)
			v.fail(row, b.n, tooLong(sizeOf(value)))
		case !v.set(row, value):
			return fmt.Errorf("row %d: got a %s", row, value.Type().TypeName())
		}
		if !fits(int64(len(v.data)), b.n) {
			return ErrTooMuchText
		}
		return nil
	})
	skip(b.n)
	return v, err
}

// whole is an expression that CEL evaluates, for types that no vector holds.
type whole struct {
	rowByRow
	out arrow.DataType
}

func (c *compiler) whole(e ast.Expr, out arrow.DataType) (node, error) {
	r, err := c.rowByRow(e)
	return &whole{r, out}, err
}

func (w *whole) eval(*batch, []uint8) (*vector, error) {
	return nil, fmt.Errorf("want a bool, got a %s", typeName(w.out))
}

func (w *whole) column(b *batch) (arrow.Array, []RowError, error) {
	out := array.NewBuilder(memory.DefaultAllocator, w.out)
	var faults []RowError
	total := int64(0)
	err := w.each(b, nil, func(row int, value ref.Val, err error) error {
		size := int64(0)
		if err == nil {
			size = sizeOf(value)
		}
		switch total += size; {
		case err != nil:
			faults = append(faults, RowError{row, reasonOf(err)})
		case size > MaxValue:
			faults = append(faults, RowError{row, "the list would have more bytes than an expression may make"})
		case !fits(total, b.n):
			return ErrTooMuchText
		default:
			return appendValue(out, value)
		}
		out.AppendNull()
		return nil
	})
	return out.NewArray(), faults, err
}

func appendValue(out array.Builder, value ref.Val) error {
	if types.IsUnknown(value) {
		out.AppendNull()
		return nil
	}
	switch b := out.(type) {
	case *array.BooleanBuilder:
		b.Append(bool(value.(types.Bool)))
	case *array.Int64Builder:
		b.Append(int64(value.(types.Int)))
	case *array.Uint64Builder:
		b.Append(uint64(value.(types.Uint)))
	case *array.Float64Builder:
		b.Append(float64(value.(types.Double)))
	case *array.StringBuilder:
		b.Append(string(value.(types.String)))
	case *array.BinaryBuilder:
		b.Append([]byte(value.(types.Bytes)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(value.(types.Timestamp).UnixMicro()))
	case *array.ListBuilder:
		b.Append(true)
		return appendItems(b.ValueBuilder(), value)
	default:
		return fmt.Errorf("cannot make a %s of a %s", typeName(out.Type()), value.Type().TypeName())
	}
	return nil
}

// newVector allocates a vector of rows, to be set one after the other.
func newVector(k kind, rows int) *vector {
	v := &vector{kind: k}
	switch k {
	case boolean:
		v.state = make([]uint8, rows)
	case float:
		v.floats = make([]float64, rows)
	case text, blob:
		v.offsets = make([]int32, 1, rows+1)
	default:
		v.ints = make([]int64, rows)
	}
	return v
}

// set sets a row; false if the value is not of the vector's kind.
func (v *vector) set(row int, value ref.Val) bool {
	switch x := value.(type) {
	case types.Bool:
		v.state[row] = bit(bool(x))
	case types.Int:
		v.ints[row] = int64(x)
	case types.Uint:
		v.ints[row] = int64(x)
	case types.Double:
		v.floats[row] = float64(x)
	case types.String:
		v.data = append(v.data, x...)
		v.offsets = append(v.offsets, int32(len(v.data)))
	case types.Bytes:
		v.data = append(v.data, x...)
		v.offsets = append(v.offsets, int32(len(v.data)))
	case types.Timestamp:
		v.ints[row] = x.UnixMicro()
		return x.Nanosecond()%int(time.Microsecond) == 0
	default:
		return false
	}
	return true
}

func (v *vector) setNull(row int) {
	if v.state == nil {
		rows := max(len(v.ints), len(v.floats), cap(v.offsets)-1)
		v.state = make([]uint8, rows)
	}
	v.state[row] = null
	if v.kind == text || v.kind == blob {
		v.offsets = append(v.offsets, int32(len(v.data)))
	}
}

var conversion = regexp.MustCompile(`^type conversion error from '(.*)' to '(.*)'`)

// reasonOf is CEL's error in one line and in our words for types.
func reasonOf(err error) string {
	if _, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		return "the expression costs more than one row may cost"
	}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	if m := conversion.FindStringSubmatch(reason); m != nil {
		return "this " + ours(m[1]) + " is no " + ours(m[2])
	}
	return reason
}
