package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadingGoesOnAfterEachCursor(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\nx\n3\n4\n5\n")
	put(t, filepath.Join(dir, "b.txt"), "6\n")
	s := mustOpenSource(t, dir, "*.txt", nil)
	whole, _ := drainAll(t, s)
	wantItems(t, whole[1:4], "a.txt: 1 !a.txt:2:x", "a.txt: 3 4", "a.txt: 5")
	for stop := range whole {
		first := mustOpenSource(t, dir, "*.txt", nil)
		resume := first.pinned()
		var got []string
		for range stop {
			item, err := first.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if item.Batch != nil {
				resume[item.Batch.Partition] = item.Batch.Cursor
				got = append(got, summaryOf(item))
			}
		}
		remaining, _ := drainAll(t, mustOpenSource(t, dir, "*.txt", resume))
		got = append(got, remaining...)
		var want, have []string
		for _, line := range [][]string{whole, got} {
			var batches []string
			for _, l := range line {
				if !strings.HasPrefix(l, "partitions") && !strings.HasSuffix(l, ": ") {
					batches = append(batches, l)
				}
			}
			want, have = have, batches
		}
		if !slices.Equal(want, have) {
			t.Errorf("stopped after %d items: want %q, got %q", stop, want, have)
		}
	}
}

func TestFinishedFilesAreNotReadAgain(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.txt"), "1\n")
	_, cursors := drainAll(t, mustOpenSource(t, dir, "in", nil))
	again, _ := drainAll(t, mustOpenSource(t, dir, "in", cursors))
	wantItems(t, again, "partitions ")
	put(t, filepath.Join(dir, "in/b.txt"), "2\n")
	more, _ := drainAll(t, mustOpenSource(t, dir, "in", cursors))
	wantItems(t, more, "partitions in/b.txt", "in/b.txt: 2", "in/b.txt: ")
}

// TestFileThatIsPutBackNeedsItsTime, which the message says to the nanosecond.
func TestFileThatIsPutBackNeedsItsTime(t *testing.T) {
	dir := t.TempDir()
	path, at := filepath.Join(dir, "a.txt"), time.Date(2026, 1, 2, 3, 4, 5, 123_456_789, time.UTC)
	put(t, path, "1\n2\n")
	setTime(t, path, at)
	_, cursors := drainAll(t, mustOpenSource(t, dir, "a.txt", nil))
	setTime(t, path, at.Add(time.Hour))
	_, err := openSource(dir, "a.txt", cursors)
	wantError(t, err, "a.txt has changed after it was read to its end", "its time counts too",
		"(touch -d 2026-01-02T03:04:05.123456789Z a.txt)")
	put(t, path, "1\n2\n3\n")
	_, err = openSource(dir, "a.txt", cursors)
	wantError(t, err, "put it back with the time it had (cp -p), or run with --fresh")
	put(t, path, "1\n2\n")
	setTime(t, path, at)
	mustOpenSource(t, dir, "a.txt", cursors)
}

func setTime(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestChangedFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\n2\n3\n")
	_, finished := drainAll(t, mustOpenSource(t, dir, "a.txt", nil))
	s := mustOpenSource(t, dir, "a.txt", nil)
	pinned := s.pinned()
	var half []byte
	for range 2 {
		item, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch != nil {
			half = item.Batch.Cursor
		}
	}
	put(t, filepath.Join(dir, "a.txt"), "1\n2\n3\n4\n")
	_, err := openSource(dir, "a.txt", finished)
	wantError(t, err, "a.txt has changed after it was read to its end: it had 6 bytes",
		"it has 8", "new files")
	_, err = openSource(dir, "a.txt", map[string][]byte{"a.txt": half})
	wantError(t, err, "a.txt has changed after 2 of its records were read")
	got, _ := drainAll(t, mustOpenSource(t, dir, "a.txt", pinned))
	if len(got) != 4 {
		t.Errorf("a file of which nothing was read may change: got %q", got)
	}
	for range 3 {
		if _, err = s.Next(t.Context()); err != nil {
			break
		}
	}
	wantError(t, err, "while it was being read", "a.txt has changed")
}

func TestFileReadInPartMustNotGo(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/b.txt"), "1\n")
	half := cursor{Records: 2, Size: 6, Modified: 1}.encode()
	_, err := openSource(dir, "in", map[string][]byte{"in/a.txt": half})
	wantError(t, err, "in/a.txt is gone after 2 of its records were read", "with the time it had (cp -p)")
	if _, err := openSource(dir, "in", map[string][]byte{"elsewhere/a.txt": half}); err != nil {
		t.Errorf("a file of another path: %v", err)
	}
}

func TestCursorOfANewerEngineIsRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\n")
	for _, data := range []string{`{"v":2}`, `{`, `{"v":1,"records":-1}`} {
		_, err := openSource(dir, "a.txt", map[string][]byte{"a.txt": []byte(data)})
		wantError(t, err, "reading the position in a.txt")
	}
}
