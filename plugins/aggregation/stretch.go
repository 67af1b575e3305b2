package aggregation

import (
	"encoding/binary"
	"slices"
	"sort"
)

// A row before the watermark of its partition is not late if it is inside an open
// session. Which sessions are open depends on how partitions interleave, so only
// what its own partition makes of the group counts: the stretches that the rows of
// that partition alone would make. One that holds the row's time and has not been
// passed by the partition's watermark is part of a session that is open, whatever
// the others do. The row changes nothing of its beginning, so it touches no other
// session but such as end later, which are open too: what is emitted never
// overlaps.

// stretch is from when to when a partition's rows follow each other by less than
// the gap.
type stretch struct {
	partition    uint32
	start, until int64
}

// shared is the owner of a cell that is of several partitions, or of nobody knows
// which. The bounds of any other cell are the only stretch it has.
const shared = 0

// hasOpenStretch reports whether the rows of a partition make a stretch that a time is
// in and a watermark has not passed.
func (s *sessions) hasOpenStretch(t int64, group, part uint32, watermark int64) bool {
	open := *s.open.at(group)
	at := sort.Search(len(open), func(i int) bool { return *s.start.at(open[i]) > t }) - 1
	if at < 0 {
		return false
	}
	cell := open[at]
	switch *s.owners.at(cell) {
	case part + 1:
		return t < *s.until.at(cell) && watermark < *s.until.at(cell)
	case shared:
		return slices.ContainsFunc(*s.parts.at(cell), func(one stretch) bool {
			return one.partition == part && one.start <= t && t < one.until && watermark < one.until
		})
	}
	return false
}

// share turns the bounds of a cell into the stretch of its owner, before a row of
// another partition changes them.
func (s *sessions) share(cell uint32) {
	owner := s.owners.at(cell)
	s.parts.extend(s.len())
	if *owner != shared {
		s.setStretches(cell, []stretch{{*owner - 1, *s.start.at(cell), *s.until.at(cell)}})
		*owner = shared
	}
}

func (s *sessions) setStretches(cell uint32, all []stretch) {
	s.heap += bytesOf(all) - bytesOf(*s.parts.at(cell))
	*s.parts.at(cell) = all
}

// unshare forgets the stretches of a cell.
func (s *sessions) unshare(cell uint32) {
	if int(cell) < s.parts.len() {
		s.setStretches(cell, nil)
	}
}

// stretch adds a row of a partition to a shared cell, and drops what the
// partition's watermark has passed.
func (s *sessions) stretch(cell, part uint32, t int64) {
	all := *s.parts.at(cell)
	first := -1
	for i := 0; i < len(all); i++ {
		one := &all[i]
		passed := one.until <= s.passed
		if one.partition != part || !passed && (one.until <= t || one.start >= t+s.gap) {
			continue
		}
		if passed {
			all = slices.Delete(all, i, i+1)
			i--
			continue
		}
		if first < 0 {
			first = i
			one.start, one.until = min(one.start, t), max(one.until, t+s.gap)
			continue
		}
		all[first].start, all[first].until = min(all[first].start, one.start), max(all[first].until, one.until)
		all = slices.Delete(all, i, i+1)
		i--
	}
	if first < 0 {
		all = append(all, stretch{part, t, t + s.gap})
	}
	s.setStretches(cell, all)
}

// joinStretches gives a cell the stretches of another that is joined to it by a row
// of a partition.
func (s *sessions) joinStretches(into, from, part uint32, t int64) {
	if *s.owners.at(into) == part+1 && *s.owners.at(from) == part+1 {
		return
	}
	s.share(into)
	s.share(from)
	s.setStretches(into, append(*s.parts.at(into), *s.parts.at(from)...))
	s.unshare(from)
	s.stretch(into, part, t)
}

// appendStretches writes whose rows a session is of; readStretches reads it.
func (s *sessions) appendStretches(value []byte, cell uint32) []byte {
	owner := *s.owners.at(cell)
	value = binary.AppendUvarint(value, uint64(owner))
	if owner != shared {
		return value
	}
	s.parts.extend(s.len())
	all := *s.parts.at(cell)
	value = binary.AppendUvarint(value, uint64(len(all)))
	for _, one := range all {
		value = binary.AppendUvarint(value, uint64(one.partition))
		value = binary.AppendUvarint(value, uint64(one.start-*s.start.at(cell)))
		value = binary.AppendUvarint(value, uint64(one.until-one.start))
	}
	return value
}

func (s *sessions) readStretches(r *reader, cell uint32) {
	owner := r.uvarint()
	if owner > 1<<32-1 {
		r.fail()
		return
	}
	if *s.owners.at(cell) = uint32(owner); owner != shared {
		return
	}
	start, length := *s.start.at(cell), uint64(*s.until.at(cell)-*s.start.at(cell))
	var all []stretch
	for range r.count(3) {
		part, from, size := r.uvarint(), r.uvarint(), r.uvarint()
		if r.failed() || part > 1<<32-2 || size < uint64(s.gap) || from > length || size > length-from {
			r.fail()
			return
		}
		all = append(all, stretch{uint32(part), start + int64(from), start + int64(from+size)})
	}
	s.parts.extend(s.len())
	s.setStretches(cell, all)
}

func (s *sessions) holds() bool { return s.len() > s.free.len() }

func (s *sessions) count(from, to int64) (n int64) {
	for group := range uint32(s.open.len()) {
		for _, cell := range *s.open.at(group) {
			if end := *s.until.at(cell); end > from && end <= to {
				n++
			}
		}
	}
	return n
}
