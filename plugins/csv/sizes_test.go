package csv

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

func TestSmallEpochsGiveFilesOfTheSizeOfARoll(t *testing.T) {
	for _, compression := range []string{"none", "gzip"} {
		dir := t.TempDir()
		config := `{"path":"out","roll":{"size":"8KB","interval":"1h"},"compression":"` + compression + `"}`
		instance, err := Sink.Open(t.Context(), []byte(config), rows(t).Schema(), env(dir))
		must(t, err)
		sink := instance.(sdk.Sink)
		must(t, sink.Recover(t.Context(), nil))
		const epochs = 300
		for i := range epochs {
			batch := rows(t, fmt.Sprintf(`{"id":"A%d","text":"a row of an epoch of one row","n":%d}`, i, i))
			must(t, sink.Write(t.Context(), &sdk.Batch{Rows: batch}))
			now := time.Unix(int64(i), 0)
			must(t, sink.Signal(t.Context(), sdk.Signal{Kind: sdk.Barrier, Epoch: uint64(i + 1), Time: now,
				Roll: i == epochs-1 || sink.Due(now).Roll}))
			prepared, err := sink.Prepare(t.Context(), uint64(i+1))
			must(t, err)
			must(t, sink.Commit(t.Context(), uint64(i+1), prepared.Committable))
		}
		must(t, sink.Close(t.Context()))
		files := contents(t, filepath.Join(dir, "out"))
		if len(files) < 2 || len(files) > 5 {
			t.Errorf("%s: %d epochs of 40 bytes: got %d files", compression, epochs, len(files))
		}
		for i, text := range files[:len(files)-1] {
			if len(text) < 8_000 || len(text) > 9_000 {
				t.Errorf("%s: file %d: want about 8KB, got %d bytes", compression, i, len(text))
			}
		}
	}
}
