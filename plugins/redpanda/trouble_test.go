package redpanda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

func (w *world) deleteBefore(offset int64) {
	w.t.Helper()
	offsets := make(kadm.Offsets)
	offsets.AddOffset(w.topic, 0, offset, -1)
	if _, err := w.admin.DeleteRecords(w.ctx(), offsets); err != nil {
		w.t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want it to say %q", what, err, part)
		}
	}
}

// position is where offset n of partition 0 is.
func (w *world) position(n int) map[string][]byte {
	return map[string][]byte{w.topic + "/0": fmt.Appendf(nil, `{"offset":%d,"epoch":-1,"topic_id":""}`, n)}
}

func TestLostRecordsStopTheRunWithBothOffsets(t *testing.T) {
	w := newWorld(t, 1)
	values, _ := rows(0, 10)
	w.put(0, values...)
	w.deleteBefore(6)
	_, err := w.tryOpen(`{}`, w.position(2))
	wantError(t, "before the log", err, w.topic+"/0: position 2", "begins at offset 6", "on_data_loss: continue")
	_, err = w.tryOpen(`{}`, w.position(99))
	wantError(t, "behind the log", err, w.topic+"/0: position 99", "ends at offset 10")
}

func TestLostRecordsArePassedIfTheUserAllows(t *testing.T) {
	w := newWorld(t, 1)
	values, all := rows(0, 10)
	w.put(0, values...)
	w.deleteBefore(6)
	in := w.open(`{"on_data_loss": "continue"}`, w.position(2))
	in.drain()
	in.want(0, all[6:]...)
	if log := w.log.String(); !strings.Contains(log, "position=2 continues=6 lost=4") {
		t.Errorf("log: got %q, want both offsets and how many", log)
	}
	behind := w.open(`{"on_data_loss": "continue"}`, w.position(99))
	w.put(0, `{"n":"next"}`)
	behind.drain()
	behind.want(0, "next")
}

func TestTopicMadeAgainIsRecognisedAtTheStart(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	in := w.open(`{}`, nil)
	in.untilRows(2)
	in.Close(t.Context())
	w.deleteTopic()
	w.makeAgain(1)
	w.put(0, `{"n":"x"}`, `{"n":"y"}`, `{"n":"z"}`) // the position lies within
	_, err := w.tryOpen(`{}`, in.at)
	wantError(t, "made again", err, w.topic+"/0: position 2", "deleted and made again", "0 to 3")
	again := w.open(`{"on_data_loss": "continue"}`, in.at)
	again.drain()
	again.want(0, "x", "y", "z")
}

// makeAgain waits until a topic that was deleted can be made anew.
func (w *world) makeAgain(partitions int32) {
	w.t.Helper()
	for ctx := w.ctx(); ; {
		_, err := w.admin.CreateTopic(ctx, partitions, -1, nil, w.topic)
		if err == nil {
			break
		}
		if !errors.Is(err, kerr.TopicAlreadyExists) {
			w.t.Fatal(err)
		}
	}
	w.cl.PurgeTopicsFromClient(w.topic)
	w.setup(`{}`)
}

func TestTopicMadeAgainStopsARunningSource(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	stops, goesOn := w.open(`{}`, nil), w.open(`{"on_data_loss": "continue"}`, nil)
	stops.untilRows(2)
	goesOn.untilRows(2)
	w.deleteTopic()
	w.makeAgain(1)
	w.put(0, `{"n":"x"}`, `{"n":"y"}`, `{"n":"z"}`)
	err := stops.untilError()
	wantError(t, "made again", err, w.topic+"/0: position 2", "deleted and made again")
	goesOn.untilRows(5)
	goesOn.want(0, "a", "b", "x", "y", "z")
}

func TestDrainEndsWhereALogThatLostItsRecordsEnds(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	values, want := rows(0, 10)
	w.put(0, values...)
	in := w.open(`{"on_data_loss": "continue"}`, nil)
	in.bound(map[int]int64{0: 50}) // not reached yet
	in.untilRows(10)
	w.deleteTopic()
	w.makeAgain(1)
	w.put(0, values[:3]...)
	in.untilEOF()
	in.want(0, append(want, want[:3]...)...)
}

func (in *input) untilError() error {
	for {
		if _, err := in.next(); err != nil {
			return err
		}
	}
}

func TestDeletedTopicStopsARunningSource(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	in := w.open(`{}`, nil)
	in.untilIdle(1)
	w.deleteTopic()
	wantError(t, "deleted", in.untilError(), w.topic, "deleted while it was read")
}

func TestAddedPartitionsAreReadFromTheirBeginning(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	in := w.open(`{"start": "latest"}`, nil)
	in.untilIdle(1)
	w.addPartitions(2)
	writer := w.client() // learns of the partitions by asking anew
	produce(t, w.ctx(), writer, w.topic, 2, `{"n":"a"}`, `{"n":"b"}`)
	item := in.until("partitions", isSignal(sdk.Partitions))
	if got := len(item.Signal.Partitions); got != 3 {
		t.Errorf("partitions: got %v, want three", item.Signal.Partitions)
	}
	in.untilRows(2)
	in.want(2, "a", "b")
	// Unknown to the positions of a run, but not of an unknown topic:
	known := redpanda.Cursors(in.Source)[w.topic+"/0"]
	again := w.open(`{"start": "latest"}`, map[string][]byte{w.topic + "/0": known})
	again.drain()
	again.want(2, "a", "b")
}

func TestMissingTopicIsNamedWithWhatExists(t *testing.T) {
	w := newWorld(t, 1)
	_, err := w.tryOpen(`{"topic": "nothing-like-it"}`, nil)
	wantError(t, "missing topic", err, `topic "nothing-like-it" does not exist`, "have ", w.address)
	near := w.topic[:len(w.topic)-1]
	_, err = w.tryOpen(`{"topic": "`+near+`"}`, nil)
	wantError(t, "nearly right", err, near, "did you mean t-")
}

func TestUnreachableBrokerIsNamedSoon(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, topic: "t", address: l.Addr().String(), log: new(strings.Builder)}
	w.wait = 300 * time.Millisecond // stands for our own patience
	_, err = w.tryOpen(`{}`, nil)   // accepted by the system, never answered
	wantError(t, "silent", err, "connecting to "+w.address, "no answer")
	l.Close()
	_, err = w.tryOpen(`{}`, nil)
	wantError(t, "refused", err, "connecting to "+w.address, "refused")
	if log := w.log.String(); log != "" {
		t.Errorf("logged too: %s", log)
	}
}

func TestFailingFetchesAreLoggedOnceAndOutlived(t *testing.T) {
	t.Parallel() // it mostly waits
	w := ownWorld(t, 1)
	failing := w.broker.Fail(int16(kmsg.Fetch), kerr.UnknownServerError.Code, -1)
	in := w.open(`{}`, nil)
	w.put(0, `{"n":"a"}`)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in.untilRows(1)
	}()
	if err := failing.Wait(w.ctx(), 4); err != nil {
		t.Fatal(err)
	}
	failing.Remove()
	<-ended
	in.want(0, "a")
	in.Close(t.Context())
	if n := strings.Count(w.log.String(), "a fetch failed"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, w.log)
	}
}

func TestRefusedPositionWithinTheLogIsAskedAgain(t *testing.T) {
	w := ownWorld(t, 1)
	w.broker.Fail(int16(kmsg.Fetch), kerr.OffsetOutOfRange.Code, 2)
	w.put(0, `{"n":"a"}`)
	in := w.open(`{}`, nil)
	in.drain()
	in.want(0, "a")
}

func TestForbiddenTopicStopsTheRun(t *testing.T) {
	w := ownWorld(t, 1)
	w.broker.Fail(int16(kmsg.Fetch), kerr.TopicAuthorizationFailed.Code, -1)
	in := w.open(`{}`, nil)
	w.put(0, `{"n":"a"}`)
	wantError(t, "forbidden", in.untilError(), w.topic, "TOPIC_AUTHORIZATION_FAILED")
}

func TestLostBrokerIsWaitedForAndIsNotIdle(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	w := &world{t: t, topic: "t", log: new(strings.Builder)}
	w.broker = startBroker(t, broker.Options{Dir: dir})
	w.address = w.broker.Address()
	w.cl = w.client()
	w.admin = kadm.NewClient(w.cl)
	w.makeTopic(1)
	w.put(0, `{"n":"a"}`)
	in := w.open(`{}`, nil)
	in.untilIdle(1)
	_, number, _ := net.SplitHostPort(w.address)
	port, _ := strconv.Atoi(number)
	w.broker.Close(t.Context())
	item := in.until("the taking back", func(sdk.Item) bool { return true })
	if item.Batch == nil || item.Batch.NumRows() != 0 {
		t.Errorf("without a broker: got %+v, want idle taken back", item)
	}
	w.broker = startBroker(t, broker.Options{Dir: dir, Port: &port})
	in.untilIdle(1)
	w.put(0, `{"n":"b"}`)
	in.untilRows(2)
	in.want(0, "a", "b")
	in.Close(t.Context())
	log := w.log.String()
	if n := strings.Count(log, "broker cannot be reached"); n < 1 || n > 2 { // as a seed, and by its number
		t.Errorf("logged %d times that the broker is gone:\n%s", n, log)
	}
}

func TestCommitsAreForLagToolsOnly(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	group := "g-" + w.topic
	in := w.open(`{"consumer_group": "`+group+`"}`, nil)
	in.untilRows(2)
	if err := in.Committed(w.ctx(), 1, in.at); err != nil {
		t.Fatal(err)
	}
	offsets, err := w.admin.FetchOffsets(w.ctx(), group)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup(w.topic, 0); !ok || o.At != 2 {
		t.Errorf("committed: got %+v, want offset 2", o)
	}
	again := w.open(`{"consumer_group": "`+group+`"}`, nil)
	again.drain()
	again.want(0, "a", "b") // never read back
}

func TestRefusedCommitIsLoggedOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	group := "g-" + w.topic
	joined := make(chan struct{})
	w.client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(w.topic),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { close(joined) }))
	<-joined
	in := w.open(`{"consumer_group": "`+group+`"}`, nil)
	in.untilRows(1)
	for epoch := range uint64(3) {
		if err := in.Committed(w.ctx(), epoch, in.at); err != nil {
			t.Errorf("a refused commit is no error of ours: %v", err)
		}
	}
	in.Close(t.Context())
	if n := strings.Count(w.log.String(), "lag tools will not see"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, w.log)
	}
}

func TestCloseWakesABlockedNext(t *testing.T) {
	w := newWorld(t, 1)
	in := w.open(`{}`, nil)
	in.untilIdle(1)
	failed := make(chan error)
	go func() {
		_, err := in.Next(context.Background())
		failed <- err
	}()
	if err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want an error that is not the end", err)
	}
}

func TestNextGivesUpWithItsContextAndLosesNothing(t *testing.T) {
	w := newWorld(t, 1)
	values, want := rows(0, 9000)
	w.put(0, values...)
	in := w.open(`{}`, nil)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if item, err := in.Next(over); err == nil { // what was ready may still be given
			in.record(item)
		}
	}
	in.drain()
	in.want(0, want...)
}

func TestSideCallsMayComeDuringNext(t *testing.T) {
	w := newWorld(t, 2)
	values, want := rows(0, 20_000)
	w.put(0, values...)
	w.put(1, values...)
	in := w.open(`{"consumer_group": "g-`+w.topic+`"}`, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			at := redpanda.Cursors(in.Source)
			in.Committed(w.ctx(), 1, at)
			in.Lag()
		}
		in.Drain(w.ctx())
	}()
	in.untilEOF()
	<-done
	in.want(0, want...)
	in.want(1, want...)
}
