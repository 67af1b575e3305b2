package redpanda_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// nameless opens a source that gets no ids of topics, as of brokers before
// Kafka 2.8.
func (w *world) nameless(keys string, resume map[string][]byte) (*input, error) {
	w.t.Helper()
	env := w.env()
	env.Resume = resume
	config := w.config(keys[:len(keys)-1] + `,"schema":` + oneColumn + `}`)
	source, err := redpanda.OpenSourceWith(w.ctx(), config, env, kgo.MaxVersions(kversion.V2_7_0()))
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { source.Close(w.ctx()) })
	return &input{world: w, Source: source, at: map[string][]byte{}, values: map[string][]string{}}, nil
}

const (
	stops  = `{"on_data_loss": "stop"}`
	goesOn = `{"on_data_loss": "continue"}`
)

func TestTopicWithoutAnIDIsKnownByTheRecordBefore(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	in, err := w.nameless(stops, nil)
	if err != nil {
		t.Fatal(err)
	}
	in.drain()
	same, err := w.nameless(stops, in.at)
	if err != nil {
		t.Fatalf("the same topic: %v", err)
	}
	w.begin(0, `{"n":"never"}`)(kgo.TryAbort)
	w.begin(0, `{"n":"c"}`)(kgo.TryCommit)
	w.decided()
	same.drain() // up to a marker, which is a record too
	same.want(0, "c")
	if _, err := w.nameless(stops, same.at); err != nil {
		t.Fatalf("the same topic, behind a marker: %v", err)
	}

	w.deleteTopic()
	w.makeAgain(1)
	w.put(0, `{"n":"x"}`)
	_, err = w.nameless(stops, in.at)
	wantError(t, "shorter than it was", err, w.topic+"/0: position 2", "the log ends at offset 1")
	w.put(0, `{"n":"y"}`, `{"n":"z"}`)
	_, err = w.nameless(stops, in.at)
	wantError(t, "longer than it was", err, w.topic+"/0: position 2", "the record at offset 1 is another",
		"on_data_loss: continue to go on at offset 0", "--fresh")
	again, err := w.nameless(goesOn, in.at)
	if err != nil {
		t.Fatal(err)
	}
	again.drain()
	again.want(0, "x", "y", "z")
}

func TestRecordBeforeThatIsGoneProvesNothing(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	in, err := w.nameless(stops, nil)
	if err != nil {
		t.Fatal(err)
	}
	in.drain()
	w.put(0, `{"n":"c"}`)
	w.deleteBefore(2)
	again, err := w.nameless(stops, in.at)
	if err != nil {
		t.Fatal(err)
	}
	again.drain()
	again.want(0, "c")
}

func TestTopicWithoutAnIDMadeAgainWhileNobodyAnsweredIsKnown(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	stopped, err := w.nameless(stops, nil)
	if err != nil {
		t.Fatal(err)
	}
	stopped.untilIdle(1)
	w.deleteTopic()
	stopped.until("the taking back", func(item sdk.Item) bool { return item.Batch != nil })
	w.makeAgain(1)
	w.put(0, `{"n":"x"}`, `{"n":"y"}`, `{"n":"z"}`)
	// It may ask before the records are there, and then the end of the log is the reason.
	wantError(t, "made again", stopped.untilError(), w.topic+"/0: position 2 no longer exists")
	stopped.want(0, "a", "b")
}

func TestPartitionsThatAreGoneStopTheRun(t *testing.T) {
	w := newWorld(t, 3)
	w.put(2, `{"n":"a"}`)
	in := w.open(`{}`, nil)
	in.drain()
	w.deleteTopic()
	w.makeAgain(1)
	w.put(0, `{"n":"x"}`)
	_, err := w.tryOpen(stops, map[string][]byte{w.topic + "/2": in.at[w.topic+"/2"]})
	wantError(t, "at the start", err, w.topic+"/2: the partition was read to offset 1 and does not exist any more",
		"on_data_loss: continue", "--fresh")
	again := w.open(goesOn, in.positions())
	item, err := again.next()
	if err != nil || len(item.Signal.Partitions) != 1 {
		t.Errorf("got %+v, %v, want the one partition there is", item, err)
	}
	again.drain()
	again.want(0, "x")
}

func TestPartitionsThatGoWhileTheyAreReadAreGivenUp(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 3)
	w.put(2, `{"n":"a"}`)
	stopped, in := w.open(stops, nil), w.open(goesOn, nil)
	stopped.untilIdle(3)
	in.untilIdle(3)
	w.deleteTopic()
	w.makeAgain(1)
	w.put(0, `{"n":"x"}`)
	wantError(t, "while it is read", stopped.untilError(), "deleted and made again")
	in.until("fewer partitions", func(item sdk.Item) bool {
		return item.Signal != nil && item.Signal.Kind == sdk.Partitions && len(item.Signal.Partitions) == 1
	})
	in.drain()
	in.want(0, "x")
	if n := len(in.positions()); n != 1 {
		t.Errorf("got %d positions, want that of the partition that is left", n)
	}
}
