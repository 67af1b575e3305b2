package aggregation

// cells is the arena in which every open window keeps its groups. A cell is a
// number; what it means for an aggregate is in that accumulator, at the same
// number. Cells of closed windows are used again.
type cells struct {
	group list[uint32] // by cell
	dirty cellSet      // cells changed since the last snapshot
	free  list[uint32]
}

// cellSet is a set of cells, a bit for each.
type cellSet []uint64

func (b cellSet) has(i uint32) bool { return b[i/64]>>(i%64)&1 != 0 }

// set tests first: most are set already, and a word that is only read holds
// nobody up.
func (b cellSet) set(i uint32) {
	if bit := uint64(1) << (i % 64); b[i/64]&bit == 0 {
		b[i/64] |= bit
	}
}

func (b cellSet) clear(i uint32) { b[i/64] &^= 1 << (i % 64) }

// len is the number of cells, free ones too.
func (c *cells) len() int { return c.group.len() }

func (c *cells) alloc(group uint32) uint32 {
	if c.free.len() > 0 {
		cell := c.free.pop()
		*c.group.at(cell) = group
		return cell
	}
	c.group.push(group)
	c.dirty = extend(c.dirty, (c.len()+63)/64)
	return uint32(c.len() - 1)
}

// ready is a cell that is to be emitted, its group, and when its window begins.
// While cells are sorted, at is how their keys begin instead.
type ready struct {
	at          int64
	group, cell uint32
}
