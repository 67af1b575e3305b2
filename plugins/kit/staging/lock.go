package staging

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"etlengine/plugins/kit/durable"
)

// thisProcess identifies this process among all that ever had a lock: a process id
// would not, across containers that share a folder.
var thisProcess = rand.Text()

// Locked is the error of Disk.Lock for a folder that somebody has.
type Locked struct {
	Holder string // "pid 7, output csv of pipeline report, path out"
	Ours   bool   // it is of this process
}

func (e Locked) Error() string {
	if _, who, ok := strings.Cut(e.Holder, ", "); ok && e.Ours {
		return "it is the folder of " + who + ", too"
	}
	return "it is in use by another process (" + e.Holder + ")"
}

// LockName holds a dot, and so is not the name of a pipeline's folder.
const LockName = "engine.lock"

// errNoFolder is a file where a folder should be.
const errNoFolder = unix.ENOTDIR

// lockFolder keeps everyone else out of a folder, other steps of this process
// too. The file LockName names its process and who has it. Reading and
// locking it are one step, under a lock on the folder itself: of two that start
// together, one gets in, and the other reads a whole name.
func lockFolder(folder, process, who string) (unlock func() error, err error) {
	guard, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	if err := durable.Lock(guard); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, LockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, process, who); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func lockFile(f *os.File, process, who string) error {
	err := durable.TryLock(f)
	if err == nil {
		line := fmt.Sprintf("%s pid %d, %s\n", process, os.Getpid(), who)
		if err := f.Truncate(0); err != nil {
			return err
		}
		_, err := f.WriteAt([]byte(line), 0)
		return err
	}
	if !errors.Is(err, durable.ErrLocked) {
		return err
	}
	line, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	owner, holder, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	return Locked{holder, owner == process}
}

func writable(folder string) error {
	return unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}
