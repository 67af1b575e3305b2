package parquet

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/sdk"
)

// A slab is the values that a column writer gets at once. It writes a page when its
// buffer is full after a slab, so slabs are kept small against a page.
const (
	slabRows  = 1024
	slabBytes = 64 << 10
)

// column splits arrays into slabs of parquet values with their levels.
type column struct {
	index    int   // of the leaf in the file
	top      int   // the column of the schema that it belongs to
	path     *path // to it, if there is more than a list of values
	field    arrow.Field
	required bool
	source   *columnSource // nil: the values themselves are in the slabs
	slab     []pq.Value    // reused
	full     []pq.Value    // with a source: of rows without a null
}

func newColumns(schema *arrow.Schema) []*column {
	var columns []*column
	for i, f := range schema.Fields() {
		for _, p := range pathsOf(f) {
			columns = append(columns, &column{index: len(columns), top: i, field: f, required: !f.Nullable, path: p})
		}
	}
	return columns
}

// check refuses what the file could not say: a null where the schema has none,
// and a decimal with more digits than its type.
func (c *column) check(a arrow.Array) error {
	if c.required && a.NullN() > 0 {
		return fmt.Errorf("%s: want a value in every row, got %d nulls", c.field.Name, a.NullN())
	}
	if c.path != nil {
		leaf, err := c.path.to(a)
		if err != nil {
			return fmt.Errorf("%s: %w", c.field.Name, err)
		}
		a = leaf
	} else if list, ok := a.(*array.List); ok {
		a = list.ListValues()
	}
	d, ok := a.(*array.Decimal128)
	if !ok {
		return nil
	}
	t := d.DataType().(*arrow.Decimal128Type)
	for row := range d.Len() {
		if d.IsValid(row) && !d.Value(row).FitsInPrecision(t.Precision) {
			return fmt.Errorf("%s: want a %s, got %s", c.field.Name, sdk.TypeName(t), d.Value(row).ToString(t.Scale))
		}
	}
	return nil
}

// slabs passes all rows of an array to write, in order.
func (c *column) slabs(a arrow.Array, write func(values []pq.Value) error) error {
	if c.path != nil {
		return c.pathSlabs(a, write)
	}
	if list, ok := a.(*array.List); ok {
		return c.listSlabs(list, write)
	}
	if c.source != nil {
		return c.sourceSlabs(a, write)
	}
	values, level, nulls, step := valuesOf(a), c.level(), a.NullN() > 0, slabStep(a)
	for from := 0; from < a.Len(); from += step {
		slab := c.slabOf(min(step, a.Len()-from))
		values(slab, from)
		for i := range slab {
			if nulls && a.IsNull(from+i) {
				slab[i] = pq.Value{}
			} else if level > 0 {
				slab[i].SetDefinitionLevel(level)
			}
		}
		if err := write(slab); err != nil {
			return err
		}
	}
	return nil
}

// sourceSlabs is slabs for a column with a source: values are no more than their levels.
func (c *column) sourceSlabs(a arrow.Array, write func(values []pq.Value) error) error {
	if c.full == nil {
		c.full = make([]pq.Value, slabRows)
		for i := range c.full {
			c.full[i].SetDefinitionLevel(c.level())
		}
	}
	c.source.set(a)
	nulls, step := a.NullN() > 0, slabStep(a)
	for from := 0; from < a.Len(); from += step {
		slab := c.full[:min(step, a.Len()-from)]
		if nulls {
			slab = append(c.slab[:0], slab...)
			for i := range slab {
				if a.IsNull(from + i) {
					slab[i] = pq.Value{}
				}
			}
			c.slab = slab
		}
		if err := write(slab); err != nil {
			return err
		}
	}
	return nil
}

// slabOf is a slab of n values, which the caller sets.
func (c *column) slabOf(n int) []pq.Value {
	c.slab = slices.Grow(c.slab[:0], n)[:n]
	return c.slab
}

// listSlabs is slabs for a list. The levels of an item say whether the list is
// null, empty, or how its item is (the definition), and whether it begins a row
// or goes on with one (the repetition).
func (c *column) listSlabs(list *array.List, write func(values []pq.Value) error) error {
	items := list.ListValues()
	values, level, step := valuesOf(items), c.level(), slabStep(list)
	for from := 0; from < list.Len(); from += step {
		c.slab = c.slab[:0]
		for row := from; row < min(from+step, list.Len()); row++ {
			first, end := list.ValueOffsets(row)
			switch {
			case list.IsNull(row):
				c.slab = append(c.slab, pq.Value{})
			case first == end:
				c.slab = append(c.slab, pq.Value{}.Level(0, level, c.index))
			default:
				c.slab = appendItems(c.slab, items, values, int(first), int(end), level)
			}
		}
		if err := write(c.slab); err != nil {
			return err
		}
	}
	return nil
}

func appendItems(slab []pq.Value, items arrow.Array, values fill, first, end, level int) []pq.Value {
	at := len(slab)
	slab = slices.Grow(slab, end-first)[:at+end-first]
	row := slab[at:]
	values(row, first)
	for i := range row {
		if items.IsNull(first + i) {
			row[i] = pq.Value{}
			row[i].SetDefinitionLevel(level + 1)
		} else {
			row[i].SetDefinitionLevel(level + 2)
		}
		if i > 0 {
			row[i].SetRepetitionLevel(1)
		}
	}
	return slab
}

// slabStep is how many rows of an array make a slab.
func slabStep(a arrow.Array) int {
	size := int(a.Data().SizeInBytes()) // of the rows that a slice leaves out, too
	if s, ok := a.(*array.String); ok {
		size = len(s.ValueBytes())
	}
	return min(slabRows, max(1, a.Len()*slabBytes/max(1, size)))
}

// level is the definition level of a column's value that is not null.
func (c *column) level() int {
	if c.required {
		return 0
	}
	return 1
}
