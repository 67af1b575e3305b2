package aggregation

import (
	"bytes"
	"slices"
)

// cells is the arena in which every open window keeps its groups. A cell is a
// number; what it means for an aggregate is in that accumulator, at the same
// number. Cells of closed windows are used again.
type cells struct {
	group []uint32 // by cell
	start []int64  // by cell: where its window begins
	flags []cellFlags
	free  []uint32
	dirty []uint32 // cells changed since the last snapshot; may hold freed ones

	deleted     []byte // keys of stored cells that are no more
	deletedEnds []int
}

type cellFlags uint8

const (
	cellDirty  cellFlags = 1 << iota // changed since the last snapshot
	cellStored                       // in a snapshot, under its start and group
)

// len is the number of cells, free ones too.
func (c *cells) len() int { return len(c.group) }

func (c *cells) alloc(start int64, group uint32) uint32 {
	if n := len(c.free); n > 0 {
		cell := c.free[n-1]
		c.free = c.free[:n-1]
		c.group[cell], c.start[cell] = group, start
		return cell
	}
	c.group, c.start = append(c.group, group), append(c.start, start)
	c.flags = append(c.flags, 0)
	return uint32(len(c.group) - 1)
}

// touch notes that a cell changes.
func (c *cells) touch(cell uint32) {
	if c.flags[cell]&cellDirty == 0 {
		c.soil(cell)
	}
}

func (c *cells) soil(cell uint32) { // apart, so that touch is inlined
	c.flags[cell] |= cellDirty
	c.dirty = append(c.dirty, cell)
}

// sort puts cells into the order of their groups' keys.
func (c *cells) sort(cells []uint32, g *groups) {
	slices.SortFunc(cells, func(a, b uint32) int { return c.compareGroups(a, b, g) })
}

func (c *cells) compareGroups(a, b uint32, g *groups) int {
	return bytes.Compare(g.key(c.group[a]), g.key(c.group[b]))
}

// unstore deletes what the snapshots have of a cell.
func (c *cells) unstore(cell uint32, g *groups) {
	if c.flags[cell]&cellStored == 0 {
		return
	}
	c.flags[cell] &^= cellStored
	c.deleted = appendCellKey(c.deleted, c.start[cell], g.key(c.group[cell]))
	c.deletedEnds = append(c.deletedEnds, len(c.deleted))
}

// release frees a cell whose window has been emitted or joined to another.
func (c *cells) release(cell uint32, g *groups) {
	c.unstore(cell, g)
	c.flags[cell] = 0
	c.free = append(c.free, cell)
}
