package files

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// rowsOf reads a folder of numbers with the metadata asked for.
func rowsOf(t *testing.T, dir string, positions bool, metadata ...string) (rows []string, at []int64) {
	t.Helper()
	cfg := DefaultSource()
	cfg.Path, cfg.Schema, cfg.Metadata = "in", numberSchema, metadata
	env := sourceEnv(dir, nil)
	env.Positions = positions
	s, err := NewSource(cfg, env, numbers)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	for {
		item, err := s.(sdk.Source).Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, at
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch == nil {
			continue
		}
		if !item.Batch.Rows.Schema().Equal(cfg.Columns()) {
			t.Fatalf("got the columns %v, want %v", item.Batch.Rows.Schema(), cfg.Columns())
		}
		rows = append(rows, sdktest.Text(item.Batch.Rows)...)
		at = append(at, item.Batch.Positions...)
	}
}

func TestMetadataNamesFileAndLine(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.txt"), "7\nbad\n8\n")
	put(t, filepath.Join(dir, "in/b.txt"), "9\n")
	rows, _ := rowsOf(t, dir, false, "path", "line")
	want := []string{`n=7 _path="in/a.txt" _line=1`, `n=8 _path="in/a.txt" _line=3`,
		`n=9 _path="in/b.txt" _line=1`}
	if !slices.Equal(rows, want) {
		t.Errorf("got  %q\nwant %q", rows, want)
	}
}

func TestPositionsAreGivenWhenAskedFor(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.txt"), "7\nbad\n8\n9\n")
	rows, at := rowsOf(t, dir, true)
	if want := []int64{1, 3, 4}; len(rows) != 3 || !slices.Equal(at, want) {
		t.Errorf("got %q at %v, want three rows at %v", rows, at, want)
	}
}

func TestMetadataThatFilesDoNotHaveIsRefused(t *testing.T) {
	tests := map[string][]string{
		"metadata.0: want path or line, got offset":                     {"offset"},
		"metadata.1: want path or line, got lines (did you mean line?)": {"path", "lines"},
		"metadata.1: path is named twice":                               {"path", "path"},
	}
	for want, metadata := range tests {
		cfg := DefaultSource()
		cfg.Path, cfg.Metadata = "in", metadata
		wantError(t, cfg.Validate(), want)
	}
}
