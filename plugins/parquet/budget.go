package parquet

import "sync/atomic"

// room is the memory that the open files of a sink share, under partition_by.
// Row groups end early when it is taken up.
type room struct {
	taken atomic.Int64 // files may be closed in the background
	files int64        // most that are open at a time
	bytes int64        // about what the row groups of all of them may take
}

// short tells whether a row group of this size should end: the room is taken up,
// and it has its share of it or more. Those below their share, together, never
// take up all of it.
func (r *room) short(size int64) bool {
	return r != nil && r.taken.Load() > r.bytes && size >= r.bytes/r.files
}
