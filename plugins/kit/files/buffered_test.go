package files

import (
	"strings"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
)

// Files of many folders are finished before they take more memory than they may, and
// what readers see of them is the same.
func TestOpenFilesEndBeforeTheyUseTooMuchMemory(t *testing.T) {
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.PartitionBy = []string{"kind"}
	s := openSink(t, d, cfg, blocks, nil)
	s.budget = 40
	most := int64(0)
	for from := 0; from < 60; from += 6 {
		write(t, s, batchOf(from, from+6, "a", "b", "c"))
		if err := s.writeBuffered(); err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, h := range s.open {
			sum += h.w.enc.(Buffering).Buffered()
		}
		most = max(most, sum)
	}
	if most > s.budget || most == 0 {
		t.Errorf("open files keep %d bytes in memory, the most is %d", most, s.budget)
	}
	if s.number < 6 {
		t.Errorf("got %d files: none was finished early", s.number)
	}
	commit(t, s, 1, prepare(t, s, 1, true))
	rows := 0
	got := d.Tree("/data/out")
	for _, text := range got {
		rows += strings.Count(text, "\n") - 1 // END
	}
	if len(got) != 3 || rows != 60 {
		t.Errorf("want 60 rows in 3 files, got %d in %d: %q", rows, len(got), got)
	}
}
