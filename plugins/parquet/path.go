package parquet

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// path leads from a column of the schema through structs and lists to a leaf.
type path struct {
	steps []step
	index int // of the leaf in the file
	fill  fill
	one   [1]pq.Value
}

// step is a struct or list on the way, or the leaf at the end.
type step struct {
	field    arrow.Field
	child    int // the field of a struct that leads on
	repeated int // of a list: the level of repetition of its second item
	nullable bool

	array arrow.Array // of the rows at hand
	list  *array.List // the array, of a list
}

// pathsOf are the paths to the leaves of a column; of a plain value or a list
// of such, one that is nil.
func pathsOf(f arrow.Field) []*path {
	item := f.Type
	if list, ok := item.(*arrow.ListType); ok {
		item = list.Elem()
	}
	if item.ID() != arrow.LIST && item.ID() != arrow.STRUCT {
		return []*path{nil}
	}
	return walk(nil, f, f.Nullable, 0)
}

func walk(before []step, f arrow.Field, nullable bool, lists int) []*path {
	here := step{field: f, nullable: nullable}
	switch t := f.Type.(type) {
	case *arrow.ListType:
		here.repeated = lists + 1
		return walk(append(slices.Clip(before), here), t.ElemField(), true, lists+1)
	case *arrow.StructType:
		var paths []*path
		for i, field := range t.Fields() {
			here.child = i
			paths = append(paths, walk(append(slices.Clip(before), here), field, field.Nullable, lists)...)
		}
		return paths
	}
	return []*path{{steps: append(slices.Clip(before), here)}}
}

// to walks the arrays on the way and returns the leaf's. It refuses nulls
// where the schema has none.
func (p *path) to(a arrow.Array) (arrow.Array, error) {
	for i := range p.steps {
		s := &p.steps[i]
		s.array = a
		if i > 0 && !s.nullable && a.NullN() > 0 {
			above := p.steps[i-1].array // a struct: the items of lists may be null
			for row := range a.Len() {
				if a.IsNull(row) && above.IsValid(row) {
					return nil, fmt.Errorf("%s: want a value in every struct, got a null", s.field.Name)
				}
			}
		}
		switch of := a.(type) {
		case *array.List:
			s.list, a = of, of.ListValues()
		case *array.Struct:
			a = of.Field(s.child)
		}
	}
	return a, nil
}

// pathSlabs is column.slabs for the leaf of a nested column.
func (c *column) pathSlabs(a arrow.Array, write func(values []pq.Value) error) error {
	leaf, err := c.path.to(a)
	if err != nil {
		return err
	}
	c.path.fill, c.path.index = valuesOf(leaf), c.index
	step := slabStep(a)
	for from := 0; from < a.Len(); from += step {
		c.slab = c.slab[:0]
		for row := from; row < min(from+step, a.Len()); row++ {
			c.slab = c.path.append(c.slab, 0, row, 0, 0)
		}
		if err := write(c.slab); err != nil {
			return err
		}
	}
	return nil
}

// append adds what an element of a step's array has of the leaf: one value for
// each item of the lists on the way, or one null whose definition level
// says where the way ended. repetition is the level of the first of them.
func (p *path) append(slab []pq.Value, at, row, repetition, definition int) []pq.Value {
	s := &p.steps[at]
	if s.nullable {
		if s.array.IsNull(row) {
			return append(slab, pq.Value{}.Level(repetition, definition, p.index))
		}
		definition++
	}
	switch {
	case at == len(p.steps)-1:
		p.fill(p.one[:], row)
		return append(slab, p.one[0].Level(repetition, definition, p.index))
	case s.list == nil:
		return p.append(slab, at+1, row, repetition, definition)
	}
	first, end := s.list.ValueOffsets(row)
	if first == end {
		return append(slab, pq.Value{}.Level(repetition, definition, p.index))
	}
	for item := first; item < end; item++ {
		slab = p.append(slab, at+1, int(item), repetition, definition+1)
		repetition = s.repeated
	}
	return slab
}
