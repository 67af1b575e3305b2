package files

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

func TestRowsAreHiddenUntilARoll(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	publish(t, s, 1, prepare(t, s, 1, false))
	if got := d.tree("/data/out"); len(got) > 0 {
		t.Errorf("before the roll: want no file, got %q", got)
	}
	write(t, s, batchOf(2, 3))
	publish(t, s, 2, prepare(t, s, 2, true))
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n0,k\n1,k\n2,k\n"}
	if got := d.tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("after the roll: want %q, got %q", want, got)
	}
}

func TestPreparedRowsAreNotVisibleBeforePublish(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, true)
	if got := d.tree("/data/out"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
	publish(t, s, 1, h)
	publish(t, s, 1, h) // the engine may not know that it did
	if got := d.tree("/data/out"); len(got) != 1 {
		t.Errorf("want one file, got %q", got)
	}
}

func TestEpochsWithoutRowsMakeNoFiles(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 0))
	for epoch := uint64(1); epoch < 4; epoch++ {
		publish(t, s, epoch, prepare(t, s, epoch, epoch == 3))
	}
	if got := d.tree("/data"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
	if _, err := d.find("/data/out"); err != nil {
		t.Errorf("want the empty output folder, got %v", err)
	}
}

func TestInputWithoutRowsLeavesOneFileOfATypedFormat(t *testing.T) {
	d := newMemDisk()
	run := func(epoch uint64, live []byte) []byte {
		env := testEnv("")
		env.Epoch = epoch - 1
		s, err := newSink(testConfig(), testSchema, env, blocks, d)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Recover(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		if err := s.Signal(t.Context(), sdk.Signal{Kind: sdk.End}, nil); err != nil {
			t.Fatal(err)
		}
		h := prepare(t, s, epoch, true)
		publish(t, s, epoch, h)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h
	}
	run(2, run(1, nil))
	want := map[string]string{"part.e1.report.csv.00000001-0001.blk": "END\n"}
	if got := d.tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestCutRunWithoutRowsLeavesNoFile(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), blocks, nil)
	publish(t, s, 1, prepare(t, s, 1, true))
	if got := d.tree("/data/out"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
}

func TestPartsOfEpochsBecomeOneFile(t *testing.T) {
	d := newMemDisk()
	merges := 0
	f := blocks
	f.Merge = func(ctx context.Context, w io.Writer, schema *arrow.Schema, parts []Part) error {
		merges++
		return blocks.Merge(ctx, w, schema, parts)
	}
	s := openSink(t, d, testConfig(), f, nil)
	write(t, s, batchOf(0, 1))
	publish(t, s, 1, prepare(t, s, 1, true))
	if merges > 0 {
		t.Errorf("a part alone: want a rename, got a merge")
	}
	write(t, s, batchOf(1, 2))
	publish(t, s, 2, prepare(t, s, 2, false))
	write(t, s, batchOf(2, 3))
	publish(t, s, 3, prepare(t, s, 3, true))
	want := map[string]string{
		"part.e1.report.csv.00000001-0001.blk": "0,k\nEND\n",
		"part.e1.report.csv.00000003-0001.blk": "1,k\n2,k\nEND\n",
	}
	if got := d.tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
	if got := d.tree("/data/.out.engine"); len(got) > 0 {
		t.Errorf("want no hidden files, got %q", got)
	}
}

func TestRollIsDueBySizeAndByAge(t *testing.T) {
	cfg := testConfig()
	cfg.Roll = Roll{Size: 2000, Interval: sdk.Duration(time.Minute)}
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		s := openSink(t, newMemDisk(), cfg, f, nil)
		due := func(at time.Time, want bool, when string) {
			t.Helper()
			if got := s.RollDue(at); got != want {
				t.Errorf("%s, %s: want due %v, got %v", name, when, want, got)
			}
		}
		due(clock(1000), false, "nothing hidden")
		publish(t, s, 1, prepare(t, s, 1, false))
		write(t, s, batchOf(0, 1))
		due(clock(6), false, "50 s after the barrier before the row")
		due(clock(7), true, "60 s after the barrier before the row")
		publish(t, s, 2, prepare(t, s, 2, true))
		due(clock(1000), false, "published")
		write(t, s, batchOf(0, 300))
		publish(t, s, 3, prepare(t, s, 3, false))
		write(t, s, batchOf(0, 300))
		due(clock(3), true, "full")
	}
}

func TestAgeOfHiddenRowsSurvivesARestart(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	publish(t, s, 1, prepare(t, s, 1, false))
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 2, false)
	publish(t, s, 2, h)
	d.crash("kill", nil)
	s = openSink(t, d, testConfig(), lines, h)
	if s.RollDue(clock(6)) || !s.RollDue(clock(7)) {
		t.Errorf("want the roll due one minute after the barrier before the row")
	}
}

func TestFileThatIsFullWithinAnEpochIsFollowedByAnother(t *testing.T) {
	d := newMemDisk()
	cfg := testConfig()
	cfg.Roll.Size = 300
	s := openSink(t, d, cfg, lines, nil)
	for i := range 4 {
		write(t, s, batchOf(i*100, i*100+100))
	}
	publish(t, s, 1, prepare(t, s, 1, true))
	got := d.tree("/data/out")
	if len(got) != 4 {
		t.Errorf("want 4 files, got %d", len(got))
	}
	for name, body := range got {
		if !strings.HasPrefix(body, "#id,kind\n") {
			t.Errorf("%s begins with %.20q", name, body)
		}
	}
}

func TestRecoveryCutsGrowingFileAndGoesOnAppending(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, false)
	write(t, s, batchOf(100, 200)) // of an epoch that is never recorded
	prepare(t, s, 2, false)
	d.crash("kill", nil)

	s = openSink(t, d, testConfig(), lines, h)
	write(t, s, batchOf(2, 3))
	publish(t, s, 2, prepare(t, s, 2, true))
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n0,k\n1,k\n2,k\n"}
	if got := d.tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestCutIsDurableBeforeTheFileAppears(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, false)
	write(t, s, batchOf(100, 200))
	prepare(t, s, 2, false)
	d.crash("power", nil)
	s = openSink(t, d, testConfig(), lines, h)
	publish(t, s, 2, prepare(t, s, 2, true))
	d.crash("power", nil)
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n0,k\n1,k\n"}
	if got := d.tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestRecoveryRemovesOwnUnlistedFilesOnly(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	foreign := []string{"part.e2.report.csv.00000001-0001.abc", "part.e1.other.csv.00000001-0001.abc",
		"part.e1.report.parquet.00000001-0001.abc", "notes"}
	own := "part.e1.report.csv.00000009-0001.abc"
	for _, name := range append(slices.Clone(foreign), own) {
		if _, err := d.Create(filepath.Join(s.hide, name)); err != nil {
			t.Fatal(err)
		}
	}
	d.crash("kill", nil)
	openSink(t, d, testConfig(), lines, nil)
	var got []string
	for name := range d.tree(s.hide) {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(foreign)
	if !slices.Equal(got, foreign) {
		t.Errorf("want %q kept, got %q", foreign, got)
	}
}

func TestFileTakenByAConsumerIsNotAnError(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	publish(t, s, 1, h)
	if err := d.remove("/data/out/part.e1.report.csv.00000001-0001.txt"); err != nil {
		t.Fatal(err)
	}
	d.crash("kill", nil)
	env := testEnv("")
	env.Epoch = 1
	s, err := newSink(testConfig(), testSchema, env, lines, d)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, 1, h)
}

func TestHiddenFileLostBeforePublishIsAnError(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	for name := range d.tree(s.hide) {
		if err := d.remove(filepath.Join(s.hide, name)); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, s.Publish(t.Context(), 1, h), "00000001-0001.txt", "is gone")
}

func TestAnotherFileOfTheFinalNameIsNotReplaced(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 1, true)
	f, _ := d.Create("/data/out/part.e1.report.csv.00000001-0001.txt")
	if _, err := f.Write([]byte("precious")); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Publish(t.Context(), 1, h), "00000001-0001.txt", "another file of that name")
	if got := d.tree("/data/out"); !slices.Contains(slices.Collect(maps.Values(got)), "precious") {
		t.Errorf("the other file was replaced: %q", got)
	}
}

func TestMissingFoldersAreNamed(t *testing.T) {
	fill := func(t *testing.T) (*memDisk, *sink, []byte) {
		d := newMemDisk()
		s := openSink(t, d, testConfig(), lines, nil)
		write(t, s, batchOf(0, 1))
		return d, s, prepare(t, s, 1, true)
	}
	for folder, want := range map[string]string{"/data/out": "the output folder /data/out is gone",
		"/data/.out.engine": "not yet published, is gone"} {
		t.Run("running"+folder, func(t *testing.T) {
			d, s, h := fill(t)
			if err := d.remove(folder); err != nil {
				t.Fatal(err)
			}
			wantError(t, s.Publish(t.Context(), 1, h), want)
		})
		t.Run("stopped"+folder, func(t *testing.T) {
			d, _, h := fill(t)
			if err := d.remove(folder); err != nil {
				t.Fatal(err)
			}
			d.crash("kill", nil)
			for range 2 { // the error must not heal itself by what the first attempt made
				s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
				if err != nil {
					t.Fatal(err)
				}
				wantError(t, s.Publish(t.Context(), 1, h), want)
				if err := s.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestOutputFolderOfARecordIsNotMadeAnew(t *testing.T) {
	d := newMemDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	h := prepare(t, s, 1, false)
	if err := d.remove("/data/out"); err != nil {
		t.Fatal(err)
	}
	d.crash("kill", nil)
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), h), "the output folder /data/out is gone", "make it anew")
}

func TestRecordedHiddenFileMustBeThereAndWhole(t *testing.T) {
	for name, damage := range map[string]func(d *memDisk, path string) error{
		"no such file": func(d *memDisk, path string) error { return d.remove(path) },
		"want 17 bytes, got 3": func(d *memDisk, path string) error {
			return d.Truncate(path, 3)
		},
	} {
		d := newMemDisk()
		s := openSink(t, d, testConfig(), lines, nil)
		write(t, s, batchOf(0, 2))
		h := prepare(t, s, 1, false)
		path := s.hiddenPath(s.order[0].files[0])
		if err := damage(d, path); err != nil {
			t.Fatal(err)
		}
		d.crash("kill", nil)
		s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, s.Recover(t.Context(), h), name, path)
	}
}

func TestHandleOfANewerEngineIsRefused(t *testing.T) {
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, newMemDisk())
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), []byte(`{"v":2}`)), "want version 1, got 2")
	wantError(t, s.Publish(t.Context(), 1, nil), "nothing is written after an error")
}

func TestHandleCannotLeaveItsFolders(t *testing.T) {
	for _, h := range []string{`{"v":1,"publish":[{"from":"../x","to":"y"}]}`, `{"v":1,"publish":[{"from":"x","to":"/y"}]}`,
		`{"v":1,"hidden":[{"name":"../../x","length":1}]}`, `{"v":1,"hidden":[{"name":"x","folder":"../y"}]}`} {
		if _, err := decodeHandle([]byte(h)); err == nil {
			t.Errorf("%s: want an error", h)
		}
	}
}

func TestErrorsNameThePathAndStopTheSink(t *testing.T) {
	tests := []struct {
		op   string
		err  error
		want string
	}{
		{"create", syscall.EACCES, "opening /data/.out.engine/report/csv/part.e1.report.csv.00000001-0001."},
		{"write", syscall.ENOSPC, "writing /data/.out.engine/report/csv/part.e1.report.csv.00000001-0001."},
		{"sync", syscall.EIO, "syncing /data/.out.engine/report/csv/part.e1.report.csv.00000001-0001."},
		{"rename", syscall.EIO, "publishing /data/out/part.e1.report.csv.00000001-0001.txt: "},
		{"rename", syscall.EXDEV, "choose a folder below the mount point"},
	}
	for _, test := range tests {
		t.Run(test.op+" "+test.err.Error(), func(t *testing.T) {
			d := newMemDisk()
			s := openSink(t, d, testConfig(), lines, nil)
			d.steps, d.only, d.failAt, d.err, d.once = 0, test.op, 1, test.err, true
			err := s.Write(t.Context(), batchOf(0, 1))
			var h []byte
			if err == nil {
				h, err = barrier(t.Context(), s, 1, true)
			}
			if err == nil {
				err = s.Publish(t.Context(), 1, h)
			}
			wantError(t, err, test.want)
			if !errors.Is(err, test.err) && test.err != syscall.EXDEV {
				t.Errorf("want the cause in the error, got %v", err)
			}
			// The disk is well again; what follows half a write must not be kept.
			wantError(t, s.Write(t.Context(), batchOf(1, 2)), "nothing is written after an error")
			_, err = barrier(t.Context(), s, 1, true)
			wantError(t, err, "nothing is written after an error")
			if got := d.tree("/data/out"); len(got) > 0 {
				t.Errorf("want nothing visible, got %q", got)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}

func TestMountPointIsRefusedBeforeAnyWork(t *testing.T) {
	d := newMemDisk()
	d.only, d.failAt, d.err = "rename", 1, syscall.EXDEV
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, d)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Recover(t.Context(), nil), "/data/out", "choose a folder below the mount point")
}

func TestForeignFilesAreRefused(t *testing.T) {
	tests := []struct{ name, want string }{
		{"people.txt", "it holds people.txt"},
		{"PEOPLE.TXT", "it holds PEOPLE.TXT"},
		{"part.e2.report.csv.00000001-0001.txt", "of another engine (e2, this is e1)"},
		{"kind=a/part.e2.report.csv.00000001-0001.txt", "of another engine"},
		{"part.e1.report.csv.00000003-0001.txt", "the state is older than the files"},
		{"part.e1.report.csv.00000002-0001.txt", ""},
		{"part.e1.other.csv.00000003-0001.txt", ""},
		{"README.md", ""},
		{"old/people.txt", ""},
	}
	for _, test := range tests {
		d := newMemDisk()
		if err := makeFolder(d, filepath.Dir("/data/out/"+test.name)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Create("/data/out/" + test.name); err != nil {
			t.Fatal(err)
		}
		env := testEnv("")
		env.Epoch = 2
		_, err := newSink(testConfig(), testSchema, env, lines, d)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantError(t, err, "/data/out", test.want, "move such files away, or choose another path")
	}
}

func TestColumnsOfTheEngineAreWrittenOnRequestOnly(t *testing.T) {
	d := newMemDisk()
	cfg := testConfig()
	cfg.KeepMetadata = true
	s := openSink(t, d, cfg, lines, nil)
	write(t, s, batchOf(0, 1))
	publish(t, s, 1, prepare(t, s, 1, true))
	for _, body := range d.tree("/data/out") {
		if want := "#id,kind,_position\n0,k,0\n"; body != want {
			t.Errorf("want %q, got %q", want, body)
		}
	}
}

func TestPartitionsBecomeFolders(t *testing.T) {
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := newMemDisk()
		cfg := testConfig()
		cfg.PartitionBy, cfg.MaxOpenFiles = []string{"kind"}, 2
		s := openSink(t, d, cfg, f, nil)
		kinds := []string{"a", "../../x", "", "-", "é/b=c", "a"}
		for i := range 4 {
			write(t, s, batchOf(i*6, i*6+6, kinds...))
			if len(s.open) > 2 {
				t.Fatalf("%s: want at most 2 open files, got %d", name, len(s.open))
			}
			publish(t, s, uint64(i+1), prepare(t, s, uint64(i+1), i == 3))
		}
		rows := map[string]int{}
		for file, body := range d.tree("/data/out") {
			rows[filepath.Dir(file)] += strings.Count(strings.ReplaceAll(strings.ReplaceAll(body, "#id\n", ""), "END\n", ""), "\n")
		}
		want := map[string]int{"kind=a": 8, "kind=..%2F..%2Fx": 4, "kind=" + hiveNull: 8, "kind=é%2Fb%3Dc": 4}
		if !maps.Equal(rows, want) {
			t.Errorf("%s: want the rows %v, got %v", name, want, rows)
		}
		if got := d.tree("/"); len(got) != len(d.tree("/data/out")) {
			t.Errorf("%s: want no files outside the output folder, got %q", name, got)
		}
	}
}

func TestFoldersOfFoldersSurviveAPowerCut(t *testing.T) {
	d := newMemDisk()
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind", "_position"}
	s := openSink(t, d, cfg, lines, nil)
	write(t, s, batchOf(0, 4, "a", "b"))
	publish(t, s, 1, prepare(t, s, 1, true))
	d.crash("power", nil)
	if got := d.tree("/data/out"); len(got) != 4 || got["kind=b/_position=3/part.e1.report.csv.00000001-0004.txt"] == "" {
		t.Errorf("want four files in folders of folders, got %q", got)
	}
}

func TestPartitionValueTooLongForAFolderIsNamed(t *testing.T) {
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind"}
	s := openSink(t, newMemDisk(), cfg, lines, nil)
	wantError(t, s.Write(t.Context(), batchOf(0, 1, strings.Repeat("x", 300))), "kind: want a value", "255 bytes")
}

func TestSlicedRowsAreWritten(t *testing.T) {
	for _, by := range [][]string{nil, {"kind"}} {
		d := newMemDisk()
		cfg := testConfig()
		cfg.PartitionBy = by
		s := openSink(t, d, cfg, lines, nil)
		whole := batchOf(0, 10, "a", "-").Rows
		write(t, s, &sdk.Batch{Rows: whole.NewSlice(3, 6)})
		publish(t, s, 1, prepare(t, s, 1, true))
		var ids []string
		for _, body := range d.tree("/data/out") {
			for line := range strings.Lines(body) {
				if !strings.HasPrefix(line, "#") {
					ids = append(ids, line[:1])
				}
			}
		}
		slices.Sort(ids)
		if !slices.Equal(ids, []string{"3", "4", "5"}) {
			t.Errorf("partition_by %v: want rows 3 to 5, got %q", by, ids)
		}
	}
}

func TestRowsOfAnotherShapeAreRefused(t *testing.T) {
	s := openSink(t, newMemDisk(), testConfig(), lines, nil)
	rows := batchOf(0, 1).Rows
	short := array.NewRecordBatch(s.layout.schema, rows.Columns()[:2], 1)
	wantError(t, s.Write(t.Context(), &sdk.Batch{Rows: short}), "want rows of 3 columns, got 2")
}

func TestNothingIsWrittenBeforeRecoverOrAfterClose(t *testing.T) {
	s, err := newSink(testConfig(), testSchema, testEnv(""), lines, newMemDisk())
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Write(t.Context(), batchOf(0, 1)), "Recover comes before")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Write(t.Context(), batchOf(0, 1)), "the sink is closed")
}
