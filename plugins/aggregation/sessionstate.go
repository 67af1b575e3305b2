package aggregation

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// noCell stands for the cell of a key that is deleted.
const noCell = 1<<32 - 1

// change is a session that changed, or a key that is gone, before changes are sorted
// by key.
type change struct {
	start   int64
	cell    uint32 // noCell: the key is gone
	deleted uint32 // which of the keys that are gone
}

// changes has to sort: sessions change in any order, and their keys are what
// they begin with. Few begin at the same time, so few keys are compared.
func (s *sessions) changes(to *snapshot) error {
	g := to.groups
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
		var value []byte // none: it is deleted
		if c.cell != noCell {
			s.stored.set(c.cell)
			s.value = binary.AppendUvarint(s.value[:0], uint64(*s.until.at(c.cell)-*s.start.at(c.cell)))
			s.value = s.appendStretches(s.value, c.cell)
			s.value = to.encode(s.value, []uint32{c.cell})
			value = s.value
		}
		if err := to.put(key, value); err != nil {
			return err
		}
		last = append(last[:0], key...)
	}
	s.deleted, s.deletedEnds = s.deleted[:0], s.deletedEnds[:0]
	return nil
}

// changed drains the cells and keys that changed, in no order.
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
		all = append(all, change{start: parseStart(s.deleted[from+1:]), cell: noCell, deleted: uint32(i)})
		from = end
	}
	return all
}

func (s *sessions) changeKey(key []byte, c change, g *groups) []byte {
	if c.cell != noCell {
		return g.appendKey(appendStart(key, stateSession, c.start), *s.group.at(c.cell))
	}
	from := 0
	if c.deleted > 0 {
		from = s.deletedEnds[c.deleted-1]
	}
	return append(key, s.deleted[from:s.deletedEnds[c.deleted]]...)
}

// restoring is sessions on their way back: groups are looked up many at a time.
type restoring struct {
	data []byte
	ends []int // of each key and each value, in turn
	keys [][]byte
	gids []uint32
}

// mostRestoring bounds the bytes of sessions that wait for others.
const mostRestoring = 1 << 20

// keep copies a session. It returns false if no more are to be kept.
func (r *restoring) keep(key, value []byte) bool {
	r.data = append(r.data, key...)
	r.ends = append(r.ends, len(r.data))
	r.data = append(r.data, value...)
	r.ends = append(r.ends, len(r.data))
	return len(r.ends) < 2*stage && len(r.data) < mostRestoring
}

// session is the key and the value of one that waits.
func (r *restoring) session(i int) (key, value []byte) {
	from := 0
	if i > 0 {
		from = r.ends[2*i-1]
	}
	return r.data[from:r.ends[2*i]], r.data[r.ends[2*i]:r.ends[2*i+1]]
}

const sessionKey = 1 + 8 // bytes before the group's own

func (s *sessions) restore(key, value []byte, t *transform) error {
	if len(key) < sessionKey || key[0] != stateSession {
		return atKey(key, errState)
	}
	if s.restoring.keep(key, value) {
		return nil
	}
	return s.reopenAll(t)
}

func (s *sessions) restored(t *transform) error {
	err := s.reopenAll(t)
	s.restoring = restoring{}
	return err
}

// reopenAll opens the sessions that wait, in the order of their keys.
func (s *sessions) reopenAll(t *transform) error {
	few := &s.restoring
	few.keys = few.keys[:0]
	for i := range len(few.ends) / 2 {
		key, _ := few.session(i)
		few.keys = append(few.keys, key[sessionKey:])
	}
	var bad int
	few.gids, bad = t.groups.restore(few.keys, few.gids[:0])
	if bad >= 0 {
		key, _ := few.session(bad)
		return atKey(key, errKey)
	}
	for i, group := range few.gids {
		key, value := few.session(i)
		r := &reader{remaining: value}
		cell := s.reopen(parseStart(key[1:]), r.uvarint(), group, t.clock.closed, r)
		if !r.failed() && t.restoredVersion == stateVersion {
			s.readStretches(r, cell)
		} else if !r.failed() {
			*s.owners.at(cell) = shared
		}
		if r.failed() {
			return atKey(key, errState)
		}
		if err := t.decode(r, []uint32{cell}); err != nil {
			return atKey(key, err)
		}
	}
	few.data, few.ends = few.data[:0], few.ends[:0]
	return nil
}

// reopen wants sessions that the watermark has not closed, in the order of starts.
func (s *sessions) reopen(start int64, length uint64, group uint32, closed int64, r *reader) uint32 {
	const most = 1 << 62 // more than all of time, and far from overflow
	if r.failed() || length < uint64(s.gap) || length > most || start < minTime || start > maxTime {
		r.fail()
		return 0
	}
	until := start + int64(length)
	s.open.extend(int(group) + 1)
	open := *s.open.at(group)
	if until <= closed || until > maxTime+s.gap ||
		len(open) > 0 && *s.until.at(open[len(open)-1]) > start {
		r.fail()
		return 0
	}
	cell := s.alloc(group)
	s.add(cell, start, until)
	s.stored.set(cell)
	*s.open.at(group) = append(open, cell)
	return cell
}
