package aggregation

import "github.com/apache/arrow-go/v18/arrow"

// frames finds the cells of rows and knows which of them are complete. Windows
// that are the same for all groups are aligned, those of each group's own rows
// are sessions.
type frames interface {
	// place adds the rows that were judged to be in time, with their cells, to
	// the input. The cells that became one on the way are returned in order.
	place(j *judged, gids []uint32, in *input, g *groups) []join
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
	// cleared returns the beginnings of keys that are all gone since the last
	// call; the state is told of them before it is of the changes.
	cleared() [][]byte
	// changes puts what changed since the last call, in the order of keys.
	changes(s *snapshot) error
	// restore takes a key of the state that is of cells. Keys come in order, and
	// restored behind the last.
	restore(key, value []byte, t *transform) error
	restored(t *transform) error
	// bytes is about what the windows take in memory, beside their cells.
	bytes() int64
	// regroup gives every open cell its group's number in a new numbering.
	regroup(live, old *groups)
}

// join is a cell whose content goes into another.
type join struct {
	into, from uint32
}
