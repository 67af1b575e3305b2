package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
)

func TestSourceCoversWhatASinkWrites(t *testing.T) {
	tests := []struct {
		reads, writes string
		levels        int
		want          bool
	}{
		{"in", "in", 0, true},
		{"in", "in/x=1", 0, true},
		{"in", "in/x=1/y=2", 1, true},
		{"in", "in/deep", 0, false}, // not a folder column=value
		{"in", "in/deep", 1, false},
		{"in", "in/_x=1", 0, false}, // passed over
		{"in", "in/.x=1", 0, false},
		{"in", "input", 0, false},
		{"in/x=1", "in", 1, true}, // one of the folders of partition_by
		{"in/x=1", "in", 0, false},
		{"in/x=1/y=2", "in", 1, false},
		{"in", "out", 0, false},
		{"in/*", "in/out", 0, true}, // a folder that a glob matches is read
		{"in/*", "in/out/x=1", 0, true},
		{"in/*", "in/out/deep", 0, false},
		{"in/*", "in/_out", 0, false},
		{"in/*.csv", "in", 0, true},
		{"in/*.csv", "in/out", 0, false},
		{"in/*/*.csv", "in/out", 0, true},
		{"in/*/*.csv", "in/x=1", 0, true},
		{"in/*/*.csv", "in", 1, true},
		{"in/*/*.jsonl", "in/out", 0, false},
		{"in/*/a.csv", "in/out", 0, false},
		{"in/*/part.*", "in/out", 0, true},
		{"*/*", "out", 0, true},
		{"in/a.csv", "in", 0, false},
	}
	for _, test := range tests {
		reads := &fileset{&sdk.Files{Suffixes: []string{".csv", ".csv.gz"}}, "/d/" + test.reads}
		writes := &fileset{&sdk.Files{Suffixes: []string{".csv"}, Levels: test.levels}, "/d/" + test.writes}
		if got := reads.cover(writes); got != test.want {
			t.Errorf("%s, %d levels in %s: want %v, got %v", test.reads, test.levels, test.writes, test.want, got)
		}
		writes.Suffixes = []string{".parquet"}
		if got := reads.cover(writes); got && !strings.HasSuffix(test.reads, "*") {
			t.Errorf("%s reads parquet files of %s", test.reads, test.writes)
		}
	}
}

func TestFilesInTheStateDirectoryAreRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir(".engine", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": ".engine", "root": "/"} {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	inside := "p.yaml:4:28: pipelines.p.output.files.path: PATH is inside the state directory .engine"
	tests := []struct{ path, want string }{
		{"out", ""}, {".engine2", ""}, {"a/.engine", ""},
		{".engine", inside}, {".engine/pending", inside}, {"out/../.engine/x", inside},
		{"link/x", inside}, {filepath.Join(dir, ".engine/x"), inside},
		{"root", "PATH leads to /"},
	}
	for _, test := range tests {
		_, problems := load(t, "pipelines:\n  p:\n    input: {topic: {topic: a, schema: {id: int64}}}\n"+
			"    output: {files: {path: "+test.path+"}}\n")
		want := strings.ReplaceAll(test.want, "PATH", test.path)
		if test.want == "" && len(problems) > 0 {
			t.Errorf("%s: %v", test.path, problems)
		}
		if test.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], want)) {
			t.Errorf("%s: want %q, got %q", test.path, want, problems)
		}
	}
}
