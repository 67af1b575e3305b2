package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	at     []int64
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
	r.at = nil
	for rows+len(rejected) < 2 && r.scan() {
		n, err := strconv.ParseInt(r.lines.Text(), 10, 64)
		if err != nil {
			rejected = append(rejected, sdk.Reject{Reason: "want a number",
				Position: r.line, Raw: []byte(r.lines.Text())})
			continue
		}
		b.Field(0).(*array.Int64Builder).Append(n)
		r.at = append(r.at, r.line)
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

func (r *numberReader) Positions() []int64 { return r.at }

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
	cfg.Path, cfg.Schema = sdk.Path(path), numberSchema
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

// summaryOf is an item of a source in short.
func summaryOf(item sdk.Item) string {
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
		all = append(all, summaryOf(item))
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
	for _, name := range []string{"in/.hidden.txt", "in/_SUCCESS.txt", "in/notes.md",
		"in/deep/c.txt", "in/.x.engine/d.txt"} {
		put(t, filepath.Join(dir, name), "9\n")
	}
	s := mustOpenSource(t, dir, "in", nil)
	got, _ := drainAll(t, s)
	wantItems(t, got, "partitions in/a.txt in/b.txt", "in/a.txt: 1 2", "in/a.txt: 3", "in/a.txt: ",
		"partitions in/b.txt", "in/b.txt: 4", "in/b.txt: ")
	if len(s.list.others) != 2 {
		t.Errorf("want 2 files and folders passed over, got %s", s.list.passedOver())
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
		if err != nil || summaryOf(item) != "partitions "+test.want {
			t.Errorf("%s: want %s, got %s, %v", test.path, test.want, summaryOf(item), err)
		}
	}
}

func TestPathWithoutFilesIsNamed(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.md"), "1\n")
	for path, want := range map[string]string{
		"in":       "want files in in whose names end in .txt, found a.md",
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
	put(t, filepath.Join(dir, "c.txt"), "1\n")
	if err := os.Chmod(filepath.Join(dir, "c.txt"), 0); err != nil {
		t.Fatal(err)
	}
	asNobody(t, dir, func() { _, err = openSource(dir, "c.txt", nil) })
	wantError(t, err, "opening c.txt: permission denied")
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
		{"partition", `{"path":"in","partition":"folder"}`,
			"partition: want file, got folder; other partitions are not"},
		{"metadata", `{"path":"in","metadata":["path","line"]}`, ""},
		{"other metadata", `{"path":"in","metadata":["offset"]}`, "metadata.0: want path or line, got offset"},
		{"type", `{"path":"in","schema":{"a":"strng"}}`, "schema.a: "},
	}
	for _, test := range tests {
		config := struct{ SourceConfig }{DefaultSource()}
		checkProblems(t, test.name, sdk.Decode([]byte(test.config), &config), test.want)
	}
}
