package parquet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/sdk"
)

// matchColumn finds a declared column in a file, where from says if it does,
// and how it is read into b.
func matchColumn(file *pq.File, f arrow.Field, from string, b array.Builder) (columnReader, error) {
	column, name, err := locate(file.Root(), f.Name, from)
	if err != nil {
		return nil, err
	}
	f.Name = name
	if pathsOf(f)[0] != nil {
		return matchNested(file, column, f, b)
	}
	return match(file, column, f, b, false)
}

// locate finds a column by its name, or by from: a name, or names joined by
// dots that lead through groups.
func locate(root *pq.Column, name, from string) (*pq.Column, string, error) {
	if from != "" {
		name = from
	}
	if column, err := child(root, name); column != nil || err != nil {
		return column, name, err
	}
	at := root
	for part := range strings.SplitSeq(name, ".") {
		below, err := child(at, part)
		if err != nil {
			return nil, "", err
		}
		if below == nil || from == "" {
			return nil, "", fmt.Errorf("no column %q in the file%s", name, otherNames(at, part))
		}
		if at = below; at.Repeated() {
			return nil, "", fmt.Errorf("column %q: want groups on the way to it, %q is repeated", name, part)
		}
	}
	return at, name, nil
}

// child is the column of a name in a group, or nil. Of two columns of one name,
// which a join may leave, nothing says which one is meant.
func child(group *pq.Column, name string) (found *pq.Column, err error) {
	for _, c := range group.Columns() {
		if c.Name() != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("want each column once, got %q twice; rename one where the file is made", name)
		}
		found = c
	}
	return found, nil
}

// match is how a column of plain values, or of lists of such, is read into b.
func match(file *pq.File, column *pq.Column, f arrow.Field, b array.Builder, isItem bool) (*cursor, error) {
	c := &cursor{name: f.Name, builder: b, above: column.MaxDefinitionLevel()}
	c.top = b
	leaf := column
	if list, ok := b.(*array.ListBuilder); ok && (!isNull(column) || column.Repeated()) {
		lists, ok := listsOf(column, isItem)
		if !ok {
			return nil, otherType(file, f, column)
		}
		leaf, isItem, c.above = lists.item, true, lists.present
		c.list, c.items = list, list.ValueBuilder()
		b = c.items
	}
	if !leaf.Leaf() || leaf.Repeated() && !isItem {
		return nil, otherType(file, f, column)
	}
	if err := unsupported(file.Metadata(), leaf.Index()); err != nil {
		return nil, fmt.Errorf("column %q: %w", f.Name, err)
	}
	c.leaf = newLeaf(leaf)
	var err error
	switch {
	case isNull(leaf):
		c.put = func(pq.Value) int { return c.reject(b, "want nulls alone, as the file's type says, got a value") }
	case isFloat16(file.Metadata(), leaf):
		c.put, err = putHalf(b)
	default:
		c.put, err = putInto(b, leaf.Type(), &c.faults)
		c.bulk = newBulk(b, leaf.Type())
	}
	if errors.Is(err, errOtherType) {
		return nil, otherType(file, f, column)
	}
	return c, err
}

func otherNames(root *pq.Column, name string) string {
	var names []string
	for _, c := range root.Columns() {
		names = append(names, c.Name())
	}
	if near := sdk.Nearest(name, names); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}
