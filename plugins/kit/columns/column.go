package columns

import (
	"fmt"
	"math"
	"slices"
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

	field  arrow.Field
	times  *times // how text becomes a time, if not as usual
	unit   int64  // of a timestamp kept as a number: its microseconds; 0: text
	clock  Clock
	n      int   // whole rows: the row being built has this index
	state  state // of the row being built
	bad    string
	inside []Column // of a struct: its fields; of a list: its items
	wrong  *wrong   // of the list being built: its first bad item
	had    bool     // a row had a null or a bad value; after newArray also: any value

	// One of these holds the values, by kind; data also holds bools, a byte each.
	// What is behind the rows is free capacity: data of texts, offsets and i64 are as long
	// as they can be, so that a value is stored without a change of the slice.
	data    []byte
	offsets []int32
	i32     []int32 // float32 as bits
	i64     []int64 // uint64 and float64 as bits
	dec     []decimal128.Num

	valid []byte // bit per row, made with the first null; every bit that is not a null's is set
	nulls int
}

// newColumn makes a column of a spec that was validated. name is what the
// column is in the input.
func newColumn(name string, f arrow.Field, spec *sdk.Column) Column {
	c := Column{Name: name, Kind: KindOf(f), field: f}
	switch t := f.Type.(type) {
	case *arrow.ListType:
		c.inside = []Column{newColumn("", t.ElemField(), spec)}
	case *arrow.StructType:
		for i, field := range t.Fields() {
			inside := &spec.Fields[i].Value
			c.inside = append(c.inside, newColumn(inside.Source(field.Name), field, inside))
		}
	case *arrow.TimestampType, *arrow.Date32Type, *arrow.Time64Type:
		c.unit, c.times = timesOf(spec)
	}
	return c
}

// Unix reports whether the column is a timestamp that is written as a number.
func (c *Column) Unix() bool { return c.unit != 0 }

// Plain reports whether the column's text is read as usual: a schema says nothing
// of its form.
func (c *Column) Plain() bool { return c.unit == 0 && c.times == nil }

// Patterned reports whether the column is a time that is written by a pattern,
// which a number may follow as well as a text.
func (c *Column) Patterned() bool { return c.times != nil && c.times.layout != nil }

// SetBytes sets the row to text or bytes as they are. Text must be UTF-8.
func (c *Column) SetBytes(b []byte) {
	if available := c.Available(); len(b) <= len(available) {
		copy(available, b)
		c.Wrote(len(b))
		return
	}
	c.Finish(append(c.Start(), b...))
}

// Available is the free capacity for the bytes of the row being built: write to it,
// and call Wrote with the number of bytes.
func (c *Column) Available() []byte {
	if c.n+1 >= len(c.offsets) {
		c.moreOffsets()
	}
	return c.data[c.offsets[c.n]:]
}

// Wrote sets the row to the first n bytes of Available.
func (c *Column) Wrote(n int) {
	c.offsets[c.n+1] = c.offsets[c.n] + int32(n)
	c.state = isSet
}

func (c *Column) moreOffsets() { c.offsets = longer(c.offsets, c.n+2) }

// longer returns s, grown to at least n elements, at the length of its capacity.
func longer[T any](s []T, n int) []T {
	s = slices.Grow(s, n-len(s))
	return s[:cap(s)]
}

// Start is where the bytes of the row being built go: append to it, and hand
// the result to Finish.
func (c *Column) Start() []byte {
	if c.n+1 >= len(c.offsets) {
		c.moreOffsets()
	}
	return c.data[:c.offsets[c.n]]
}

// Finish sets the row to what was appended to Start.
func (c *Column) Finish(data []byte) {
	if cap(data) != len(c.data) {
		c.data = data[:cap(data)]
	}
	c.offsets[c.n+1] = int32(len(data))
	c.state = isSet
}

// SetInt sets the row of an Int64, Timestamp (microseconds) or Time column.
func (c *Column) SetInt(v int64) {
	if c.n >= len(c.i64) {
		c.i64 = longer(c.i64, c.n+1)
	}
	c.i64[c.n] = v
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
func (c *Column) SetNull() { c.state, c.had = isNull, true }

// SetBad makes the row one that Commit refuses: got is what came instead of a
// value, as it should be shown.
func (c *Column) SetBad(got string) {
	c.state, c.bad, c.wrong, c.had = isBad, got, nil, true
}

// Want is what the column takes, with its article: "an int64".
func (c *Column) Want() string {
	name := "json"
	if c.Kind != JSON {
		name = sdk.TypeName(c.field.Type)
	}
	if c.Kind == Struct {
		name = "struct"
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
	if c.Patterned() {
		name += " (" + c.times.pattern + ")"
	} else if c.Kind == Timestamp && c.unit == 0 {
		name += " such as 2026-01-31T09:30:00Z"
	}
	return article + name
}

// fault is why the row being built cannot be taken, or nil.
func (c *Column) fault() error {
	if w := c.problem(); w != nil {
		return fmt.Errorf("%s: want %s, got %s", join(c.Name, w.path), w.want, w.got)
	}
	return nil
}

// writeNull ends the row being built as a null, or, under a null where there
// can be none, as a value that nobody sees.
func (c *Column) writeNull() {
	c.writeEmpty()
	if !c.field.Nullable {
		return
	}
	c.fillValid(c.n + 1)
	c.valid[c.n/8] &^= 1 << (c.n % 8)
	c.nulls++
}

func (c *Column) writeEmpty() {
	if c.isNested() {
		c.emptyInside()
		return
	}
	switch c.Kind.width() {
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
}

// fillValid makes the bitmap long enough for rows.
func (c *Column) fillValid(rows int) {
	for len(c.valid) < (rows+7)/8 {
		c.valid = append(c.valid, 0xff)
	}
}

// newArray makes an array of the rows and resets the column, with the capacity for as many.
func (c *Column) newArray() arrow.Array {
	var valid *memory.Buffer
	c.had = c.had || c.n > c.nulls
	if c.nulls > 0 {
		c.fillValid(c.n)
		valid = memory.NewBufferBytes(c.valid)
	}
	if c.isNested() {
		return c.newNestedArray(valid)
	}
	buffers := []*memory.Buffer{valid, nil}
	switch c.Kind.width() {
	case 0:
		if c.offsets == nil {
			c.offsets = make([]int32, 1)
		}
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets[:c.n+1]))
		buffers = append(buffers, memory.NewBufferBytes(c.data[:c.offsets[c.n]]))
	case 1:
		buffers[1] = memory.NewBufferBytes(packBits(c.data[:c.n]))
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
// are a little larger than the last ones were used: a stream's batches resemble
// each other.
func (c *Column) renew() {
	rows, size := c.n+c.n/16, 0
	if c.offsets != nil {
		size = int(c.offsets[c.n])
	}
	c.n, c.state, c.nulls, c.valid = 0, unset, 0, nil
	switch c.Kind.width() {
	case 0:
		c.data = make([]byte, size+size/16)
		c.offsets = make([]int32, rows+1)
	case 1:
		c.data = c.data[:0] // packBits copied it
	case 4:
		c.i32 = make([]int32, 0, rows)
	case 8:
		c.i64 = make([]int64, rows)
	case 16:
		c.dec = make([]decimal128.Num, 0, rows)
	}
}

func packBits(bools []byte) []byte {
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
