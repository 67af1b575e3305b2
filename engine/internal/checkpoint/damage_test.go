package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestDamagedFilesAreNamed overwrites each file of the database in turn: the
// store says that it is damaged, or holds what it did before, or (a log truncated)
// an older record, whole with its state.
func TestDamagedFilesAreNamed(t *testing.T) {
	whole := t.TempDir()
	s := open(t, whole)
	for epoch := range uint64(3) {
		save(t, s, "p", &Record{Epoch: epoch + 1}, changes(t, s, "p", "agg", "epoch", string('1'+rune(epoch))))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(whole, databaseFolder, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("got %v, %v; want the files of a database", files, err)
	}
	damaged := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += max(1, len(data)/20) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			bad := append([]byte{}, data...)
			bad[at] ^= 0x55
			if err := os.WriteFile(filepath.Join(dir, databaseFolder, filepath.Base(path)), bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if checkDamaged(t, dir) {
				damaged++
			}
		}
	}
	if damaged == 0 {
		t.Error("no damage was noticed")
	}
}

// checkDamaged reports whether the damage was noticed; what was not noticed must do no harm.
func checkDamaged(t *testing.T, dir string) bool {
	t.Helper()
	noticed := func(err error) bool {
		if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), dir) {
			t.Fatalf("got %v, want a DamagedError that names %s", err, dir)
		}
		return true
	}
	s, err := Open(dir)
	if err != nil {
		return noticed(err)
	}
	defer s.Close()
	r, err := s.Load("p")
	if err != nil {
		return noticed(err)
	}
	walk, failed := s.State("p", "agg")
	got := ""
	for _, v := range walk {
		got = string(v)
	}
	if err := failed(); err != nil {
		return noticed(err)
	}
	if r == nil && got == "" {
		return false // the log was truncated before the first record
	}
	if r == nil || r.Epoch < 1 || r.Epoch > 3 || got != string('0'+rune(r.Epoch)) {
		t.Errorf("a record %+v with the state of epoch %q", r, got)
	}
	return false
}

func TestDamagedStoreIsSetAsideAndItsIdKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := s.EngineID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, _ := filepath.Glob(filepath.Join(dir, databaseFolder, "MANIFEST-*"))
	if len(manifests) != 1 {
		t.Fatalf("got %v, want one manifest", manifests)
	}
	if err := os.WriteFile(manifests[0], []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "--fresh") {
		t.Fatalf("got %v, want an error that names the way on", err)
	}
	aside, err := SetAside(dir)
	if err != nil || !strings.HasSuffix(aside, "checkpoints.damaged-1") {
		t.Fatalf("got %q, %v", aside, err)
	}
	s = open(t, dir)
	defer s.Close()
	if s.EngineID() != id {
		t.Errorf("the id is %s now, it was %s", s.EngineID(), id)
	}
}

// Pebble would make a new database, and read the log.
func TestStoreWithoutTheFileThatNamesItsManifestIsDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(dir, databaseFolder)
	remove := func(pattern string) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(database, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("got %v, %v, want files like %s", names, err, pattern)
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove("marker.manifest.*")
	_, err := Open(dir)
	if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), "marker.manifest") {
		t.Errorf("got %v, want a DamagedError that names the file", err)
	}
	remove("*.log") // as the process leaves it that ended while it made the database
	if err := open(t, dir).Close(); err != nil {
		t.Error(err)
	}
}

func TestLostIdIsKnownToTheDatabase(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := s.EngineID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, identityFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if data, err := os.ReadFile(path); err != nil || s.EngineID() != id || strings.TrimSpace(string(data)) != id {
		t.Errorf("the id is %s now, the file says %q, %v; it was %s", s.EngineID(), data, err, id)
	}
}

func TestIdThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "xyz", "0123456789", "../../etc"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, identityFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "hexadecimal") {
			t.Errorf("id %q: got %v, want it refused", text, err)
		}
	}
}

// TestFullDiskEndsTheStore: Pebble would end the process.
func TestFullDiskEndsTheStore(t *testing.T) {
	dir := t.TempDir()
	full := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	})}
	s, err := openOn(dir, errorfs.Wrap(vfs.Default, &full))
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "p", &Record{Epoch: 1})
	full.On()
	for range 2 {
		if err := s.Save("p", &Record{Epoch: 2}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Fatalf("got %v, want an error that names %s", err, dir)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after := t.TempDir() // Pebble has dir until the process ends
	if err := os.CopyFS(after, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s = open(t, after)
	defer s.Close()
	if r, err := s.Load("p"); err != nil || r == nil || r.Epoch > 2 {
		t.Errorf("after the full disk: got %+v, %v; want epoch 1 or 2", r, err)
	}
}

// TestFullDiskBehindTheStoreIsNotWaitedFor: the log is replayed into tables at
// the start, and while they cannot be written Pebble tries for ever. Where it is the
// manifest that cannot be, it gives up.
func TestFullDiskBehindTheStoreIsNotWaitedFor(t *testing.T) {
	for _, part := range []string{".sst", "MANIFEST", "marker."} {
		dir := t.TempDir()
		s := open(t, dir)
		save(t, s, "p", &Record{Epoch: 1})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		full := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.Contains(op.Path, part) {
				return syscall.ENOSPC
			}
			return nil
		})
		_, err := openOn(dir, errorfs.Wrap(vfs.Default, full))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want the full disk and the state directory", part, err)
		}
		if _, damaged := errors.AsType[*DamagedError](err); damaged {
			t.Errorf("%s: a full disk was taken for damage: %v", part, err)
		}
	}
}
