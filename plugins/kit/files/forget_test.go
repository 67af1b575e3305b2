package files

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

// remains is what a run of pipeline report of engine e1 has left, and others.
var remains = struct{ visible, staged, others []string }{
	visible: []string{
		"/data/out/part.e1.report.csv.00000001-0001.txt",
		"/data/out/part.e1.report.csv.00000001-0002.txt.gz",
		"/data/out/part.e1.report.an_older_label.00000002-0001.txt",
		"/data/out/kind=a/part.e1.report.csv.00000001-0003.txt",
		"/data/out/kind=b/day=1/part.e1.report.csv.00000001-0004.txt",
		"/data/out/kind=c/part.e1.report.csv.00000001-0005.txt",
	},
	staged: []string{
		"/data/.out.engine/report/csv/part.e1.report.csv.00000002-0001.abcdefghij",
		"/data/.out.engine/report/an_older_label/part.e1.report.an_older_label.00000002-0001.abcdefghij",
	},
	others: []string{
		"/data/out/part.e2.report.csv.00000001-0001.txt",          // of another engine
		"/data/out/part.e1.reports.csv.00000001-0001.txt",         // of another pipeline
		"/data/out/part.e1.report.csv.00000001-0001.txt.bak",      // somebody's copy
		"/data/out/part.e1.report.csv.notes.txt",                  // no epoch
		"/data/out/part.e1.report.csv.00000001-0001.more.txt",     // more than the engine writes
		"/data/out/people.txt",                                    // somebody's
		"/data/out/old/part.e1.report.csv.00000001-0001.txt",      // moved away by somebody
		"/data/out/kind=c/people.txt",                             // somebody's
		"/data/.out.engine/report/csv/notes",                      // somebody's
		"/data/.out.engine/report/csv/part.e2.report.csv.1-1.abc", // of another engine
		"/data/.out.engine/other/csv/part.e1.other.csv.1-1.abc",   // of another pipeline
	},
}

func forgetter(t *testing.T, d staging.Disk) *leftovers {
	t.Helper()
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind", "day"}
	l, err := newLeftovers(cfg, testEnv(""), []string{".txt", ".txt.gz"}, d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func filled(t *testing.T, others bool) *stagingtest.Disk {
	t.Helper()
	d := stagingtest.NewDisk()
	paths := slices.Concat(remains.visible, remains.staged)
	if others {
		paths = slices.Concat(paths, remains.others)
	}
	for _, path := range paths {
		createFile(t, d, path, "text")
	}
	return d
}

func TestLeftoversAreCounted(t *testing.T) {
	got, err := forgetter(t, filled(t, true)).list()
	want := []string{"6 files in /data/out", "2 files of rows not yet published in /data/.out.engine"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("want %q, got %q, %v", want, got, err)
	}
	if got, err := forgetter(t, filled(t, true)).visible(); err != nil || got != want[0] {
		t.Errorf("visible: want %q, got %q, %v", want[0], got, err)
	}
	staged := stagingtest.NewDisk()
	for _, path := range remains.staged {
		createFile(t, staged, path, "text")
	}
	for name, d := range map[string]staging.Disk{"nothing": stagingtest.NewDisk(), "staged files": staged} {
		if got, err := forgetter(t, d).visible(); err != nil || got != "" {
			t.Errorf("visible of %s: want nothing, got %q, %v", name, got, err)
		}
	}
	if got, err := forgetter(t, stagingtest.NewDisk()).list(); err != nil || len(got) > 0 {
		t.Errorf("over nothing: want nothing, got %q, %v", got, err)
	}
}

func TestOnlyOwnFilesAreForgotten(t *testing.T) {
	d := filled(t, true)
	if err := forgetter(t, d).forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkForgotten(t, d, remains.others)
	for _, folder := range []string{"/data/out/kind=a", "/data/out/kind=b",
		"/data/.out.engine/report/an_older_label"} {
		if d.Has(folder) {
			t.Errorf("want the emptied folder %s gone", folder)
		}
	}
	if got, err := forgetter(t, d).list(); err != nil || len(got) > 0 {
		t.Errorf("afterwards: want nothing left, got %q, %v", got, err)
	}
}

// checkForgotten wants these files and no others.
func checkForgotten(t *testing.T, d *stagingtest.Disk, want []string) {
	t.Helper()
	var got []string
	for name := range d.Tree("/data") {
		got = append(got, "/data/"+name)
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		t.Fatalf("want the files\n%q\ngot\n%q", want, got)
	}
}

func TestEmptyStagingDirectoryIsForgottenAndTheOutputFolderStays(t *testing.T) {
	d := filled(t, false)
	if err := forgetter(t, d).forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Crash("power", nil)
	if entries, err := d.Names("/data/out"); err != nil || len(entries) > 0 {
		t.Errorf("want the output folder empty, got %v, %v", entries, err)
	}
	if d.Has("/data/.out.engine") {
		t.Error("want the staging directory gone")
	}
}

func TestListOfAdoptedFilesIsKept(t *testing.T) {
	d := filled(t, false)
	createFile(t, d, "/data/out/people.txt", "")
	if err := enter(t, d, true); err != nil {
		t.Fatal(err)
	}
	if err := forgetter(t, d).forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := enter(t, d, false); err != nil {
		t.Errorf("want people.txt adopted still, got %v", err)
	}
}

func TestForgetIsDoneByCallingItAgainAfterAFaultAtAnyStep(t *testing.T) {
	for _, others := range []bool{true, false} {
		for _, mode := range []string{"kill", "power", "torn"} {
			random := rand.New(rand.NewPCG(7, 8))
			for step := 1; ; step++ {
				d := filled(t, others)
				d.Steps, d.FailAt, d.Err, d.Once = 0, step, syscall.EIO, random.IntN(2) == 0
				err := forgetter(t, d).forget(t.Context())
				if d.Failed == "" {
					break
				}
				checkFault(t, d, err)
				d.Crash(mode, random)
				if err := forgetter(t, d).forget(t.Context()); err != nil {
					t.Fatalf("%s at step %d: %v", mode, step, err)
				}
				d.Crash("power", nil)
				if others {
					checkForgotten(t, d, remains.others)
				} else {
					checkForgotten(t, d, nil)
				}
			}
		}
	}
}

func TestFolderThatIsWrittenIsNotForgotten(t *testing.T) {
	dir := t.TempDir()
	if _, err := onDisk(t, dir, "out"); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Path = "out"
	l, err := newLeftovers(cfg, testEnv(dir), []string{".txt"}, otherProcess{})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, l.forget(t.Context()), "opening the folder out", "in use by another process (pid ")
}

func TestFreshStartOnARealDisk(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig()
	cfg.Path, cfg.PartitionBy = "deep/out", []string{"kind"}
	env := testEnv(dir)
	for range 2 {
		s, err := newSink(cfg, testSchema, env, lines, staging.OSDisk{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Recover(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		write(t, s, batchOf(0, 6, "a", "b"))
		commit(t, s, 1, prepare(t, s, 1, true))
		write(t, s, batchOf(6, 12, "a", "b"))
		commit(t, s, 2, prepare(t, s, 2, false))
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := Inspect(cfg, env, ".txt")
		want := []string{"2 files in deep/out", "2 files of rows not yet published in deep/.out.engine"}
		if err != nil || !slices.Equal(got.Leftovers, want) || got.Visible != want[0] {
			t.Errorf("want %q, got %+v, %v", want, got, err)
		}
		for range 2 {
			if err := Forget(t.Context(), cfg, env, ".txt"); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := os.ReadDir(filepath.Join(dir, "deep"))
		if err != nil || len(entries) != 1 || entries[0].Name() != "out" {
			t.Errorf("want only the output folder, got %v, %v", entries, err)
		}
	}
}

func TestStagedRowsAreCountedFromTheCommittable(t *testing.T) {
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := stagingtest.NewDisk()
		cfg := testConfig()
		cfg.PartitionBy = []string{"kind"}
		s := openSink(t, d, cfg, f, nil)
		s.parts = 2
		var h []byte
		for epoch := 1; epoch <= 3; epoch++ {
			write(t, s, batchOf(epoch*10, epoch*10+10, "a", "b"))
			h = prepare(t, s, uint64(epoch), false)
			commit(t, s, uint64(epoch), h)
		}
		bytes := int64(0)
		tree := d.Tree("/data/.out.engine")
		for _, body := range maps.All(tree) {
			bytes += int64(len(body))
		}
		got, err := stagedOf(h)
		if want := (sdk.Staged{Rows: 30, Bytes: bytes, Files: len(tree)}); err != nil || got != want {
			t.Errorf("%s: want %+v, got %+v, %v", name, want, got, err)
		}
		s = openAgain(t, s, d, cfg, f, h)
		if again, err := stagedOf(prepare(t, s, 4, false)); err != nil || again.Rows != 30 {
			t.Errorf("%s, after a restart: want 30 rows, got %+v, %v", name, again, err)
		}
		got, err = stagedOf(prepare(t, s, 5, true))
		if err != nil || got.Pending != 30 || got.Rows != 0 || got.Files != 2 || got.Bytes == 0 {
			t.Errorf("%s, rolled: want 30 rows of 2 files that wait for the commit, got %+v, %v", name, got, err)
		}
	}
	if _, err := decodeCommittable([]byte("{")); err == nil {
		t.Error("a damaged committable: want an error")
	}
}

func stagedOf(h []byte) (sdk.Staged, error) {
	decoded, err := decodeCommittable(h)
	if err != nil {
		return sdk.Staged{}, err
	}
	return decoded.Staged(), nil
}

func openAgain(t *testing.T, s *sink, d *stagingtest.Disk, cfg SinkConfig, f Format, h []byte) *sink {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return openSink(t, d, cfg, f, h)
}
