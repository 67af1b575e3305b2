package files

import (
	"errors"
	"io"
	"slices"
	"sync"

	"etlengine/plugins/kit/staging"
)

// mostOpenParts bounds the parts that a merge has open at a time, however many
// it reads: formats look at all of them first and then read one by one.
const mostOpenParts = 8

// partReaders opens parts as they are read.
type partReaders struct {
	disk staging.Disk
	mu   sync.Mutex
	open []*partReader // the least recently used first
}

type partReader struct {
	of   *partReaders
	path string
	file staging.Reader // nil while it is not open
}

func (r *partReaders) add(path string) io.ReaderAt {
	return &partReader{of: r, path: path}
}

// ReadAt reads, after closing another part if need be.
func (p *partReader) ReadAt(b []byte, at int64) (int, error) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if err := p.of.use(p); err != nil {
		return 0, err
	}
	n, err := p.file.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, staging.Failed("reading", p.path, err)
}

func (r *partReaders) use(p *partReader) error {
	if p.file != nil {
		if at := slices.Index(r.open, p); at < len(r.open)-1 {
			r.open = append(slices.Delete(r.open, at, at+1), p)
		}
		return nil
	}
	if len(r.open) == mostOpenParts {
		r.drop()
	}
	file, err := r.disk.Open(p.path)
	if err != nil {
		return staging.Failed("opening", p.path, err)
	}
	p.file = file
	r.open = append(r.open, p)
	return nil
}

// drop closes a part. What was only read cannot be lost by it.
func (r *partReaders) drop() {
	p := r.open[0]
	r.open = r.open[1:]
	_ = p.file.Close()
	p.file = nil
}

func (r *partReaders) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.open) > 0 {
		r.drop()
	}
}
