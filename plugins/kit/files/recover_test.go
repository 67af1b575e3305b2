package files

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
)

func TestRecoveryTruncatesGrowingFileAndGoesOnAppending(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, false)
	write(t, s, batchOf(100, 200)) // of an epoch that is never recorded
	prepare(t, s, 2, false)
	d.Crash("kill", nil)

	s = openSink(t, d, testConfig(), lines, h)
	write(t, s, batchOf(2, 3))
	commit(t, s, 2, prepare(t, s, 2, true))
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n0,k\n1,k\n2,k\n"}
	if got := d.Tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestTruncationIsDurableBeforeTheFileAppears(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, false)
	write(t, s, batchOf(100, 200))
	prepare(t, s, 2, false)
	d.Crash("power", nil)
	s = openSink(t, d, testConfig(), lines, h)
	commit(t, s, 2, prepare(t, s, 2, true))
	d.Crash("power", nil)
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n0,k\n1,k\n"}
	if got := d.Tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestRecoveryRemovesOwnUnlistedFilesOnly(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	foreign := []string{"part.e2.report.csv.00000001-0001.abc", "part.e1.other.csv.00000001-0001.abc",
		"part.e1.report.parquet.00000001-0001.abc", "notes"}
	own := "part.e1.report.csv.00000009-0001.abc"
	for _, name := range append(slices.Clone(foreign), own) {
		if _, err := d.Create(filepath.Join(s.area.Folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	d.Crash("kill", nil)
	openSink(t, d, testConfig(), lines, nil)
	var got []string
	for name := range d.Tree(s.area.Folder) {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(foreign)
	if !slices.Equal(got, foreign) {
		t.Errorf("want %q kept, got %q", foreign, got)
	}
}

func TestFileRemovedByAConsumerIsNotAnError(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	commit(t, s, 1, h)
	if err := d.Delete("/data/out/part.e1.report.csv.00000001-0001.txt"); err != nil {
		t.Fatal(err)
	}
	d.Crash("kill", nil)
	env := testEnv("")
	env.Epoch = 1
	s, err := newSink(testConfig(), testSchema, env, lines, d)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, 1, h)
}

func TestFileRemovedByAConsumerDoesNotComeBackAfterAPowerFailure(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	commit(t, s, 1, h)
	if err := d.Delete("/data/out/part.e1.report.csv.00000001-0001.txt"); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync("/data/out"); err != nil {
		t.Fatal(err)
	}
	d.Crash("power", nil)
	env := testEnv("")
	env.Epoch = 1
	s, err := newSink(testConfig(), testSchema, env, lines, d)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, 1, h)
	if got := d.Tree("/data"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
}

func TestStagedFileLostBeforeCommitIsAnError(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	for name := range d.Tree(s.area.Folder) {
		if err := d.Delete(filepath.Join(s.area.Folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, s.Commit(t.Context(), 1, h), "00000001-0001.txt", "is gone")
}

func TestAnotherFileOfTheFinalNameIsNotReplaced(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	f, _ := d.Create("/data/out/part.e1.report.csv.00000001-0001.txt")
	if _, err := f.Write([]byte("precious")); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Commit(t.Context(), 1, h), "00000001-0001.txt", "another file of that name")
	if got := d.Tree("/data/out"); !slices.Contains(slices.Collect(maps.Values(got)), "precious") {
		t.Errorf("the other file was replaced: %q", got)
	}
}

func TestMissingFoldersAreNamed(t *testing.T) {
	fill := func(t *testing.T) (*stagingtest.Disk, *sink, []byte) {
		d := stagingtest.NewDisk()
		s := openSink(t, d, testConfig(), lines, nil)
		write(t, s, batchOf(0, 1))
		return d, s, prepare(t, s, 1, true)
	}
	for folder, want := range map[string]string{"/data/out": "the output folder /data/out is gone",
		"/data/.out.engine": "not yet published, is gone"} {
		t.Run("running"+folder, func(t *testing.T) {
			d, s, h := fill(t)
			if err := d.Delete(folder); err != nil {
				t.Fatal(err)
			}
			wantError(t, s.Commit(t.Context(), 1, h), want)
		})
		t.Run("stopped"+folder, func(t *testing.T) {
			d, _, h := fill(t)
			if err := d.Delete(folder); err != nil {
				t.Fatal(err)
			}
			d.Crash("kill", nil)
			for range 2 { // the error must not heal itself by what the first attempt made
				s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
				if err != nil {
					t.Fatal(err)
				}
				wantError(t, s.Commit(t.Context(), 1, h), want)
				if err := s.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestOutputFolderOfARecordIsNotMadeAnew(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	h := prepare(t, s, 1, false)
	if err := d.Delete("/data/out"); err != nil {
		t.Fatal(err)
	}
	d.Crash("kill", nil)
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), h), "the output folder /data/out is gone", "mkdir /data/out",
		"run with --fresh to begin anew")
}

func TestOutputFolderMadeAnewByHandIsGoneOnWith(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	commit(t, s, 1, h)
	if err := d.Delete("/data/out"); err != nil {
		t.Fatal(err)
	}
	d.Crash("kill", nil)
	if err := d.Mkdir("/data/out"); err != nil {
		t.Fatal(err)
	}
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, 1, h)
	if err := s.Recover(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	write(t, s, batchOf(1, 2))
	commit(t, s, 2, prepare(t, s, 2, true))
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n1,k\n"}
	if got := d.Tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestRecordedStagedFileMustBeThereAndWhole(t *testing.T) {
	for name, damage := range map[string]func(d *stagingtest.Disk, path string) error{
		"no such file": func(d *stagingtest.Disk, path string) error { return d.Delete(path) },
		"want 17 bytes, got 3": func(d *stagingtest.Disk, path string) error {
			return d.Truncate(path, 3)
		},
	} {
		d := stagingtest.NewDisk()
		s := openSink(t, d, testConfig(), lines, nil)
		write(t, s, batchOf(0, 2))
		h := prepare(t, s, 1, false)
		path := s.area.Path(s.order[0].files[0].Name)
		if err := damage(d, path); err != nil {
			t.Fatal(err)
		}
		d.Crash("kill", nil)
		s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, s.Recover(t.Context(), h), name, path)
	}
}

// TestPreparedFileMustBeWhole: a file that was truncated behind the engine's back does
// not become visible as if it were all there was, in this life or after a crash.
func TestPreparedFileMustBeWhole(t *testing.T) {
	for _, killed := range []bool{false, true} {
		d := stagingtest.NewDisk()
		s := openSink(t, d, testConfig(), lines, nil)
		write(t, s, batchOf(0, 2))
		h := prepare(t, s, 1, true)
		decoded, err := decodeCommittable(h)
		if err != nil || len(decoded.Moves) != 1 {
			t.Fatalf("got committable %s, %v, want one file to move", h, err)
		}
		path := s.area.Path(decoded.Moves[0].From)
		if err := d.Truncate(path, 3); err != nil {
			t.Fatal(err)
		}
		if killed {
			d.Crash("kill", nil)
			if s, err = newSink(testConfig(), testSchema, testEnv(""), lines, d); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, s.Commit(t.Context(), 1, h), "want 17 bytes, got 3", path)
		if got := d.Tree("/data/out"); len(got) != 0 {
			t.Errorf("visible: got %q, want nothing", got)
		}
	}
}

func TestCommittableOfANewerEngineIsRefused(t *testing.T) {
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, stagingtest.NewDisk())
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), []byte(`{"v":2}`)), "want version 1, got 2")
	wantError(t, s.Commit(t.Context(), 1, nil), "nothing is written after an error")
}

func TestCommittableCannotLeaveItsFolders(t *testing.T) {
	for _, h := range []string{`{"v":1,"publish":[{"from":"../x","to":"y"}]}`,
		`{"v":1,"publish":[{"from":"x","to":"/y"}]}`,
		`{"v":1,"hidden":[{"name":"../../x","length":1}]}`, `{"v":1,"hidden":[{"name":"x","folder":"../y"}]}`} {
		if _, err := decodeCommittable([]byte(h)); err == nil {
			t.Errorf("%s: want an error", h)
		}
	}
}

func TestMountPointIsRefusedBeforeAnyWork(t *testing.T) {
	d := stagingtest.NewDisk()
	d.Only, d.FailAt, d.Err = "rename", 1, syscall.EXDEV
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), nil), "/data/out", "choose a folder below the mount point")
}

func TestStagedFilesOfAnotherShapeAreLeftAsTheyAre(t *testing.T) {
	for name, change := range map[string]func(c *SinkConfig, f *Format){
		"columns": func(c *SinkConfig, f *Format) { c.KeepMetadata = new(true) },
		"options": func(c *SinkConfig, f *Format) { f.Options = "delimiter ;" },
		"suffix":  func(c *SinkConfig, f *Format) { f.Suffix = ".new" },
	} {
		for _, f := range []Format{lines, blocks} {
			d := stagingtest.NewDisk()
			cfg, old := testConfig(), f.Suffix
			s := openSink(t, d, cfg, f, nil)
			write(t, s, batchOf(0, 1))
			h := prepare(t, s, 1, false)
			d.Crash("kill", nil)
			change(&cfg, &f)
			s = openSink(t, d, cfg, f, h)
			write(t, s, batchOf(1, 2))
			commit(t, s, 2, prepare(t, s, 2, true))
			got := d.Tree("/data/out")
			prefix := "part.e1.report.csv.00000002-"
			first, second := got[prefix+"0001"+old], got[prefix+"0002"+f.Suffix]
			if !strings.Contains(first, "0,k\n") || !strings.Contains(second, "1,k") || len(got) != 2 {
				t.Errorf("other %s: want rows 0 and 1 in two files, got %q", name, got)
			}
		}
	}
}

func TestStagedRowsThatWentWhileRunningAreNoticed(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	prepare(t, s, 1, false)
	if err := d.Delete(s.area.Path(s.order[0].files[0].Name)); err != nil {
		t.Fatal(err)
	}
	write(t, s, batchOf(1, 2))
	_, err := barrier(t.Context(), s, 2, false)
	wantError(t, err, "looking for the hidden rows in /data/.out.engine", "no such file")
}

func TestStagingDirectoryWithRecordedRowsIsNotMadeAnew(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, false)
	if err := d.Delete("/data/.out.engine"); err != nil {
		t.Fatal(err)
	}
	d.Crash("kill", nil)
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), h), "not yet published, is gone: put it back")
}
