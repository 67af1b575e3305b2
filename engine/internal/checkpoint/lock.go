package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"etlengine/plugins/kit/durable"
)

// ErrInUse says that another process has the state directory.
var ErrInUse = errors.New("in use by another engine")

// lock is what a process holds of a state directory, until it ends (rule 17).
type lock struct{ files []*os.File }

// lockDir locks a state directory: the file in it, and the folder itself, whose lock
// nobody can remove while the engine runs.
func lockDir(dir string) (*lock, error) {
	l := &lock{}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the state directory: %w", err)
	}
	l.files = append(l.files, folder)
	// Some network file systems lock no folders: then the file alone must do.
	if err := durable.TryLock(folder); errors.Is(err, durable.ErrLocked) {
		return nil, errors.Join(inUse(dir), l.Close())
	}
	path := filepath.Join(dir, "lock")
	file, err := durable.OpenLocked(path, 0o600)
	switch {
	case errors.Is(err, durable.ErrLocked):
		return nil, errors.Join(inUse(dir), l.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("locking the state directory: %w", err), l.Close())
	}
	l.files = append(l.files, file)
	return l, nil
}

func inUse(dir string) error {
	return fmt.Errorf("the state directory %s is %w: stop that one, or set another state_dir", dir, ErrInUse)
}

// Close gives the locks back.
func (l *lock) Close() error {
	var all []error
	for _, f := range l.files {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}
