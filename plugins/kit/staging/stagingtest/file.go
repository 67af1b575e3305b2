package stagingtest

import (
	"io"
)

// memFile is an open file.
type memFile struct {
	*node
	d       *Disk
	path    string
	closing string // the step
}

func (d *Disk) open(path string, n *node, closing string) memFile {
	d.Opened++
	d.Most = max(d.Most, d.Opened)
	return memFile{n, d, path, closing}
}

// Write tears: the half that fits is written before the error.
func (f memFile) Write(p []byte) (int, error) {
	err := f.d.step("write", f.path)
	defer f.d.mu.Unlock()
	if err != nil {
		p = p[:len(p)/2]
	}
	f.data = append(f.data, p...)
	return len(p), err
}

func (f memFile) ReadAt(p []byte, at int64) (int, error) {
	err := f.d.step("read", f.path)
	defer f.d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if at >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f memFile) Close() error {
	err := f.d.step(f.closing, f.path)
	defer f.d.mu.Unlock()
	f.d.Opened--
	return err
}
