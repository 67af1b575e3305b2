package files

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"
)

func openFollower(t *testing.T, dir string) *source {
	t.Helper()
	cfg := DefaultSource()
	cfg.Path, cfg.Schema = "in", numberSchema
	env := sourceEnv(dir, nil)
	env.Filled = true
	s, err := NewSource(cfg, env, numbers)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*source)
}

func TestFolderBeingFilledIsReadUntilItIsDrained(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := openFollower(t, dir) // the folder is not there yet
		items := make(chan string)
		go func() {
			defer close(items)
			for {
				item, err := f.Next(t.Context())
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Error(err)
					}
					return
				}
				items <- summaryOf(item)
			}
		}()
		want := func(lines ...string) {
			t.Helper()
			var got []string
			for range lines {
				got = append(got, <-items)
			}
			wantItems(t, got, lines...)
		}
		want("partitions in (files to come)")
		put(t, filepath.Join(dir, "in/a.txt"), "1\n")
		want("partitions in/a.txt in (files to come)", "in/a.txt: 1", "in/a.txt: ", "partitions in (files to come)")
		synctest.Wait()
		put(t, filepath.Join(dir, "in/b.txt"), "2\n")
		if err := f.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("partitions in/b.txt", "in/b.txt: 2", "in/b.txt: ")
		put(t, filepath.Join(dir, "in/c.txt"), "3\n")
		if item, ok := <-items; ok {
			t.Errorf("after the drain: want the end, got %s", item)
		}
	})
}

func TestWaitingSourceReturnsOnCloseAndCancel(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		for name, stop := range map[string]func(f *source){
			"close":  func(f *source) { _ = f.Close(t.Context()) },
			"cancel": func(f *source) { cancel() },
		} {
			f := openFollower(t, dir)
			if _, err := f.Next(ctx); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := f.Next(ctx)
				ended <- err
			}()
			synctest.Wait()
			stop(f)
			if err := <-ended; err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%s: want an error, got %v", name, err)
			}
			ctx, cancel = context.WithCancel(t.Context())
		}
		cancel()
	})
}
