package columns

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// wrong is why a value cannot be taken. path leads to it from the column.
type wrong struct{ path, want, got string }

func join(path, below string) string {
	if path == "" || below == "" {
		return path + below
	}
	return path + "." + below
}

func (c *Column) isNested() bool { return c.Kind == List || c.Kind == Struct }

// Inside are the fields of a Struct, or the one column of a List's items.
func (c *Column) Inside() []Column { return c.inside }

// Begin starts a list or struct in the row being built, and forgets what was
// set before. Set a struct's fields then, and End it; of a list, set each item
// and EndItem it.
func (c *Column) Begin() {
	c.state, c.wrong = unset, nil
	if c.Kind == List {
		c.inside[0].rewind(c.first())
		return
	}
	for i := range c.inside {
		c.inside[i].state = unset
	}
}

// End sets the row to what was set since Begin.
func (c *Column) End() {
	if c.Kind == List {
		c.offsets = append(c.offsets[:c.n+1], int32(c.inside[0].n))
	}
	c.state = isSet
	if c.wrong != nil {
		c.state = isBad
	}
}

// EndItem ends an item of a list. It returns false if no more are needed: the
// list cannot be taken.
func (c *Column) EndItem() bool {
	item := &c.inside[0]
	number := item.n - c.first()
	if w := item.problem(); w != nil {
		c.wrong = &wrong{join(strconv.Itoa(number), w.path), w.want, w.got}
		return false
	}
	item.commit()
	const every = 1024 // items of the column, not of the list: lists in lists may be short
	if item.n%every == 0 && item.size() > 2*sdk.MaxBatchBytes {
		c.wrong = &wrong{"", "a list that fits into " + sdk.Bytes(sdk.MaxBatchBytes).String(), "a larger one"}
		return false
	}
	return true
}

// first is where the items of the list being built begin.
func (c *Column) first() int {
	if c.offsets == nil {
		c.offsets = append(c.offsets, 0)
	}
	return int(c.offsets[c.n])
}

// Unset takes back what the row being built was set to.
func (c *Column) Unset() { c.state = unset }

// problem is what is wrong with the row being built, or nil.
func (c *Column) problem() *wrong {
	switch {
	case c.state == isBad && c.wrong != nil:
		return c.wrong
	case c.state == isBad:
		return &wrong{"", c.Want(), c.bad + c.formatHint()}
	case c.state == isSet && c.Kind == Struct:
		for i := range c.inside {
			if w := c.inside[i].problem(); w != nil {
				return &wrong{join(c.inside[i].Name, w.path), w.want, w.got}
			}
		}
		return nil
	case c.state == isSet, c.field.Nullable:
		return nil
	case c.state == unset:
		return &wrong{"", c.Want(), "nothing"}
	}
	return &wrong{"", c.Want(), "null"}
}

// commit ends an element whose problem was looked at.
func (c *Column) commit() {
	c.commitInside()
	if c.state != isSet {
		c.writeNull()
	}
	c.state = unset
	c.n++
}

// commitInside ends the fields of a struct. Those of a null are ended with it,
// the items of a list have been.
func (c *Column) commitInside() {
	if c.Kind != Struct || c.state != isSet {
		return
	}
	for i := range c.inside {
		c.inside[i].commit()
	}
}

// emptyInside ends what is in a list or struct that is null.
func (c *Column) emptyInside() {
	if c.Kind == List {
		c.inside[0].rewind(c.first())
		c.offsets = append(c.offsets[:c.n+1], c.offsets[c.n])
		return
	}
	for i := range c.inside {
		c.inside[i].state = unset
		c.inside[i].commit()
	}
}

// rewind takes back the elements from n on, and the one being built.
func (c *Column) rewind(n int) {
	c.state = unset
	for i := n; i < c.n && c.nulls > 0 && i/8 < len(c.valid); i++ {
		if bit := byte(1) << (i % 8); c.valid[i/8]&bit == 0 {
			c.valid[i/8] |= bit
			c.nulls--
		}
	}
	c.n = n
	switch c.Kind {
	case List:
		c.inside[0].rewind(c.first())
	case Struct:
		for i := range c.inside {
			c.inside[i].rewind(n)
		}
	}
}

// size is the bytes of the column's elements.
func (c *Column) size() int {
	size := 0
	switch width := c.Kind.width(); {
	case c.isNested():
		for i := range c.inside {
			size += c.inside[i].size()
		}
		if c.Kind == List {
			size += 4 * c.n
		}
	case width > 0:
		size = width * c.n
	case c.offsets != nil:
		size = 4*c.n + int(c.offsets[c.n])
	}
	return size
}

// fixed is the bytes that an element takes however short its text is.
func (c *Column) fixed() int {
	const validity = 1 // a bit, rounded up
	switch width := c.Kind.width(); {
	case c.Kind == Struct:
		size := validity
		for i := range c.inside {
			size += c.inside[i].fixed()
		}
		return size
	case width > 0:
		return width + validity
	}
	return 4 + validity
}

// growth is the most bytes that lists make of one byte of JSON text: an item
// has two bytes of it at the least, as the 1, of [1,2].
func (c *Column) growth() int {
	growth := 0
	if c.Kind == List {
		growth = (c.inside[0].fixed() + 1) / 2
	}
	for i := range c.inside {
		growth += c.inside[i].growth()
	}
	return growth
}

// newNestedArray is newArray for a list or struct.
func (c *Column) newNestedArray(valid *memory.Buffer) arrow.Array {
	buffers := []*memory.Buffer{valid}
	if c.Kind == List {
		c.inside[0].rewind(c.first()) // what a row that was dropped has left behind
		ends := append(make([]int32, 0, c.n+1), c.offsets[:c.n+1]...)
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends)))
	}
	inside := make([]arrow.ArrayData, len(c.inside))
	for i := range c.inside {
		inside[i] = c.inside[i].newArray().Data()
	}
	made := array.MakeFromData(array.NewData(c.field.Type, c.n, buffers, inside, c.nulls, 0))
	c.n, c.state, c.nulls, c.valid, c.offsets = 0, unset, 0, nil, c.offsets[:0]
	if c.Kind == List {
		c.offsets = append(c.offsets, 0)
	}
	return made
}
