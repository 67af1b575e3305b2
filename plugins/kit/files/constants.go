package files

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// completion puts a file's rows together with the columns that its folders give.
type completion struct {
	schema   *arrow.Schema // of the source
	inFile   sdk.Schema    // what the reader gives
	given    []*constant   // by column of the config's schema; nil: the reader's next column
	metadata metadata
}

// constant is a column whose value is the same in every row of a file.
type constant struct {
	t    arrow.DataType
	put  func(b array.Builder) error // appends the value
	rows arrow.Array                 // the longest that was needed so far
}

// newCompletion finds the columns of the schema that the folders of a file name.
func newCompletion(cfg SourceConfig, f found) (completion, error) {
	c := completion{schema: cfg.Columns(), given: make([]*constant, len(cfg.Schema)),
		metadata: newMetadata(cfg.Metadata, f.name)}
	for i, column := range cfg.Schema {
		text, ok := f.values[column.Value.Source(column.Key)]
		if !ok {
			c.inFile = append(c.inFile, column)
			continue
		}
		k := &constant{t: c.schema.Field(i).Type, put: func(b array.Builder) error {
			return appendFolderValue(b, text)
		}}
		first, err := k.take(1)
		if err != nil {
			return c, fmt.Errorf("opening %s: %s: a column of type %s %w",
				f.name, column.Key, column.Value.Type, err)
		}
		if first.IsNull(0) && column.Value.Required {
			return c, fmt.Errorf("opening %s: %s: want a value, the folder says null", f.name, column.Key)
		}
		c.given[i] = k
	}
	return c, nil
}

func (k *constant) take(n int64) (arrow.Array, error) {
	if k.rows == nil || int64(k.rows.Len()) < n {
		b := array.NewBuilder(memory.DefaultAllocator, k.t)
		b.Reserve(int(n))
		for range n {
			if err := k.put(b); err != nil {
				return nil, err
			}
		}
		k.rows = b.NewArray()
	}
	return array.NewSlice(k.rows, 0, n), nil
}

// join adds the given columns, and those of metadata, to what the reader read.
func (c completion) join(rows arrow.RecordBatch, positions []int64) (arrow.RecordBatch, error) {
	if rows == nil {
		return sdk.EmptyRows(c.schema), nil
	}
	if int(rows.NumCols()) != len(c.inFile) {
		return nil, fmt.Errorf("want rows of %d columns, got %d", len(c.inFile), rows.NumCols())
	}
	joined := make([]arrow.Array, len(c.given), c.schema.NumFields())
	next := 0
	for i, k := range c.given {
		if k == nil {
			joined[i] = rows.Column(next)
			next++
			continue
		}
		column, err := k.take(rows.NumRows())
		if err != nil {
			return nil, err
		}
		joined[i] = column
	}
	about, err := c.metadata.columns(rows.NumRows(), positions)
	if err != nil {
		return nil, err
	}
	return array.NewRecordBatch(c.schema, append(joined, about...), rows.NumRows()), nil
}
