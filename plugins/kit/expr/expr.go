// Package expr is typed expressions over the columns of a batch, in the Common
// Expression Language (CEL): what filter, derive and where are written in.
//
// Compile checks the text against the columns when a pipeline is planned and
// says where in the text the fault is. The usual forms (comparisons, in, &&,
// ||, !, ?:, null tests, arithmetic, text tests and concatenation, parts of a
// timestamp) then run over whole columns; what remains is evaluated by CEL, row
// by row. Both ways give the same values, nulls and reasons.
//
// # Types
//
// int32 and int64 are CEL's int, uint64 its uint, float32 and float64 its
// double; a date is the timestamp of its midnight in UTC, a time the duration
// since midnight, json its text. The fields of a struct are columns named
// struct.field. Columns of other types can be tested for null and copied.
// Numbers of different types may stand beside each other: with a double the
// result is a double, of an int and a uint it is an int.
//
// # Nulls and faults
//
// A null makes what it is part of null: null > 1 and null + 1 are null. As in
// SQL, false && null is false, true || null is true, and where a yes or no is
// needed (a filter, the condition of ?:) null is no. x == null and x != null
// test for it, has(x) is x != null, coalesce(a, b, …) is the first that is not
// null, and null may be a branch of ?:.
//
// A row for which the expression cannot be computed (a division by zero, an
// overflow, text that is no number) fails with a reason; false && such a part is
// false, true || it is true. Of two operands the left one decides whether the
// result is null or fails. Divisions of doubles do not fail, they give an
// infinity or NaN, and NaN compares as IEEE 754 has it.
//
// # Sizes
//
// A text, a value of bytes or a list that an expression makes has at most
// MaxValue bytes; a row with a longer one fails.
package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Limits on what an expression may be and cost.
const (
	maxText  = 16 << 10 // code points
	maxDepth = 100      // nested parts
	// maxCost and maxMemory bound the evaluation of one row. A step costs
	// about 1, text and patterns more by their length.
	maxCost   = 10_000_000
	maxMemory = 64 << 20
)

// Program is a compiled expression. It may be used by several goroutines.
type Program struct {
	text  string
	field arrow.Field // its name is empty
	root  node
}

// RowError is a row for which the expression has no value.
type RowError struct {
	Row    int
	Reason string
}

// Error is a fault in the text of an expression.
type Error struct {
	Line, Column int // of the fault, from 1, in code points
	Offset       int // of the fault, from 0, in code points
	Message      string
	Hint         string // what to do, or ""
	Missing      string // the column that there is none of, if that is the fault
}

// Errors are all faults of one expression, in the order of the text.
type Errors []*Error

// Error is all faults, separated by semicolons.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, fault := range e {
		texts[i] = fault.Error()
	}
	return strings.Join(texts, "; ")
}

// inOrder sorts faults by where they are, one for each place: the first of two
// is the cause.
func (e Errors) inOrder() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int { return a.Offset - b.Offset })
	return slices.CompactFunc(e, func(a, b *Error) bool { return a.Offset == b.Offset })
}

// Error begins with the position.
func (e *Error) Error() string {
	text := fmt.Sprintf("at %d:%d: %s", e.Line, e.Column, e.Message)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Field is the column that Eval gives, under a name. It may be null unless it
// is the copy of a column that is not.
func (p *Program) Field(name string) arrow.Field {
	f := p.field
	f.Name = name
	return f
}

// Type is the type of the column that Eval gives.
func (p *Program) Type() arrow.DataType { return p.field.Type }

// Filter reports for each row whether the condition is true. Rows that failed are
// not kept. The program must be a condition: its Type is bool.
func (p *Program) Filter(rows arrow.RecordBatch) (keep []bool, failed []RowError, err error) {
	v, err := p.root.eval(&batch{rows: rows, n: int(rows.NumRows())}, nil)
	if errors.Is(err, ErrTooMuchText) && rows.NumRows() > 1 {
		return p.filterHalves(rows)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("evaluating %s: %w", p.text, err)
	}
	keep = make([]bool, rows.NumRows())
	if v.one {
		for i := range keep {
			keep[i] = v.state[0] == yes
		}
		return keep, nil, nil
	}
	for i, state := range v.state {
		keep[i] = state == yes
	}
	return keep, v.failures(), nil
}

// filterHalves needs half of the memory for what the condition is computed from.
func (p *Program) filterHalves(rows arrow.RecordBatch) (keep []bool, failed []RowError, err error) {
	half := rows.NumRows() / 2
	keep, failed, err = p.Filter(rows.NewSlice(0, half))
	if err != nil {
		return nil, nil, err
	}
	more, faults, err := p.Filter(rows.NewSlice(half, rows.NumRows()))
	for _, f := range faults {
		failed = append(failed, RowError{f.Row + int(half), f.Reason})
	}
	return append(keep, more...), failed, err
}

// Eval computes the column. Rows that failed are null in it. The column may be
// one of the batch's own. For more than one row it may return ErrTooMuchText.
func (p *Program) Eval(rows arrow.RecordBatch) (arrow.Array, []RowError, error) {
	b := &batch{rows: rows, n: int(rows.NumRows())}
	var column arrow.Array
	var failed []RowError
	var err error
	switch root := p.root.(type) {
	case *whole:
		column, failed, err = root.column(b)
	case *copied:
		column, err = root.find(b)
	default:
		var v *vector
		v, err = root.eval(b, nil)
		if err == nil && v.one && !fits(int64(len(v.data))*int64(b.n), b.n) {
			err = ErrTooMuchText
		}
		if err == nil {
			column, failed = v.array(p.field.Type, b.n), v.failures()
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("evaluating %s: %w", p.text, err)
	}
	return column, failed, nil
}
