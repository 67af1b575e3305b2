package aggregation

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// change is a session that changed, or a key that is gone, before it has a place
// in the order of keys.
type change struct {
	start   int64
	cell    uint32 // noCell: the key is gone
	deleted uint32 // which of the keys that are gone
}

// changes has to sort: sessions change in any order, and their keys are what
// they begin with. Few begin at the same time, so few keys are compared.
func (s *sessions) changes(g *groups, put func(key, value []byte, cell uint32) error) error {
	all := s.changed()
	var keys [2][]byte
	slices.SortFunc(all, func(a, b change) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		keys[0], keys[1] = s.changeKey(keys[0][:0], a, g), s.changeKey(keys[1][:0], b, g)
		return cmp.Or(bytes.Compare(keys[0], keys[1]), cmp.Compare(a.cell, b.cell)) // noCell last
	})
	var key, last []byte
	for _, c := range all {
		key = s.changeKey(key[:0], c, g)
		if c.cell == noCell && bytes.Equal(key, last) {
			continue // it is there again, or was deleted before
		}
		s.value = s.value[:0]
		if c.cell != noCell {
			s.stored.set(c.cell)
			s.value = binary.AppendUvarint(s.value, uint64(*s.until.at(c.cell)-*s.start.at(c.cell)))
		}
		if err := put(key, s.value, c.cell); err != nil {
			return err
		}
		last = append(last[:0], key...)
	}
	s.deleted, s.deletedEnds = s.deleted[:0], s.deletedEnds[:0]
	return nil
}

// changed takes the cells and keys that changed, in no order.
func (s *sessions) changed() []change {
	var all []change
	for i, word := range s.dirty {
		for ; word != 0; word &= word - 1 {
			cell := uint32(64*i + bits.TrailingZeros64(word))
			all = append(all, change{start: *s.start.at(cell), cell: cell})
		}
		s.dirty[i] = 0
	}
	from := 0
	for i, end := range s.deletedEnds {
		all = append(all, change{start: cutStart(s.deleted[from+1:]), cell: noCell, deleted: uint32(i)})
		from = end
	}
	return all
}

func (s *sessions) changeKey(key []byte, c change, g *groups) []byte {
	if c.cell != noCell {
		return g.appendKey(appendStart(key, c.start), *s.group.at(c.cell))
	}
	from := 0
	if c.deleted > 0 {
		from = s.deletedEnds[c.deleted-1]
	}
	return append(key, s.deleted[from:s.deletedEnds[c.deleted]]...)
}
