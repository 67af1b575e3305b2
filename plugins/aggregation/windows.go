package aggregation

import "github.com/apache/arrow-go/v18/arrow"

// windows assigns rows to cells and knows which of them are complete. Windows
// that are the same for all groups are aligned, those of each group's own rows
// are sessions.
type windows interface {
	// assign adds the rows that are in time, with their cells, to the input. It
	// returns the joins of cells that this made, in order.
	assign(j *classified, gids []uint32, in *input, g *groups) []join
	// due takes out the cells that are complete at a watermark, in the order
	// in which they are emitted. That is the same order by whatever steps the
	// watermark came so far. They are not used again before release.
	due(closed int64, g *groups) []ready
	// release frees the cells that were due.
	release(cells []ready, g *groups)
	// drop frees a cell that was joined to another.
	drop(cell uint32, g *groups)
	// bounds is the columns of the windows of cells.
	bounds(cells []ready) (starts, ends arrow.Array)
	// end is when the last open window ends, unset if none is open.
	end() int64
	// count is how many windows are open that end in (from, to], sessions each.
	count(from, to int64) int64
	// holds reports whether there is anything that is yet to be handed out.
	holds() bool
	// promise is where windows that are yet to be emitted may begin at the
	// earliest. Rows before it are in no open window.
	promise(closed int64) int64
	// cleared returns the prefixes whose keys are all gone since the last call.
	// Clear them before the changes are put.
	cleared() [][]byte
	// changes puts what changed since the last call, in the order of keys.
	changes(s *snapshot) error
	// restore reads one key of the state that is of cells. Keys come in order;
	// restored is called after the last.
	restore(key, value []byte, t *transform) error
	restored(t *transform) error
	// bytes estimates the memory of the windows, beside their cells.
	bytes() int64
	// regroup gives every open cell its group's number in a new numbering.
	regroup(live, old *groups)
}

// join is a cell whose content goes into another.
type join struct {
	into, from uint32
}
