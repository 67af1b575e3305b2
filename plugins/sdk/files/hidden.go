package files

import (
	"bufio"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// target is what is hidden for one folder of the output.
type target struct {
	folder string
	files  []*hidden // in the order of their rows; only the last may still grow
}

// hidden is one hidden file.
type hidden struct {
	hiddenPart
	dirty bool    // written to since it was last synced
	w     *writer // while it is open
}

// writer counts and buffers what an encoder writes.
type writer struct {
	file diskFile
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

func (s *sink) hiddenPath(h *hidden) string {
	return filepath.Join(s.hide, h.Name)
}

func (s *sink) grows() bool { return s.format.Merge == nil }

// add writes rows to the file that grows for a folder.
func (s *sink) add(folder string, rows arrow.RecordBatch) error {
	t := s.targets[folder]
	if t == nil {
		t = &target{folder: folder}
		s.targets[folder] = t
		s.order = append(s.order, t)
	}
	h, err := s.growing(t)
	if err != nil {
		return err
	}
	h.dirty = true
	if err := h.w.enc.Write(rows); err != nil {
		return failed("writing", s.hiddenPath(h), err)
	}
	s.due.grew(t.bytes(s.grows()))
	if h.w.size >= int64(s.cfg.Roll.Size) {
		h.Full = true
		return s.closeFile(h)
	}
	return nil
}

// bytes is the size of the file that would come of the target, roughly: what
// an encoder holds back is not in it.
func (t *target) bytes(grows bool) int64 {
	var sum, most int64
	for _, h := range t.files {
		n := h.Length
		if h.w != nil {
			n = h.w.size
		}
		sum, most = sum+n, max(most, n)
	}
	if grows {
		return most
	}
	return sum
}

// growing is the open file that takes a folder's next rows.
func (s *sink) growing(t *target) (*hidden, error) {
	var h *hidden
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
		if err := s.closeFile(s.open[0]); err != nil {
			return nil, err
		}
	}
	if h != nil && !h.Full && s.grows() {
		return h, s.openFile(h, s.disk.Append, true)
	}
	h = &hidden{hiddenPart: hiddenPart{Name: s.nextName(), Folder: t.folder, Suffix: s.format.Suffix}}
	t.files = append(t.files, h)
	return h, s.openFile(h, s.disk.Create, false)
}

func (s *sink) nextName() string {
	s.number++
	return s.names.hidden(s.epoch, s.number)
}

func (s *sink) openFile(h *hidden, open func(string) (diskFile, error), resumed bool) error {
	path := s.hiddenPath(h)
	w, err := s.openWriter(path, open)
	if err != nil {
		return err
	}
	s.newNames = s.newNames || !resumed
	w.size = h.Length
	h.w, h.dirty = w, true
	s.open = append(s.open, h)
	w.enc, err = s.format.Start(w, s.layout.schema, resumed)
	return failed("writing", path, err)
}

func (s *sink) openWriter(path string, open func(string) (diskFile, error)) (*writer, error) {
	file, err := open(path)
	if err != nil {
		return nil, failed("opening", path, err)
	}
	if n := len(s.buffers); n > 0 {
		buf := s.buffers[n-1]
		s.buffers = s.buffers[:n-1]
		buf.Reset(file)
		return &writer{file: file, buf: buf}, nil
	}
	return &writer{file: file, buf: bufio.NewWriterSize(file, bufferBytes)}, nil
}

// closeFile ends an open file. What was written is not yet durable: sync does
// that once an epoch, however often the file was closed in between.
func (s *sink) closeFile(h *hidden) error {
	path, w := s.hiddenPath(h), h.w
	if err := w.enc.Close(); err != nil {
		return failed("writing", path, err)
	}
	if err := w.buf.Flush(); err != nil {
		return failed("writing", path, err)
	}
	h.w, h.Length = nil, w.size
	s.buffers = append(s.buffers, w.buf) // at most as many as were open
	s.open = slices.DeleteFunc(s.open, func(o *hidden) bool { return o == h })
	return failed("closing", path, w.file.Close())
}

// sync makes a file durable up to Length, and leaves it open if it is still to
// grow.
func (s *sink) sync(h *hidden, last bool) error {
	if h.w != nil && (last || !s.grows()) {
		if err := s.closeFile(h); err != nil {
			return err
		}
	}
	if !h.dirty {
		return nil
	}
	path := s.hiddenPath(h)
	if w := h.w; w != nil {
		if err := w.enc.Flush(); err != nil {
			return failed("writing", path, err)
		}
		if err := w.buf.Flush(); err != nil {
			return failed("writing", path, err)
		}
		h.Length = w.size
		if err := w.file.Sync(); err != nil {
			return failed("syncing", path, err)
		}
	} else if err := s.disk.Sync(path); err != nil {
		return failed("syncing", path, err)
	}
	h.dirty = false
	return s.whole(h)
}

// whole makes sure that what is to be recorded is there under its name: a twin
// deleted under a running engine would otherwise lose rows in silence.
func (s *sink) whole(h *hidden) error {
	path := s.hiddenPath(h)
	info, err := s.disk.Stat(path)
	if err != nil {
		return failed("looking for the hidden rows in", path, err)
	}
	if info.Size() != h.Length {
		return shorter(path, h.Length, info.Size())
	}
	return nil
}
