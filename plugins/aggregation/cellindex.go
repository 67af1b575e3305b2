package aggregation

// cellIndex finds the cell of a group in one window: in a slice by group while that
// is no larger than a table of the cells would be, else in such a table. Groups
// are numbered for all windows together, so one that has few of them would
// otherwise pay for all. A window that is open alone has the groups and the cells
// in one order, that of their first rows: then there is nothing to look up.
type cellIndex struct {
	alike   uint32       // groups below have the cell of their own number, and are not in what follows
	byGroup list[uint32] // cell+1, or 0
	slots   []indexSlot  // a power of two long, at most half full; nil while byGroup is used
	shift   uint8
	n       int
}

// indexSlot is a group and its cell+1; cell 0: the slot is free.
type indexSlot struct {
	group, cell uint32
}

const (
	fewGroups  = 1 << 12 // are not worth a table
	leastIndex = 16
	wasteful   = 16 // groups for each cell, beyond which byGroup gives way
	thrifty    = 8  // and up to which it comes back
)

// find returns cell+1 of a group, or 0.
func (x *cellIndex) find(group uint32) uint32 {
	if group < x.alike {
		return group + 1
	}
	if x.slots == nil {
		if int(group) < x.byGroup.len() {
			return *x.byGroup.at(group)
		}
		return 0
	}
	mask := uint32(len(x.slots) - 1)
	for at := mixNumber(int64(group), x.shift); ; at = (at + 1) & mask {
		slot := x.slots[at]
		if slot.cell == 0 || slot.group == group {
			return slot.cell
		}
	}
}

// add puts a group in that was not found. There are that many groups in all.
func (x *cellIndex) add(group, cell uint32, groups int) {
	x.n++
	switch {
	case group == x.alike && cell == group && x.n == int(group)+1:
		x.alike++
		return
	case x.slots != nil && 2*x.n <= len(x.slots):
		x.insert(indexSlot{group, cell + 1})
		return
	case x.slots == nil && (int(group) < fewGroups || int(group) < wasteful*x.n):
		x.byGroup.extend(int(group) + 1)
	case groups < fewGroups || groups <= thrifty*x.n:
		x.toSlice(groups)
	default:
		x.toTable()
		x.insert(indexSlot{group, cell + 1})
		return
	}
	*x.byGroup.at(group) = cell + 1
}

func (x *cellIndex) insert(item indexSlot) {
	mask := uint32(len(x.slots) - 1)
	at := mixNumber(int64(item.group), x.shift)
	for x.slots[at].cell != 0 {
		at = (at + 1) & mask
	}
	x.slots[at] = item
}

func (x *cellIndex) toSlice(groups int) {
	x.byGroup.extend(groups)
	for _, item := range x.slots {
		if item.cell != 0 {
			*x.byGroup.at(item.group) = item.cell
		}
	}
	x.slots = nil
}

// toTable makes a table that twice as many groups fit in.
func (x *cellIndex) toTable() {
	size := leastIndex
	for size < 4*x.n {
		size *= 2
	}
	old, slice := x.slots, x.byGroup
	x.slots, x.byGroup, x.shift = make([]indexSlot, size), list[uint32]{}, shiftFor(size)
	advise(x.slots)
	for _, item := range old {
		if item.cell != 0 {
			x.insert(item)
		}
	}
	for group := range uint32(slice.len()) {
		if cell := *slice.at(group); cell != 0 {
			x.insert(indexSlot{group, cell})
		}
	}
}
