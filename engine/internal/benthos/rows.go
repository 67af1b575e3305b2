package benthos

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// rowKey is the metadata by which the row of a message in a batch is known.
// Benthos restores the contexts of messages by their place in the output, so that
// after a delete or a split they are those of other messages; metadata stays with
// its message. A message that is a batch of its own needs none.
const rowKey = "_row"

// messages makes messages of the rows of a batch.
type messages struct {
	rows    arrow.RecordBatch
	views   []columns.View    // of the rows' contents; nil if they are encoded
	meta    []columns.View    // of what sources know beside them
	message *columns.View     // what components before have left beside them, or nil
	encoder *jsonrows.Encoder // writes the contents as JSON, or nil
}

// messagesOf reads no metadata if nothing will look at it. Encoded messages hold
// JSON whose keys are in the order of the columns.
func messagesOf(rows arrow.RecordBatch, meta, encoded bool) *messages {
	m := &messages{rows: rows}
	if encoded {
		m.encoder = jsonrows.NewEncoder(ownColumns(rows))
	}
	for i, f := range rows.Schema().Fields() {
		view := columns.NewView(f, rows.Column(i))
		switch {
		case f.Name == sdk.PositionColumn:
		case f.Name == sdk.MessageColumn:
			m.message = &view
		case sdk.IsEngines(f):
			if meta {
				m.meta = append(m.meta, view)
			}
		case !encoded:
			m.views = append(m.views, view)
		}
	}
	if !meta {
		m.message = nil
	}
	return m
}

// of makes the message of a row, and returns the number of its batch.
func (m *messages) of(row int) (*service.Message, int64) {
	var made *service.Message
	if m.encoder != nil {
		made = service.NewMessage(m.encoder.Append(nil, row))
	} else {
		object := make(map[string]any, len(m.views))
		for i := range m.views {
			object[m.views[i].Name] = valueOf(&m.views[i], row)
		}
		made = service.NewMessage(nil)
		made.SetStructuredMut(object)
	}
	if left := m.left(row); left != nil {
		for key, value := range left.Meta {
			made.MetaSetMut(key, whole(value))
		}
		return made, left.Batch
	}
	for i := range m.meta {
		if !m.meta[i].IsNull(row) {
			made.MetaSetMut(m.meta[i].Name, valueOf(&m.meta[i], row))
		}
	}
	return made, 0
}

// left is what components before have left of a row; nil if it is none of theirs.
func (m *messages) left(row int) *leftover {
	if m.message == nil || m.message.IsNull(row) {
		return nil
	}
	var l leftover
	d := json.NewDecoder(bytes.NewReader(m.message.Bytes(row)))
	d.UseNumber()
	if d.Decode(&l) != nil {
		return nil // not written by append
	}
	return &l
}

// leftover is a value of a MessageColumn.
type leftover struct {
	Batch int64          `json:"b,omitempty"` // number of the batch among those with several messages; 0: alone
	Meta  map[string]any `json:"m,omitempty"`
}

// leftoverOf is the value for a message.
func leftoverOf(m *service.Message, batch int64) (string, error) {
	l := leftover{Batch: batch, Meta: map[string]any{}}
	err := m.MetaWalkMut(func(key string, value any) error {
		if key != rowKey {
			l.Meta[key] = wrapped(value)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("writing the metadata as JSON: %w", err)
	}
	return string(text), nil
}

// Keys of maps that stand for values JSON has no form of. They begin with a character
// that no config has in a key.
const (
	bytesKey = "\x00bytes"
	textKey  = "\x00text"
	timeKey  = "\x00time"
)

// wrapped is a value with maps for bytes, text that is not UTF-8, and times, wherever
// they are in it. The value itself, which others may have, stays.
func wrapped(value any) any {
	switch v := value.(type) {
	case []byte:
		return map[string]any{bytesKey: v}
	case string:
		if !utf8.ValidString(v) {
			return map[string]any{textKey: []byte(v)}
		}
	case time.Time:
		return map[string]any{timeKey: v.Format(time.RFC3339Nano)}
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = wrapped(v[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for key := range v {
			all[key] = wrapped(v[key])
		}
		return all
	}
	return value
}

// unwrapped is the value that a map stands for, or the map.
func unwrapped(v map[string]any) any {
	for key, inner := range v {
		text, ok := inner.(string)
		if len(v) != 1 || !ok {
			break
		}
		switch key {
		case bytesKey, textKey:
			raw, err := base64.StdEncoding.DecodeString(text)
			if err == nil && key == bytesKey {
				return raw
			} else if err == nil {
				return string(raw)
			}
		case timeKey:
			if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
				return t
			}
		}
	}
	return v
}

// whole makes the numbers of a value what Bloblang has, integers and floats, and unwraps
// what wrapped has wrapped.
func whole(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // written by json.Marshal
		return f
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = whole(v[key])
		}
		return unwrapped(v)
	}
	return value
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

func newRowsOf(schema sdk.Schema, survey *sdk.Survey) *rowsOf {
	d := jsonrows.NewDecoder(schema)
	d.Observe(survey)
	return &rowsOf{d, schema}
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
