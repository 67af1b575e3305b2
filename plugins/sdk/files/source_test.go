package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// numbers is a format of one number a line, two lines a batch.
var numbers = Input{Suffixes: []string{".txt"}, Open: func(ctx context.Context, f File) (Reader, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	r := &numberReader{file: file, lines: bufio.NewScanner(file), schema: f.Schema.Arrow()}
	for range f.Skip {
		r.scan()
	}
	return r, nil
}}

type numberReader struct {
	file   *os.File
	lines  *bufio.Scanner
	schema *arrow.Schema
	line   int64
	offset int64
}

func (r *numberReader) scan() bool {
	if !r.lines.Scan() {
		return false
	}
	r.line++
	r.offset += int64(len(r.lines.Bytes())) + 1
	return true
}

func (r *numberReader) Next(ctx context.Context) (arrow.RecordBatch, []sdk.Reject, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, r.schema)
	var rejected []sdk.Reject
	rows := 0
	for rows+len(rejected) < 2 && r.scan() {
		n, err := strconv.ParseInt(r.lines.Text(), 10, 64)
		if err != nil {
			rejected = append(rejected, sdk.Reject{Reason: "want a number", Position: r.line, Raw: []byte(r.lines.Text())})
			continue
		}
		b.Field(0).(*array.Int64Builder).Append(n)
		rows++
	}
	switch {
	case rows == 0 && rejected == nil:
		return nil, nil, io.EOF
	case rows == 0:
		return nil, rejected, nil
	}
	return b.NewRecordBatch(), rejected, nil
}

func (r *numberReader) Offset() int64 { return r.offset }
func (r *numberReader) Close() error  { return r.file.Close() }

var numberSchema = sdk.Schema{{Key: "n", Value: sdk.Column{Type: "int64"}}}

func sourceEnv(dir string, resume map[string][]byte) sdk.Env {
	env := testEnv(dir)
	env.Resume = resume
	return env
}

func openSource(dir, path string, resume map[string][]byte) (*source, error) {
	cfg := DefaultSource()
	cfg.Path, cfg.Schema = path, numberSchema
	s, err := NewSource(cfg, sourceEnv(dir, resume), numbers)
	if err != nil {
		return nil, err
	}
	return s.(*source), nil
}

func mustOpenSource(t *testing.T, dir, path string, resume map[string][]byte) *source {
	t.Helper()
	s, err := openSource(dir, path, resume)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// told is what a source gave, item by item, in short.
func told(item sdk.Item) string {
	if item.Signal != nil {
		return fmt.Sprintf("%s %s", item.Signal.Kind, strings.Join(item.Signal.Partitions, " "))
	}
	var values []string
	for row := range int(item.Batch.NumRows()) {
		var one []string
		for _, c := range item.Batch.Rows.Columns() {
			one = append(one, c.ValueStr(row))
		}
		values = append(values, strings.Join(one, "/"))
	}
	for _, r := range item.Batch.Rejected {
		values = append(values, fmt.Sprintf("!%s:%d:%s", r.Partition, r.Position, r.Raw))
	}
	return item.Batch.Partition + ": " + strings.Join(values, " ")
}

// drainAll reads to the end and returns what came, and the last cursors.
func drainAll(t *testing.T, s sdk.Source) ([]string, map[string][]byte) {
	t.Helper()
	var all []string
	cursors := map[string][]byte{}
	for {
		item, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return all, cursors
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, told(item))
		if item.Batch != nil {
			cursors[item.Batch.Partition] = item.Batch.Cursor
		}
	}
}

func wantItems(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("want\n  %s\ngot\n  %s", strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
}

func TestFilesOfAFolderAreReadInNameOrderAllAnnounced(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/b.txt"), "4\n")
	put(t, filepath.Join(dir, "in/a.txt"), "1\n2\n3\n")
	for _, name := range []string{"in/.hidden.txt", "in/_SUCCESS.txt", "in/notes.md", "in/deep/c.txt", "in/.x.engine/d.txt"} {
		put(t, filepath.Join(dir, name), "9\n")
	}
	s := mustOpenSource(t, dir, "in", nil)
	got, _ := drainAll(t, s)
	wantItems(t, got, "partitions in/a.txt in/b.txt", "in/a.txt: 1 2", "in/a.txt: 3", "in/a.txt: ",
		"partitions in/b.txt", "in/b.txt: 4", "in/b.txt: ")
	if s.list.others != 2 {
		t.Errorf("want 2 files and folders passed over, got %d", s.list.others)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("asked again: want %v, got %v", io.EOF, err)
	}
}

func TestPathIsAFileOrAGlobToo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd[1]*")
	put(t, filepath.Join(dir, "in/a.csv"), "1\n")
	put(t, filepath.Join(dir, "in/b.txt"), "2\n")
	put(t, filepath.Join(dir, "in/_c.txt"), "3\n")
	put(t, filepath.Join(dir, "in/d[1].txt"), "4\n")
	tests := []struct{ path, want string }{
		{"in/a.csv", "in/a.csv"},
		{"./in/../in/_c.txt", "in/_c.txt"},
		{"in/*", "in/a.csv in/b.txt in/d[1].txt"},
		{"*/?.txt", "in/b.txt"},
		{"in/_*", "in/_c.txt"},
		{"i*", "in/b.txt in/d[1].txt"},
		{"in/d[1].txt", "in/d[1].txt"},
		{filepath.Join(dir, "in/b.txt"), filepath.Join(dir, "in/b.txt")},
	}
	for _, test := range tests {
		s := mustOpenSource(t, dir, test.path, nil)
		item, err := s.Next(t.Context())
		if err != nil || told(item) != "partitions "+test.want {
			t.Errorf("%s: want %s, got %s, %v", test.path, test.want, told(item), err)
		}
	}
}

func TestPathWithoutFilesIsNamed(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.md"), "1\n")
	for path, want := range map[string]string{
		"in":       "want files in in whose names end in .txt, found none among 1 others",
		"out":      "want a file, a folder or a glob, there is no out",
		"in/*.csv": "no file matches in/*.csv",
	} {
		_, err := openSource(dir, path, nil)
		wantError(t, err, "path: ", want)
	}
}

func TestUnreadableFilesAreNamedBeforeAnyRow(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.txt"), "1\n")
	if err := os.Symlink("nowhere", filepath.Join(dir, "in/b.txt")); err != nil {
		t.Fatal(err)
	}
	_, err := openSource(dir, "in", nil)
	wantError(t, err, "opening in/b.txt: no such file")
	_, err = openSource(dir, "/dev/null", nil)
	wantError(t, err, "opening /dev/null: want a file, got a device")
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	put(t, filepath.Join(dir, "c.txt"), "1\n")
	if err := os.Chmod(filepath.Join(dir, "c.txt"), 0); err != nil {
		t.Fatal(err)
	}
	_, err = openSource(dir, "c.txt", nil)
	wantError(t, err, "opening c.txt: permission denied")
}

func TestReadingGoesOnAfterEachCursor(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\nx\n3\n4\n5\n")
	put(t, filepath.Join(dir, "b.txt"), "6\n")
	s := mustOpenSource(t, dir, "*.txt", nil)
	whole, _ := drainAll(t, s)
	wantItems(t, whole[1:4], "a.txt: 1 !a.txt:2:x", "a.txt: 3 4", "a.txt: 5")
	for stop := range whole {
		first := mustOpenSource(t, dir, "*.txt", nil)
		resume := first.Positions()
		var got []string
		for range stop {
			item, err := first.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if item.Batch != nil {
				resume[item.Batch.Partition] = item.Batch.Cursor
				got = append(got, told(item))
			}
		}
		rest, _ := drainAll(t, mustOpenSource(t, dir, "*.txt", resume))
		got = append(got, rest...)
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

func TestChangedFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), "1\n2\n3\n")
	_, finished := drainAll(t, mustOpenSource(t, dir, "a.txt", nil))
	s := mustOpenSource(t, dir, "a.txt", nil)
	pinned := s.Positions()
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
	wantError(t, err, "a.txt has changed after it was read to its end: it had 6 bytes", "it has 8", "new files")
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
	wantError(t, err, "in/a.txt is gone after 2 of its records were read")
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

func TestFoldersGiveColumns(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/day=2026-01-02/kind=a%2Fb/a.txt"), "1\n2\n")
	put(t, filepath.Join(dir, "in/day=2026-01-03/kind="+hiveNull+"/a.txt"), "3\n")
	cfg := DefaultSource()
	cfg.Path = "in"
	cfg.Schema = sdk.Schema{{Key: "kind", Value: sdk.Column{Type: "string"}}, numberSchema[0],
		{Key: "day", Value: sdk.Column{Type: "date"}}}
	s, err := NewSource(cfg, sourceEnv(dir, nil), numbers)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := drainAll(t, s.(sdk.Source))
	a, b := "in/day=2026-01-02/kind=a%2Fb/a.txt", "in/day=2026-01-03/kind="+hiveNull+"/a.txt"
	wantItems(t, got, "partitions "+a+" "+b, a+": a/b/1/2026-01-02 a/b/2/2026-01-02", a+": ",
		"partitions "+b, b+": (null)/3/2026-01-03", b+": ")

	cfg.Schema[2].Value.Type = "int64"
	s, err = NewSource(cfg, sourceEnv(dir, nil), numbers)
	if err != nil {
		t.Fatal(err)
	}
	src := s.(sdk.Source)
	for err == nil {
		_, err = src.Next(t.Context())
	}
	wantError(t, err, "opening in/day=2026-01-02", `day: a column of type int64 cannot be read from "2026-01-02"`)
	cfg.Schema[2].Value.Type, cfg.Schema[0].Value.Required = "date", true
	if s, err = NewSource(cfg, sourceEnv(dir, nil), numbers); err != nil {
		t.Fatal(err)
	}
	src = s.(sdk.Source)
	for err == nil {
		_, err = src.Next(t.Context())
	}
	wantError(t, err, "kind: want a value, the folder says null")
}

func TestWhatASinkWroteIsReadBack(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig()
	cfg.Path, cfg.PartitionBy = "out", []string{"kind"}
	instance, err := NewSink(cfg, testSchema, testEnv(dir), Format{Suffix: ".txt",
		Start: func(w io.Writer, _ *arrow.Schema, _ bool) (Encoder, error) { return &lineEncoder{w: w}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	k := instance.(*sink)
	if err := k.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	write(t, k, batchOf(0, 6, "x/y", "-", "z"))
	publish(t, k, 1, prepare(t, k, 1, true))
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := DefaultSource()
	in.Path, in.Schema = "out", sdk.Schema{numberSchema[0], {Key: "kind", Value: sdk.Column{Type: "string"}}}
	s, err := NewSource(in, sourceEnv(dir, nil), numbers)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	items, _ := drainAll(t, s.(sdk.Source))
	for _, item := range items {
		_, values, _ := strings.Cut(item, ": ")
		for v := range strings.FieldsSeq(values) {
			rows[v] = true
		}
	}
	want := map[string]bool{"0/x/y": true, "1/(null)": true, "2/z": true, "3/x/y": true, "4/(null)": true, "5/z": true}
	if !maps.Equal(rows, want) {
		t.Errorf("want %v, got %v", want, rows)
	}
}

func openFollower(t *testing.T, dir string) follower {
	t.Helper()
	cfg := DefaultSource()
	cfg.Path, cfg.Schema = "in", numberSchema
	env := sourceEnv(dir, nil)
	env.Filled = true
	s, err := NewSource(cfg, env, numbers)
	if err != nil {
		t.Fatal(err)
	}
	return s.(follower)
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
				items <- told(item)
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
		for name, stop := range map[string]func(f follower){
			"close":  func(f follower) { _ = f.Close(t.Context()) },
			"cancel": func(f follower) { cancel() },
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

func TestLagIsEstimatedFromBytes(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.txt"), strings.Repeat("1\n", 10))
	put(t, filepath.Join(dir, "b.txt"), strings.Repeat("1\n", 30))
	s := mustOpenSource(t, dir, "*.txt", nil)
	if got := s.Lag(); got != -1 {
		t.Errorf("at the start: want -1, got %d", got)
	}
	for _, want := range []int64{-1, 38, 36} {
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.Lag(); got != want {
			t.Errorf("want %d, got %d", want, got)
		}
	}
	drainAll(t, s)
	if got := s.Lag(); got != 0 {
		t.Errorf("at the end: want 0, got %d", got)
	}
}

func TestSourceConfigIsChecked(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"defaults are valid", `{"path":"in/*.csv","schema":{"a":"string"}}`, ""},
		{"no path", `{}`, "path is missing"},
		{"stars", `{"path":"in/**/x.csv"}`, "path: ** is not understood; name each level"},
		{"pattern", `{"path":"in/[a"}`, `path: want a file, a folder or a glob, got "in/[a"`},
		{"partition", `{"path":"in","partition":"folder"}`, "partition: want file, got folder; other partitions are not"},
		{"metadata", `{"path":"in","metadata":["path"]}`, "metadata: is not supported on files yet"},
		{"type", `{"path":"in","schema":{"a":"strng"}}`, "schema.a: "},
	}
	for _, test := range tests {
		config := struct{ SourceConfig }{DefaultSource()}
		checkProblems(t, test.name, sdk.Decode([]byte(test.config), &config), test.want)
	}
}
