package aggregation

import (
	"bytes"
	"slices"
)

// groups numbers the combinations of group values, from 0. The values
// of a group follow from its number: each table keeps by id what it numbered.
type groups struct {
	seed    *seed
	columns []groupColumn
	joins   []texts // the first joins the ids of three columns, each other one two more to it
	any     bool    // the one group of no columns
	lookup  *lookup
	ids     [][]uint32 // by column, of the rows in hand
	values  [][]digest // by column, of the groups gathered last
	parts   []uint32   // of the group in hand: the id of each column
	scratch [16]byte
}

// groupColumn numbers the values of one column.
type groupColumn struct {
	from   int // which of the loaded columns
	kind   kind
	values texts
}

func newGroups(columns []groupColumn) *groups {
	return &groups{seed: newSeed(), columns: columns, joins: make([]texts, len(columns)/2), lookup: &lookup{},
		ids: make([][]uint32, len(columns)), values: make([][]digest, len(columns)),
		parts: make([]uint32, len(columns))}
}

// empty is the same columns without a group.
func (g *groups) empty() *groups {
	columns := make([]groupColumn, len(g.columns))
	for i, c := range g.columns {
		columns[i] = groupColumn{from: c.from, kind: c.kind}
	}
	return newGroups(columns)
}

// reader is the same groups for another goroutine, which only reads of them.
func (g *groups) reader() *groups {
	r := *g
	r.parts = make([]uint32, len(g.parts))
	return &r
}

func (g *groups) len() int {
	if t := g.last(); t != nil {
		return t.len()
	}
	if g.any {
		return 1
	}
	return 0
}

// last is the table whose ids are the groups, nil without columns.
func (g *groups) last() *texts {
	switch {
	case len(g.joins) > 0:
		return &g.joins[len(g.joins)-1]
	case len(g.columns) > 0:
		return &g.columns[0].values
	}
	return nil
}

// joined is the columns that a join adds to those so far: one or two.
func (g *groups) joined(join int) (first int, two bool) {
	first = 2*join + 1
	return first, first+1 < len(g.columns)
}

// number appends the group of each of the rows.
func (g *groups) number(loaded []column, rows, into []uint32) []uint32 {
	before := len(into)
	into = slices.Grow(into, len(rows))[:before+len(rows)]
	ids := into[before:]
	if len(g.columns) == 0 {
		g.any = true
		clear(ids)
		return into
	}
	for i := range g.columns {
		of := ids
		if i > 0 {
			g.ids[i] = slices.Grow(g.ids[i][:0], len(rows))[:len(rows)]
			of = g.ids[i]
		}
		c := &g.columns[i]
		c.number(&loaded[c.from], rows, of, g.seed, g.lookup)
	}
	for i := range g.joins {
		g.join(i, ids)
	}
	return into
}

func (c *groupColumn) number(in *column, rows, ids []uint32, s *seed, l *lookup) {
	for from := 0; from < len(rows); from += stage {
		some := rows[from:min(from+stage, len(rows))]
		c.digests(in, some, s, l)
		c.values.addAll(s, l, ids[from:from+len(some)], func(i int) []byte { return in.value(some[i]) })
	}
}

func (c *groupColumn) digests(in *column, rows []uint32, s *seed, l *lookup) {
	digests := l.digests[:len(rows)]
	if c.kind == textKind {
		s.digestAll(in, rows, digests)
	} else {
		for i, row := range rows {
			digests[i] = digest{uint64(in.fixed[row]), fixedMark}
		}
	}
	if in.bitmap == nil {
		return
	}
	for i, row := range rows {
		if in.null(row) {
			digests[i] = digest{last: nullMark}
		}
	}
}

// join makes group ids of the ids so far and those of the join's columns.
func (g *groups) join(join int, ids []uint32) {
	first, two := g.joined(join)
	l := g.lookup
	second := g.ids[first]
	var third []uint32
	if two {
		third = g.ids[first+1]
	}
	for from := 0; from < len(ids); from += stage {
		some := ids[from:min(from+stage, len(ids))]
		for i, id := range some {
			l.digests[i] = digest{first: uint64(id)<<32 | uint64(second[from+i])}
		}
		if third != nil {
			for i := range some {
				l.digests[i].last = uint64(third[from+i])
			}
		}
		g.joins[join].addAll(g.seed, l, some, nil)
	}
}

// split is the ids of a group's columns. They are valid until the next call.
func (g *groups) split(group uint32) []uint32 {
	for i := len(g.joins) - 1; i >= 0; i-- {
		d := g.joins[i].values.at(group)
		first, two := g.joined(i)
		group, g.parts[first] = uint32(d.first>>32), uint32(d.first)
		if two {
			g.parts[first+1] = uint32(d.last)
		}
	}
	if len(g.columns) > 0 {
		g.parts[0] = group
	}
	return g.parts
}

// one numbers a single group by the ids of its columns, which are in g.parts.
func (g *groups) one() uint32 {
	if len(g.columns) == 0 {
		g.any = true
		return 0
	}
	group := g.parts[0]
	for i := range g.joins {
		first, two := g.joined(i)
		d := digest{first: uint64(group)<<32 | uint64(g.parts[first])}
		if two {
			d.last = uint64(g.parts[first+1])
		}
		group = g.joins[i].add(g.seed, d, nil)
	}
	return group
}

// adopt numbers a group of other groups of the same columns.
func (g *groups) adopt(other *groups, group uint32) uint32 {
	for i, id := range other.split(group) {
		from, c := &other.columns[i].values, &g.columns[i].values
		if d := *from.values.at(id); g.columns[i].kind == fixedKind || d.last == nullMark {
			g.parts[i] = c.add(g.seed, d, nil)
		} else {
			g.parts[i] = c.intern(g.seed, from.value(id, &g.scratch))
		}
	}
	return g.one()
}

// appendKey appends the bytes that stand for a group: they sort as its values do.
func (g *groups) appendKey(key []byte, group uint32) []byte {
	for i, id := range g.split(group) {
		c := &g.columns[i]
		switch d := c.values.values.at(id); {
		case d.last == nullMark:
			key = append(key, keyNull)
		case c.kind == textKind:
			key = appendTextKey(key, c.values.value(id, &g.scratch))
		default:
			key = appendFixedKey(key, int64(d.first))
		}
	}
	return key
}

// restore appends the groups with the given keys, at most a stage of them. It
// returns which key is none, or -1.
func (g *groups) restore(keys [][]byte, into []uint32) ([]uint32, int) {
	before := len(into)
	into = slices.Grow(into, len(keys))[:before+len(keys)]
	ids := into[before:]
	if len(g.columns) == 0 {
		clear(ids)
		g.any = g.any || len(keys) > 0
	}
	for i := range g.columns {
		of := ids
		if i > 0 {
			g.ids[i] = slices.Grow(g.ids[i][:0], len(keys))[:len(keys)]
			of = g.ids[i]
		}
		if bad := g.restoreColumn(&g.columns[i], keys, of); bad >= 0 {
			return into, bad
		}
	}
	for i, key := range keys {
		if len(key) > 0 {
			return into, i
		}
	}
	for i := range g.joins {
		g.join(i, ids)
	}
	return into, -1
}

// restoreColumn numbers the first value of each key, and removes it from the key.
func (g *groups) restoreColumn(c *groupColumn, keys [][]byte, ids []uint32) int {
	texts := make([][]byte, len(keys))
	for i, key := range keys {
		v, remaining, err := nextKeyPart(key, c.kind)
		switch {
		case err != nil:
			return i
		case v.null:
			g.lookup.digests[i] = digest{last: nullMark}
		case c.kind == textKind:
			g.lookup.digests[i], texts[i] = g.seed.digest(v.text), v.text
		default:
			g.lookup.digests[i] = digest{uint64(v.fixed), fixedMark}
		}
		keys[i] = remaining
	}
	c.values.addAll(g.seed, g.lookup, ids, func(i int) []byte { return texts[i] })
	return -1
}

// compare is the order of two groups.
func (g *groups) compare(a, b uint32, scratch *[2][]byte) int {
	scratch[0], scratch[1] = g.appendKey(scratch[0][:0], a), g.appendKey(scratch[1][:0], b)
	return bytes.Compare(scratch[0], scratch[1])
}
