package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

// thisProcess tells this process from every other one that ever took a lock: a
// process id would not, across containers that share a folder.
var thisProcess = rand.Text()

// errLocked says who has the folder.
type errLocked struct {
	holder string // "pid 7, output csv of pipeline report, path out"
	ours   bool   // it is of this process
}

func (e errLocked) Error() string {
	if _, who, ok := strings.Cut(e.holder, ", "); ok && e.ours {
		return "it is the folder of " + who + ", too"
	}
	return "it is in use by another process (" + e.holder + ")"
}

// lockName holds a dot, and so is not the name of a pipeline's folder.
const lockName = "engine.lock"

// errNoFolder is a file in the place of a folder.
const errNoFolder = unix.ENOTDIR

// holder is what others read of the step that has a folder locked.
func holder(cfg SinkConfig, env sdk.Env) string {
	return fmt.Sprintf("output %s of pipeline %s, path %s", env.Step, env.Pipeline, cfg.Path)
}

// lockTwin locks the twin of the output folder of a config. Two ways to one
// folder, such as a link, meet here: what lint compares is their names.
func lockTwin(d disk, twin string, cfg SinkConfig, env sdk.Env) (unlock func() error, err error) {
	unlock, err = d.Lock(twin, holder(cfg, env))
	if locked, ok := errors.AsType[errLocked](err); ok {
		ways := "want one process per output folder: wait for it, stop it, or choose another path"
		if locked.ours {
			ways = "give each output a folder of its own"
		}
		return nil, fmt.Errorf("opening the folder %s: %w; %s", cfg.Path, locked, ways)
	}
	return unlock, failed("locking", twin, err)
}

// lockFolder keeps everyone else out of a folder, other steps of this process
// too. The file lockName names its process and who has it. Looking at it and
// taking it are one, under a lock on the folder itself: of two that start
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
	path := filepath.Join(folder, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := takeLock(f, process, who); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func takeLock(f *os.File, process, who string) error {
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
	return errLocked{holder, owner == process}
}

func writable(folder string) error {
	return unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}
