package files

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

func TestRowsAreStagedUntilARoll(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	commit(t, s, 1, prepare(t, s, 1, false))
	if got := d.Tree("/data/out"); len(got) > 0 {
		t.Errorf("before the roll: want no file, got %q", got)
	}
	write(t, s, batchOf(2, 3))
	commit(t, s, 2, prepare(t, s, 2, true))
	want := map[string]string{"part.e1.report.csv.00000002-0001.txt": "#id,kind\n0,k\n1,k\n2,k\n"}
	if got := d.Tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("after the roll: want %q, got %q", want, got)
	}
}

func TestPreparedRowsAreNotVisibleBeforeCommit(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, true)
	if got := d.Tree("/data/out"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
	commit(t, s, 1, h)
	commit(t, s, 1, h) // the engine may not know that it did
	if got := d.Tree("/data/out"); len(got) != 1 {
		t.Errorf("want one file, got %q", got)
	}
}

func TestEpochsWithoutRowsMakeNoFiles(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 0))
	for epoch := uint64(1); epoch < 4; epoch++ {
		commit(t, s, epoch, prepare(t, s, epoch, epoch == 3))
	}
	if got := d.Tree("/data"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
	if !d.Has("/data/out") {
		t.Error("want the empty output folder")
	}
}

func TestEpochsWithoutRowsDoNotWaitForTheDisk(t *testing.T) {
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := stagingtest.NewDisk()
		s := openSink(t, d, testConfig(), f, nil)
		write(t, s, batchOf(0, 1))
		commit(t, s, 1, prepare(t, s, 1, false))
		d.Steps, d.Only = 0, "sync"
		commit(t, s, 2, prepare(t, s, 2, false))
		if d.Steps > 0 {
			t.Errorf("%s: want no sync, got %d", name, d.Steps)
		}
	}
}

// emptyRun runs a sink over an input that ends without a row, and returns its committable.
func emptyRun(t *testing.T, d staging.Disk, cfg SinkConfig, f Format, epoch uint64, live []byte, side bool) []byte {
	t.Helper()
	env := testEnv("")
	env.Epoch, env.Side = epoch-1, side
	s, err := newSink(cfg, testSchema, env, f, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(t.Context(), sdk.Signal{Kind: sdk.End}); err != nil {
		t.Fatal(err)
	}
	h := prepare(t, s, epoch, true)
	commit(t, s, epoch, h)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// Readers of the folder find the columns, whatever the format.
func TestInputWithoutRowsLeavesOneFileOnce(t *testing.T) {
	parted := testConfig()
	parted.PartitionBy = []string{testSchema.Field(1).Name}
	folder := testSchema.Field(1).Name + "=" + hiveNull + "/"
	tests := []struct {
		name   string
		format Format
		cfg    SinkConfig
		file   string
	}{
		{"lines", lines, testConfig(), "part.e1.report.csv.00000001-0001.txt"},
		{"blocks", blocks, testConfig(), "part.e1.report.csv.00000001-0001.blk"},
		{"lines in folders", lines, parted, folder + "part.e1.report.csv.00000001-0001.txt"},
	}
	for _, tt := range tests {
		d := stagingtest.NewDisk()
		first := emptyRun(t, d, tt.cfg, tt.format, 1, nil, false)
		second := emptyRun(t, d, tt.cfg, tt.format, 2, first, false)
		got := d.Tree("/data/out")
		if _, ok := got[tt.file]; !ok || len(got) != 1 {
			t.Errorf("%s: want %s, got %q", tt.name, tt.file, got)
		}
		if err := d.Remove("/data/out/" + tt.file); err != nil { // as one does that takes files away
			t.Fatal(err)
		}
		emptyRun(t, d, tt.cfg, tt.format, 3, second, false)
		if got := d.Tree("/data/out"); len(got) > 0 {
			t.Errorf("%s: want no second file, got %q", tt.name, got)
		}
	}
}

func TestAfterRowsNoFileWithoutRowsIsMade(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	write(t, s, batchOf(0, 2))
	h := prepare(t, s, 1, true)
	commit(t, s, 1, h)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name := range d.Tree("/data/out") {
		if err := d.Remove("/data/out/" + name); err != nil {
			t.Fatal(err)
		}
	}
	emptyRun(t, d, testConfig(), lines, 2, h, false)
	if got := d.Tree("/data/out"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
}

// A file there would say that something was rejected.
func TestNoDeadLettersLeaveNoFile(t *testing.T) {
	d := stagingtest.NewDisk()
	emptyRun(t, d, testConfig(), lines, 1, nil, true)
	if got := d.Tree("/data/out"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
}

func TestStoppedRunWithoutRowsLeavesNoFile(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), blocks, nil)
	commit(t, s, 1, prepare(t, s, 1, true))
	if got := d.Tree("/data/out"); len(got) > 0 {
		t.Errorf("want no file, got %q", got)
	}
}

func TestPartsOfEpochsBecomeOneFile(t *testing.T) {
	d := stagingtest.NewDisk()
	merges := 0
	f := blocks
	f.Merge = func(ctx context.Context, w io.Writer, schema *arrow.Schema, parts []Part) error {
		merges++
		return blocks.Merge(ctx, w, schema, parts)
	}
	s := openSink(t, d, testConfig(), f, nil)
	write(t, s, batchOf(0, 1))
	commit(t, s, 1, prepare(t, s, 1, true))
	if merges > 0 {
		t.Errorf("a part alone: want a rename, got a merge")
	}
	write(t, s, batchOf(1, 2))
	commit(t, s, 2, prepare(t, s, 2, false))
	write(t, s, batchOf(2, 3))
	commit(t, s, 3, prepare(t, s, 3, true))
	want := map[string]string{
		"part.e1.report.csv.00000001-0001.blk": "0,k\nEND\n",
		"part.e1.report.csv.00000003-0001.blk": "1,k\n2,k\nEND\n",
	}
	if got := d.Tree("/data/out"); !maps.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
	if got := d.Tree("/data/.out.engine"); len(got) > 0 {
		t.Errorf("want no staged files, got %q", got)
	}
}

func TestRollIsDueBySizeAndByAge(t *testing.T) {
	cfg := testConfig()
	cfg.Roll = Roll{Size: 2000, Interval: sdk.Duration(time.Minute)}
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		s := openSink(t, stagingtest.NewDisk(), cfg, f, nil)
		due := func(at time.Time, want bool, when string) {
			t.Helper()
			if got := s.Due(at).Roll; got != want {
				t.Errorf("%s, %s: want due %v, got %v", name, when, want, got)
			}
		}
		due(clock(1000), false, "nothing staged")
		commit(t, s, 1, prepare(t, s, 1, false))
		write(t, s, batchOf(0, 1))
		due(clock(6), false, "50 s after the barrier before the row")
		due(clock(7), true, "60 s after the barrier before the row")
		commit(t, s, 2, prepare(t, s, 2, true))
		due(clock(1000), false, "published")
		write(t, s, batchOf(0, 300))
		commit(t, s, 3, prepare(t, s, 3, false))
		write(t, s, batchOf(0, 300))
		due(clock(3), true, "full")
	}
}

func TestAgeOfStagedRowsSurvivesARestart(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), lines, nil)
	commit(t, s, 1, prepare(t, s, 1, false))
	write(t, s, batchOf(0, 1))
	h := prepare(t, s, 2, false)
	commit(t, s, 2, h)
	d.Crash("kill", nil)
	s = openSink(t, d, testConfig(), lines, h)
	if s.Due(clock(6)).Roll || !s.Due(clock(7)).Roll {
		t.Errorf("want the roll due one minute after the barrier before the row")
	}
}

func TestFileThatIsFullWithinAnEpochIsFollowedByAnother(t *testing.T) {
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.Roll.Size = 300
	s := openSink(t, d, cfg, lines, nil)
	for i := range 4 {
		write(t, s, batchOf(i*100, i*100+100))
	}
	commit(t, s, 1, prepare(t, s, 1, true))
	got := d.Tree("/data/out")
	if len(got) != 4 {
		t.Errorf("want 4 files, got %d", len(got))
	}
	for name, body := range got {
		if !strings.HasPrefix(body, "#id,kind\n") {
			t.Errorf("%s begins with %.20q", name, body)
		}
	}
}

func TestErrorsNameThePathAndStopTheSink(t *testing.T) {
	tests := []struct {
		op   string
		err  error
		want string
	}{
		{"create", syscall.EACCES, "creating /data/.out.engine/report/csv/part.e1.report.csv.00000001-0001."},
		{"write", syscall.ENOSPC, "writing /data/.out.engine/report/csv/part.e1.report.csv.00000001-0001."},
		{"sync", syscall.EIO, "syncing /data/.out.engine/report/csv/part.e1.report.csv.00000001-0001."},
		{"rename", syscall.EIO, "publishing /data/out/part.e1.report.csv.00000001-0001.txt: "},
		{"rename", syscall.EXDEV, "choose a folder below the mount point"},
	}
	for _, test := range tests {
		t.Run(test.op+" "+test.err.Error(), func(t *testing.T) {
			d := stagingtest.NewDisk()
			s := openSink(t, d, testConfig(), lines, nil)
			d.Steps, d.Only, d.FailAt, d.Err, d.Once = 0, test.op, 1, test.err, true
			err := s.Write(t.Context(), batchOf(0, 1))
			var h []byte
			if err == nil {
				h, err = barrier(t.Context(), s, 1, true)
			}
			if err == nil {
				err = s.Commit(t.Context(), 1, h)
			}
			wantError(t, err, test.want)
			if !errors.Is(err, test.err) && test.err != syscall.EXDEV {
				t.Errorf("want the cause in the error, got %v", err)
			}
			// The disk is well again; what follows half a write must not be kept.
			wantError(t, s.Write(t.Context(), batchOf(1, 2)), "nothing is written after an error")
			_, err = barrier(t.Context(), s, 1, true)
			wantError(t, err, "nothing is written after an error")
			if got := d.Tree("/data/out"); len(got) > 0 {
				t.Errorf("want nothing visible, got %q", got)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}

func TestColumnsOfTheEngineAreWrittenOnRequestOnly(t *testing.T) {
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.KeepMetadata = new(true)
	s := openSink(t, d, cfg, lines, nil)
	write(t, s, batchOf(0, 1))
	commit(t, s, 1, prepare(t, s, 1, true))
	for _, body := range d.Tree("/data/out") {
		if want := "#id,kind,_position\n0,k,0\n"; body != want {
			t.Errorf("want %q, got %q", want, body)
		}
	}
}

func TestRowsOfAnotherShapeAreRefused(t *testing.T) {
	s := openSink(t, stagingtest.NewDisk(), testConfig(), lines, nil)
	rows := batchOf(0, 1).Rows
	short := array.NewRecordBatch(s.layout.schema, rows.Columns()[:2], 1)
	wantError(t, s.Write(t.Context(), &sdk.Batch{Rows: short}), "want rows of 3 columns, got 2")
}

func TestAgeOfTheFirstRowsCountsFromTheFirstQuestion(t *testing.T) {
	s := openSink(t, stagingtest.NewDisk(), testConfig(), lines, nil)
	write(t, s, batchOf(0, 1))
	if s.Due(clock(1)).Roll || s.Due(clock(6)).Roll || !s.Due(clock(7)).Roll {
		t.Errorf("want the roll due one minute after the engine first asked")
	}
}
