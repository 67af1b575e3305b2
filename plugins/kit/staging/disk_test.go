package staging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRenameDoesNotReplace(t *testing.T) {
	for name, rename := range map[string]func(from, to string) error{
		"rename": OSDisk{}.Rename, "link and remove": linkAndRemove} {
		t.Run(name, func(t *testing.T) {
			a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
			put(t, a, "new")
			put(t, b, "old")
			if err := rename(a, b); !errors.Is(err, fs.ErrExist) {
				t.Errorf("onto another file: want %v, got %v", fs.ErrExist, err)
			}
			if get(t, a) != "new" || get(t, b) != "old" {
				t.Errorf("want both files as they were")
			}
			if err := os.Remove(b); err != nil {
				t.Fatal(err)
			}
			if err := rename(a, b); err != nil || get(t, b) != "new" {
				t.Errorf("want the file moved, got %v", err)
			}
			if err := rename(a, b); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a second time: want %v, got %v", fs.ErrNotExist, err)
			}
		})
	}
}

func TestRenameFinishesWhatACrashInterrupted(t *testing.T) {
	for name, rename := range map[string]func(from, to string) error{
		"rename": OSDisk{}.Rename, "link and remove": linkAndRemove} {
		a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
		put(t, a, "new")
		if err := os.Link(a, b); err != nil {
			t.Fatal(err)
		}
		if err := rename(a, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(a); !errors.Is(err, fs.ErrNotExist) || get(t, b) != "new" {
			t.Errorf("%s: want the first name gone, got %v", name, err)
		}
	}
}

func TestFolderIsLockedAgainstOtherStepsAndProcesses(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockFolder(dir, "me", "output a")
	if err != nil {
		t.Fatal(err)
	}
	for process, want := range map[string]string{
		"me":    "it is the folder of output a, too",
		"other": fmt.Sprintf("it is in use by another process (pid %d, output a)", os.Getpid()),
	} {
		_, err := lockFolder(dir, process, "output b")
		if locked, ok := errors.AsType[Locked](err); !ok || locked.Error() != want {
			t.Errorf("%s: want %q, got %v", process, want, err)
		}
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = lockFolder(dir, "other", "output b")
	if err != nil {
		t.Fatalf("after the lock was given back: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsNameThePathOnce(t *testing.T) {
	_, err := OSDisk{}.Open("/nowhere/x")
	got, want := Failed("opening", "/nowhere/x", err).Error(), "opening /nowhere/x: no such file or directory"
	if got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	err = &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.ENOSPC}
	got, want = Failed("publishing", "b", err).Error(), "publishing b: no space left on device"
	if got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	if err := Failed("opening", "x", nil); err != nil {
		t.Errorf("want no error, got %v", err)
	}
}
