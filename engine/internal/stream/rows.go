package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/columns"
	"etlengine/plugins/sdk/jsonrows"
)

// The metadata by which a message tells which row it was. Benthos restores the
// contexts of messages by their place in the output, so that after a delete or
// a split they are those of other messages; metadata stays with its message.
const (
	rowKey       = "_row"
	partitionKey = "_partition"
)

// structured makes a structured message of every row of a batch. The engine's
// own columns are not in them.
func structured(b *sdk.Batch) service.MessageBatch {
	var views []columns.View
	for i, f := range b.Rows.Schema().Fields() {
		if !strings.HasPrefix(f.Name, "_") {
			views = append(views, columns.NewView(f, b.Rows.Column(i)))
		}
	}
	made := make(service.MessageBatch, b.NumRows())
	for row := range made {
		object := make(map[string]any, len(views))
		for i := range views {
			object[views[i].Name] = valueOf(&views[i], row)
		}
		made[row] = numbered(service.NewMessage(nil), b, row)
		made[row].SetStructuredMut(object)
	}
	return made
}

// encoded makes a message of every row that holds it as JSON, its keys in the
// order of the columns.
func encoded(b *sdk.Batch) service.MessageBatch {
	encoder := jsonrows.NewEncoder(ownColumns(b.Rows))
	made := make(service.MessageBatch, b.NumRows())
	for row := range made {
		made[row] = numbered(service.NewMessage(encoder.Append(nil, row)), b, row)
	}
	return made
}

func numbered(m *service.Message, b *sdk.Batch, row int) *service.Message {
	m.MetaSetMut(rowKey, int64(row))
	m.MetaSetMut(partitionKey, b.Partition)
	return m
}

// valueOf is a value as Bloblang knows it.
func valueOf(v *columns.View, row int) any {
	if v.IsNull(row) {
		return nil
	}
	switch v.Kind {
	case columns.String:
		return string(v.Bytes(row))
	case columns.Bytes:
		return bytes.Clone(v.Bytes(row))
	case columns.JSON:
		return decoded(v.Bytes(row))
	case columns.Decimal:
		return json.Number(v.Append(nil, row))
	case columns.Date, columns.Time:
		return string(v.Append(nil, row))
	}
	switch a := v.Array().(type) {
	case *array.Int64:
		return a.Value(row)
	case *array.Int32:
		return int64(a.Value(row))
	case *array.Uint64:
		if n := a.Value(row); n > math.MaxInt64 {
			return n
		}
		return int64(a.Value(row))
	case *array.Float64:
		return a.Value(row)
	case *array.Float32:
		return float64(a.Value(row))
	case *array.Boolean:
		return a.Value(row)
	case *array.Timestamp:
		return a.Value(row).ToTime(a.DataType().(*arrow.TimestampType).Unit)
	}
	return decoded(jsonrows.AppendValue(nil, v, row))
}

// decoded is JSON as Benthos has it: whole numbers stay whole. What is not JSON
// is text.
func decoded(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(text)
	}
	return v
}

// rowsOf collects messages as rows of declared columns.
type rowsOf struct {
	*jsonrows.Decoder
	schema sdk.Schema
}

func newRowsOf(schema sdk.Schema) *rowsOf {
	return &rowsOf{jsonrows.NewDecoder(schema), schema}
}

// add makes a row of a message by the coercions of all JSON. Values that JSON
// has no form of are written in the one that their column reads.
func (r *rowsOf) add(m *service.Message) error {
	if m.HasStructured() {
		v, err := m.AsStructured()
		if err != nil {
			return err
		}
		if object, ok := v.(map[string]any); ok {
			if object, err = fitting(r.schema, object); err != nil {
				return err
			}
			m.SetStructured(object)
		}
	}
	text, err := m.AsBytes()
	if err != nil {
		return fmt.Errorf("writing the message as JSON: %w", err)
	}
	return r.Append(text)
}

// gather builds a column out of rows of another; -1 is null. Rows that follow
// one another are taken as one slice, all of them without a copy.
func gather(column arrow.Array, rows []int) (arrow.Array, error) {
	var parts []arrow.Array
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && (rows[from] < 0 && rows[to] < 0 || rows[from] >= 0 && rows[to] == rows[to-1]+1) {
			to++
		}
		if first := rows[from]; first < 0 {
			parts = append(parts, array.MakeArrayOfNull(memory.DefaultAllocator, column.DataType(), to-from))
		} else {
			parts = append(parts, array.NewSlice(column, int64(first), int64(first+to-from)))
		}
		from = to
	}
	switch len(parts) {
	case 0:
		return array.NewSlice(column, 0, 0), nil
	case 1:
		return parts[0], nil
	}
	return array.Concatenate(parts, memory.DefaultAllocator)
}
