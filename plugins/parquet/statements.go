package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// What a file states about its values (least, greatest) is what readers skip row
// groups and pages by: a statement that leaves a value out loses rows. parquet-go
// makes some that do: of NaN in dictionaries; of bytes beyond 0xFF…; and of columns
// whose bounds are switched off, whose page index says zero. So the end of each file is
// corrected before it is written: what does not hold for every value is left out.

// ending passes a file on, and keeps back its end: the page index and the footer.
type ending struct {
	out  io.Writer
	size int64 // passed on
	keep bool
	kept bytes.Buffer
}

func (e *ending) Write(p []byte) (int, error) {
	if e.keep {
		return e.kept.Write(p)
	}
	n, err := e.out.Write(p)
	e.size += int64(n)
	return n, err
}

// finish writes the end of the file. The bounds of those columns of row groups that are
// unbounded are left out of the footer; their page index, which readers of parquet-go
// want of every column or of none, says the least and greatest that the type has.
func (e *ending) finish(unbounded func(group, column int) bool) error {
	data := e.kept.Bytes()
	at := len(data) - trailerSize
	if at < 0 || int(binary.LittleEndian.Uint32(data[at:])) > at {
		return fmt.Errorf("want a footer, got %d bytes", len(data))
	}
	begin := at - int(binary.LittleEndian.Uint32(data[at:]))
	protocol, meta := &thrift.CompactProtocol{}, &format.FileMetaData{}
	if err := thrift.Unmarshal(protocol, data[begin:at], meta); err != nil {
		return err
	}
	indexStart := begin // behind the rows of the last row group, which are in the buffer too
	if len(meta.RowGroups) > 0 {
		indexStart = int(meta.RowGroups[0].Columns[0].ColumnIndexOffset - e.size)
	}
	if indexStart < 0 || indexStart > begin {
		return fmt.Errorf("want a page index before the footer, got one at %d", indexStart)
	}
	if _, err := e.out.Write(data[:indexStart]); err != nil {
		return err
	}
	index := &pageIndex{from: e.size + int64(indexStart), old: data[indexStart:begin]}
	var chunks []*format.ColumnChunk
	for g := range meta.RowGroups {
		for c := range meta.RowGroups[g].Columns {
			chunk := &meta.RowGroups[g].Columns[c]
			if err := index.column(chunk, unbounded(g, c)); err != nil {
				return err
			}
			correct(&chunk.MetaData, unbounded(g, c))
			chunks = append(chunks, chunk)
		}
	}
	if err := index.offsets(chunks); err != nil {
		return err
	}
	footer, err := thrift.Marshal(protocol, meta)
	if err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(append(index.made, footer...), uint32(len(footer)))
	_, err = e.out.Write(append(end, magic...))
	return err
}

// correct leaves out of the statistics what does not hold, or is too long for them.
func correct(meta *format.ColumnMetaData, unbounded bool) {
	s := &meta.Statistics
	if unbounded || max(len(s.MinValue), len(s.MaxValue)) > longValue {
		s.MinValue, s.MaxValue = nil, nil
	}
	zeros(meta)
}

// pageIndex is the part of a file that says which values are in which pages, made anew.
type pageIndex struct {
	from int64 // where it begins in the file
	old  []byte
	made []byte
	none bool // one of the columns cannot have any
}

// part is a piece of the old one.
func (x *pageIndex) part(offset int64, length int32) ([]byte, error) {
	at := offset - x.from
	if at < 0 || length < 0 || at > int64(len(x.old)) || int64(length) > int64(len(x.old))-at {
		return nil, fmt.Errorf("want a page index of %d bytes at %d, got one of %d at %d", length, offset, len(x.old), x.from)
	}
	return x.old[at:][:length], nil
}

// column makes the index of one column in one row group.
func (x *pageIndex) column(chunk *format.ColumnChunk, unbounded bool) error {
	data, err := x.part(chunk.ColumnIndexOffset, chunk.ColumnIndexLength)
	if err != nil {
		return err
	}
	if t := chunk.MetaData.Type; unbounded || t == format.ByteArray {
		protocol, pages := &thrift.CompactProtocol{}, &format.ColumnIndex{}
		if err := thrift.Unmarshal(protocol, data, pages); err != nil {
			return err
		}
		if unbounded {
			err = widen(pages, t)
		} else {
			x.lift(pages, chunk.MetaData.Statistics.MaxValue)
		}
		if err != nil {
			return err
		}
		if data, err = thrift.Marshal(protocol, pages); err != nil {
			return err
		}
	}
	chunk.ColumnIndexOffset, chunk.ColumnIndexLength = x.from+int64(len(x.made)), int32(len(data))
	x.made = append(x.made, data...)
	return nil
}

// widen makes the bounds of all pages those of the type.
func widen(pages *format.ColumnIndex, t format.Type) error {
	var least, greatest []byte
	switch t {
	case format.Float:
		least = binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.Inf(-1))))
		greatest = binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.Inf(1))))
	case format.Double:
		least = binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Inf(-1)))
		greatest = binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Inf(1)))
	case format.FixedLenByteArray: // a decimal
		least = append([]byte{0x80}, make([]byte, 15)...)
		greatest = append([]byte{0x7f}, bytes.Repeat([]byte{0xff}, 15)...)
	default:
		return fmt.Errorf("want a type with a least and a greatest value, got %s", t)
	}
	n := len(pages.NullPages)
	pages.MinValues, pages.MaxValues = make([][]byte, n), make([][]byte, n)
	for i, null := range pages.NullPages {
		if !null {
			pages.MinValues[i], pages.MaxValues[i] = least, greatest
		} else {
			pages.MinValues[i], pages.MaxValues[i] = []byte{}, []byte{}
		}
	}
	pages.BoundaryOrder = format.Unordered
	return nil
}

// lift corrects the greatest values of pages that cannot be truncated: parquet-go counts
// the last byte up, and gives up where all are 0xFF, with less than the value.
func (x *pageIndex) lift(pages *format.ColumnIndex, greatest []byte) {
	for i, truncated := range pages.MaxValues {
		if len(truncated) < pq.DefaultColumnIndexSizeLimit || len(bytes.TrimLeft(truncated, "\xff")) > 0 {
			continue
		}
		if pages.MaxValues[i] = greatest; len(greatest) > longValue || len(greatest) == 0 {
			x.none = true
		}
	}
}

// offsets adds where the pages are, behind all columns' bounds.
func (x *pageIndex) offsets(chunks []*format.ColumnChunk) error {
	if x.none {
		x.made = nil
	}
	for _, chunk := range chunks {
		data, err := x.part(chunk.OffsetIndexOffset, chunk.OffsetIndexLength)
		if err != nil {
			return err
		}
		chunk.OffsetIndexOffset = x.from + int64(len(x.made))
		x.made = append(x.made, data...)
		if x.none {
			chunk.ColumnIndexOffset, chunk.ColumnIndexLength = 0, 0
		}
	}
	return nil
}

// zeros makes the bounds of floats hold both zeros, which are equal but not for all
// readers.
func zeros(meta *format.ColumnMetaData) {
	s := &meta.Statistics
	sign := func(v []byte, negative byte) {
		if len(v) > 0 && len(bytes.TrimLeft(v[:len(v)-1], "\x00")) == 0 && v[len(v)-1]&0x7f == 0 {
			v[len(v)-1] = negative
		}
	}
	if meta.Type == format.Float || meta.Type == format.Double {
		sign(s.MinValue, 0x80)
		sign(s.MaxValue, 0)
	}
}

// isNaN reports whether a value is NaN.
func isNaN(v pq.Value) bool {
	switch v.Kind() {
	case pq.Float:
		return v.Float() != v.Float()
	case pq.Double:
		return math.IsNaN(v.Double())
	}
	return false
}

// hasNaN reports whether one of an array's values is NaN.
func hasNaN(a arrow.Array) bool {
	switch a := a.(type) {
	case *array.Float32:
		return slices.ContainsFunc(a.Float32Values(), func(v float32) bool { return v != v })
	case *array.Float64:
		return slices.ContainsFunc(a.Float64Values(), func(v float64) bool { return v != v })
	}
	return false
}

// output writes one file through parquet-go, but for its end.
type output struct {
	*pq.GenericWriter[any]
	end    *ending
	always []bool                // by column: no bounds are stated
	groups map[[2]int32]struct{} // row groups and columns of which none are
	group  int32                 // at hand
}

func newOutput(out io.Writer, choices []choice, settings []pq.WriterOption) *output {
	o := &output{end: &ending{out: out}, groups: map[[2]int32]struct{}{}}
	for _, c := range choices {
		o.always = append(o.always, c.noBounds)
	}
	o.GenericWriter = pq.NewGenericWriter[any](o.end, settings...)
	return o
}

// leaveOut states no bounds of a column in the row group at hand.
func (o *output) leaveOut(column int) { o.groups[[2]int32{o.group, int32(column)}] = struct{}{} }

func (o *output) unbounded(group, column int) bool {
	_, ok := o.groups[[2]int32{int32(group), int32(column)}]
	return ok || o.always[column]
}

// copyGroup writes a row group of another file as it is, which has its bounds.
func (o *output) copyGroup(group pq.RowGroup) error {
	if _, err := o.WriteRowGroup(group); err != nil {
		return fmt.Errorf("copying a row group: %w", err)
	}
	o.group++
	return nil
}

// endGroup writes the row group at hand, which has rows.
func (o *output) endGroup() error {
	if err := o.Flush(); err != nil {
		return fmt.Errorf("writing a row group: %w", err)
	}
	o.group++
	return nil
}

// close writes the footer, behind the last row group.
func (o *output) close() error {
	o.end.keep = true
	err := o.Close()
	if err == nil {
		err = o.end.finish(o.unbounded)
	}
	if err != nil {
		return fmt.Errorf("writing the footer: %w", err)
	}
	return nil
}
