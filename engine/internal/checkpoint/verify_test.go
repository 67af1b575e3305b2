package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// spoiltTable makes a state directory with a table that has another byte in the
// middle, where only who reads all of it comes by.
func spoiltTable(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	for range 2 { // tables over each other, which can only be compacted by reading them
		c := s.NewChanges("p", "agg")
		for n := range 2 * mostWaiting / 1000 {
			if err := c.Put(fmt.Appendf(nil, "%06d", n), bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 500)); err != nil {
				t.Fatal(err)
			}
		}
		save(t, s, "p", &Record{Epoch: 1}, c)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, databaseFolder, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	largest := slices.MaxFunc(tables, func(a, b string) int { return int(size(t, a) - size(t, b)) })
	data, err := os.ReadFile(largest)
	if err != nil || len(data) < mostWaiting/10 {
		t.Fatalf("got a table of %d bytes, %v", len(data), err)
	}
	data[len(data)/2] ^= 0x15
	if err := os.WriteFile(largest, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func wantDamage(t *testing.T, err error, dir string) {
	t.Helper()
	if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want a DamagedError that names %s", err, dir)
	}
}

// TestDamageThatPebbleMeetsIsDamage: it reads tables whenever it sees fit, and
// the next write returns an error.
func TestDamageThatPebbleMeetsIsDamage(t *testing.T) {
	dir := spoiltTable(t)
	s := open(t, dir)
	defer s.Close()
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err == nil {
		t.Fatal("the table was sorted anew as if nothing were")
	}
	wantDamage(t, s.Save("p", &Record{Epoch: 3}), dir)
	_, err := s.BeginRun([]string{"p"})
	wantDamage(t, err, dir)
}

func TestVerifyReadsAllAndChangesNothing(t *testing.T) {
	dir := spoiltTable(t)
	before := listing(t, dir)
	wantDamage(t, Verify(dir), dir)
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("the directory had\n%q, it has\n%q", before, after)
	}
	if _, err := SetAside(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // without a database; with one that has only a log
		if err := Verify(dir); err != nil {
			t.Error(err)
		}
		s := open(t, dir)
		save(t, s, "p", &Record{Epoch: 1})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, identityFile), []byte("01234567"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantDamage(t, Verify(dir), dir)
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, databaseFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range files {
		files[i] += fmt.Sprint(" ", size(t, path))
	}
	return files
}

// TestLostIdIsKeptWhereTheDatabaseIsDamaged: files in the outputs have it in their names.
func TestLostIdIsKeptWhereTheDatabaseIsDamaged(t *testing.T) {
	dir := spoiltTable(t)
	s := open(t, dir)
	id := s.EngineID()
	err := s.Close()
	if err == nil {
		err = os.Remove(filepath.Join(dir, identityFile))
	}
	if err != nil {
		t.Fatal(err)
	}
	wantDamage(t, Verify(dir), dir)
	if _, err := SetAside(dir); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if s.EngineID() != id {
		t.Errorf("the id is %s now, it was %s", s.EngineID(), id)
	}
}

func TestVerifyAcceptsWhatOpenAccepts(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, databaseFolder)
	if err := os.Mkdir(database, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Verify(dir); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	err := os.RemoveAll(database)
	if err == nil {
		err = os.Symlink("nowhere", database)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Fatal("a link to nowhere was opened")
	}
	if err := Verify(dir); err == nil {
		t.Error("a link to nowhere is fine for Verify, and not for Open")
	}
}

// fullManifest is a store whose manifest can be written until the disk is full;
// meanwhile comes before the refusal.
func fullManifest(t *testing.T, meanwhile func()) (s *Store, full *errorfs.Toggle) {
	t.Helper()
	full = &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || !strings.Contains(op.Path, "MANIFEST") {
			return nil
		}
		meanwhile()
		return syscall.ENOSPC
	})}
	s, err := openOn(t.TempDir(), errorfs.Wrap(vfs.Default, full))
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "p", &Record{Epoch: 1}, changes(t, s, "p", "agg", "k", "v", "l", "w"))
	return s, full
}

func wantFull(t *testing.T, what string, err error) {
	t.Helper()
	_, damaged := errors.AsType[*DamagedError](err)
	if err == nil || damaged || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%s: got %v, want the full disk", what, err)
	}
}

// TestFullDiskUnderTheManifestIsAnErrorOfEveryCall: Pebble gives up in a goroutine of
// its own, and what waits for that would wait for ever.
func TestFullDiskUnderTheManifestIsAnErrorOfEveryCall(t *testing.T) {
	s, full := fullManifest(t, func() {})
	walk, failed := s.State("p", "agg")
	first := true
	for range walk {
		if !first {
			continue
		}
		first = false
		if err := s.db.Flush(); err != nil { // what is walked over is old now, and closing it takes a lock
			t.Fatal(err)
		}
		save(t, s, "p", &Record{Epoch: 2})
		full.On()
		wantFull(t, "a flush", s.trouble.guard(s.db.Flush))
	}
	wantFull(t, "a walk", failed())
	_, err := s.Load("p")
	wantFull(t, "a look", err)
	_, err = s.Pipelines()
	wantFull(t, "a list", err)
	wantFull(t, "a small save", s.Save("p", &Record{Epoch: 3}))
	c := s.NewChanges("p", "agg")
	c.most = 1
	if err := c.Put([]byte("a"), []byte("b")); err != nil {
		t.Fatal(err)
	}
	wantFull(t, "a large save", s.Save("p", &Record{Epoch: 3}, c))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFullDiskWhileTheStoreIsClosedIsAnError(t *testing.T) {
	stacks := make([]byte, 1<<20)
	s, full := fullManifest(t, func() {
		for !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("pebble/v2.(*DB).Close(")) {
			runtime.Gosched() // until it waits for this
		}
	})
	full.On()
	if _, err := s.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	wantFull(t, "the end", s.Close())
}
