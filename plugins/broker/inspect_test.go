package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// threeFiles is the folder of a broker with six records in three files of partition
// t-0 and one in t-1, closed or killed.
func threeFiles(t *testing.T, closed bool, configs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	b := start(t, Options{Dir: dir})
	if err := b.cluster.CreateTopic("t", 2, configs); err != nil {
		t.Fatal(err)
	}
	cl := client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	for n := range 6 {
		record := &kgo.Record{Topic: "t", Key: []byte{byte(n)}, Value: bytes.Repeat([]byte{'x'}, 10_000)}
		if err := cl.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	cl.Close()
	if !closed {
		return killed(t, dir)
	}
	b.Close(t.Context())
	return dir
}

var smallFiles = map[string]string{"segment.bytes": "15000"} // two records each

func rewrite(t *testing.T, path string, to func(data []byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, to(data), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
}

func truncated(to int) func([]byte) []byte { return func(b []byte) []byte { return b[:to] } }

// TestFilesWithLessThanWasAcknowledgedAreRefused spoils a file in each way. kfake
// truncates what it cannot read, and what is behind. Of a closed broker's files any
// damage is reported.
func TestFilesWithLessThanWasAcknowledgedAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		file   string
		to     func([]byte) []byte // nil: it is removed
		killed bool                // reported after a kill as well
	}{
		{"a record of the first file", "partitions/t-0/0.dat", flip(5000), true},
		{"the length of the first batch", "partitions/t-0/0.dat", flip(8), true},
		{"the offset of the second batch", "partitions/t-0/2.dat", flip(7), true},
		{"the last record", "partitions/t-0/4.dat", flip(-1), true},
		{"the end of the first file", "partitions/t-0/0.dat", truncated(15_000), true},
		{"the end of the last file", "partitions/t-0/4.dat", truncated(15_000), false},
		{"all of the last file", "partitions/t-0/4.dat", truncated(0), false},
		{"the file in the middle", "partitions/t-0/2.dat", nil, false},
		{"the last file", "partitions/t-0/4.dat", nil, false},
		{"a producer", "pids.log", flip(20), false},
		{"the topics", "topics.json", flip(20), false},
		{"the snapshot", "partitions/t-0/snapshot.json", flip(20), false},
	} {
		for _, closed := range []bool{true, false} {
			if !closed && !c.killed {
				continue // it looks like what a kill, a deletion or retention leaves
			}
			dir := threeFiles(t, closed, smallFiles)
			path := filepath.Join(dir, filepath.FromSlash(c.file))
			whole := func([]byte) []byte { return nil }
			if data, err := os.ReadFile(path); err == nil {
				whole = func([]byte) []byte { return data }
			}
			if c.to == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				rewrite(t, path, c.to)
			}
			before := sizes(t, dir)
			port := freePort()
			for range 2 { // the second gets the same error
				b, err := Start(Options{Dir: dir, Port: port})
				if err == nil {
					b.Close(t.Context())
				}
				_, isDamaged := errors.AsType[*damaged](err)
				if !isDamaged || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--fresh") {
					t.Fatalf("%s, closed well %v: got %v, want an error that names %s and the way on",
						c.name, closed, err, path)
				}
			}
			if sizes(t, dir) != before {
				t.Errorf("%s, closed well %v: the files were changed", c.name, closed)
			}
			if err := os.WriteFile(path, whole(nil), 0o644); err != nil { // it is put back
				t.Fatal(err)
			}
			if end := start(t, Options{Dir: dir, Port: port}).cluster.PartitionInfo("t", 0).HighWatermark; end != 6 {
				t.Errorf("%s, closed well %v, put back: the log ends at %d, want 6", c.name, closed, end)
			}
		}
	}
}

// acknowledgeOnly makes the first partition of t as if less of it had been
// acknowledged before the kill.
func acknowledgeOnly(t *testing.T, dir string, end int64) {
	t.Helper()
	changeMarks(t, dir, func(m *mark) {
		if m.partition == 0 {
			m.end = end
		}
	})
}

func changeMarks(t *testing.T, dir string, change func(*mark)) {
	t.Helper()
	a, err := openAcknowledged(dir, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range a.marks {
		change(m)
		if err := a.write(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWhatAKillLeavesIsNoDamage: each of these is part of the life of a broker.
func TestWhatAKillLeavesIsNoDamage(t *testing.T) {
	zeros := func(n int) func([]byte) []byte {
		return func(b []byte) []byte { clear(b[len(b)-n:]); return b }
	}
	batchOf := func(first int64, raw []byte) []byte {
		raw = bytes.Clone(raw)
		binary.BigEndian.PutUint64(raw, uint64(first))
		return raw
	}
	for _, c := range []struct {
		name string
		file string
		to   func([]byte) []byte
		end  int64
	}{
		{"amid a batch", "partitions/t-0/4.dat", truncated(15_000), 5},
		{"amid a batch that holds one", "partitions/t-0/4.dat", func(b []byte) []byte {
			head := batchOf(6, b[len(b)/2:][:batchHead])
			binary.BigEndian.PutUint32(head[8:], 50_000)
			return append(append(b, head...), batchOf(0, b[:len(b)/2])...)
		}, 6},
		{"a last page that was never written", "partitions/t-0/4.dat", zeros(4096), 5},
		{"pages that were never written", "partitions/t-0/4.dat",
			func(b []byte) []byte { return append(b, make([]byte, 9000)...) }, 6},
	} {
		dir := threeFiles(t, false, smallFiles)
		path := filepath.Join(dir, filepath.FromSlash(c.file))
		acknowledgeOnly(t, dir, c.end) // the last batch was not acknowledged where it is torn
		rewrite(t, path, c.to)
		b, err := Start(Options{Dir: dir, Port: freePort()})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if end := b.cluster.PartitionInfo("t", 0).HighWatermark; end != c.end {
			t.Errorf("%s: the log ends at %d, want %d", c.name, end, c.end)
		}
		b.Close(t.Context())
	}
}

// TestEmptyFileBehindATornOneIsNoDamage: kfake goes on in the file before an empty one.
func TestEmptyFileBehindATornOneIsNoDamage(t *testing.T) {
	dir := threeFiles(t, false, smallFiles)
	acknowledgeOnly(t, dir, 5)
	folder := filepath.Join(dir, "partitions", "t-0")
	rewrite(t, filepath.Join(folder, "4.dat"), truncated(15_000))
	if err := os.WriteFile(filepath.Join(folder, "6.dat"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Dir: dir})
}

// TestTornEntryInTheMiddleIsTakenOut: the disk was full for a while.
func TestTornEntryInTheMiddleIsRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pids.log")
	var log []byte
	for id := range int64(3) {
		var err error
		if log, err = appendEntry(log, producerEntry{Type: "init", ID: id}); err != nil {
			t.Fatal(err)
		}
		log = append(log, log[:12]...)
	}
	if err := os.WriteFile(path, log, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		bodies, err := repairLog(path)
		if err != nil || len(bodies) != 3 || !strings.Contains(string(bodies[2]), `"pid":2`) {
			t.Errorf("got %q, %v; want three entries", bodies, err)
		}
	}
	if left := sizes(t, dir); left != int64(len(log)-3*12) {
		t.Errorf("%d bytes are left, want %d", left, len(log)-3*12)
	}
}

// TestLongTornEndIsSearchedInTime: a length that could be one stands at every byte.
func TestLongTornEndIsSearchedInTime(t *testing.T) {
	raw := make([]byte, messageBytes)
	for i := range len(raw) / 4 {
		binary.LittleEndian.PutUint32(raw[4*i:], uint32(i)|1)
	}
	binary.BigEndian.PutUint32(raw[8:], messageBytes)
	if !torn(raw, 0) {
		t.Error("it was classified as more than a torn batch")
	}
}

// TestHalfANoteIsNone: the broker was killed while it wrote it.
func TestHalfAManifestIsNone(t *testing.T) {
	dir := threeFiles(t, true, smallFiles)
	rewrite(t, filepath.Join(dir, manifestFile), truncated(100))
	start(t, Options{Dir: dir})
}
