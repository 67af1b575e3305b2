package parquet

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

// TestLargeDictionaryValuesBehindSmallOnesMakeSmallBatches: 600 rows of a byte in
// each row group, then 600 of 256 kB, all of a dictionary of two values.
func TestLargeDictionaryValuesBehindSmallOnesMakeSmallBatches(t *testing.T) {
	type row struct {
		A string `parquet:"a,dict"`
	}
	rows := make([]row, 1200)
	large := strings.Repeat("a", 256<<10)
	for i := range rows {
		if rows[i].A = "b"; i >= 600 {
			rows[i].A = large
		}
	}
	var file bytes.Buffer
	w := pq.NewGenericWriter[row](&file, pq.MaxRowsPerRowGroup(1200))
	for range 2 {
		if _, err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := openReader(files.File{Path: onDisk(t, file.Bytes()), Schema: schemaOf(t, "a:string")},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	read := int64(0)
	for {
		b, _, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		read += b.NumRows()
		if size := len(b.Column(0).(*array.String).ValueBytes()); size > 2*sdk.MaxBatchBytes {
			t.Fatalf("a batch of %d rows has %d MB", b.NumRows(), size>>20)
		}
	}
	if read != 2400 {
		t.Errorf("got %d rows, want 2400", read)
	}
}
