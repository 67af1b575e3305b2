package redpanda_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/franz-go/pkg/kadm"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// set changes a setting of the world's topic.
func (w *world) set(name, value string) {
	w.t.Helper()
	alter := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(value)}}
	answers, err := w.admin.AlterTopicConfigs(w.ctx(), alter, w.topic)
	for _, a := range answers {
		err = errors.Join(err, a.Err)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for ctx := w.ctx(); ctx.Err() == nil; { // a broker may list it a little later
		configs, err := w.admin.DescribeTopicConfigs(ctx, w.topic)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, c := range configs[0].Configs {
			if c.Key == name && c.MaybeValue() == value {
				return
			}
		}
	}
	w.t.Fatalf("%s of %s does not become %s", name, w.topic, value)
}

const keyed = `{"k": "string", "n": "int64"}`

// keyedRow has a null key where key is "".
func keyedRow(b *array.RecordBuilder, key string, n int64) *sdk.Batch {
	if keys := b.Field(0).(*array.StringBuilder); key == "" {
		keys.AppendNull()
	} else {
		keys.Append(key)
	}
	b.Field(1).(*array.Int64Builder).Append(n)
	return &sdk.Batch{Rows: b.NewRecordBatch()}
}

func TestRowsWithoutAKeyAreRefusedByACompactedTopic(t *testing.T) {
	w := newWorld(t, 1)
	w.set("cleanup.policy", "compact")
	out, b := w.output(`{"key": "k"}`, keyed)
	write(w, out, keyedRow(b, "a", 1))
	err := out.Write(w.ctx(), keyedRow(b, "", 2))
	wantError(t, "without a key", err, "k: want a key, got null", w.topic, "compacted")
	if refused, ok := errors.AsType[*sdk.RefusedError](err); !ok || len(refused.Rows) != 1 {
		t.Errorf("got %v, want one row refused", err)
	}
	if err := endEpoch(w.ctx(), out, 2); err != nil {
		t.Errorf("an epoch whose only row was refused: %v", err)
	}
	if got := w.records(1); len(got) != 1 || string(got[0].Key) != "a" {
		t.Errorf("got %d records, want the one with a key", len(got))
	}
	_, err = redpanda.Sink.Open(w.ctx(), w.config(`{}`), b.Schema(), w.env())
	wantError(t, "an output without key", err, "compacted", "name the column of the key")
}

func TestStricterSettingsAreFoundBeforeTheRecord(t *testing.T) {
	for name, change := range map[string][2]string{"key": {"cleanup.policy", "compact"},
		"size": {"max.message.bytes", "150"}} {
		w := newWorld(t, 1)
		out, b := w.output(`{"key": "k"}`, keyed)
		if err := out.Write(w.ctx(), keyedRow(b, "", 1)); err != nil {
			t.Fatal(err)
		}
		w.set(change[0], change[1])
		_, err := prepare(w.ctx(), out, 1)
		if !errors.Is(err, sdk.ErrDisconnected) {
			t.Errorf("%s: got %v, want the rows to be read again", name, err)
		}
		out.Close(t.Context())
		if spools := w.spools(); len(spools) > 0 {
			t.Errorf("%s: %v are left", name, spools)
		}
		again, b := w.output(`{"key": "k"}`, keyed)
		err = again.Write(w.ctx(), keyedRow(b, "", 1))
		if _, ok := errors.AsType[*sdk.RefusedError](err); !ok {
			t.Errorf("%s: got %v, want the row refused", name, err)
		}
	}
}

// A client keeps the largest batch of a partition that it has written.
func TestChangedSizeLimitHoldsForTheNextEpoch(t *testing.T) {
	w := newWorld(t, 1)
	w.set("max.message.bytes", "400")
	out, b := w.output(`{"key": "k"}`, keyed)
	epoch := uint64(0)
	end := func(what string, keys ...string) {
		t.Helper()
		epoch++
		for _, key := range keys {
			if err := out.Write(w.ctx(), keyedRow(b, key, 1)); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if err := endEpoch(w.ctx(), out, epoch); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	end("a small limit", "a")
	w.set("max.message.bytes", "1000000")
	end("a larger one, which is found out", "a")
	end("a row that it takes", strings.Repeat("k", 5000))
	w.set("max.message.bytes", "400")
	end("rows that are too many for a batch", slices.Repeat([]string{"a row"}, 100)...)
	if got := len(w.records(103)); got != 103 {
		t.Errorf("got %d records, want 103", got)
	}
}

func TestTopicDeletedWhileItIsWrittenIsFoundBeforeTheRecord(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := newWorld(t, 1)
		l := w.live(nil)
		l.write(2, 1)
		l.mustCommit()
		w.deleteTopic()
		if again {
			w.makeAgain(1)
		}
		l.write(2, 1)
		_, err := prepare(w.ctx(), l.Sink, 2)
		wantError(t, "deleted", err, w.topic, "deleted", "while it was written", "--adopt", "--fresh")
	}
}

func TestTopicDeletedSinceIsNotMadeAgain(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := newWorld(t, 1)
		l := w.live(nil)
		l.write(3, 1)
		l.mustCommit()
		l.Close(t.Context())
		w.deleteTopic()
		if again {
			w.makeAgain(1)
		}
		w.adjust = func(env *sdk.Env) { env.Committable, env.Published = l.committable, true }
		err := redpanda.Sink.Setup(w.ctx(), w.config(`{}`), w.env())
		wantError(t, "deleted", err, w.topic, "was deleted", "since epoch 1", "--adopt", "--fresh")
		if details, err := w.admin.ListTopics(w.ctx(), w.topic); err != nil || !again && details.Has(w.topic) {
			t.Errorf("got %v, %v, want no topic made", details, err)
		}
		w.adjust = func(env *sdk.Env) { env.Committable, env.Published, env.Adopt = l.committable, true, true }
		next := w.live(l)
		next.write(2, 1)
		next.mustCommit()
		w.connect() // the client still believes that there is no such topic
		if got := w.committed(w.topic); len(got) != 2 {
			t.Errorf("again %v: got %d records, want the two of the new epoch", again, len(got))
		}
	}
}

func TestLostMarkersAreWrittenAgainWhereTheUserAgrees(t *testing.T) {
	for name, die := range map[string]string{"published": "", "not published": "begin"} {
		w := ownWorld(t, 2)
		l := w.live(nil)
		l.write(2, 2)
		l.mustCommit()
		l.write(2, 2)
		l.record()
		if die == "" {
			if err := l.commit(); err != nil {
				t.Fatal(err)
			}
		}
		l.Close(t.Context())
		if _, err := w.admin.DeleteTopic(w.ctx(), redpanda.EpochsTopic); err != nil {
			t.Fatal(err)
		}
		_, err := w.tryLive(l)
		wantError(t, name, err, redpanda.EpochsTopic, "has no note of", "was deleted or has expired", "--adopt")
		w.adjust = func(env *sdk.Env) { env.Committable, env.Adopt = l.committable, true }
		next := w.live(l)
		next.write(1, 1)
		next.mustCommit()
		next.Close(t.Context())
		w.adjust = nil
		w.live(next).Close(t.Context())
		w.exactly(next.next)
	}
}

func TestCommittableOfAnotherClusterIsDoneOrNamed(t *testing.T) {
	w := newWorld(t, 1)
	l := w.live(nil)
	l.write(2, 1)
	l.mustCommit()
	l.Close(t.Context())
	l.committable = []byte(`{"v":1,"epoch":1,"previous":{"epoch":0},"topic":"` + w.topic +
		`","cluster":"other",` +
		`"spool":{"name":"x.spool","id":"x","length":1,"records":1,"shares":[{"p":0,"n":1}]}}`)
	_, err := w.tryLive(l)
	wantError(t, "not written", err, "epoch 1 is not yet written", "of another cluster", "as they were")
}

func TestTopicThatEndsTooEarlyIsNamed(t *testing.T) {
	w := ownWorld(t, 1)
	l := w.live(nil)
	l.write(5, 1)
	l.mustCommit()
	l.record() // nothing more
	l.Close(t.Context())
	w.deleteTopic()
	w.makeAgain(1)
	_, err := w.tryLive(l)
	wantError(t, "made again", err, "ends at offset 0 in partition 0", "epoch 1", "--adopt")
}
