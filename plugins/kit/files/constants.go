package files

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

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
	value   fixedValue
	longest arrow.Array // that was needed so far
}

// newCompletion finds the columns of the schema that the folders of a file name.
func newCompletion(cfg SourceConfig, f found) (completion, error) {
	c := completion{schema: cfg.Columns(), given: make([]*constant, len(cfg.Schema)),
		metadata: newMetadata(cfg.Metadata, f.name)}
	for i, column := range cfg.Schema {
		texts := f.values[column.Value.Source(column.Key)]
		if len(texts) == 0 {
			c.inFile = append(c.inFile, column)
			continue
		}
		if len(texts) > 1 {
			return c, fmt.Errorf("opening %s: %s: want one folder that gives the column, got %d: %s", f.name,
				column.Key, len(texts), strings.Join(texts, ", "))
		}
		value, err := newFolderValue(column.Key, column.Value, texts[0])
		if err != nil {
			return c, fmt.Errorf("opening %s: %s: a column of type %s %w",
				f.name, column.Key, column.Value.Type, err)
		}
		if value.text == nil && column.Value.Required {
			return c, fmt.Errorf("opening %s: %s: want a value, the folder says null", f.name, column.Key)
		}
		c.given[i] = &constant{value: value}
	}
	return c, nil
}

func (k *constant) slice(n int64) (arrow.Array, error) {
	if k.longest == nil || int64(k.longest.Len()) < n {
		var err error
		if k.longest, err = k.value.rows(n); err != nil {
			return nil, err
		}
	}
	return array.NewSlice(k.longest, 0, n), nil
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
		column, err := k.slice(rows.NumRows())
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
