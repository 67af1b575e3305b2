package checkpoint

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// noInode refuses to make logs.
type noInode struct{ vfs.FS }

func (n noInode) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if category == logCategory {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOSPC}
	}
	return n.FS.Create(name, category)
}

func (n noInode) ReuseForWrite(_, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return n.Create(name, category)
}

// Pebble panics over it, with a mutex unlocked that it unlocks again: that would be
// the end of this test's process.
func TestLogThatCannotBeMadeIsAnErrorThatNamesIt(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, "p", &Record{Epoch: 1}, changes(t, s, "p", "agg", "k", "v"))
	files := s.options.FS.(*logFS)
	files.FS = noInode{files.FS}
	err := s.trouble.guard(s.db.Flush) // begins a new log
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), ".log") {
		t.Errorf("got %v, want no space for a log that is named", err)
	}
	wantFull(t, "a later save", s.Save("p", &Record{Epoch: 2}))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// otherLock is what Pebble's lock says where another process has it.
type otherLock struct{ vfs.FS }

func (otherLock) Lock(string) (io.Closer, error) { return nil, syscall.EAGAIN }

// The engine's own lock file may have been removed while it runs.
func TestDatabaseThatAnotherProcessHasIsInUseAndNotDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	s, err := openOn(dir, otherLock{vfs.Default})
	if err == nil {
		s.Close()
	}
	if _, damaged := errors.AsType[*DamagedError](err); err == nil || damaged ||
		!strings.Contains(err.Error(), "in use by another engine") {
		t.Errorf("got %v, want that it is in use", err)
	}
}
