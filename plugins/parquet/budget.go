package parquet

import "sync/atomic"

// memoryBudget is the memory that the open files of a sink share, under partition_by.
// Row groups end early when it is used up.
type memoryBudget struct {
	used  atomic.Int64 // files may be closed in the background
	files int64        // most that are open at a time
	bytes int64        // about the most for the row groups of all of them
}

// short reports whether a row group of this size should end: the budget is used up,
// and it has its share of it or more. Those below their share, together, never use
// up all of it.
func (b *memoryBudget) short(size int64) bool {
	return b != nil && b.used.Load() > b.bytes && size >= b.bytes/b.files
}
