package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// nested reads a column of structs, or of lists of more than values: it has
// several leaves, whose levels say how their values belong together.
type nested struct {
	name  string
	root  node
	under []*cursor
}

// node is one struct, list or value of a nested column.
type node struct {
	present  int // level of definition from which it is not null
	builder  array.Builder
	fields   []node             // of a struct
	list     *array.ListBuilder // the builder, of a list
	item     *node
	repeated int       // of a list: the level of repetition of its second item
	leaf     *cursor   // of a value
	under    []*cursor // all leaves inside
}

// matchNested finds the leaves of a nested column.
func matchNested(file *pq.File, column *pq.Column, f arrow.Field, b array.Builder) (columnReader, error) {
	n := &nested{name: f.Name}
	var err error
	if n.root, err = matchNode(file, column, f, b, false); err != nil {
		return nil, err
	}
	n.under = n.root.under
	for _, leaf := range n.under {
		leaf.top = b
	}
	return n, nil
}

// matchNode finds the leaves of one element. isItem: it is a repeated column, and the
// list that it makes is that of the node above.
func matchNode(file *pq.File, column *pq.Column, f arrow.Field, b array.Builder, isItem bool) (
	node, error,
) {
	n := node{present: column.MaxDefinitionLevel(), builder: b}
	if isNull(column) && (isItem || !column.Repeated()) {
		return leafNode(file, column, f, n, isItem)
	}
	switch b := b.(type) {
	case *array.StructBuilder:
		if column.Repeated() && !isItem {
			return n, otherType(file, f, column)
		}
		return matchStruct(file, column, f, n, b)
	case *array.ListBuilder:
		lists, ok := listsOf(column, isItem)
		if !ok {
			return n, otherType(file, f, column)
		}
		inside := f.Type.(*arrow.ListType).ElemField()
		inside.Name = f.Name
		below, err := matchNode(file, lists.item, inside, b.ValueBuilder(), lists.item.Repeated())
		n.present, n.list, n.item, n.under = lists.present, b, &below, below.under
		n.repeated = lists.item.MaxRepetitionLevel()
		return n, err
	}
	return leafNode(file, column, f, n, isItem)
}

func leafNode(file *pq.File, column *pq.Column, f arrow.Field, n node, isItem bool) (node, error) {
	leaf, err := match(file, column, f, n.builder, isItem)
	if err != nil {
		return n, err
	}
	leaf.nested = true
	n.leaf, n.under = leaf, []*cursor{leaf}
	return n, nil
}

func matchStruct(file *pq.File, column *pq.Column, f arrow.Field, n node, b *array.StructBuilder) (node, error) {
	if l := column.Type().LogicalType(); column.Leaf() || l != nil && !column.Repeated() {
		return n, otherType(file, f, column)
	}
	var errs []error
	for i, field := range f.Type.(*arrow.StructType).Fields() {
		below, err := child(column, field.Name)
		if err != nil {
			errs = append(errs, fmt.Errorf("column %q: %w", f.Name, err))
			continue
		}
		if below == nil {
			errs = append(errs, fmt.Errorf("no field %q in the column %q of the file%s", field.Name, f.Name,
				otherNames(column, field.Name)))
			continue
		}
		field.Name = f.Name + "." + field.Name
		inside, err := matchNode(file, below, field, b.FieldBuilder(i), false)
		errs = append(errs, err)
		n.fields, n.under = append(n.fields, inside), append(n.under, inside.under...)
	}
	return n, errors.Join(errs...)
}

func (n *nested) leaves() []*cursor { return n.under }

func (n *nested) array() arrow.Array { return n.root.builder.NewArray() }

func (n *nested) begin(group *rowGroup) error {
	for _, leaf := range n.under {
		if err := leaf.begin(group); err != nil {
			return err
		}
	}
	return nil
}

func (n *nested) skip(rows int64) error {
	for _, leaf := range n.under {
		if err := leaf.skip(rows); err != nil {
			return err
		}
	}
	return nil
}

func (n *nested) read(rows int) (size int, err error) {
	for range rows {
		row := rowSize{most: n.under[0].most}
		err := n.root.read(0, &row)
		size += row.size
		if end, ok := errors.AsType[errEnd](err); ok {
			return size, end.fault // the rows end with the row group, not before
		}
		if err != nil {
			return size, err
		}
	}
	return size, nil
}

// rowSize is how large the value of a row is so far, and may be.
type rowSize struct{ size, most int }

// omit passes over a row, and appends a null in its place: it is rejected.
func (n *nested) omit() error {
	n.root.builder.AppendNull()
	return n.skip(1)
}

// read appends one element, whose values begin at a level of repetition.
func (n *node) read(repetition int, row *rowSize) error {
	first, err := n.under[0].peek()
	if err != nil {
		return err
	}
	row.size++
	if first.DefinitionLevel() < n.present {
		n.builder.AppendNull()
		return n.pass(repetition)
	}
	switch {
	case n.leaf != nil:
		return n.value(first, repetition, row)
	case n.list != nil:
		return n.items(first, repetition, row)
	}
	n.builder.(*array.StructBuilder).Append(true)
	for i := range n.fields {
		if err := n.fields[i].read(repetition, row); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) value(v pq.Value, repetition int, row *rowSize) error {
	if v.RepetitionLevel() != repetition || v.IsNull() {
		return n.leaf.torn()
	}
	row.size += n.leaf.put(v)
	n.leaf.next++
	return nil
}

func (n *node) items(first pq.Value, repetition int, row *rowSize) error {
	n.list.Append(true)
	row.size += 4
	if first.DefinitionLevel() == n.present { // one more is its first item
		return n.pass(repetition)
	}
	for {
		if row.size > row.most {
			n.under[0].tooLarge()
			return n.passItems()
		}
		if err := n.item.read(repetition, row); err != nil {
			return err
		}
		following, err := n.under[0].peek()
		if errors.Is(err, io.EOF) || err == nil && following.RepetitionLevel() < n.repeated {
			return nil
		}
		if err != nil {
			return err
		}
		repetition = n.repeated
	}
}

// passItems goes past the items that a list has left.
func (n *node) passItems() error {
	for _, leaf := range n.under {
		for first := true; ; first = false {
			v, err := leaf.peek()
			if errors.Is(err, io.EOF) || err == nil && !first && v.RepetitionLevel() < n.repeated {
				break
			}
			if err != nil {
				return err
			}
			leaf.next++
		}
	}
	return nil
}

// pass goes past what stands in each leaf for a null or an empty list.
func (n *node) pass(repetition int) error {
	for _, leaf := range n.under {
		v, err := leaf.peek()
		if err != nil {
			return err
		}
		if v.RepetitionLevel() != repetition || v.DefinitionLevel() > n.present {
			return leaf.torn()
		}
		leaf.next++
	}
	return nil
}

// peek is the next value. io.EOF, as it is, is the end of the row group.
func (c *cursor) peek() (pq.Value, error) {
	if err := c.fill(); err != nil {
		if errors.Is(err, io.EOF) {
			return pq.Value{}, errEnd{c.ended(err)}
		}
		return pq.Value{}, c.ended(err)
	}
	return c.slab[c.next], nil
}

// errEnd is the end of a row group, which is a fault but after the last row.
type errEnd struct{ fault error }

func (e errEnd) Error() string        { return e.fault.Error() }
func (e errEnd) Is(target error) bool { return target == io.EOF }

// torn says that the leaves of a column do not belong together.
func (c *cursor) torn() error {
	return fmt.Errorf("column %q: %w", c.name, damaged(errors.New("its values are not of the rows beside them")))
}
