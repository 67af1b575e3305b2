package redpanda_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/redpanda"
)

// openOther opens a transaction in partition 1, and returns its producer's id.
func (w *world) openOther() (cl *kgo.Client, id int64) {
	w.t.Helper()
	cl = w.client(kgo.TransactionalID("open-" + w.topic))
	if err := cl.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	produce(w.t, w.ctx(), cl, w.topic, 1, "x")
	id, _, err := cl.ProducerID(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	return cl, id
}

// A broker that was killed may say that a transaction has ended whose end it has not
// written: to partitions it is open.
func TestOpenTransactionsOfOwnAreNotWrittenBehind(t *testing.T) {
	w := newWorld(t, 2)
	l := w.live(nil)
	cl, id := w.openOther()
	wantError(t, "open", redpanda.Ended(w.ctx(), l.Sink, id, 0, w.topic), w.topic+"/1", "is open from offset 0 on",
		"kafka-transactions.sh", "--partition 1 --start-offset 0")
	if err := redpanda.Ended(w.ctx(), l.Sink, id+1000, 0, w.topic); err != nil {
		t.Errorf("of another producer: got %v", err)
	}
	if err := cl.EndTransaction(w.ctx(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	if err := redpanda.Ended(w.ctx(), l.Sink, id, time.Minute, w.topic); err != nil {
		t.Errorf("ended: got %v", err)
	}
}

// Just started, a broker may not answer yet; that it cannot is another matter.
func TestBrokersThatDoNotSayWhoWritesYetAreAskedAgain(t *testing.T) {
	t.Parallel() // it mostly waits
	w := ownWorld(t, 2)
	l := w.live(nil)
	_, id := w.openOther()
	for _, key := range []kmsg.Key{kmsg.DescribeProducers, kmsg.ListOffsets} {
		failing := w.broker.Fail(int16(key), kerr.NotLeaderForPartition.Code, -1)
		wantError(t, key.Name(), redpanda.Ended(w.ctx(), l.Sink, id, 0, w.topic), "asking ", "NOT_LEADER")
		failing.Remove()
		failing = w.broker.Fail(int16(key), kerr.TopicAuthorizationFailed.Code, -1)
		if err := redpanda.Ended(w.ctx(), l.Sink, id, 0, w.topic); err != nil {
			t.Errorf("%s, without the right to ask: got %v", key.Name(), err)
		}
		failing.Remove()
	}
}
