package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// thisProcess tells this process from every other one that ever took a lock: a
// process id would not, across containers that share a folder.
var thisProcess = rand.Text()

// errLocked says that another process has the folder.
type errLocked struct{ pid string }

func (e errLocked) Error() string {
	return "it is in use by another process (" + e.pid + ")"
}

// lockName holds a dot, and so is not the name of a pipeline's folder.
const lockName = "engine.lock"

// errNoFolder is a file in the place of a folder.
const errNoFolder = unix.ENOTDIR

// lockTwin locks the twin of an output folder that is shown by its name.
func lockTwin(d disk, twin, shown string) (unlock func() error, err error) {
	unlock, err = d.Lock(twin)
	if locked, ok := errors.AsType[errLocked](err); ok {
		return nil, fmt.Errorf("opening the folder %s: %w; want one process per output folder: "+
			"wait for it, stop it, or choose another path", shown, locked)
	}
	return unlock, failed("locking", twin, err)
}

// lockFolder keeps other processes out of a folder; steps of this process may
// share it. The file lockName names its process and every step of that process
// holds it shared. Looking at it and taking it are one, under a lock on the
// folder itself: of two processes that start together, one gets in.
func lockFolder(folder, process string) (unlock func() error, err error) {
	guard, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	if err := flock(guard, unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("locking %s: %w", folder, err)
	}
	path := filepath.Join(folder, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := takeLock(f, process); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func takeLock(f *os.File, process string) error {
	err := flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		line := fmt.Sprintf("%s pid %d\n", process, os.Getpid())
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte(line), 0); err != nil {
			return err
		}
		return flock(f, unix.LOCK_SH|unix.LOCK_NB)
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	line, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	owner, pid, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	if owner != process {
		return errLocked{pid}
	}
	return flock(f, unix.LOCK_SH|unix.LOCK_NB)
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func writable(folder string) error {
	return unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}
