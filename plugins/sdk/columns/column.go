package columns

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

type state uint8

const (
	unset state = iota
	isSet
	isNull
	isBad
)

// Column is a column being built. The row being built may be set any number of
// times; the last time wins.
type Column struct {
	Name string
	Kind Kind

	field arrow.Field
	unit  int64 // of a timestamp kept as a number: its microseconds; 0: RFC 3339
	clock Clock
	n     int   // whole rows: the row being built has this index
	state state // of the row being built
	bad   string

	// One of these holds the values, by kind; data also holds bools, a byte each.
	data    []byte
	offsets []int32
	i32     []int32 // float32 as bits
	i64     []int64 // uint64 and float64 as bits
	dec     []decimal128.Num

	valid []byte // bit per row, made with the first null; every bit that is not a null's is set
	nulls int
}

func newColumn(f arrow.Field, format string) Column {
	c := Column{Name: f.Name, Kind: KindOf(f), field: f}
	switch format {
	case "unix_s":
		c.unit = 1_000_000
	case "unix_ms":
		c.unit = 1_000
	case "unix_us":
		c.unit = 1
	}
	return c
}

// Unix tells whether the column is a timestamp that is written as a number.
func (c *Column) Unix() bool { return c.unit != 0 }

// SetBytes sets the row to text or bytes as they are. Text must be UTF-8.
func (c *Column) SetBytes(b []byte) {
	c.Finish(append(c.Start(), b...))
}

// Start is where the bytes of the row being built go: append to it, and hand
// the result to Finish.
func (c *Column) Start() []byte {
	if c.offsets == nil {
		c.offsets = append(c.offsets, 0)
	}
	return c.data[:c.offsets[c.n]]
}

// Finish sets the row to what was appended to Start.
func (c *Column) Finish(data []byte) {
	c.data = data
	c.offsets = append(c.offsets[:c.n+1], int32(len(data)))
	c.state = isSet
}

// SetInt sets the row of an Int64, Timestamp (microseconds) or Time column.
func (c *Column) SetInt(v int64) {
	c.i64 = append(c.i64[:c.n], v)
	c.state = isSet
}

// SetFloat sets the row of a Float64 column.
func (c *Column) SetFloat(v float64) {
	c.SetInt(int64(math.Float64bits(v)))
}

// SetInt32 sets the row of an Int32 or Date column.
func (c *Column) SetInt32(v int32) {
	c.i32 = append(c.i32[:c.n], v)
	c.state = isSet
}

// SetBool sets the row of a Bool column.
func (c *Column) SetBool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	c.data = append(c.data[:c.n], b)
	c.state = isSet
}

// SetNull sets the row to null.
func (c *Column) SetNull() { c.state = isNull }

// SetBad makes the row one that Commit refuses: got is what came instead of a
// value, as it should be shown.
func (c *Column) SetBad(got string) {
	c.state, c.bad = isBad, got
}

// Want is what the column takes, with its article: "an int64".
func (c *Column) Want() string {
	name := "json"
	if c.Kind != JSON {
		name = sdk.TypeName(c.field.Type)
	}
	article := "a "
	if strings.HasPrefix(name, "i") {
		article = "an "
	}
	if c.Kind == JSON || c.Kind == Bytes {
		article = ""
	}
	switch c.unit {
	case 1_000_000:
		name += " (unix_s)"
	case 1_000:
		name += " (unix_ms)"
	case 1:
		name += " (unix_us)"
	}
	return article + name
}

// fault is why the row being built cannot be taken, or nil.
func (c *Column) fault() error {
	switch {
	case c.state == isBad:
		return fmt.Errorf("%s: want %s, got %s", c.Name, c.Want(), c.bad)
	case c.field.Nullable:
		return nil
	case c.state == unset:
		return fmt.Errorf("%s: want %s, got nothing", c.Name, c.Want())
	}
	return fmt.Errorf("%s: want %s, got null", c.Name, c.Want())
}

// writeNull ends the row being built as a null.
func (c *Column) writeNull() {
	switch c.Kind.wide() {
	case 0:
		c.Finish(c.Start())
	case 1:
		c.SetBool(false)
	case 4:
		c.SetInt32(0)
	case 8:
		c.SetInt(0)
	case 16:
		c.dec = append(c.dec[:c.n], decimal128.Num{})
	}
	c.fillValid(c.n + 1)
	c.valid[c.n/8] &^= 1 << (c.n % 8)
	c.nulls++
}

// fillValid makes the bitmap long enough for rows.
func (c *Column) fillValid(rows int) {
	for len(c.valid) < (rows+7)/8 {
		c.valid = append(c.valid, 0xff)
	}
}

// take makes an array of the rows and starts anew, with room for as many.
func (c *Column) take() arrow.Array {
	var valid *memory.Buffer
	if c.nulls > 0 {
		c.fillValid(c.n)
		valid = memory.NewBufferBytes(c.valid)
	}
	buffers := []*memory.Buffer{valid, nil}
	switch c.Kind.wide() {
	case 0:
		if c.offsets == nil {
			c.offsets = []int32{0}
		}
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets[:c.n+1]))
		buffers = append(buffers, memory.NewBufferBytes(c.data[:c.offsets[c.n]]))
	case 1:
		buffers[1] = memory.NewBufferBytes(packed(c.data[:c.n]))
	case 4:
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.i32[:c.n]))
	case 8:
		buffers[1] = memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.i64[:c.n]))
	case 16:
		buffers[1] = memory.NewBufferBytes(arrow.Decimal128Traits.CastToBytes(c.dec[:c.n]))
	}
	made := array.MakeFromData(array.NewData(c.field.Type, c.n, buffers, nil, c.nulls, 0))
	c.renew()
	return made
}

// renew gives the column fresh buffers; those before belong to the array. They
// are as large as the last ones were used: a stream's batches resemble each other.
func (c *Column) renew() {
	rows, size := c.n, 0
	if c.offsets != nil {
		size = int(c.offsets[c.n])
	}
	c.n, c.state, c.nulls, c.valid = 0, unset, 0, nil
	switch c.Kind.wide() {
	case 0:
		c.data = make([]byte, 0, size+size/16)
		c.offsets = append(make([]int32, 0, rows+1), 0)
	case 1:
		c.data = c.data[:0] // packed copied it
	case 4:
		c.i32 = make([]int32, 0, rows)
	case 8:
		c.i64 = make([]int64, 0, rows)
	case 16:
		c.dec = make([]decimal128.Num, 0, rows)
	}
}

func packed(bools []byte) []byte {
	bits := make([]byte, (len(bools)+7)/8)
	for i, b := range bools {
		bits[i/8] |= b << (i % 8)
	}
	return bits
}

// Quoted is text as messages show it: in quotes, and not too much of it.
func Quoted(text []byte) string {
	const most = 60
	end := 0
	for i := range string(text[:min(len(text), 4*most+4)]) {
		if end++; end > most {
			return strconv.Quote(string(text[:i])) + "…"
		}
	}
	return strconv.Quote(string(text))
}
