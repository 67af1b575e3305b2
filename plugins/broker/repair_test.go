package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// killed is a copy of a running broker's folder, as a kill would leave it.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := t.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return left
}

// startFilled starts a broker with a topic t of two partitions, if there is none.
func startFilled(t *testing.T, o Options) *Broker {
	t.Helper()
	b := start(t, o)
	if err := b.cluster.CreateTopic("t", 2, nil); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatal(err)
	}
	return b
}

// writer is a producer with a transactional id, and a transaction begun.
func writer(t *testing.T, b *Broker, id string) *kgo.Client {
	t.Helper()
	cl := client(t, b, kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	return cl
}

func send(t *testing.T, cl *kgo.Client, value string) {
	t.Helper()
	for partition := range int32(2) {
		record := &kgo.Record{Topic: "t", Partition: partition, Value: []byte(value)}
		if err := cl.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, cl *kgo.Client) {
	t.Helper()
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

// committed reads both partitions of t to their ends, as read_committed.
func committed(t *testing.T, b *Broker) [2][]string {
	t.Helper()
	cl := client(t, b, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumeTopics("t"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var values [2][]string
	var at [2]int64
	for range 2 {
		for p := range at {
			for info := b.cluster.PartitionInfo("t", int32(p)); at[p] < info.LastStableOffset; {
				fetches := cl.PollFetches(ctx)
				if err := ctx.Err(); err != nil {
					t.Fatalf("reading partition %d to %d: got to %d", p, info.LastStableOffset, at[p])
				}
				fetches.EachRecord(func(r *kgo.Record) {
					at[r.Partition] = r.Offset + 1
					if !r.Attrs.IsControl() {
						values[r.Partition] = append(values[r.Partition], string(r.Value))
					}
				})
			}
		}
	}
	return values
}

func want(t *testing.T, when string, got [2][]string, values ...string) {
	t.Helper()
	for p := range got {
		if !slices.Equal(got[p], values) {
			t.Errorf("%s: partition %d: got %v, want %v", when, p, got[p], values)
		}
	}
}

// Without abort markers the records of b come back with the second kill.
func TestAbortedRecordsStayAbortedThroughTwoKills(t *testing.T) {
	dir := t.TempDir()
	first := startFilled(t, Options{Dir: dir})
	one := writer(t, first, "tx")
	send(t, one, "a")
	commit(t, one)
	if err := one.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	send(t, one, "b")

	dir = killed(t, dir)
	second := startFilled(t, Options{Dir: dir})
	want(t, "after a kill", committed(t, second), "a")
	two := writer(t, second, "tx")
	send(t, two, "c")
	commit(t, two)
	want(t, "after a kill and a commit", committed(t, second), "a", "c")

	third := startFilled(t, Options{Dir: killed(t, dir)})
	want(t, "after two kills", committed(t, third), "a", "c")
}

func TestBatchWithoutItsIndexEntryIsStillOfItsTransaction(t *testing.T) {
	for what, spoil := range map[string]func(index []byte) []byte{
		"killed between the write of the batch and that of its entry": func([]byte) []byte { return nil },
		"another byte": func(index []byte) []byte { index[indexEntry-1] ^= 0x10; return index },
	} {
		dir := t.TempDir()
		send(t, writer(t, startFilled(t, Options{Dir: dir}), "tx"), "a")
		dir = killed(t, dir)
		for _, partition := range []string{"t-0", "t-1"} {
			path := filepath.Join(dir, "partitions", partition, "0.idx")
			index, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, spoil(index), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		want(t, what+", with nothing committed", committed(t, startFilled(t, Options{Dir: dir})))
	}
}

func TestTornFilesAreTruncatedAndWrittenOn(t *testing.T) {
	dir := t.TempDir()
	one := writer(t, startFilled(t, Options{Dir: dir}), "tx")
	send(t, one, "a")
	commit(t, one)
	for _, value := range []string{"b", "c"} {
		dir = killed(t, dir)
		for _, name := range []string{"pids.log", "partitions/t-0/0.dat", "partitions/t-0/0.idx",
			"partitions/t-1/0.dat"} {
			if err := appendTo(filepath.Join(dir, filepath.FromSlash(name)), []byte("\x20\x00\x00torn")); err != nil {
				t.Fatal(err)
			}
		}
		next := writer(t, startFilled(t, Options{Dir: dir}), "tx")
		send(t, next, value)
		if _, epoch, err := next.ProducerID(t.Context()); err != nil || epoch == 0 {
			t.Errorf("producer of %s: got epoch %d, %v, want one that follows those before", value, epoch, err)
		}
		commit(t, next)
	}
	want(t, "after torn ends", committed(t, startFilled(t, Options{Dir: killed(t, dir)})), "a", "b", "c")
}

// A client that outlives the broker must not commit the rest of its records,
// nor get the answer that it did.
func TestTransactionThatTheBrokerLostCannotBeCommitted(t *testing.T) {
	for _, more := range []bool{true, false} {
		dir := t.TempDir()
		first := startFilled(t, Options{Dir: dir})
		cl := writer(t, first, "tx")
		send(t, cl, "a")
		commit(t, cl) // so that the producer's last end is a commit
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		send(t, cl, "b")
		dir = killed(t, dir)
		_, number, _ := net.SplitHostPort(first.Address())
		port, _ := strconv.Atoi(number)
		first.Close(t.Context())
		second := startFilled(t, Options{Dir: dir, Port: &port})
		var sent error
		if more {
			sent = cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("c")}).FirstErr()
		}
		if err := errors.Join(sent, cl.EndTransaction(t.Context(), kgo.TryCommit)); err == nil {
			t.Errorf("more to send %v: the transaction was committed", more)
		}
		want(t, "the rest", committed(t, second), "a")
	}
}

// kfake answers that it has committed when it could not write so.
func TestCommitThatCannotBeWrittenIsNotAcknowledged(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Options{Dir: dir})
	one := "1" // every batch begins a file
	if err := b.cluster.CreateTopic("t", 2, map[string]string{"segment.bytes": one}); err != nil {
		t.Fatal(err)
	}
	cl := writer(t, b, "tx")
	send(t, cl, "a")
	if err := os.Rename(filepath.Join(dir, "partitions", "t-0"), filepath.Join(dir, "aside")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := cl.EndTransaction(ctx, kgo.TryCommit); err == nil {
		t.Error("the commit was acknowledged")
	}
	if conn, err := net.Dial("tcp", b.Address()); err == nil {
		conn.Close()
		t.Error("the broker still listens")
	}
	b.Close(t.Context())
	if _, err := Start(Options{Dir: dir, Port: freePort()}); err == nil {
		t.Error("its files were opened again in the same process")
	}
	if err := os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, "partitions", "t-0")); err != nil {
		t.Fatal(err)
	}
	next := startFilled(t, Options{Dir: killed(t, dir)}) // another process
	if got := committed(t, next); len(got[0]) != 0 {
		t.Errorf("the partition that could not be written: got %v, want nothing", got[0])
	}
}

func TestOrderlyEndNeedsNoRepair(t *testing.T) {
	dir := t.TempDir()
	first := startFilled(t, Options{Dir: dir})
	cl := writer(t, first, "tx")
	send(t, cl, "a")
	first.Close(t.Context())
	before := sizes(t, dir)
	if err := repair(dir); err != nil {
		t.Fatal(err)
	}
	if after := sizes(t, dir); before != after {
		t.Errorf("files were changed: %d bytes, then %d", before, after)
	}
	if err := os.Remove(filepath.Join(dir, manifestFile)); err != nil {
		t.Fatal(err)
	}
	half := killed(t, dir)
	rewrite(t, filepath.Join(half, "session_state.json"), truncated(10)) // kfake goes on without it
	before = sizes(t, half)
	if err := repair(half); err != nil {
		t.Fatal(err)
	}
	if after := sizes(t, half); after <= before {
		t.Errorf("no marker was written: %d bytes, then %d", before, after)
	}
	if err := os.Remove(filepath.Join(dir, "session_state.json")); err != nil {
		t.Fatal(err) // as after a start that did not touch the topic, and a kill
	}
	want(t, "not resumed", committed(t, startFilled(t, Options{Dir: dir})))
}

func sizes(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

// Whatever the files hold, the repair ends, with damage or without, and repairing them
// again changes nothing.
func FuzzRepair(f *testing.F) {
	whole := abortMarker(5, 1, 0, 0)
	f.Add(whole, indexOf(batch{}), []byte{})
	f.Add(append(whole, whole[:30]...), []byte("x"), []byte{3, 0, 0, 0, 1, 2, 3, 4, 1, 0, '{'})
	f.Fuzz(func(t *testing.T, data, index, producers []byte) {
		dir := t.TempDir()
		folder := filepath.Join(dir, "partitions", "t-0")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"meta.json": []byte(`{"version":1}`), "pids.log": producers,
			"partitions/t-0/0.dat": data, "partitions/t-0/0.idx": index} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		first := repair(dir)
		if _, isDamaged := errors.AsType[*damaged](first); first != nil && !isDamaged {
			t.Fatal(first)
		}
		once := sizes(t, dir)
		if again := repair(dir); (again == nil) != (first == nil) || sizes(t, dir) != once {
			t.Fatalf("repaired twice: %d bytes, then %d: %v, %v", once, sizes(t, dir), first, again)
		}
	})
}
