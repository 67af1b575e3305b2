package aggregation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// groups numbers the combinations of group values, from 0, and keeps the key
// of each: bytes that sort as the values do, nulls first, column by column.
type groups struct {
	seed    *seed
	columns []groupColumn
	chain   []numbers // joins the id so far with the id of the next column
	keys    []byte
	ends    []int // by group: where its key ends
}

// groupColumn numbers the values of one column.
type groupColumn struct {
	from    int // which of the loaded columns
	kind    kind
	numbers numbers
	texts   texts
	ids     []uint32 // of the rows in hand
}

// nullID stands for null beside the ids of values.
const nullID = math.MaxUint32

func newGroups(columns []groupColumn) *groups {
	return &groups{seed: newSeed(), columns: columns, chain: make([]numbers, max(1, len(columns)-1))}
}

// empty is the same columns without a group.
func (g *groups) empty() *groups {
	columns := make([]groupColumn, len(g.columns))
	for i, c := range g.columns {
		columns[i] = groupColumn{from: c.from, kind: c.kind}
	}
	return newGroups(columns)
}

func (g *groups) len() int { return len(g.ends) }

// key is the bytes of a group; they must not be changed.
func (g *groups) key(group uint32) []byte {
	from := 0
	if group > 0 {
		from = g.ends[group-1]
	}
	return g.keys[from:g.ends[group]]
}

// number appends the group of each of the rows.
func (g *groups) number(loaded []column, rows, into []uint32) []uint32 {
	for i := range g.columns {
		c := &g.columns[i]
		c.number(&loaded[c.from], rows, g.seed)
	}
	return g.combine(len(rows), into)
}

func (c *groupColumn) number(in *column, rows []uint32, s *seed) {
	c.ids = slices.Grow(c.ids[:0], len(rows))[:len(rows)]
	ids, nulls := c.ids, in.bitmap != nil
	for i, row := range rows {
		switch {
		case nulls && in.null(row):
			ids[i] = nullID
		case c.kind == textKind:
			ids[i] = c.texts.intern(s, in.value(row))
		default:
			ids[i] = c.numbers.intern(in.fixed[row])
		}
	}
}

// combine makes group ids of the ids in the columns, and keeps the keys of
// those that are new.
func (g *groups) combine(rows int, into []uint32) []uint32 {
	if len(g.columns) == 0 {
		if g.len() == 0 {
			g.ends = append(g.ends, 0)
		}
		return append(into, make([]uint32, rows)...)
	}
	before := len(into)
	into = append(into, g.columns[0].ids[:rows]...)
	ids := into[before:]
	for i := range g.chain {
		chain := &g.chain[i]
		if len(g.columns) == 1 {
			for j, id := range ids {
				ids[j] = chain.intern(int64(id))
			}
			break
		}
		for j, id := range g.columns[i+1].ids[:rows] {
			ids[j] = chain.intern(int64(ids[j])<<32 | int64(id))
		}
	}
	for row, id := range ids {
		if int(id) == len(g.ends) { // ids are given in order, so it is new
			g.remember(row)
		}
	}
	return into
}

func (g *groups) remember(row int) {
	for i := range g.columns {
		c := &g.columns[i]
		id := c.ids[row]
		switch {
		case id == nullID:
			g.keys = append(g.keys, keyNull)
		case c.kind == textKind:
			g.keys = appendTextKey(g.keys, c.texts.value(id))
		default:
			g.keys = appendFixedKey(g.keys, c.numbers.values[id])
		}
	}
	g.ends = append(g.ends, len(g.keys))
}

// restore returns the group with the given key.
func (g *groups) restore(key []byte) (uint32, error) {
	var text []byte
	for i := range g.columns {
		c := &g.columns[i]
		id := uint32(nullID)
		v, rest, err := cutKey(key, c.kind, text)
		switch {
		case err != nil:
			return 0, err
		case v.null:
		case c.kind == textKind:
			id = c.texts.intern(g.seed, v.text)
		default:
			id = c.numbers.intern(v.fixed)
		}
		key, text = rest, v.text
		c.ids = append(c.ids[:0], id)
	}
	if len(key) > 0 {
		return 0, errKey
	}
	return g.combine(1, nil)[0], nil
}

// The first byte of each value in a key. Within a text, 0 is written as 0 255,
// and 0 0 ends it: a text sorts before all that it begins.
const (
	keyNull  = 0
	keyValue = 1
)

var errKey = errors.New("the key of a group is damaged")

func appendFixedKey(key []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(append(key, keyValue), uint64(v)^1<<63)
}

func appendTextKey(key, text []byte) []byte {
	key = append(key, keyValue)
	for {
		zero := bytes.IndexByte(text, 0)
		if zero < 0 {
			return append(append(key, text...), 0, 0)
		}
		key = append(append(key, text[:zero]...), 0, 255)
		text = text[zero+1:]
	}
}

// keyPart is one value of a key.
type keyPart struct {
	null  bool
	fixed int64
	text  []byte
}

// cutKey takes the first value off a key. Its text is in room, if that is large
// enough.
func cutKey(key []byte, k kind, room []byte) (keyPart, []byte, error) {
	switch {
	case len(key) > 0 && key[0] == keyNull:
		return keyPart{null: true, text: room}, key[1:], nil
	case len(key) == 0 || key[0] != keyValue:
		return keyPart{}, nil, errKey
	case k == fixedKind:
		if len(key) < 9 {
			return keyPart{}, nil, errKey
		}
		return keyPart{fixed: int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63), text: room}, key[9:], nil
	}
	key, text := key[1:], room[:0]
	for {
		zero := bytes.IndexByte(key, 0)
		if zero < 0 || zero+1 == len(key) {
			return keyPart{}, nil, errKey
		}
		text = append(text, key[:zero]...)
		mark := key[zero+1]
		key = key[zero+2:]
		switch mark {
		case 0:
			return keyPart{text: text}, key, nil
		case 255:
			text = append(text, 0)
		default:
			return keyPart{}, nil, errKey
		}
	}
}

// appendValues adds the values of a group to the columns of a result.
func (g *groups) appendValues(group uint32, into []array.Builder) {
	key := g.key(group)
	var text []byte
	for i := range g.columns {
		part, rest, err := cutKey(key, g.columns[i].kind, text)
		if err != nil {
			panic("aggregation: " + err.Error()) // the key was made by remember
		}
		switch {
		case part.null:
			into[i].AppendNull()
		case g.columns[i].kind == textKind:
			appendText(into[i], part.text)
		default:
			appendFixed(into[i], part.fixed)
		}
		key, text = rest, part.text
	}
}
