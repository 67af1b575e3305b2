package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/parquet"
	"etlengine/plugins/sdk"
)

// row is a row of an output as text that does not depend on the format, its
// columns in the order of their names. A null is the empty string.
type row string

func rowOf(values map[string]string) row {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s=%s|", name, values[name])
	}
	return row(b.String())
}

// output is a folder that a pipeline fills.
type output struct {
	folder  string
	format  string            // csv, jsonl or parquet
	columns map[string]string // of Parquet, those of folders too, by type
	by      []string          // columns of partition_by
	without []string          // columns that are not compared: the wall clock
}

// outputReader reads outputs. It reads each file once: those that are visible do not
// change any more, or their size and time would.
type outputReader struct {
	outputs []output
	seen    map[string][]row // by path, size and time
}

func newOutputReader(outputs []output) *outputReader {
	return &outputReader{outputs: outputs, seen: map[string][]row{}}
}

// visible is what a reader sees, by folder, sorted.
type visible map[string][]row

// read reads what is visible. It fails if a file is not whole, or is none of the
// output's.
func (l *outputReader) read(t *testing.T, dir string) visible {
	t.Helper()
	all := visible{}
	for _, o := range l.outputs {
		var rows []row
		root := filepath.Join(dir, o.folder)
		for _, path := range o.files(t, root) {
			rows = append(rows, l.rows(t, o, root, path)...)
		}
		slices.Sort(rows)
		all[o.folder] = rows
	}
	return all
}

func (l *outputReader) rows(t *testing.T, o output, root, path string) []row {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprint(path, info.Size(), info.ModTime())
	rows, known := l.seen[key]
	if !known {
		rows = o.read(t, root, path)
		l.seen[key] = rows
	}
	return rows
}

// files lists the data files, and fails on all else.
func (o output) files(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist) && path == root:
			return nil // not made yet
		case err != nil:
			return err
		case e.IsDir() && path != root && len(o.by) == 0:
			return fmt.Errorf("%s: a folder where none should be", path)
		case !e.IsDir() && !strings.HasSuffix(path, "."+o.format):
			return fmt.Errorf("%s: not a data file", path)
		case !e.IsDir():
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// read returns the rows of one file.
func (o output) read(t *testing.T, root, path string) []row {
	t.Helper()
	folder, err := filepath.Rel(root, filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]func(*testing.T, string) []map[string]string{
		"csv": csvRows, "jsonl": jsonRows, "parquet": o.parquetRows}[o.format]
	var rows []row
	for _, values := range read(t, path) {
		for part := range strings.SplitSeq(folder, string(filepath.Separator)) {
			if column, value, ok := strings.Cut(part, "="); ok {
				values[column] = strings.Replace(value, "__HIVE_DEFAULT_PARTITION__", "", 1)
			}
		}
		for _, column := range o.without {
			delete(values, column)
			if text, ok := values["row"]; ok { // of a dead letter, with the columns it had
				values["row"], _, _ = strings.Cut(text, `,"`+column+`"`)
			}
		}
		rows = append(rows, rowOf(values))
	}
	return rows
}

// wholeLines is the content of a text file, which is empty if its output had no row.
func wholeLines(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		t.Fatalf("%s does not end with its last line: %q", path, data[max(0, len(data)-40):])
	}
	return data
}

func jsonRows(t *testing.T, path string) []map[string]string {
	t.Helper()
	var all []map[string]string
	for line := range bytes.Lines(wholeLines(t, path)) {
		all = append(all, jsonValues(t, line))
	}
	return all
}

func csvRows(t *testing.T, path string) []map[string]string {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(wholeLines(t, path))).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var all []map[string]string
	for _, cells := range lines[1:] {
		values := map[string]string{}
		for i, cell := range cells {
			values[lines[0][i]] = cell
		}
		all = append(all, values)
	}
	return all
}

func (o output) parquetRows(t *testing.T, path string) []map[string]string {
	t.Helper()
	columns := maps.Clone(o.columns)
	for _, name := range o.by {
		delete(columns, name)
	}
	settings, err := json.Marshal(map[string]any{"path": path, "schema": columns})
	if err != nil {
		t.Fatal(err)
	}
	env := sdk.Env{Dir: ".", Log: slog.New(slog.DiscardHandler)}
	i, err := parquet.Source.Open(t.Context(), settings, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(t.Context())
	var rows []map[string]string
	for {
		item, err := i.(sdk.Source).Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch == nil {
			continue
		}
		e := jsonrows.NewEncoder(item.Batch.Rows)
		for n := range int(item.Batch.NumRows()) {
			rows = append(rows, jsonValues(t, e.Append(nil, n)))
		}
	}
}

// jsonValues are the values of an object as CSV writes them.
func jsonValues(t *testing.T, line []byte) map[string]string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	values := map[string]string{}
	for name, value := range object {
		values[name] = ""
		if value != nil {
			values[name] = fmt.Sprint(value)
		}
	}
	return values
}

// excess are the rows of got that are not in want, each as often as it is
// there. Both are sorted.
func excess(got, want []row) []row {
	var more []row
	for i, j := 0, 0; i < len(got); {
		switch {
		case j == len(want) || got[i] < want[j]:
			more = append(more, got[i])
			i++
		case got[i] == want[j]:
			i++
			j++
		default:
			j++
		}
	}
	return more
}

// wantSame compares the rows of an output with those it should have.
func wantSame(t *testing.T, what string, got, want []row) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s: got %d rows, want %d; too many or wrong: %.600q; missing: %.600q", what, len(got), len(want),
		some(excess(got, want)), some(excess(want, got)))
}

func some(rows []row) []row { return rows[:min(len(rows), 3)] }

// wantNothingStaged fails if a job that has ended has left files beside its
// outputs.
func wantNothingStaged(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, ".*.engine", "*", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("staged files are left: %v %q", err, left)
	}
}
