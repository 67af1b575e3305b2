package files

import (
	"bufio"
	"slices"

	"etlengine/plugins/kit/parallel"
	"etlengine/plugins/kit/staging"
)

// target is what is staged for one folder of the output.
type partition struct {
	folder string
	files  []*stagedFile // in the order of their rows; only the last may still grow
	before int64         // bytes of all but the last
}

// staged is one staged file.
type stagedFile struct {
	stagedPart
	dirty bool    // written to since the last barrier
	w     *writer // while it is open
}

// writer counts and buffers what an encoder writes.
type writer struct {
	file *staging.Checksummed
	buf  *bufio.Writer
	size int64
	enc  Encoder
}

// bufferBytes is small enough for a hundred open files.
const bufferBytes = 64 << 10

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.buf.Write(p)
	w.size += int64(n)
	return n, err
}

func newWriter(file staging.File) *writer {
	f := &staging.Checksummed{File: file}
	return &writer{file: f, buf: bufio.NewWriterSize(f, bufferBytes)}
}

// written records what the file holds now. The writer's buffer is empty.
func (p *stagedPart) written(w *writer) {
	p.Length, p.sum = w.size, w.file.Sum
	p.Sum = staging.SumText(p.sum)
}

func (s *store) grows() bool { return s.format.Merge == nil }

// add writes rows to the files that grow for their folders, which are different
// ones, and no more than files may be open. Encoding is most of the work, and
// files have nothing in common: so it is done for many at the same time.
func (s *store) add(portions []portion) error {
	files := make([]*stagedFile, len(portions))
	for i, p := range portions {
		h, err := s.growing(s.partition(p.folder))
		if err != nil {
			return err
		}
		h.dirty = true
		h.Rows += p.rows.NumRows()
		files[i] = h
	}
	err := parallel.Do(len(files), func(i int) error {
		h := files[i]
		return staging.Failed("writing", s.area.Path(h.Name), h.w.enc.Write(portions[i].rows))
	})
	if err != nil {
		return err
	}
	var full []*stagedFile
	for i, h := range files {
		s.due.grew(s.partitions[portions[i].folder].bytes(s.grows()))
		if h.w.size >= int64(s.cfg.Roll.Size) {
			h.Full = true
			full = append(full, h)
		}
	}
	if err := s.closeFiles(full); err != nil {
		return err
	}
	return s.spill()
}

func (s *store) partition(folder string) *partition {
	t := s.partitions[folder]
	if t == nil {
		t = &partition{folder: folder}
		s.partitions[folder] = t
		s.order = append(s.order, t)
	}
	return t
}

// bytes is the size of the file that would come of the target, roughly: what
// an encoder holds back is not in it. A format that grows has begun another
// file only if one is full, and so due already.
func (t *partition) bytes(grows bool) int64 {
	last := t.files[len(t.files)-1]
	n := last.Length
	if last.w != nil {
		n = last.w.size
	}
	if grows {
		return n
	}
	return t.before + n
}

// push adds a file.
func (t *partition) push(h *stagedFile) {
	if n := len(t.files); n > 0 {
		t.before += t.files[n-1].Length
	}
	t.files = append(t.files, h)
}

// growing is the open file that takes a folder's next rows.
func (s *store) growing(t *partition) (*stagedFile, error) {
	var h *stagedFile
	if n := len(t.files); n > 0 {
		h = t.files[n-1]
	}
	if h != nil && h.w != nil {
		if i := slices.Index(s.open, h); i < len(s.open)-1 {
			s.open = append(slices.Delete(s.open, i, i+1), h)
		}
		return h, nil
	}
	for len(s.open) >= s.cfg.MaxOpenFiles {
		if err := s.closeFiles(s.open[:1]); err != nil {
			return nil, err
		}
	}
	if h != nil && !h.Full && s.grows() {
		return h, s.openFile(h, true)
	}
	h = &stagedFile{stagedPart: stagedPart{Name: s.nextName(), Folder: t.folder, Suffix: s.format.Suffix}}
	t.push(h)
	return h, s.openFile(h, false)
}

func (s *store) nextName() string {
	s.number++
	return s.names.Staged(s.epoch, s.number)
}

// openFile begins a file, or goes on with one that was closed.
func (s *store) openFile(h *stagedFile, resumed bool) error {
	path := s.area.Path(h.Name)
	open, doing := s.disk.Create, "creating"
	if resumed {
		open, doing = s.disk.Append, "opening"
	}
	file, err := open(path)
	if err != nil {
		return staging.Failed(doing, path, err)
	}
	s.newNames = s.newNames || !resumed
	h.w, h.dirty = s.writer(file), true
	h.w.size, h.w.file.Sum = h.Length, h.sum
	s.open = append(s.open, h)
	h.w.enc, err = s.format.Start(h.w, s.layout.schema, resumed)
	return staging.Failed("writing", path, err)
}

func (s *store) writer(file staging.File) *writer {
	n := len(s.buffers)
	if n == 0 {
		return newWriter(file)
	}
	buf := s.buffers[n-1]
	s.buffers = s.buffers[:n-1]
	f := &staging.Checksummed{File: file}
	buf.Reset(f)
	return &writer{file: f, buf: buf}
}

// closeFiles ends open files. What was written is not yet durable: Prepare does
// that once an epoch, however often a file was closed in between.
func (s *store) closeFiles(files []*stagedFile) error {
	buffers := make([]*bufio.Writer, len(files))
	err := parallel.Do(len(files), func(i int) error {
		h := files[i]
		path, w := s.area.Path(h.Name), h.w
		if err := w.enc.Close(); err != nil {
			return staging.Failed("writing", path, err)
		}
		if err := w.buf.Flush(); err != nil {
			return staging.Failed("writing", path, err)
		}
		h.written(w)
		h.w, buffers[i] = nil, w.buf
		return staging.Failed("closing", path, w.file.Close())
	})
	s.open = slices.DeleteFunc(s.open, func(h *stagedFile) bool { return h.w == nil })
	if err == nil {
		s.buffers = append(s.buffers, buffers...) // at most as many as were open
	}
	return err
}
