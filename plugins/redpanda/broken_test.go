package redpanda_test

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// inBothWorlds runs a test with the embedded broker and with one that passes for
// a cluster, where markers alone say what is committed.
func inBothWorlds(t *testing.T, name string, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, cluster := range []string{"", "cluster"} {
		t.Run(cmp.Or(cluster, "embedded")+"/"+name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, broker.Options{ClusterID: cluster})
			w := worldAt(t, b.Address(), 2)
			w.broker = b
			f(t, w)
		})
	}
}

// What the broker says while an epoch is committed, and how often. None of it
// may lose or repeat a row.
func TestPassingTroubleWhileCommittingIsOutlived(t *testing.T) {
	t.Parallel() // it mostly waits
	const produce, initID, end, metadata = kmsg.Produce, kmsg.InitProducerID, kmsg.EndTxn, kmsg.Metadata
	tests := []struct {
		name  string
		key   kmsg.Key
		code  *kerr.Error
		count int
	}{
		{"written, but the answer says otherwise", produce, kerr.RequestTimedOut, 2},
		{"no leader", produce, kerr.NotLeaderForPartition, 2},
		{"fenced while sending", produce, kerr.InvalidProducerEpoch, 1},
		{"unknown producer", produce, kerr.UnknownProducerID, 1},
		{"out of order", produce, kerr.OutOfOrderSequenceNumber, 1},
		{"no transaction", produce, kerr.InvalidTxnState, 1},
		{"coordinator moves", end, kerr.NotCoordinator, 2},
		{"coordinator loads", end, kerr.CoordinatorLoadInProgress, 2},
		{"the one before is ending", end, kerr.ConcurrentTransactions, 3},
		{"fenced at the end", end, kerr.ProducerFenced, 1},
		{"another producer at the end", end, kerr.InvalidProducerEpoch, 1},
		{"id expired", end, kerr.InvalidProducerIDMapping, 1},
		{"id unknown", end, kerr.UnknownProducerID, 1},
		{"the broker does not know", end, kerr.UnknownServerError, 1},
		{"to be aborted", end, kerr.TransactionAbortable, 1},
		{"coordinator moves at the takeover", initID, kerr.NotCoordinator, 2},
		{"the one before is ending at the takeover", initID, kerr.ConcurrentTransactions, 3},
		{"the coordinator is not there", initID, kerr.CoordinatorNotAvailable, 2},
		{"no answer about topics", metadata, kerr.LeaderNotAvailable, 2},
	}
	for _, tt := range tests {
		inBothWorlds(t, tt.name, func(t *testing.T, w *world) {
			l := w.live(nil)
			l.write(3, 2)
			l.mustCommit()
			l.write(3, 2)
			l.record()
			if tt.key == initID { // something must bring it about
				w.broker.Fail(int16(end), kerr.UnknownServerError.Code, 1)
			}
			failing := w.broker.Fail(int16(tt.key), tt.code.Code, tt.count)
			if err := l.commit(); err != nil {
				t.Fatal(err)
			}
			failing.Remove() // what the client did not ask for
			l.write(3, 2)
			l.mustCommit()
			w.exactly(18)
		})
	}
}

// Whether the broker has acted is unknown then; each time it has.
func TestLostAnswersWhileCommittingRepeatNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn, kmsg.InitProducerID, kmsg.Fetch,
		kmsg.ListOffsets} {
		inBothWorlds(t, key.Name(), func(t *testing.T, w *world) {
			l := w.live(nil)
			for range 3 {
				l.write(3, 2)
				l.record()
				if key != kmsg.Produce && key != kmsg.EndTxn {
					w.broker.Lose(int16(kmsg.EndTxn), 5) // more than the client tries by itself
				}
				w.broker.Lose(int16(key), 3)
				if err := l.commit(); err != nil {
					t.Fatal(err)
				}
			}
			w.broker.Lose(int16(key), 0)
			w.exactly(18)
		})
	}
}

// The broker stops in the middle and comes back with what it had.
func TestBrokerThatRestartsWhileCommittingIsWaitedFor(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, stage := range []string{"sending", "flushed", "end", "committed"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := ownWorldIn(t, dir, 2)
			l := w.live(nil)
			l.write(3, 2)
			l.mustCommit()
			l.write(2000, 2)
			l.record()
			redpanda.AtStage(l.Sink, func(reached string) {
				if reached == stage {
					redpanda.AtStage(l.Sink, nil)
					w.restart(dir)
				}
			})
			if err := l.commit(); err != nil {
				t.Fatal(err)
			}
			l.write(3, 2)
			l.mustCommit()
			w.exactly(4012)
		})
	}
}

// ownWorldIn is a world whose broker keeps its files in dir.
func ownWorldIn(t *testing.T, dir string, partitions int32) *world {
	t.Helper()
	b := startBroker(t, broker.Options{Dir: dir})
	w := worldAt(t, b.Address(), partitions)
	w.broker = b
	return w
}

// restart stops the broker and starts one with the same files and address.
func (w *world) restart(dir string) {
	w.t.Helper()
	_, number, _ := net.SplitHostPort(w.address)
	port, err := strconv.Atoi(number)
	if err != nil {
		w.t.Fatal(err)
	}
	w.broker.Close(context.Background())
	w.broker = startBroker(w.t, broker.Options{Dir: dir, Port: &port})
}

func TestBrokerThatStaysAwayIsReportedAsDisconnected(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, stage := range []string{"sending", "flushed", "end"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := ownWorldIn(t, dir, 2)
			l := w.live(nil)
			redpanda.Hasten(l.Sink, 300*time.Millisecond, 100*time.Millisecond)
			l.write(2000, 2)
			l.record()
			redpanda.AtStage(l.Sink, func(reached string) {
				if reached == stage {
					w.broker.Close(context.Background())
				}
			})
			err := l.commit()
			wantError(t, stage, err, "publishing epoch 1", w.topic)
			if !errors.Is(err, sdk.ErrDisconnected) {
				t.Errorf("got %v, want it to be %v", err, sdk.ErrDisconnected)
			}
			if err := l.Write(w.ctx(), &sdk.Batch{Rows: l.rows.NewRecordBatch()}); err == nil {
				t.Error("Write went on")
			}
			l.Close(t.Context())
			w.restart(dir)
			w.live(l)
			w.exactly(4000)
		})
	}
}

func TestRefusalsEndTheCommitAtOnce(t *testing.T) {
	tests := []struct {
		name string
		key  kmsg.Key
		code *kerr.Error
		says string
	}{
		{"the topic", kmsg.Produce, kerr.TopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED"},
		{"the size", kmsg.Produce, kerr.MessageTooLarge, "MESSAGE_TOO_LARGE"},
		{"the time", kmsg.Produce, kerr.InvalidTimestamp, "the clock here says"},
	}
	for _, tt := range tests {
		w := ownWorld(t, 1)
		l := w.live(nil)
		l.write(3, 1)
		l.record()
		failing := w.broker.Fail(int16(tt.key), tt.code.Code, -1)
		err := l.commit()
		wantError(t, tt.name, err, "epoch 1", w.topic, tt.says)
		if errors.Is(err, sdk.ErrDisconnected) {
			t.Errorf("%s: got %v, which nobody outside will fix by himself", tt.name, err)
		}
		failing.Remove()
		if open := w.openTransactions(); len(open) > 0 {
			t.Errorf("%s: transactions were left open: %v", tt.name, open)
		}
		l.Close(t.Context())
		w.live(l)
		w.exactly(3)
	}
}

// openTransactions are those that readers of committed records wait for.
func (w *world) openTransactions() (ids []string) {
	w.t.Helper()
	listed, err := w.admin.ListTransactions(w.ctx(), nil, []string{"Ongoing"})
	if err != nil {
		w.t.Fatal(err)
	}
	return listed.TransactionalIDs()
}

func TestTakeoversInTurnsEndWithAnError(t *testing.T) {
	w := ownWorld(t, 1)
	l := w.live(nil)
	l.write(3, 1)
	l.record()
	w.broker.Fail(int16(kmsg.EndTxn), kerr.ProducerFenced.Code, -1)
	err := l.commit()
	wantError(t, "fenced again and again", err,
		"another engine writes with the transactional id engine-"+w.engine, "copy of this state directory")
}

func TestCloseEndsACommitAndWhatItLeftOpen(t *testing.T) {
	for _, stage := range []string{"sending", "flushed"} {
		w := newWorld(t, 2)
		l := w.live(nil)
		l.write(2000, 2)
		l.record()
		closed := make(chan error, 1)
		redpanda.AtStage(l.Sink, func(reached string) {
			if reached == stage {
				started := make(chan struct{})
				go func() {
					close(started)
					closed <- l.Close(context.Background())
				}()
				<-started
			}
		})
		err := l.commit()
		if closing := <-closed; closing != nil {
			t.Error(closing)
		}
		for _, id := range w.openTransactions() {
			if strings.Contains(id, w.engine) {
				t.Errorf("%s: the transaction %s was left open", stage, id)
			}
		}
		t.Logf("%s: publish: %v", stage, err) // Close may come too late to matter
		w.live(l)
		w.exactly(4000)
	}
}

func TestBrokerThatAllowsShortTransactionsOnlyIsObeyed(t *testing.T) {
	w := ownWorld(t, 1)
	limit := kadm.AlterConfig{Op: kadm.SetConfig, Name: "transaction.max.timeout.ms",
		Value: kadm.StringPtr("90000")}
	if _, err := w.admin.AlterBrokerConfigs(w.ctx(), []kadm.AlterConfig{limit}); err != nil {
		t.Fatal(err)
	}
	l := w.live(nil)
	l.write(3, 1)
	l.mustCommit()
	w.exactly(3)
}
