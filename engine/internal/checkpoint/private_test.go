package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestTheStateDirectoryIsItsUsersOnly(t *testing.T) {
	mode := func(dir string) os.FileMode {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	made := filepath.Join(t.TempDir(), "a", "state")
	open := filepath.Join(t.TempDir(), "state")
	shared := filepath.Join(t.TempDir(), "shared")
	for _, dir := range []string{open, shared} {
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(shared, "of-others"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]os.FileMode{made: 0o700, open: 0o700, shared: 0o755} {
		for range 2 { // the second time with what the first has left
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := mode(dir); got != want {
			t.Errorf("%s has mode %o, want %o", dir, got, want)
		}
	}
}

func TestALockThatIsRemovedStillHolds(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want that it is in use", err)
	}
}
