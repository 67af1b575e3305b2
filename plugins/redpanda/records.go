package redpanda

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

// shape is which columns become which part of a record.
type shape struct {
	format  string
	values  *arrow.Schema // of the columns below
	columns []int         // the value's
	key     int           // -1: none
	headers []header
}

type header struct {
	name   string
	column int
}

// check finds out at plan time what Open would.
func (c *SinkConfig) check(in *arrow.Schema) []sdk.Problem {
	_, problems := c.shapeOf(in)
	return problems
}

func (c *SinkConfig) shapeOf(in *arrow.Schema) (shape, []sdk.Problem) {
	s := shape{format: c.Format, key: -1}
	var problems []sdk.Problem
	find := func(path, name string) int {
		at, err := sdk.FindColumn(in, name)
		if err == nil && !spelled(in.Field(at).Type) {
			err = sdk.Problem{Message: "want a column of strings, bytes, whole numbers or bools, " + name + " is " +
				sdk.TypeName(in.Field(at).Type)}
		}
		if err != nil {
			problems = append(problems, sdk.ProblemAt(path, err))
		}
		return at
	}
	if c.Key != "" {
		s.key = find("key", c.Key)
	}
	for _, h := range c.Headers {
		s.headers = append(s.headers, header{h.Key, find("headers."+h.Key, h.Value)})
	}
	var fields []arrow.Field
	for i, f := range in.Fields() {
		if !sdk.IsWritten(f, c.KeepMeta) || c.Format == formatRaw && s.elsewhere(i) {
			continue
		}
		s.columns = append(s.columns, i)
		fields = append(fields, f)
	}
	s.values = arrow.NewSchema(fields, nil)
	if c.Format == formatRaw && (len(fields) != 1 || !textual(fields[0].Type)) {
		problems = append(problems, sdk.Problem{Path: "format",
			Message: "raw wants one column of strings or bytes besides key and headers, got " + list(fields),
			Hint:    "use json, or select the column"})
	}
	return s, problems
}

func (s *shape) headerNames() []string {
	names := make([]string, len(s.headers))
	for i, h := range s.headers {
		names[i] = h.name
	}
	return names
}

// elsewhere reports whether a column is the key or a header.
func (s *shape) elsewhere(column int) bool {
	for _, h := range s.headers {
		if h.column == column {
			return true
		}
	}
	return s.key == column
}

func list(fields []arrow.Field) string {
	if len(fields) == 0 {
		return "none"
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name + ": " + sdk.TypeName(f.Type)
	}
	return strings.Join(names, ", ")
}

func textual(t arrow.DataType) bool { return t.ID() == arrow.STRING || t.ID() == arrow.BINARY }

// spelled types are those whose value has one obvious spelling.
func spelled(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY, arrow.INT32, arrow.INT64, arrow.UINT64, arrow.BOOL:
		return true
	}
	return false
}

// encoder appends parts of one batch's rows to a buffer.
type encoder struct {
	value   func(dst []byte, row int) []byte
	empty   func(row int) bool // whether the record has no value at all
	key     arrow.Array        // nil: none
	headers []arrow.Array
}

func (s *shape) encoder(rows arrow.RecordBatch) *encoder {
	e := &encoder{empty: func(int) bool { return false }}
	if s.key >= 0 {
		e.key = rows.Column(s.key)
	}
	for _, h := range s.headers {
		e.headers = append(e.headers, rows.Column(h.column))
	}
	columns := make([]arrow.Array, len(s.columns))
	for i, at := range s.columns {
		columns[i] = rows.Column(at)
	}
	switch s.format {
	case formatRaw:
		e.value = func(dst []byte, row int) []byte { return appendPlain(dst, columns[0], row) }
		e.empty = columns[0].IsNull
	case formatCSV:
		enc := textrows.NewEncoder(array.NewRecordBatch(s.values, columns, rows.NumRows()), textrows.Options{})
		e.value = func(dst []byte, row int) []byte {
			dst = enc.Append(dst, row)
			return dst[:len(dst)-1] // a record ends where it ends
		}
	default:
		e.value = jsonrows.NewEncoder(array.NewRecordBatch(s.values, columns, rows.NumRows())).Append
	}
	return e
}

func appendPlain(dst []byte, column arrow.Array, row int) []byte {
	switch a := column.(type) {
	case *array.String:
		return append(dst, a.Value(row)...)
	case *array.Binary:
		return append(dst, a.Value(row)...)
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(row)), 10)
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(row), 10)
	case *array.Uint64:
		return strconv.AppendUint(dst, a.Value(row), 10)
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(row))
	}
	return append(dst, column.ValueStr(row)...)
}

// put adds a row as a record, which the caller completes, and returns where it
// begins and what its key is; nil for none.
func (s *spool) put(e *encoder, row int, now int64) (at int, key []byte) {
	at = s.begin(now)
	from := len(s.block)
	if e.key != nil && !e.key.IsNull(row) {
		s.block = appendPlain(s.block, e.key, row)
		key = s.block[from:len(s.block):len(s.block)]
		binary.LittleEndian.PutUint32(s.block[at+8:], uint32(len(key)+1))
	}
	if from = len(s.block); !e.empty(row) {
		s.block = e.value(s.block, row)
		binary.LittleEndian.PutUint32(s.block[at+12:], uint32(len(s.block)-from+1))
	}
	for _, column := range e.headers {
		from = len(s.block)
		s.block = append(s.block, 0, 0, 0, 0)
		if !column.IsNull(row) {
			s.block = appendPlain(s.block, column, row)
			binary.LittleEndian.PutUint32(s.block[from:], uint32(len(s.block)-from-lengthBytes+1))
		}
	}
	return at, key
}
