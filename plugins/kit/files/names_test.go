package files

import (
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// readAll reads a source to its end. It returns its rows and its positions then.
func readAll(t *testing.T, s *source) (rows []string, at map[string][]byte) {
	t.Helper()
	for {
		item, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, s.pinned()
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch != nil {
			rows = append(rows, sdktest.Text(item.Batch.Rows)...)
		}
	}
}

// Positions are recorded as JSON, which holds UTF-8 only.
func TestFilesWhoseNamesAreNotUTF8AreReadOnce(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/a.txt"), "1\n")
	put(t, filepath.Join(dir, "in/caf\xe9.txt"), "5\n")
	put(t, filepath.Join(dir, "in/caf\xe8.txt"), "6\n")
	put(t, filepath.Join(dir, "in/caf\xe8\\x.txt"), "7\n")
	rows, at := readAll(t, mustOpenSource(t, dir, "in", nil))
	if want := []string{"n=1", "n=6", "n=7", "n=5"}; !slices.Equal(rows, want) {
		t.Errorf("got %q, want %q", rows, want)
	}
	names := slices.Sorted(maps.Keys(at))
	want := []string{`in/a.txt`, `in/caf\xe8.txt`, `in/caf\xe8\\x.txt`, `in/caf\xe9.txt`}
	if slices.Sort(want); !slices.Equal(names, want) {
		t.Errorf("got the positions %q, want %q", names, want)
	}
	if rows, _ := readAll(t, mustOpenSource(t, dir, "in", at)); len(rows) > 0 {
		t.Errorf("a second run read %q again", rows)
	}
	put(t, filepath.Join(dir, `in/caf\xe9.txt`), "8\n") // so named in UTF-8
	_, err := openSource(dir, "in", at)
	wantError(t, err, `two are written in/caf\xe9.txt`, "rename one")
}

func TestFolderValueThatIsNotUTF8IsRefused(t *testing.T) {
	for _, folder := range []string{"n2=caf\xe9", "n2=caf%E9"} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "in", folder, "a.txt"), "1\n")
		cfg := DefaultSource()
		cfg.Path, cfg.Schema = "in", append(slices.Clone(numberSchema),
			sdk.Entry[sdk.Column]{Key: "n2", Value: sdk.Column{Type: "string"}})
		s, err := NewSource(cfg, sourceEnv(dir, nil), numbers)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = s.(sdk.Source).Next(t.Context())
		}
		wantError(t, err, "n2", "want UTF-8", "a.txt")
		if strings.Contains(err.Error(), "\xe9") {
			t.Errorf("the message holds the name as it is: %q", err)
		}
	}
}
