package aggregation

// frames finds the cells of rows and knows which of them are complete. Windows
// that are the same for all groups are aligned, those of each group's own rows
// are sessions.
type frames interface {
	// place adds the rows that were judged to be in time, with their cells, to
	// the input. The cells that became one on the way are returned in order.
	place(j *judged, gids []uint32, in *input, g *groups) []join
	// due takes out the cells that are complete at a watermark, in the order
	// in which they are emitted. That is the same order by whatever steps the
	// watermark came so far.
	due(closed int64, g *groups) []uint32
	// bounds is the window of a cell.
	bounds(cell uint32) (start, end int64)
	// end is when the last open window ends, unset if none is open.
	end() int64
	// promise is where windows that are yet to be emitted may begin at the
	// earliest. Rows before it are in no open window.
	promise(closed int64) int64
	// encode appends what a cell's key does not tell of its window; restore
	// opens the cell again.
	encode(state []byte, cell uint32) []byte
	restore(start int64, group uint32, closed int64, r *reader) uint32
	// regroup gives every open cell its group's number in another numbering.
	regroup(number func(group uint32) uint32)
}

// join is a cell whose content goes into another.
type join struct {
	into, from uint32
}
