package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLockLastsUntilItsFileIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := OpenLocked(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLocked(path, 0o600); !errors.Is(err, ErrLocked) {
		t.Fatalf("want %v while the first is open, got %v", ErrLocked, err)
	}
	waiting, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	got := make(chan error)
	go func() { got <- Lock(waiting) }()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatalf("waiting for the lock: %v", err)
	}
	if _, err := OpenLocked(path, 0o600); !errors.Is(err, ErrLocked) {
		t.Fatalf("want %v while the second has it, got %v", ErrLocked, err)
	}
}

func TestFolderCanBeLocked(t *testing.T) {
	dir := t.TempDir()
	var files [2]*os.File
	for i := range files {
		f, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	if err := TryLock(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := TryLock(files[1]); !errors.Is(err, ErrLocked) {
		t.Errorf("want %v, got %v", ErrLocked, err)
	}
}

func TestWrittenFileReplacesTheOldOneWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path+".tmp", []byte("longer than what comes, left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second"} {
		if err := WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Fatalf("want %q, got %q, %v", text, got, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("want the file alone, got %v, %v", left, err)
	}
}

func TestFileThatCannotBeReplacedStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path+".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), 0o600); err == nil {
		t.Error("want an error: the disk is full")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("want the old file, got %q, %v", got, err)
	}
	if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("want no temporary file left, got %v", err)
	}
}

func TestMadeFolderIsThereWithThoseAboveIt(t *testing.T) {
	base := t.TempDir()
	folder := filepath.Join(base, "a", "b")
	for range 2 {
		if err := MakeFolder(base, folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		t.Errorf("want a folder, got %v, %v", info, err)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("état/..", "~")
	f.Add("a.b", "a~2eb")
	f.Add("", "\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := EscapeName(a), EscapeName(b)
		if (a == b) != (x == y) {
			t.Errorf("%q and %q are %q and %q", a, b, x, y)
		}
		if got := UnescapeName(x); got != a {
			t.Errorf("%q came back as %q", a, got)
		}
		for _, c := range []byte(x) {
			if c == '/' || c == '.' || c < '-' || c > '~' {
				t.Errorf("%q has the name %q", a, x)
			}
		}
	})
}
