package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// onDisk opens a sink on the real file system, and has it make its folders.
func onDisk(t *testing.T, dir, path string) (*sink, error) {
	t.Helper()
	s, err := enterOnDisk(t, dir, path)
	if err != nil {
		return nil, err
	}
	return s, s.Recover(t.Context(), nil)
}

func enterOnDisk(t *testing.T, dir, path string) (*sink, error) {
	t.Helper()
	cfg := testConfig()
	cfg.Path = sdk.Path(path)
	s, err := newSink(cfg, testSchema, testEnv(dir), lines, staging.OSDisk{})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, nil
}

func TestFilesAppearOnARealDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := onDisk(t, dir, "deep/out")
	if err != nil {
		t.Fatal(err)
	}
	for epoch := uint64(1); epoch <= 3; epoch++ {
		write(t, s, batchOf(int(epoch), int(epoch)+1))
		commit(t, s, epoch, prepare(t, s, epoch, epoch == 2))
	}
	entries, err := os.ReadDir(filepath.Join(dir, "deep/out"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("want one file, got %v, %v", entries, err)
	}
	if got := get(t, filepath.Join(dir, "deep/out", entries[0].Name())); got != "#id,kind\n1,k\n2,k\n" {
		t.Errorf("got %q", got)
	}
	staged, err := filepath.Glob(filepath.Join(dir, "deep/.out.engine/report/csv/*"))
	if err != nil || len(staged) != 1 || get(t, staged[0]) != "#id,kind\n3,k\n" {
		t.Errorf("want row 3 in a staged file, got %v, %v", staged, err)
	}
}

func TestLockedFolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	if _, err := onDisk(t, dir, "out"); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Path = "out"
	_, err := newSink(cfg, testSchema, testEnv(dir), lines, otherProcess{})
	wantError(t, err, "opening the folder out", "in use by another process (pid ",
		"output csv of pipeline report, path out", "one process per output folder")
}

// otherProcess is not the one that has the locks of this process.
type otherProcess struct{ staging.OSDisk }

func (otherProcess) Lock(folder, who string) (func() error, error) {
	unlock, err := staging.OSDisk{}.Lock(folder, who)
	if locked, ok := errors.AsType[staging.Locked](err); ok {
		locked.Ours = false
		err = locked
	}
	return unlock, err
}

func TestTwoWaysToAFolderMeet(t *testing.T) {
	tests := []struct {
		name, link, to string // to is from the folder of the link
		first, second  string // paths of outputs
		made           string // the folder that is there already
		root           string
	}{
		{"a link to a folder", "link", "real", "real", "link", "real", "real"},
		{"a link to a folder that is not there yet", "link", "deep/real", "deep/real", "link", "", "deep/real"},
		{"a folder to be made below a link", "link", "real", "real/a/b", "link/a/b", "real", "real/a/b"},
		{"below a link to nothing", "link", "real", "real/a", "link/a", "", "real/a"},
		{"a link to above itself", "deep/link", "../real", "real", "deep/link", "", "real"},
		{"one name, written twice", "link", "real", "real", "./deep/../real/", "", "real"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, folder := range []string{test.made, "deep"} {
				if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(test.to, filepath.Join(dir, test.link)); err != nil {
				t.Fatal(err)
			}
			if _, err := enterOnDisk(t, dir, test.first); err != nil {
				t.Fatal(err)
			}
			_, err = enterOnDisk(t, dir, test.second)
			wantError(t, err, "opening the folder "+test.second+": it is the folder of output csv of pipeline report, "+
				"path "+test.first+", too; give each output a folder of its own")
			root := filepath.Join(dir, test.root)
			if info, err := os.Stat(stagingOf(root)); err != nil || !info.IsDir() {
				t.Errorf("want the staged files beside %s, got %v", root, err)
			}
		})
	}
}

func TestLinkThatLeadsToItselfIsRefused(t *testing.T) {
	dir := t.TempDir()
	// The kernel finds no deep/a by way of the folder behind d. Taken as text
	// d/../a is a itself, for ever.
	if err := os.MkdirAll(filepath.Join(dir, "deep/below"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"d": "deep/below", "a": "d/../a", "b": "b"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		_, err := onDisk(t, dir, name)
		wantError(t, err, "finding "+filepath.Join(dir, name), "too many")
	}
}

func TestPathThatIsAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "out"), "text")
	_, err := onDisk(t, dir, "out")
	wantError(t, err, filepath.Join(dir, "out"), "want a folder, got a file")
	_, err = onDisk(t, dir, "out/below")
	wantError(t, err, filepath.Join(dir, "out"), "not a directory")
}

func TestFolderThatCannotBeWrittenIsRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o555); err != nil {
		t.Fatal(err)
	}
	var err error
	asNobody(t, dir, func() { _, err = onDisk(t, dir, "out") })
	wantError(t, err, filepath.Join(dir, "out"), "permission denied")
}

func TestSinkConfigIsChecked(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"defaults are valid", `{"path":"output/x"}`, ""},
		{"no path", `{}`, "path is missing"},
		{"pattern", `{"path":"output/*"}`, `path: want a folder, got the pattern "output/*"`},
		{"root", `{"path":"/"}`, `path: want a folder below another one, got "/"`},
		{"an address", `{"path":"s3://bucket/x"}`, `path: want a path of this machine, got "s3://bucket/x"`},
		{"empty", `{"path":""}`, `path: want a path, got ""`},
		{"staging", `{"path":"out/.x.engine/p"}`, `path: want a folder of rows, got "out/.x.engine/p"`},
		{"here", `{"path":"."}`, `path: want a folder below another one, got "."`},
		{"above", `{"path":"../.."}`, `path: want a folder below another one, got "../.."`},
		{"twice", `{"path":"x","partition_by":["a","a"]}`, `partition_by.1: "a" is named twice`},
		{"no name", `{"path":"x","partition_by":[""]}`, `partition_by.0: want the name of a column, got ""`},
		{"size", `{"path":"x","roll":{"size":"0"}}`, "roll.size: want more than 0, got 0"},
		{"interval", `{"path":"x","roll":{"interval":"-1s"}}`, "roll.interval: want 0s or more, got -1s"},
		{"open files", `{"path":"x","max_open_files":0}`, "max_open_files: want at least 1, got 0"},
		{"a neighbour's name", `{"path":"x","folder":"y"}`, "folder: unknown field, did you mean path?"},
	}
	for _, test := range tests {
		config := struct{ SinkConfig }{DefaultSink()}
		checkProblems(t, test.name, sdk.Decode([]byte(test.config), &config), test.want)
	}
}

func checkProblems(t *testing.T, name string, problems []sdk.Problem, want string) {
	t.Helper()
	if want == "" {
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		return
	}
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
		t.Errorf("%s: want %q, got %v", name, want, problems)
	}
}

func TestColumnsAreChecked(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "city", Type: arrow.BinaryTypes.String},
		{Name: "price", Type: arrow.PrimitiveTypes.Float64}, {Name: "_x", Type: arrow.PrimitiveTypes.Int64}}, nil)
	tests := []struct {
		by   []string
		want string
	}{
		{nil, ""},
		{[]string{"city"}, ""},
		{[]string{"citty"}, `partition_by.0: no column named "citty", did you mean`},
		{[]string{"price"}, `partition_by.0: want a string, integer, bool, date or timestamp, "price" is float64`},
	}
	for _, test := range tests {
		cfg := testConfig()
		cfg.PartitionBy = test.by
		checkProblems(t, strings.Join(test.by, ","), describe(cfg, schema), test.want)
	}
	cfg := testConfig()
	cfg.PartitionBy = []string{"city"}
	only := arrow.NewSchema(schema.Fields()[:1], nil)
	checkProblems(t, "all in folders", describe(cfg, only), "partition_by: no column is left for the files")
	cfg.PartitionBy = nil
	only = arrow.NewSchema(schema.Fields()[2:], nil)
	checkProblems(t, "the engine's only", describe(cfg, only),
		"no column is left for the files (columns that begin with _")
}

func TestResourcesOfSinkAndSourceMeet(t *testing.T) {
	sink := SinkConfig{Path: "./output/x/"}
	tests := []struct {
		path string
		want bool
	}{
		{"output/x", true}, {"output/x/*.csv", true}, {"output/x/kind=*/*.csv", true}, {"output/x/a.csv", true},
		{"output", false}, {"output/y", false}, {"output/x/deep/a.csv", false},
	}
	for _, test := range tests {
		got := false
		for _, r := range resources(test.path) {
			got = got || r == sink.About("").Resources[0]
		}
		if got != test.want {
			t.Errorf("%s: want %v, got %v", test.path, test.want, got)
		}
	}
}

// describe returns what is wrong with the columns before a sink.
func describe(cfg SinkConfig, in *arrow.Schema) []sdk.Problem {
	var d sdk.Description
	cfg.Describe(in, false, &d)
	return d.ColumnProblems
}
