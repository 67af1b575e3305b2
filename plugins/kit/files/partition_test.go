package files

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

func TestPartitionsBecomeFolders(t *testing.T) {
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := stagingtest.NewDisk()
		cfg := testConfig()
		cfg.PartitionBy, cfg.MaxOpenFiles = []string{"kind"}, 2
		s := openSink(t, d, cfg, f, nil)
		kinds := []string{"a", "../../x", "", "-", "é/b=c", "a"}
		for i := range 4 {
			write(t, s, batchOf(i*6, i*6+6, kinds...))
			if len(s.open) > 2 {
				t.Fatalf("%s: want at most 2 open files, got %d", name, len(s.open))
			}
			commit(t, s, uint64(i+1), prepare(t, s, uint64(i+1), i == 3))
		}
		rows := map[string]int{}
		for file, body := range d.Tree("/data/out") {
			rows[filepath.Dir(file)] += strings.Count(body, "\n") -
				strings.Count(body, "#id\n") - strings.Count(body, "END\n")
		}
		want := map[string]int{"kind=a": 8, "kind=..%2F..%2Fx": 4, "kind=" + hiveNull: 8, "kind=é%2Fb%3Dc": 4}
		if !maps.Equal(rows, want) {
			t.Errorf("%s: want the rows %v, got %v", name, want, rows)
		}
		if got := d.Tree("/"); len(got) != len(d.Tree("/data/out")) {
			t.Errorf("%s: want no files outside the output folder, got %q", name, got)
		}
	}
}

func TestFoldersOfFoldersSurviveAPowerFailure(t *testing.T) {
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind", "_position"}
	s := openSink(t, d, cfg, lines, nil)
	write(t, s, batchOf(0, 4, "a", "b"))
	commit(t, s, 1, prepare(t, s, 1, true))
	d.Crash("power", nil)
	last := "kind=b/_position=3/part.e1.report.csv.00000001-0004.txt"
	if got := d.Tree("/data/out"); len(got) != 4 || got[last] == "" {
		t.Errorf("want four files in folders of folders, got %q", got)
	}
}

func TestRowWhoseValueIsTooLongForAFolderIsRefusedAlone(t *testing.T) {
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := stagingtest.NewDisk()
		cfg := testConfig()
		cfg.PartitionBy = []string{"kind"}
		s := openSink(t, d, cfg, f, nil)
		err := s.Write(t.Context(), batchOf(0, 6, "a", strings.Repeat("x", 300), "b"))
		wantError(t, err, "kind: want a value", "255 bytes")
		refused, ok := errors.AsType[*sdk.RefusedError](err)
		if !ok || len(refused.Rows) != 2 || refused.Rows[0].Row != 1 || refused.Rows[1].Row != 4 {
			t.Fatalf("%s: got %v, want the rows 1 and 4 refused", name, err)
		}
		write(t, s, batchOf(6, 8, "a", "b"))
		commit(t, s, 1, prepare(t, s, 1, true))
		for folder, ids := range map[string][]string{"kind=a": {"0", "3", "6"}, "kind=b": {"2", "5", "7"}} {
			body := ""
			for file, text := range d.Tree("/data/out") {
				if strings.HasPrefix(file, folder+"/") {
					body += text
				}
			}
			if want := strings.Join(ids, "\n") + "\n"; !strings.HasPrefix(strings.TrimPrefix(body, "#id\n"), want) {
				t.Errorf("%s: %s holds %q, want %q", name, folder, body, want)
			}
		}
	}
}

func TestSlicedRowsAreWritten(t *testing.T) {
	for _, by := range [][]string{nil, {"kind"}} {
		d := stagingtest.NewDisk()
		cfg := testConfig()
		cfg.PartitionBy = by
		s := openSink(t, d, cfg, lines, nil)
		whole := batchOf(0, 10, "a", "-").Rows
		write(t, s, &sdk.Batch{Rows: whole.NewSlice(3, 6)})
		commit(t, s, 1, prepare(t, s, 1, true))
		var ids []string
		for _, body := range d.Tree("/data/out") {
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

func TestLeastRecentlyUsedFileIsClosedFirst(t *testing.T) {
	cfg := testConfig()
	cfg.PartitionBy, cfg.MaxOpenFiles = []string{"kind"}, 2
	s := openSink(t, stagingtest.NewDisk(), cfg, lines, nil)
	for _, kind := range []string{"a", "b", "a", "c"} {
		write(t, s, batchOf(0, 1, kind))
		if err := s.writeBuffered(); err != nil {
			t.Fatal(err)
		}
	}
	if s.open[0].Folder != "kind=a" || s.open[1].Folder != "kind=c" {
		t.Errorf("want a and c open, got %s and %s", s.open[0].Folder, s.open[1].Folder)
	}
}

func TestRowsBufferedForTheirFoldersAreDueWithTheirAge(t *testing.T) {
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind"}
	s := openSink(t, stagingtest.NewDisk(), cfg, lines, nil)
	commit(t, s, 1, prepare(t, s, 1, false))
	write(t, s, batchOf(0, 1))
	if s.Due(clock(6)).Roll || !s.Due(clock(7)).Roll {
		t.Errorf("want the roll due one minute after the barrier before the row")
	}
}

// Batches are lent: what is buffered is a copy, so there must not be much of it.
func TestFewRowsAreBufferedForTheirFolders(t *testing.T) {
	const rows, batches = 1000, 80
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind"}
	s := openSink(t, d, cfg, lines, nil)
	for i := range batches {
		write(t, s, batchOf(i*rows, (i+1)*rows, "a", "b", "c"))
		if s.spread.rows >= maxBufferedRows || s.spread.bytes >= maxBufferedBytes {
			t.Fatalf("after %d rows, %d of them and %d bytes are buffered", (i+1)*rows, s.spread.rows, s.spread.bytes)
		}
	}
	commit(t, s, 1, prepare(t, s, 1, true))
	tree := d.Tree("/data/out")
	for i, kind := range []string{"a", "b", "c"} {
		var body, want strings.Builder
		for name, data := range tree {
			if strings.HasPrefix(name, "kind="+kind+"/") {
				body.WriteString(data)
			}
		}
		want.WriteString("#id\n")
		for id := i; id < rows*batches; id += 3 {
			fmt.Fprintln(&want, id)
		}
		if body.String() != want.String() {
			t.Errorf("kind %s: want every third row in order, got other rows", kind)
		}
	}
}

func TestFewBytesAreBufferedForTheirFolders(t *testing.T) {
	cfg := testConfig()
	cfg.PartitionBy = []string{"_position"}
	l, problems := cfg.layout(testSchema)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	s := newSpread(l)
	rows := batchOf(0, 1, strings.Repeat("x", 1<<20)).Rows
	for n := range int64(8) {
		if s.full() {
			t.Fatalf("full with %d MB", n)
		}
		kept, err := l.project(rows)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.buffer(rows, kept); err != nil {
			t.Fatal(err)
		}
	}
	if !s.full() {
		t.Errorf("got room for more with 8 MB")
	}
}
