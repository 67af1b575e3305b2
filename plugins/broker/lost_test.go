package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

// TestRecordsThatWereAcknowledgedAndAreGoneAreCounted: each leaves files that
// kfake reads without a word, after a kill as well.
func TestRecordsThatWereAcknowledgedAndAreGoneAreCounted(t *testing.T) {
	remove := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, string)
		want  string
	}{
		"the last file at a batch's end": {func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "partitions/t-0/4.dat"), func(b []byte) []byte { return b[:len(b)/2] })
		}, "1 records that were acknowledged are gone (offsets 5 to 5"},
		"amid the last batch": {func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "partitions/t-0/4.dat"), truncated(15_000))
		}, "1 records that were acknowledged are gone (offsets 5 to 5"},
		"the first file":         {remove("partitions/t-0/0.dat"), "2 records that were acknowledged are gone (offsets 0 to 1"},
		"the file in the middle": {remove("partitions/t-0/2.dat"), "2 records that were acknowledged are gone (offsets 2 to 3"},
		"the last file":          {remove("partitions/t-0/4.dat"), "2 records that were acknowledged are gone (offsets 4 to 5"},
		"the folder":             {remove("partitions/t-0"), "6 records that were acknowledged are gone (offsets 0 to 5"},
		"the topics":             {remove("topics.json"), "6 records that were acknowledged are gone (offsets 0 to 5"},
		"all but the broker's own file": {remove("topics.json", "meta.json", "partitions"),
			"6 records that were acknowledged are gone (offsets 0 to 5"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := threeFiles(t, false, smallFiles)
			c.spoil(t, dir)
			before := sizes(t, dir)
			for range 2 { // the second gets the same error
				b, err := Start(Options{Dir: dir, Port: freePort()})
				if err == nil {
					b.Close(t.Context())
				}
				if _, is := errors.AsType[*lost](err); !is || !strings.Contains(err.Error(), c.want) ||
					!strings.Contains(err.Error(), `topic "t", partition 0`) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
			}
			if sizes(t, dir) != before {
				t.Error("the files were changed")
			}
			b := start(t, Options{Dir: dir, AcceptLoss: true})
			if info := b.cluster.PartitionInfo("t", 0); info != nil && info.HighWatermark < 6 {
				t.Errorf("without what is gone the log ends at %d: offsets would be used twice", info.HighWatermark)
			}
			b.Close(t.Context())
			start(t, Options{Dir: dir}) // it is reported once
		})
	}
}

func offsetOf(t *testing.T, b *Broker, topic string) int64 {
	t.Helper()
	cl := client(t, b)
	defer cl.Close()
	r, err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("next")}).First()
	if err != nil {
		t.Fatal(err)
	}
	return r.Offset
}

// kfake begins at offset 0 again where nothing is left, and readers then miss
// what is written below their positions.
func TestOffsetsGoOnWhereEverythingWasRemoved(t *testing.T) {
	empty := map[string]func(*testing.T, *Broker){
		"DeleteRecords": func(t *testing.T, b *Broker) {
			admin := kadm.NewClient(client(t, b))
			offsets := kadm.Offsets{}
			offsets.AddOffset("t", 0, -1, -1)
			if _, err := admin.DeleteRecords(t.Context(), offsets); err != nil {
				t.Fatal(err)
			}
		},
		"retention": func(t *testing.T, b *Broker) { b.tidy() },
	}
	for name, remove := range empty {
		for _, orderly := range []bool{true, false} {
			dir := t.TempDir()
			o := Options{Dir: dir, Partitions: 1}
			if name == "retention" {
				o.RetentionTime = sdk.Duration(1) // rounds to none
				o.RetentionSize = 1
			}
			b := start(t, o)
			produce(t, b, 10, 10)
			remove(t, b)
			for round := range 2 { // the second has nothing to go on but what the first left
				if orderly {
					b.Close(t.Context())
				} else {
					dir = killed(t, dir)
				}
				b = start(t, Options{Dir: dir, Partitions: 1})
				info := b.cluster.PartitionInfo("t", 0)
				if info == nil || info.HighWatermark != 10 || info.LogStartOffset != 10 {
					t.Fatalf("%s, orderly %v, start %d: got %+v, want a log from 10 to 10", name, orderly,
						round+1, info)
				}
			}
			if got := offsetOf(t, b, "t"); got != 10 {
				t.Errorf("%s, orderly %v: the next record has offset %d, want 10", name, orderly, got)
			}
			b.Close(t.Context())
		}
	}
}

// What was deleted stays so, and a topic that somebody asked to delete goes.
func TestDeletionsSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Options{Dir: dir, Partitions: 1})
	produce(t, b, 10, 10)
	offsets := kadm.Offsets{}
	offsets.AddOffset("t", 0, 4, -1)
	if _, err := kadm.NewClient(client(t, b)).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	dir = killed(t, dir)
	b = start(t, Options{Dir: dir})
	if got := b.cluster.PartitionInfo("t", 0).LogStartOffset; got != 4 {
		t.Errorf("after a kill the log begins at %d, want 4", got)
	}
	dir = killed(t, dir)
	changeMarks(t, dir, func(m *mark) { m.state = deleting })
	if err := os.Remove(filepath.Join(dir, "partitions", "t-0", "0.dat")); err != nil {
		t.Fatal(err)
	}
	if b = start(t, Options{Dir: dir}); b.cluster.TopicInfo("t") != nil {
		t.Error("a topic that was being deleted is there")
	}
	if got := offsetOf(t, b, "t"); got != 0 {
		t.Errorf("made again it begins at %d", got)
	}
	if _, err := kadm.NewClient(client(t, b)).DeleteTopics(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Dir: killed(t, dir)})
}

// A commit is acknowledged by the marker behind its records.
func TestMarkerOfACommitIsAcknowledged(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Options{Dir: dir, Partitions: 1})
	cl := client(t, b, kgo.TransactionalID("x"))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "partitions", "t-0", "0.dat")
	open, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	dir = killed(t, dir)
	rewrite(t, filepath.Join(dir, "partitions", "t-0", "0.dat"), truncated(len(open)))
	b, err = Start(Options{Dir: dir, Port: freePort()})
	if err == nil {
		b.Close(t.Context())
	}
	if _, is := errors.AsType[*lost](err); !is || !strings.Contains(err.Error(), "offsets 1 to 1") {
		t.Errorf("without the marker of a commit: got %v, want offset 1 lost", err)
	}
}

// TestOlderMeasuresBringNothingBack: where a log begins may be asked before a deletion
// and stored after it.
func TestOlderMeasuresBringNothingBack(t *testing.T) {
	a, err := openAcknowledged(t.TempDir(), false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	records, topic := logKey{[16]byte{1}, 0}, logKey{[16]byte{2}, 0}
	for _, err := range []error{a.set(records, "r", 0, 10), a.reach(topic, "t", 3), a.set(records, "r", 7, 10),
		a.remove(topic.topic), a.set(records, "r", 0, 9), a.set(topic, "t", 0, 3), a.reach(topic, "t", 4)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range a.all() {
		if m.name == "r" && (m.start != 7 || m.end != 10) || m.name == "t" && (m.state != deleting || m.end != 3) {
			t.Errorf("got %+v", m)
		}
	}
	if err := a.forget(map[[16]byte]bool{topic.topic: true}); err != nil {
		t.Fatal(err)
	}
	if err := a.reach(topic, "t", 5); err != nil || len(a.all()) != 1 {
		t.Errorf("an answer brought a deleted topic back: %+v, %v", a.all(), err)
	}
}

// TestTopicWhoseDeletionWasRefusedStays, also after a kill.
func TestTopicWhoseDeletionWasRefusedStays(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Options{Dir: dir, Partitions: 1})
	produce(t, b, 3, 10)
	b.Fail(keyDeleteTopics, kerr.InvalidRequest.Code, 1)
	answer, err := kadm.NewClient(client(t, b)).DeleteTopics(t.Context(), "t")
	if err != nil || !errors.Is(answer.Error(), kerr.InvalidRequest) {
		t.Fatalf("want the deletion refused, got %v, %v", answer, err)
	}
	b = start(t, Options{Dir: killed(t, dir)})
	if got := offsetOf(t, b, "t"); got != 3 {
		t.Errorf("the next record has offset %d, want 3", got)
	}
}
