package broker

import (
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
		record := &kgo.Record{Topic: "t", Key: []byte{byte(n)}, Value: make([]byte, 10_000)}
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

// TestFilesWithLessThanWasAcknowledgedAreRefused spoils a file in each way. kfake
// cuts off what it cannot read, and what is behind.
func TestFilesWithLessThanWasAcknowledgedAreRefused(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	cut := func(to int) func([]byte) []byte { return func(b []byte) []byte { return b[:to] } }
	for _, c := range []struct {
		name        string
		file        string
		to          func([]byte) []byte // nil: it is removed
		killed      bool                // also told after a kill
		whyNotAfter string
	}{
		{"a record of the first file", "partitions/t-0/0.dat", flip(5000), true, ""},
		{"the length of the first batch", "partitions/t-0/0.dat", flip(8), true, ""},
		{"the last record", "partitions/t-0/4.dat", flip(-1), true, ""},
		{"the end of the first file", "partitions/t-0/0.dat", cut(15_000), true, ""},
		{"the end of the last file", "partitions/t-0/4.dat", cut(15_000), false, "it is as a kill leaves it"},
		{"all of the last file", "partitions/t-0/4.dat", cut(0), false, "there is no trace of it"},
		{"the file in the middle", "partitions/t-0/2.dat", nil, true, ""},
		{"a producer", "pids.log", flip(20), true, ""},
		{"the last file", "partitions/t-0/4.dat", nil, false, "there is no trace of it"},
	} {
		for _, closed := range []bool{true, false} {
			dir := threeFiles(t, closed, smallFiles)
			path := filepath.Join(dir, filepath.FromSlash(c.file))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.to == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, c.to(data), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := sizes(t, dir)
			b, err := Start(Options{Dir: dir, Port: freePort()})
			if err == nil {
				b.Close(t.Context())
			}
			switch _, told := errors.AsType[*damaged](err); {
			case !closed && !c.killed:
				if err != nil {
					t.Errorf("%s, after a kill: got %v; %s", c.name, err, c.whyNotAfter)
				}
			case !told || !strings.Contains(err.Error(), filepath.Dir(path)) || !strings.Contains(err.Error(), "--fresh"):
				t.Errorf("%s, closed well %v: got %v, want an error that names %s and the way on",
					c.name, closed, err, filepath.Dir(path))
			case sizes(t, dir) != before:
				t.Errorf("%s, closed well %v: the files were changed", c.name, closed)
			}
		}
	}
}
