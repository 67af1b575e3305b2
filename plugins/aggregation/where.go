package aggregation

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/expr"
)

// conditions are what the aggregates say by where. Each is computed once for a
// batch, whatever aggregates have it.
type conditions struct {
	all    []condition
	failed map[int]string // by row: why a condition has no answer, nil if all have
}

type condition struct {
	text    string
	of      string // the first aggregate that has it
	program *expr.Program
	keep    []bool // by row of the batch in hand
	input   input  // the rows that it keeps
}

// find is the index of a bound aggregate's condition, -1 for none.
func (c *conditions) find(b bound) int {
	if b.where == nil {
		return -1
	}
	at := slices.IndexFunc(c.all, func(have condition) bool { return have.text == b.condition })
	if at < 0 {
		at = len(c.all)
		c.all = append(c.all, condition{text: b.condition, of: b.name, program: b.where})
	}
	return at
}

// load computes the conditions for all rows of a batch.
func (c *conditions) load(rows arrow.RecordBatch) error {
	c.failed = nil
	for i := range c.all {
		one := &c.all[i]
		keep, failed, err := one.program.Filter(rows)
		if err != nil {
			return err
		}
		one.keep = keep
		for _, f := range failed {
			if c.failed == nil {
				c.failed = map[int]string{}
			}
			if _, ok := c.failed[f.Row]; !ok {
				c.failed[f.Row] = "where of " + one.of + ": " + f.Reason
			}
		}
	}
	return nil
}

// mask unsets the time of rows that failed, so that they count nowhere.
func (c *conditions) mask(times []int64) []int64 {
	if c.failed == nil {
		return times
	}
	times = slices.Clone(times) // they may be the batch's own
	for row := range c.failed {
		times[row] = unset
	}
	return times
}

// split picks the rows of each condition out of the input.
func (c *conditions) split(in *input) {
	for i := range c.all {
		keep, picked := c.all[i].keep, &c.all[i].input
		picked.columns, picked.times, picked.partition = in.columns, in.times, in.partition
		picked.cells, picked.rows = picked.cells[:0], picked.rows[:0]
		for j, row := range in.rows {
			if keep[row] {
				picked.cells, picked.rows = append(picked.cells, in.cells[j]), append(picked.rows, row)
			}
		}
	}
}
