package aggregation

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// What cells have come to is read in the order in which they are emitted, in
// which they are far from one another in memory. So it is read column by column,
// in loops that do nothing else: the processor then waits for many cells at once.

// gatherer is an accumulator whose results can be read for many cells in a loop.
// It returns nil where one of them is null, or may not fit.
type gatherer interface {
	results(t arrow.DataType, cells []uint32) arrow.Array
}

var (
	_ gatherer = (*count)(nil)
	_ gatherer = (*intSum)(nil)
)

// fixedColumn is a column without nulls of a type that takes 8 bytes.
func fixedColumn[T int64 | arrow.Timestamp](t arrow.DataType, values []T) arrow.Array {
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(values))}
	return array.MakeFromData(array.NewData(t, len(values), buffers, nil, 0, 0))
}

// gather reads the values of the groups of some cells. They are what size and
// column are of, until the next call.
func (g *groups) gather(cells []ready) {
	for i := range g.columns {
		g.ids[i] = slices.Grow(g.ids[i][:0], len(cells))[:len(cells)]
		g.values[i] = slices.Grow(g.values[i][:0], len(cells))[:len(cells)]
	}
	if len(g.columns) == 0 {
		return
	}
	ids := g.ids[0]
	for i, c := range cells {
		ids[i] = c.group
	}
	for i := len(g.joins) - 1; i >= 0; i-- {
		g.gatherJoin(i, ids)
	}
	for i := range g.columns {
		from, into := &g.columns[i].values.values, g.values[i]
		for at, id := range g.ids[i] {
			into[at] = *from.at(id)
		}
	}
}

// gatherJoin makes of the ids of a join those of what it joins.
func (g *groups) gatherJoin(join int, ids []uint32) {
	from := &g.joins[join].values
	first, two := g.joined(join)
	second := g.ids[first]
	if !two {
		for at, id := range ids {
			d := from.at(id).first
			ids[at], second[at] = uint32(d>>32), uint32(d)
		}
		return
	}
	third := g.ids[first+1]
	for at, id := range ids {
		d := from.at(id)
		ids[at], second[at], third[at] = uint32(d.first>>32), uint32(d.first), uint32(d.last)
	}
}

// size is about how many bytes the values of a gathered group take in a result.
func (g *groups) size(at int) int {
	n := 0
	for i := range g.columns {
		n += 8
		if c := &g.columns[i]; c.kind == textKind {
			n += c.values.length(g.values[i][at])
		}
	}
	return n
}

// column is the values of one column of the first n gathered groups.
func (g *groups) column(i, n int, b array.Builder) arrow.Array {
	c, values := &g.columns[i], g.values[i][:n]
	if b.Type().ID() == arrow.STRING {
		if column := g.texts(c, values, b.Type()); column != nil {
			return column
		}
	}
	b.Reserve(n)
	for _, d := range values {
		switch {
		case d.last == nullMark:
			b.AppendNull()
		case c.kind == textKind:
			appendText(b, c.values.text(d, &g.scratch))
		default:
			appendFixed(b, int64(d.first))
		}
	}
	return b.NewArray()
}

// texts is a column of texts, nil if one of them is null.
func (g *groups) texts(c *groupColumn, values []digest, t arrow.DataType) arrow.Array {
	size := 0
	for _, d := range values {
		if d.last == nullMark {
			return nil
		}
		size += c.values.length(d)
	}
	offsets, data := make([]int32, 1, len(values)+1), make([]byte, 0, size)
	for _, d := range values {
		data = append(data, c.values.text(d, &g.scratch)...)
		offsets = append(offsets, int32(len(data)))
	}
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(offsets)),
		memory.NewBufferBytes(data)}
	return array.MakeFromData(array.NewData(t, len(values), buffers, nil, 0, 0))
}
