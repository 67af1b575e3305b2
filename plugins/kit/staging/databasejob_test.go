package staging_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// numbers is rows n=from to n=to-1.
func numbers(from, to int) *sdk.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil))
	defer b.Release()
	for n := from; n < to; n++ {
		b.Field(0).(*array.Int64Builder).Append(int64(n))
	}
	return &sdk.Batch{Rows: b.NewRecordBatch()}
}

func TestFurtherSinkKeepsTheContract(t *testing.T) {
	sdktest.Sink(t, databaseSink, `{"path": "rows.db"}`, sdktest.Options{
		Input: []*sdk.Batch{numbers(0, 5), numbers(5, 8), numbers(8, 20)},
		Read: func(t testing.TB, env sdk.Env) []string {
			rows, err := visible(staging.OSDisk{}, filepath.Join(env.Dir, "rows.db"))
			if err != nil {
				t.Fatal(err)
			}
			return rows
		},
	})
}

// visible is the database as its readers see it.
func visible(d staging.Disk, path string) (rows []string, err error) {
	text, err := readFile(d, path)
	for line := range strings.Lines(text) {
		tx, ok := parse(line)
		if !ok {
			break
		}
		rows = append(rows, tx.Rows...)
	}
	return rows, err
}

const (
	jobEpochs = 5
	jobRows   = 4 // of an epoch
	jobFile   = "/data/rows.db"
)

// databaseJob writes epochs into the database. The rows of the next one are written in the
// midst of Prepare and Commit.
type databaseJob struct {
	disk        *stagingtest.Disk
	epoch       uint64 // of the record; it survives every crash
	committable []byte
}

func (j *databaseJob) Run(ctx context.Context) error {
	env := sdk.Env{EngineID: "e", Pipeline: "p", Step: "s", StateDir: "/data", Epoch: j.epoch}
	store, err := openRows(j.disk, jobFile, env)
	if err != nil {
		return err
	}
	s := staging.NewSink(store)
	if j.epoch > 0 {
		if err := s.Commit(ctx, j.epoch, j.committable); err != nil {
			return err
		}
	}
	if err := s.Recover(ctx, j.committable); err != nil {
		return err
	}
	next := int(j.epoch) * jobRows
	write := func() (err error) {
		err = s.Write(ctx, numbers(next, next+1))
		next++
		return err
	}
	for epoch := j.epoch + 1; epoch <= jobEpochs; epoch++ {
		for next < int(epoch)*jobRows {
			if err := write(); err != nil {
				return err
			}
		}
		if err := s.Signal(ctx, sdk.Signal{Kind: sdk.Barrier, Epoch: epoch}); err != nil {
			return err
		}
		if err := j.endEpoch(ctx, s, epoch, write); err != nil {
			return err
		}
	}
	return s.Close(ctx)
}

func (j *databaseJob) endEpoch(ctx context.Context, s *staging.Sink[*stagedRows], epoch uint64,
	write func() error,
) error {
	var beside error
	rows := 0
	j.disk.During = func() {
		during := j.disk.During
		j.disk.During = nil // the write takes steps too
		if beside == nil && rows < 2 && epoch < jobEpochs {
			rows, beside = rows+1, write()
		}
		j.disk.During = during
	}
	defer func() { j.disk.During = nil }()
	prepared, err := s.Prepare(ctx, epoch)
	if err != nil {
		return err
	}
	j.epoch, j.committable = epoch, prepared.Committable
	if err := s.Commit(ctx, epoch, j.committable); err != nil {
		return err
	}
	return beside
}

func (j *databaseJob) rows(t *testing.T) []string {
	t.Helper()
	at := j.disk.FailAt
	j.disk.FailAt = 0
	defer func() { j.disk.FailAt = at }()
	if !j.disk.Has(jobFile) {
		return nil
	}
	rows, err := visible(j.disk, jobFile)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if row != fmt.Sprintf("n=%d", i) {
			t.Fatalf("row %d is %s", i, row)
		}
	}
	return rows
}

func (j *databaseJob) CheckVisible(t *testing.T) {
	t.Helper()
	if rows, most := len(j.rows(t)), int(j.epoch)*jobRows; rows > most {
		t.Fatalf("%d rows are visible with %d recorded", rows, most)
	}
}

func (j *databaseJob) CheckDone(t *testing.T) {
	t.Helper()
	if got := len(j.rows(t)); got != jobEpochs*jobRows {
		t.Fatalf("want %d rows, got %d", jobEpochs*jobRows, got)
	}
	if left := j.disk.Tree("/data/staged"); len(left) > 0 {
		t.Fatalf("want nothing staged, got %q", left)
	}
}

func TestFurtherSinkShowsEveryRowOnceAfterACrashAtAnyStep(t *testing.T) {
	for _, mode := range []string{"kill", "power", "torn", "zeros", "kill, then power"} {
		t.Run(mode, func(t *testing.T) {
			stagingtest.CrashEverywhere(t, mode, func(d *stagingtest.Disk) stagingtest.Job {
				return &databaseJob{disk: d}
			})
		})
	}
}
