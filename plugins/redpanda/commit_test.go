package redpanda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// markers are the records of the topic of epochs that belong to this engine.
func (w *world) markers() (values []string) {
	w.t.Helper()
	for _, r := range w.committed(redpanda.EpochsTopic) {
		if strings.HasPrefix(string(r.Key), w.engine+"/") {
			values = append(values, string(r.Key)+" "+string(r.Value))
		}
	}
	return values
}

func TestEpochHasAHeaderInEveryPartitionAndAMarker(t *testing.T) {
	w := newWorld(t, 3)
	l := w.live(nil)
	l.write(5, 3)
	l.mustCommit()
	w.exactly(15)
	records := w.committed(w.topic)
	for i, r := range records {
		last := i == len(records)-1 || records[i+1].Partition != r.Partition
		want := w.engine + "/p/s 1 "
		if got := len(r.Headers) == 1 && r.Headers[0].Key == "engine-epoch" &&
			strings.HasPrefix(string(r.Headers[0].Value), want); got != last {
			t.Errorf("partition %d, offset %d: got headers %v, the last of its partition %t", r.Partition, r.Offset,
				r.Headers, last)
		}
	}
	markers := w.markers()
	if len(markers) != 1 {
		t.Fatalf("markers: got %q, want one", markers)
	}
	var said struct {
		Epoch, Records int64
		Last           map[string]int64
	}
	key, value, _ := strings.Cut(markers[0], " ")
	if err := json.Unmarshal([]byte(value), &said); err != nil || key != w.engine+"/p/s" || said.Epoch != 1 ||
		said.Records != 15 || fmt.Sprint(said.Last) != "map[0:4 1:4 2:4]" {
		t.Errorf("marker: got %s, %v", markers[0], err)
	}
}

func TestEpochWithoutRowsTouchesNothing(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	l.mustCommit()
	l.write(3, 1)
	l.mustCommit()
	w.exactly(3) // readable: a cluster writes the end of a transaction when it has answered
	before, err := w.admin.ListEndOffsets(w.ctx(), w.topic)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.mustCommit()
	}
	after, err := w.admin.ListEndOffsets(w.ctx(), w.topic)
	if err != nil || before[w.topic][0].Offset != after[w.topic][0].Offset {
		t.Errorf("the topic ended at %v, now at %v (%v)", before, after, err)
	}
	if files := w.spools(); len(files) != 0 {
		t.Errorf("spools: got %v, want none", files)
	}
	l.Close(t.Context())
	l = w.live(l) // the committable of an epoch without rows names the one before
	l.write(3, 1)
	l.mustCommit()
	w.exactly(6)
	if markers := w.markers(); len(markers) != 2 || !strings.Contains(markers[1], `"epoch":6`) {
		t.Errorf("markers: got %q", markers)
	}
}

func TestSpoolStaysUntilTheNextRecordHasNoUseForIt(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	l.write(3, 1)
	l.mustCommit()
	first := w.spools()
	l.write(3, 1)
	l.record()
	if files := w.spools(); len(first) != 1 || len(files) != 2 {
		t.Fatalf("spools: got %v and then %v, want one and two", first, files)
	}
	if err := l.commit(); err != nil {
		t.Fatal(err)
	}
	second := w.spools()
	if len(second) != 1 || second[0] == first[0] {
		t.Errorf("spools: got %v, want the second epoch's", second)
	}
	l.write(3, 1) // never recorded
	l.Close(t.Context())
	os.WriteFile(strings.TrimSuffix(second[0], ".spool")+"-other.spool", nil, 0o600)
	l = w.live(l)
	if files := w.spools(); len(files) != 1 || files[0] != second[0] {
		t.Errorf("after another start: got %v, want the one that the record names", files)
	}
	l.mustCommit()
	if files := w.spools(); len(files) != 0 {
		t.Errorf("after an epoch without rows: got %v, want none", files)
	}
}

func TestLostOrDamagedSpoolIsNamed(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	l.write(1000, 1)
	l.record()
	l.Close(t.Context())
	path := w.spools()[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), whole...)
	damaged[len(damaged)/2]++
	for what, content := range map[string][]byte{"torn": whole[:len(whole)-1], "damaged": damaged, "lost": nil} {
		if os.Remove(path); content != nil {
			os.WriteFile(path, content, 0o600)
		}
		_, err := w.tryLive(l)
		wantError(t, what, err, "epoch 1", w.topic, path, "--fresh")
		if errors.Is(err, sdk.ErrDisconnected) {
			t.Errorf("%s: %v: nobody outside will fix it", what, err)
		}
	}
	os.WriteFile(path, whole, 0o600)
	w.live(l)
	w.exactly(1000)
}

func TestOtherVersionsOfTheStateDirectoryAreNotWrittenOn(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	var past []life
	for range 3 {
		l.write(2, 1)
		l.mustCommit()
		past = append(past, *l)
	}
	l.Close(t.Context())
	_, err := w.tryLive(nil)
	wantError(t, "no record", err, "up to epoch 3", "the state directory up to no epoch", "is older", "--fresh")
	_, err = w.tryLive(&past[1])
	wantError(t, "an old record", err, "up to epoch 3", "the state directory up to epoch 2", "is older")
	future := *l
	future.committable = []byte(strings.Replace(string(l.committable), `"epoch":3`, `"epoch":9`, 1))
	future.committable = []byte(strings.Replace(string(future.committable), `"epoch":2`, `"epoch":8`, 1))
	_, err = w.tryLive(&future)
	wantError(t, "a topic that was put back", err, "up to epoch 3", "up to epoch 9", "the topic is older")
	w.live(l)
	w.exactly(6)
}

// Both go on from one record: whoever commits second must not.
func TestCopyOfTheStateDirectoryCannotCommitToo(t *testing.T) {
	w := newWorld(t, 2)
	start := w.live(nil)
	start.write(2, 2)
	start.mustCommit()
	start.Close(t.Context())
	one := w.live(start)
	other := *w
	other.state = t.TempDir()
	if err := os.CopyFS(other.state, os.DirFS(w.state)); err != nil {
		t.Fatal(err)
	}
	two := other.live(start)
	one.write(3, 2)
	two.write(3, 2)
	one.record()
	two.record()
	if err := one.commit(); err != nil { // fenced by two, and takes over again: nothing was committed meanwhile
		t.Fatal(err)
	}
	err := two.commit()
	wantError(t, "the second", err, "epoch 2", "a copy of this state directory", w.topic)
	if errors.Is(err, sdk.ErrDisconnected) {
		t.Errorf("%v: nobody outside will fix it", err)
	}
	w.exactly(10)
}

// One life stands still before its commit while another takes its place, as an
// engine does that was suspended. Its commit comes when the other has seen that
// there is no marker.
func TestCommitAfterATakeoverIsRefused(t *testing.T) {
	w := newWorld(t, 2)
	l := w.live(nil)
	l.write(3, 2)
	l.record()
	still, goOn, committed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	redpanda.AtStage(l.Sink, func(reached string) {
		if reached == "end" {
			redpanda.AtStage(l.Sink, nil)
			close(still)
			<-goOn
		}
	})
	go func() { committed <- l.commit() }()
	<-still
	other := *w
	var outcome error
	other.stage = func(reached string) {
		if reached == "begin" && goOn != nil {
			close(goOn)
			outcome = <-committed
			goOn = nil
		}
	}
	if _, err := other.tryLive(l); err != nil || outcome != nil {
		t.Fatal(err, outcome) // each sees in the end that it is done
	}
	w.exactly(6)
}

// The transactions of others lie open in the topic that they share with ours.
func TestMarkerBehindAnOpenTransactionIsSeen(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	other := w.client(kgo.TransactionalID("other-" + w.topic))
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	foreign := &kgo.Record{Topic: redpanda.EpochsTopic, Key: []byte("other"), Value: []byte("x")}
	if err := other.ProduceSync(w.ctx(), foreign).FirstErr(); err != nil {
		t.Fatal(err)
	}
	l.write(3, 1)
	l.mustCommit()
	l.Close(t.Context())
	w.live(l)
	if err := other.EndTransaction(w.ctx(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	w.exactly(3)
}

func TestTopicWithFewerPartitionsIsRefused(t *testing.T) {
	w := newWorld(t, 3)
	l := w.live(nil)
	l.write(2, 3)
	l.record()
	l.Close(t.Context())
	w.deleteTopic()
	w.makeAgain(2)
	_, err := w.tryLive(l)
	wantError(t, "fewer", err, w.topic, "has 2 partitions", "belong to partition 2", "at least 3")
	w.addPartitions(1)
	w.live(l)
	w.exactly(6)
}

func TestAddedPartitionsAreWrittenTo(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	l.write(2, 1)
	l.mustCommit()
	w.addPartitions(2)
	for ctx := w.ctx(); ; {
		l.mustCommit() // learns of them, once the client asks anew
		l.write(2, 3)
		l.mustCommit()
		if records := w.committed(w.topic); records[len(records)-1].Partition == 2 {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("no row is in partition 2")
		}
	}
	w.exactly(l.next)
}

func TestFullSpoolMakesWriteWaitForTheCommitBefore(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	redpanda.Bound(l.Sink, 4<<10)
	full := func() bool { return l.Due(time.Time{}).Full }
	l.write(10, 1)
	if full() {
		t.Error("full at once")
	}
	l.write(1000, 1) // more than twice the bound, but nobody to wait for
	l.write(1000, 1)
	if !full() {
		t.Error("not full beyond its bound")
	}
	l.record()
	if full() {
		t.Error("full after the barrier")
	}
	l.write(1000, 1)
	written := make(chan error)
	l.rows.Field(0).(*array.Int64Builder).Append(l.next)
	l.next++
	batch := &sdk.Batch{Rows: l.rows.NewRecordBatch()}
	go func() { written <- l.Write(w.ctx(), batch) }()
	select {
	case err := <-written:
		t.Fatalf("wrote on beyond twice the bound: %v", err)
	case <-time.After(50 * time.Millisecond): // so long it waits at least
	}
	if err := l.commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	l.mustCommit()
	w.exactly(l.next)
}

func TestWaitingWriteEndsWithItsContextAndWithClose(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	redpanda.Bound(l.Sink, 1)
	l.write(1, 1)
	l.record()
	l.write(1, 1)
	ctx, cancel := context.WithCancel(w.ctx())
	cancel()
	if err := l.Write(ctx, &sdk.Batch{Rows: l.rows.NewRecordBatch()}); !errors.Is(err, context.Canceled) {
		t.Errorf("its context ended: got %v", err)
	}
	written := make(chan error)
	go func() { written <- l.Write(w.ctx(), &sdk.Batch{Rows: l.rows.NewRecordBatch()}) }()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err == nil {
		t.Error("closed: got no error")
	}
}

func TestBarrierBeforeTheCommitBeforeIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	l.write(1, 1)
	l.record()
	if _, err := prepare(w.ctx(), l.Sink, 2); err == nil {
		t.Error("got no error: the rows of the first would be lost")
	}
}

func TestPrepareCountsWhatIsStaged(t *testing.T) {
	w := newWorld(t, 2)
	l := w.live(nil)
	l.write(4, 2)
	l.record()
	info, err := os.Stat(w.spools()[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := (sdk.Staged{Pending: 8, Bytes: info.Size(), Files: 1}); l.staged != want {
		t.Errorf("got %+v, want %+v", l.staged, want)
	}
	if err := l.commit(); err != nil {
		t.Fatal(err)
	}
	if l.record(); l.staged != (sdk.Staged{}) {
		t.Errorf("without rows: got %+v", l.staged)
	}
}
