package parquet

import "sync/atomic"

// openBytes is about what the row groups of all open files of a sink may take.
const openBytes = 256 << 20

// room is the memory that the open files of a sink share, under partition_by.
// Row groups end early when it is taken up.
type room struct {
	taken atomic.Int64 // files may be closed in the background
	files int64        // most that are open at a time
}

// short tells whether a row group of this size should end: the room is taken up,
// and it has its share of it or more. Those below their share, together, never
// take up all of it.
func (r *room) short(size int64) bool {
	return r != nil && r.taken.Load() > openBytes && size >= openBytes/r.files
}
