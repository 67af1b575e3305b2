package files

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/kit/staging/stagingtest"
)

// createFile makes a file on a disk, with the folders above it, and syncs all.
func createFile(t *testing.T, d *stagingtest.Disk, path, text string) {
	t.Helper()
	if err := staging.MakeFolder(d, filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	f, err := d.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for ; path != "/"; path = filepath.Dir(path) {
		if err := d.Sync(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// enter opens a sink after epoch 2 and closes it again.
func enter(t *testing.T, d *stagingtest.Disk, adopt bool) error {
	t.Helper()
	env := testEnv("")
	env.Epoch, env.Adopt = 2, adopt
	s, err := newSink(testConfig(), testSchema, env, lines, d)
	if err != nil {
		return err
	}
	return s.Close(t.Context())
}

func TestForeignFilesAreRefused(t *testing.T) {
	const adopt, fresh = "run with --adopt to keep such files", "run with --fresh"
	tests := []struct {
		name string
		want []string
	}{
		{"people.txt", []string{"it holds people.txt, which this engine did not make", adopt}},
		{"PEOPLE.TXT", []string{"it holds PEOPLE.TXT", adopt}},
		{"part.e2.report.csv.00000001-0001.txt", []string{
			"of another engine (e2, this is e1), or of this one before its state directory was deleted", adopt,
			"(--fresh removes only what this engine made)"}},
		{"kind=a/part.e2.report.csv.00000001-0001.txt", []string{"of another engine", adopt}},
		{"part.e1.report.csv.00000003-0001.txt", []string{"of epoch 3", "ends with epoch 2",
			"the state is older than the files", fresh}},
		{"part.e1.report.csv.00000002-0001.txt", nil},
		{"part.e1.report.old.00000002-0001.txt", nil},
		{"part.e1.report.old.00000003-0001.txt", []string{"of epoch 3", "the state is older than the files", fresh}},
		{"part.e1.other.csv.00000003-0001.txt", []string{"it holds part.e1.other.csv.00000003-0001.txt of pipeline " +
			"other, which readers could not tell from those of pipeline report; go on under the name other, or " +
			adopt, "(--fresh removes only what pipeline report made)", "move them away, or choose another path"}},
		{"kind=a/part.e1.my~20line.csv.00000001-0001.txt", []string{"of pipeline my line,", adopt}},
		{"README.md", nil},
		{"old/people.txt", nil},
	}
	for _, test := range tests {
		d := stagingtest.NewDisk()
		createFile(t, d, "/data/out/"+test.name, "")
		err := enter(t, d, false)
		if test.want == nil {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantError(t, err, append(test.want, "/data/out")...)
		helps := strings.Contains(err.Error(), "run with --fresh")
		if wanted := slices.Contains(test.want, fresh); helps != wanted {
			t.Errorf("%s: want --fresh advised %v, got: %v", test.name, wanted, err)
		}
		if got := d.Tree("/data/.out.engine"); len(got) > 0 {
			t.Errorf("%s: refused, and left %q", test.name, got)
		}
	}
}

func TestStagedRowsOfAnotherPipelineAreNotLeftBehindInSilence(t *testing.T) {
	const (
		visible = "/data/out/part.e1.old.csv.00000001-0001.txt"
		staged  = "/data/.out.engine/old/csv/part.e1.old.csv.00000002-0001.abcdefghij"
		stays   = "/data/.out.engine holds 1 file of rows that pipeline old has not shown, and that nothing " +
			"shows but a run under its name; go on under the name old, or run with --adopt to "
	)
	tests := []struct {
		name  string
		files []string
		want  string
	}{
		{"staged", []string{staged}, "opening the folder /data/out: " + stays + "leave such files there for good, " +
			"or choose another path"},
		{"both", []string{visible, staged}, "which readers could not tell from those of pipeline report; " +
			stays + "keep such files for good"},
		{"of two pipelines", []string{staged, "/data/.out.engine/older/csv/part.e1.older.csv.00000001-0001.abc"},
			stays},
		{"of another engine", []string{"/data/.out.engine/old/csv/part.e2.old.csv.00000001-0001.abc"}, ""},
		{"of this pipeline", []string{"/data/.out.engine/report/old/part.e1.report.old.00000001-0001.abc"}, ""},
		{"somebody's", []string{"/data/.out.engine/old/csv/notes", "/data/.out.engine/notes"}, ""},
	}
	for _, test := range tests {
		d := stagingtest.NewDisk()
		for _, path := range test.files {
			createFile(t, d, path, "rows")
		}
		before := d.Tree("/data")
		switch err := enter(t, d, false); {
		case test.want != "":
			wantError(t, err, test.want)
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		}
		if err := enter(t, d, true); err != nil {
			t.Errorf("%s, with --adopt: %v", test.name, err)
		}
		d.Crash("power", nil)
		if err := enter(t, d, false); err != nil {
			t.Errorf("%s, adopted: %v", test.name, err)
		}
		after := d.Tree("/data")
		if delete(after, ".out.engine/"+adoptedName); !maps.Equal(before, after) {
			t.Errorf("%s: want all left as it was, got %q", test.name, after)
		}
	}
}

func TestAllForeignFilesAreCounted(t *testing.T) {
	d := stagingtest.NewDisk()
	for _, name := range []string{"a.txt", "b.txt", "kind=x/c.txt"} {
		createFile(t, d, "/data/out/"+name, "")
	}
	wantError(t, enter(t, d, false),
		"it holds a.txt, which this engine did not make, and 2 files more that are not its own")
}

func TestAdoptedFilesAreAcceptedFromThenOn(t *testing.T) {
	d := stagingtest.NewDisk()
	theirs := []string{"kind=a/b.txt", "part.e2.report.csv.00000009-0001.txt", "people.txt"}
	for _, name := range theirs {
		createFile(t, d, "/data/out/"+name, "theirs")
	}
	if err := enter(t, d, true); err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "files": [
    "kind=a/b.txt",
    "part.e2.report.csv.00000009-0001.txt",
    "people.txt"
  ]
}
`
	if got := d.Tree("/data/.out.engine")[adoptedName]; got != want {
		t.Errorf("want the list\n%s\ngot\n%s", want, got)
	}
	d.Crash("power", nil)
	if err := enter(t, d, false); err != nil {
		t.Errorf("without --adopt, after a power cut: %v", err)
	}
	createFile(t, d, "/data/out/new.txt", "")
	wantError(t, enter(t, d, false), "it holds new.txt, which this engine did not make;")
	if err := enter(t, d, true); err != nil {
		t.Fatal(err)
	}
	if err := enter(t, d, false); err != nil {
		t.Errorf("after both were adopted: %v", err)
	}
	for _, name := range theirs {
		if got := d.Tree("/data/out")[name]; got != "theirs" {
			t.Errorf("%s: want it left alone, got %q", name, got)
		}
	}
}

func TestFilesOfEpochsToComeAreNotAdopted(t *testing.T) {
	d := stagingtest.NewDisk()
	createFile(t, d, "/data/out/part.e1.report.csv.00000003-0001.txt", "")
	wantError(t, enter(t, d, true), "the state is older than the files", "--fresh")
}

func TestDamagedListOfAdoptedFilesIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "unexpected end of JSON input",
		"[]":                             "cannot unmarshal array",
		`{"version":2}`:                  "want version 1, got 2",
		`{"version":1,"files":["../x"]}`: `want paths below the output folder, got "../x"`,
	} {
		d := stagingtest.NewDisk()
		createFile(t, d, "/data/out/people.txt", "")
		createFile(t, d, "/data/.out.engine/"+adoptedName, text)
		for _, adopt := range []bool{false, true} {
			wantError(t, enter(t, d, adopt), "/data/.out.engine/"+adoptedName, want, "put it right",
				"delete it and run with --adopt")
		}
	}
}

func TestAdoptionIsWholeOrNotAtAll(t *testing.T) {
	for _, mode := range []string{"kill", "power", "torn", "zeros"} {
		random := rand.New(rand.NewPCG(5, 6))
		for step := 1; ; step++ {
			d := stagingtest.NewDisk()
			createFile(t, d, "/data/out/a.txt", "")
			if err := enter(t, d, true); err != nil {
				t.Fatal(err)
			}
			d.Crash("kill", nil)
			createFile(t, d, "/data/out/b.txt", "")
			d.Steps, d.FailAt, d.Err = 0, step, syscall.ENOSPC
			d.Once = step%2 == 0
			err := enter(t, d, true)
			if d.Failed == "" {
				break
			}
			checkFault(t, d, err)
			d.Crash(mode, random)
			if err := enter(t, d, false); err != nil {
				// Not adopted: the file is named, and can be adopted again.
				wantError(t, err, "it holds b.txt, which this engine did not make;")
			}
			if err := enter(t, d, true); err != nil {
				t.Fatalf("%s at step %d: %v", mode, step, err)
			}
			if err := enter(t, d, false); err != nil {
				t.Fatalf("%s at step %d, adopted again: %v", mode, step, err)
			}
		}
	}
}

func TestRowsGoBesideAdoptedFiles(t *testing.T) {
	d := stagingtest.NewDisk()
	createFile(t, d, "/data/out/people.txt", "theirs\n")
	env := testEnv("")
	env.Adopt = true
	s, err := newSink(testConfig(), testSchema, env, lines, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	write(t, s, batchOf(0, 1))
	commit(t, s, 1, prepare(t, s, 1, true))
	want := map[string]string{"people.txt": "theirs\n",
		"part.e1.report.csv.00000001-0001.txt": "#id,kind\n0,k\n"}
	if got := d.Tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}
