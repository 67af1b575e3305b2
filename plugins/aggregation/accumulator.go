package aggregation

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// accumulator holds one aggregate for all cells. Cells are numbered from 0;
// a new one is empty, and so is one that was cleared.
type accumulator interface {
	// grow allocates cells below n; new ones are empty.
	grow(n int)
	// add adds the values of a batch to their cells.
	add(in *input)
	// result appends what a cell came to.
	result(b array.Builder, cell uint32) error
	// merge adds what a cell holds to another, which may keep it.
	merge(into, from uint32)
	// clear empties a cell.
	clear(cell uint32)
	// encode appends a cell's state, decode reads it into an empty cell.
	encode(state []byte, cell uint32) []byte
	decode(r *reader, cell uint32)
	// bytes estimates the memory of all cells.
	bytes() int64
}

// unbounded is an accumulator whose results have no bound on their size.
type unbounded interface {
	size(cell uint32) int
}

// large reports whether the size of a cell of the accumulator has no bound, or a high
// one.
func large(a accumulator) bool {
	switch a := a.(type) {
	case *distinctNumbers, *distinctTexts, *approx, *quantile, *minMaxText:
		return true
	case *firstLast:
		return a.kind == textKind
	}
	return false
}

// input is the rows of one batch that count: row rows[i] goes into cell
// cells[i]. A row in several windows is there several times.
type input struct {
	cells     []uint32
	rows      []uint32
	columns   []column
	times     []int64 // by row
	partition uint32
}

// errOverflow is wrapped where the window, the group and the type are known.
var errOverflow = errors.New("the result does not fit")

func newAccumulator(b bound, from int, parts *partitions, merged bool) accumulator {
	k, _ := kindOf(b.out)
	if b.in != nil {
		k, _ = kindOf(b.in)
	}
	switch b.Function {
	case "count":
		return &count{from: from}
	case "sum", "avg":
		if isDecimal(b.in) {
			return newDecimalSum(b, from)
		}
		if isFloat(b.in) && merged {
			return &exactSum{from: from, mean: b.Function == "avg"}
		}
		if isFloat(b.in) {
			return &floatSum{from: from, mean: b.Function == "avg", parts: parts}
		}
		return newIntSum(b, from)
	case "min", "max":
		if k == textKind {
			return &minMaxText{from: from, least: b.Function == "min"}
		}
		return newMinMax(b, from)
	case "first", "last":
		return &firstLast{from: from, kind: k, last: b.Function == "last", parts: parts}
	case "count_distinct":
		if k == textKind {
			return newDistinctTexts(from)
		}
		return &distinctNumbers{from: from}
	case "quantile":
		return newQuantile(b, from)
	case "approx_count_distinct":
		return &approx{from: from, kind: k}
	}
	panic("aggregation: no accumulator for " + b.Function)
}
