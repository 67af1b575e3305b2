package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func pendingFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pendingFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestManyChangesAreNowhereInTheStoreBeforeTheyAreSaved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, "p", &Record{Epoch: 1}, changes(t, s, "p", "agg", "a", "1", "b", "2"))
	value := make([]byte, 1000)
	c := s.NewChanges("p", "agg")
	for i := range mostWaiting/len(value) + 100 {
		if err := c.Put(fmt.Appendf(nil, "b%08d", i), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.writing[1].wait(); err != nil || len(pendingFiles(t, dir)) == 0 {
		t.Error("nothing was written before the save: all of it is in memory")
	}
	if got, want := state(t, s, "p", "agg"), map[string]string{"a": "1", "b": "2"}; !maps.Equal(got, want) {
		t.Errorf("state before the save: got %d keys, want %v", len(got), want)
	}
	if err := s.Close(); err != nil { // as after a crash: nobody saves
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if got := pendingFiles(t, dir); len(got) != 0 {
		t.Errorf("left by a crash: %v", got)
	}
	if got := state(t, s, "p", "agg"); len(got) != 2 {
		t.Errorf("state after a crash: got %d keys, want 2", len(got))
	}
}

// TestSizeOfChangesMakesNoDifference saves the same with all changes in memory,
// in one table and in many, against a map.
func TestSizeOfChangesMakesNoDifference(t *testing.T) {
	for _, size := range []struct{ waiting, table int }{{mostWaiting, tableBytes}, {1, tableBytes}, {200, 1}} {
		dir := t.TempDir()
		s := open(t, dir)
		r := rand.New(rand.NewPCG(1, 1))
		want := map[string]string{}
		for epoch := range uint64(20) {
			c := s.NewChanges("p", "agg")
			c.most, c.tables.most = size.waiting, size.table
			for _, prefix := range distinct(r, 3, 1) {
				if err := c.Clear([]byte(prefix)); err != nil {
					t.Fatal(err)
				}
				maps.DeleteFunc(want, func(key, _ string) bool { return strings.HasPrefix(key, prefix) })
			}
			for _, key := range distinct(r, 40, 2) {
				if r.IntN(4) == 0 {
					delete(want, key)
					if err := c.Put([]byte(key), nil); err != nil {
						t.Fatal(err)
					}
					continue
				}
				value := strings.Repeat("v", r.IntN(30)) // empty too, which is no deletion
				want[key] = value
				if err := c.Put([]byte(key), []byte(value)); err != nil {
					t.Fatal(err)
				}
			}
			few := changes(t, s, "p", "other", "epoch", fmt.Sprint(epoch))
			save(t, s, "p", &Record{Epoch: epoch + 1}, c, few)
			if epoch%5 == 4 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, dir)
			}
			if got := state(t, s, "p", "agg"); !maps.Equal(got, want) {
				t.Fatalf("%v, epoch %d: got %v, want %v", size, epoch, got, want)
			}
			r, err := s.Load("p")
			if err != nil || r.Epoch != epoch+1 || state(t, s, "p", "other")["epoch"] != fmt.Sprint(epoch) {
				t.Fatalf("%v: got record %+v, %v, want epoch %d", size, r, err, epoch+1)
			}
		}
		if got := pendingFiles(t, dir); len(got) != 0 {
			t.Errorf("%v: left beside the store: %v", size, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// distinct is up to n different texts of some digits, in order.
func distinct(r *rand.Rand, n, digits int) []string {
	all := map[string]bool{}
	for range n {
		all[fmt.Sprintf("%0*x", digits, r.IntN(1<<(4*digits)))] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// TestSaveOfManyChangesIsDurable looks at the files as they are when Save has
// returned, as a killed process leaves them.
func TestSaveOfManyChangesIsDurable(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s := open(t, dir)
	defer s.Close()
	for epoch := range uint64(3) {
		c := s.NewChanges("p", "agg")
		c.most = 1
		for i := range 1000 {
			if err := c.Put(fmt.Appendf(nil, "%04d", i), fmt.Append(nil, epoch)); err != nil {
				t.Fatal(err)
			}
		}
		save(t, s, "p", &Record{Epoch: epoch + 1}, c)
	}
	copyAsOne(t, copied, dir)
	after := open(t, copied)
	defer after.Close()
	r, err := after.Load("p")
	if err != nil || r.Epoch != 3 {
		t.Fatalf("record: got %+v, %v, want epoch 3", r, err)
	}
	if got := state(t, after, "p", "agg"); len(got) != 1000 || got["0500"] != "2" {
		t.Errorf("state: got %d keys, %q, want 1000 of epoch 2", len(got), got["0500"])
	}
}

// copyAsOne copies a folder as it is at one moment: a compaction that ends
// meanwhile removes files that the copy of the manifest still names.
func copyAsOne(t *testing.T, to, from string) {
	t.Helper()
	for {
		before := fileNames(t, from)
		err := os.CopyFS(to, os.DirFS(from))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil && slices.Equal(before, fileNames(t, from)) {
			return
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
}

func fileNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile: the next list differs
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestKeysOutOfOrderAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for _, keys := range [][]string{{"b", "a"}, {"a", "a"}} {
		c := s.NewChanges("p", "agg")
		if err := c.Put([]byte(keys[0]), nil); err != nil {
			t.Fatal(err)
		}
		err := c.Put([]byte(keys[1]), nil)
		if err == nil || !strings.Contains(err.Error(), "want each key once, in order") {
			t.Errorf("put %v: got %v", keys, err)
		}
	}
	c := s.NewChanges("p", "agg")
	if err := c.Clear([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := c.Clear([]byte("ab")); err == nil {
		t.Error("cleared ab after a: got no error")
	}
}

func TestFullDiskEndsTheStoreAndNotTheProcess(t *testing.T) {
	full := errors.New("no space left on device")
	var refuse errorfs.Toggle
	refuse.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate {
			return full
		}
		return nil
	})
	s, err := openOn(t.TempDir(), errorfs.Wrap(vfs.Default, &refuse))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	refuse.On()
	c := s.NewChanges("p", "agg")
	c.most = 1
	err = c.Put([]byte("a"), []byte("1"))
	if err == nil {
		err = s.Save("p", &Record{Epoch: 1}, c)
	}
	if err == nil || !strings.Contains(err.Error(), full.Error()) {
		t.Errorf("got %v, want %v", err, full)
	}
	refuse.Off()
}

// TestKeysOfDifferentSortsAreInDifferentTables: one that reached from the keys that
// change always to those that change never would have the store sort them all.
func TestKeysOfDifferentSortsAreInDifferentTables(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	c := s.NewChanges("p", "agg")
	c.most = 1
	for _, prefix := range []string{"2", "3"} {
		if err := c.Clear([]byte(prefix)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"0", "1a", "1b", "2a", "2b", "4"} {
		if err := c.Put([]byte(key), []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.finish(); err != nil {
		t.Fatal(err)
	}
	if got := len(c.tables.paths); got != 5 { // that of 3 clears what begins so
		t.Errorf("keys of four sorts and a cleared one: got %d tables, want 5", got)
	}
}

// TestErrorOfAnEarlierPartIsNotLost: later ones could be written.
func TestErrorOfAnEarlierPartIsNotLost(t *testing.T) {
	full, once := errors.New("no space left on device"), atomic.Bool{}
	s, err := openOn(t.TempDir(), errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") && once.CompareAndSwap(false, true) {
			return full
		}
		return nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := s.NewChanges("p", "agg")
	c.most = 1
	if err := c.Put([]byte("a"), []byte("v")); err != nil { // Save adds a part without a key
		t.Fatal(err)
	}
	<-c.writing[1].done
	if err := s.Save("p", &Record{Epoch: 1}, c); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	if r, err := s.Load("p"); r != nil || err != nil {
		t.Errorf("the record: got %+v, %v, want none", r, err)
	}
}

// TestCloseWaitsForWhatIsBeingWritten: nobody may write to a directory that is
// given back.
func TestCloseWaitsForWhatIsBeingWritten(t *testing.T) {
	begin := make(chan struct{})
	s, err := openOn(t.TempDir(), errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			<-begin
		}
		return nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	c := s.NewChanges("p", "agg")
	c.most = 1
	if err := c.Put([]byte("a"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	go close(begin)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.writing[1].done:
	default:
		t.Error("a part was still being written")
	}
}
