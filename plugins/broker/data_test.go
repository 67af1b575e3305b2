package broker

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

func client(t *testing.T, b *Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Address()), kgo.AllowAutoTopicCreation())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func produce(t *testing.T, b *Broker, records, size int) {
	t.Helper()
	cl := client(t, b, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(1<<20))
	for range records {
		record := &kgo.Record{Topic: "t", Value: bytes.Repeat([]byte("x"), size)}
		if err := cl.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	cl.Close()
}

func TestRecordsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Options{Dir: dir, Partitions: 1})
	produce(t, first, 10, 10)
	first.Close(t.Context())
	second := start(t, Options{Dir: dir, Partitions: 1})
	if info := second.cluster.PartitionInfo("t", 0); info == nil || info.HighWatermark != 10 {
		t.Errorf("after a restart: got %+v, want 10 records", info)
	}
}

// kfake leaves this to a timer that it does not start, least of all after a
// restart.
func TestRetentionFreesWholeSegmentsAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Partitions: 1, RetentionSize: sdk.Bytes(1 << 20)}
	first := start(t, o)
	produce(t, first, 40, 1<<20-1000) // two and a half segments
	first.Close(t.Context())
	second := start(t, o)
	if got := second.cluster.PartitionInfo("t", 0).LogStartOffset; got != 0 {
		t.Fatalf("the log starts at %d before retention had its turn", got)
	}
	second.tidy()
	if got := second.cluster.PartitionInfo("t", 0).LogStartOffset; got < 15 || got > 39 {
		t.Errorf("log start after retention: got %d of 40 records, want the old segments gone", got)
	}
}
