package parquet

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// epochs runs the sink over batches, one an epoch, and rolls when it asks for
// it and at the end. It returns the bytes of the files, in their order.
func epochs(t *testing.T, config string, batches []arrow.RecordBatch) (files [][]byte) {
	t.Helper()
	env := sdk.Env{EngineID: "abcdef", Pipeline: "p", Step: "parquet", Dir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler)}
	opened, err := Sink.Open(t.Context(), []byte(config), batches[0].Schema(), env)
	if err != nil {
		t.Fatal(err)
	}
	sink := opened.(sdk.Sink)
	must(t, sink.Recover(t.Context(), nil))
	for i, rows := range batches {
		epoch := uint64(i + 1)
		must(t, sink.Write(t.Context(), &sdk.Batch{Rows: rows}))
		roll := i == len(batches)-1 || sink.Due(time.Unix(int64(i), 0)).Roll
		must(t, sink.Signal(t.Context(), sdk.Signal{Kind: sdk.Barrier, Epoch: epoch, Roll: roll,
			Time: time.Unix(int64(i), 0)}))
		prepared, err := sink.Prepare(t.Context(), epoch)
		must(t, err)
		must(t, sink.Commit(t.Context(), epoch, prepared.Committable))
	}
	must(t, sink.Close(t.Context()))
	found, err := filepath.Glob(filepath.Join(env.Dir, "out", "*"))
	must(t, err)
	for _, path := range found {
		data, err := os.ReadFile(path)
		must(t, err)
		files = append(files, data)
	}
	return files
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSmallEpochsGiveFilesOfTheSizeOfARollWithFullRowGroups(t *testing.T) {
	config := `{"path": "out", "row_group_rows": 1000, "roll": {"size": "256KB", "interval": "1h"}}`
	files := epochs(t, config, tickets(t, 150, 100))
	if len(files) < 2 || len(files) > 4 {
		t.Errorf("150 epochs: got %d files", len(files))
	}
	for i, data := range files {
		groups := groupRows(t, data)
		for _, rows := range groups[:len(groups)-1] {
			if rows != 1000 {
				t.Errorf("file %d: want row groups of 1000 rows, got %v", i, groups)
			}
		}
		if size := len(data); i < len(files)-1 && (size < 128<<10 || size > 300<<10) {
			t.Errorf("file %d: want about 256KB, got %d bytes", i, size)
		}
	}
}

func TestLargeRowGroupsAreCopiedAndSmallOnesFilled(t *testing.T) {
	batches := tickets(t, 1, 1000)
	for _, small := range tickets(t, 1, 900) {
		for at := int64(0); at < 900; at += 90 {
			batches = append(batches, small.NewSlice(at, at+90))
		}
	}
	batches = append(batches, tickets(t, 1, 1000)...)
	files := epochs(t, `{"path": "out", "row_group_rows": 1000}`, batches)
	if len(files) != 1 {
		t.Fatalf("want one file, got %d", len(files))
	}
	got := groupRows(t, files[0])
	if len(got) != 3 || got[0] != 1000 || got[1] != 900 || got[2] != 1000 {
		t.Errorf("want row groups of 1000, 900 and 1000 rows, got %v", got)
	}
}
