package checkpoint

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logCategory is what Pebble calls the files of its write-ahead log.
const logCategory = "pebble-wal"

// logFS ends the work of a database that cannot write its log. Pebble panics over
// a next log that cannot be made, as without an inode, while a mutex that it
// unlocks on its way out is not locked: the runtime then ends the process. So the
// call never returns; whoever waits for it hears of the trouble.
type logFS struct {
	vfs.FS
	trouble *trouble
	open    atomic.Bool // before that, Pebble returns such errors
}

// Create makes a file.
func (f *logFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return f.guarded(file, category, err)
}

// ReuseForWrite makes a file out of an old one.
func (f *logFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, category)
	return f.guarded(file, category, err)
}

func (f *logFS) guarded(file vfs.File, category vfs.DiskWriteCategory, err error) (vfs.File, error) {
	if category != logCategory {
		return file, err
	}
	if err = f.check(err); err != nil {
		return file, err
	}
	return logFile{file, f}, nil
}

func (f *logFS) check(err error) error {
	if err != nil && f.open.Load() {
		f.trouble.fail(err)
		select {}
	}
	return err
}

// logFile is a log. One that cannot be written or closed is as bad as one that
// cannot be made.
type logFile struct {
	vfs.File
	fs *logFS
}

// Write appends to the log.
func (l logFile) Write(p []byte) (int, error) {
	n, err := l.File.Write(p)
	return n, l.fs.check(err)
}

// Sync waits for the disk.
func (l logFile) Sync() error { return l.fs.check(l.File.Sync()) }

// SyncData waits for the disk.
func (l logFile) SyncData() error { return l.fs.check(l.File.SyncData()) }

// Close closes the log.
func (l logFile) Close() error { return l.fs.check(l.File.Close()) }
