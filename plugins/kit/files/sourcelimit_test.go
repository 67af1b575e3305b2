package files

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLimitTrimsRowsAndRejectsInTheirOrder(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\nx\n3\ny\nz\n6\n")
	put(t, filepath.Join(dir, "b.txt"), "7\n8\n")
	whole := []string{"1", "!a.txt:2:x", "3", "!a.txt:4:y", "!a.txt:5:z", "6", "7", "8"}
	for n := range len(whole) + 2 {
		s := mustOpenSource(t, dir, "*.txt", nil)
		resume := s.pinned()
		s.limitTo(int64(n))
		part, at := drainAll(t, s)
		for name, cursor := range at {
			resume[name] = cursor
		}
		wantItems(t, slices.Sorted(slices.Values(records(part))),
			slices.Sorted(slices.Values(whole[:min(n, len(whole))]))...)
		if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("limited to %d, asked again: want %v, got %v", n, io.EOF, err)
		}
		if lag := s.Lag(); lag != 0 && n <= len(whole) {
			t.Errorf("limited to %d: want a lag of 0 at the end, got %d", n, lag)
		}
		remaining, _ := drainAll(t, mustOpenSource(t, dir, "*.txt", resume))
		both := append(records(part), records(remaining)...)
		wantItems(t, slices.Sorted(slices.Values(both)), slices.Sorted(slices.Values(whole))...)
	}
}

// records are the rows and rejects of items.
func records(items []string) (all []string) {
	for _, item := range items {
		if _, batch, ok := strings.Cut(item, ": "); ok {
			all = append(all, strings.Fields(batch)...)
		}
	}
	return all
}

func TestLimitAtTheEndOfAFileDoesNotFinishIt(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\n2\n")
	s := mustOpenSource(t, dir, "a.txt", nil)
	s.limitTo(2)
	got, at := drainAll(t, s)
	wantItems(t, got, "partitions a.txt", "a.txt: 1 2")
	again, _ := drainAll(t, mustOpenSource(t, dir, "a.txt", at))
	wantItems(t, again, "partitions a.txt", "a.txt: ")
}

func TestLimitEndsAFolderThatIsBeingFilled(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.txt"), "1\n2\n3\n")
	f := openFollower(t, dir)
	f.limitTo(3)
	got, _ := drainAll(t, f)
	wantItems(t, got, "partitions in/a.txt in (files to come)", "in/a.txt: 1 2", "in/a.txt: 3")
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
