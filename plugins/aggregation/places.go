package aggregation

// places finds the cell of a group in one window: in a slice by group while that
// is no larger than a table of the cells would be, else in such a table. Groups
// are numbered for all windows together, so one that has few of them would
// otherwise pay for all. A window that is open alone has the groups and the cells
// in one order, that of their first rows: then there is nothing to look up.
type places struct {
	alike   uint32       // groups below have the cell of their own number, and are not in what follows
	byGroup list[uint32] // cell+1, or 0
	slots   []place      // a power of two long, at most half full; nil while byGroup is used
	shift   uint8
	n       int
}

// place is a group's cell+1, or 0.
type place struct {
	group, cell uint32
}

const (
	fewGroups  = 1 << 12 // are not worth a table
	leastPlace = 16
	wasteful   = 16 // groups for each cell, beyond which byGroup gives way
	thrifty    = 8  // and up to which it comes back
)

// find returns cell+1 of a group, or 0.
func (p *places) find(group uint32) uint32 {
	if group < p.alike {
		return group + 1
	}
	if p.slots == nil {
		if int(group) < p.byGroup.len() {
			return *p.byGroup.at(group)
		}
		return 0
	}
	mask := uint32(len(p.slots) - 1)
	for at := mixNumber(int64(group), p.shift); ; at = (at + 1) & mask {
		slot := p.slots[at]
		if slot.cell == 0 || slot.group == group {
			return slot.cell
		}
	}
}

// add puts a group in that was not found. There are that many groups in all.
func (p *places) add(group, cell uint32, groups int) {
	p.n++
	switch {
	case group == p.alike && cell == group && p.n == int(group)+1:
		p.alike++
		return
	case p.slots != nil && 2*p.n <= len(p.slots):
		p.insert(place{group, cell + 1})
		return
	case p.slots == nil && (int(group) < fewGroups || int(group) < wasteful*p.n):
		p.byGroup.extend(int(group) + 1)
	case groups < fewGroups || groups <= thrifty*p.n:
		p.toSlice(groups)
	default:
		p.toTable()
		p.insert(place{group, cell + 1})
		return
	}
	*p.byGroup.at(group) = cell + 1
}

func (p *places) insert(item place) {
	mask := uint32(len(p.slots) - 1)
	at := mixNumber(int64(item.group), p.shift)
	for p.slots[at].cell != 0 {
		at = (at + 1) & mask
	}
	p.slots[at] = item
}

func (p *places) toSlice(groups int) {
	p.byGroup.extend(groups)
	for _, item := range p.slots {
		if item.cell != 0 {
			*p.byGroup.at(item.group) = item.cell
		}
	}
	p.slots = nil
}

// toTable makes a table with room for as many again.
func (p *places) toTable() {
	size := leastPlace
	for size < 4*p.n {
		size *= 2
	}
	old, slice := p.slots, p.byGroup
	p.slots, p.byGroup, p.shift = make([]place, size), list[uint32]{}, shiftFor(size)
	advise(p.slots)
	for _, item := range old {
		if item.cell != 0 {
			p.insert(item)
		}
	}
	for group := range uint32(slice.len()) {
		if cell := *slice.at(group); cell != 0 {
			p.insert(place{group, cell})
		}
	}
}
