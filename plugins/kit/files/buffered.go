package files

import (
	"cmp"
	"runtime/debug"
	"slices"
)

// Buffering is an Encoder that keeps rows in memory until its file ends.
type Buffering interface {
	// Buffered is about how many bytes it keeps.
	Buffered() int64
}

// Budget is about how many bytes the open files of a sink may keep in memory together: a
// share of the process's limit, for the rest of a run needs memory too.
func Budget() int64 {
	const most, least, share = 256 << 20, 16 << 20, 8
	return min(most, max(least, debug.SetMemoryLimit(-1)/share))
}

// bufferedFile is an open file and what it keeps in memory.
type bufferedFile struct {
	*stagedFile
	bytes int64
}

// spill finishes open files early, those that keep most first, when all of them together
// keep more than they may. Their folders go on with other files, and a roll merges them.
// A file alone is left to its encoder.
func (s *store) spill() error {
	if s.grows() || len(s.open) < 2 {
		return nil
	}
	total, files := int64(0), make([]bufferedFile, 0, len(s.open))
	for _, h := range s.open {
		if e, ok := h.w.enc.(Buffering); ok {
			f := bufferedFile{h, e.Buffered()}
			total, files = total+f.bytes, append(files, f)
		}
	}
	if total <= s.budget {
		return nil
	}
	slices.SortStableFunc(files, func(a, b bufferedFile) int { return cmp.Compare(b.bytes, a.bytes) })
	var full []*stagedFile
	for _, f := range files {
		if total <= s.budget/2 {
			break
		}
		total, full = total-f.bytes, append(full, f.stagedFile)
	}
	return s.closeFiles(full)
}
