package redpanda_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// writers write to a topic at random: some in transactions, which lie open side
// by side and end one way or the other, and one without.
type writers struct {
	*world
	random  *rand.Rand
	open    map[*kgo.Client][]*kgo.Record // what the transaction under way holds
	clients []*kgo.Client                 // the first one writes without transactions
	stays   []*kgo.Record                 // what a reader shall see
	written int
}

func (w *world) writers(seed uint64, n int) *writers {
	w.t.Helper()
	many := &writers{world: w, random: rand.New(rand.NewPCG(seed, 0)), clients: []*kgo.Client{w.cl},
		open: make(map[*kgo.Client][]*kgo.Record)}
	for i := range n {
		id := fmt.Sprintf("%s-%d", w.topic, i)
		many.clients = append(many.clients, w.client(kgo.TransactionalID(id)))
	}
	return many
}

// step lets one of the writers do something.
func (w *writers) step(partitions int) {
	w.t.Helper()
	cl := w.clients[w.random.IntN(len(w.clients))]
	_, open := w.open[cl]
	if open && w.random.IntN(3) == 0 {
		w.end(cl)
		return
	}
	var records []*kgo.Record
	for range 1 + w.random.IntN(4) {
		w.written++
		records = append(records, &kgo.Record{Topic: w.topic, Partition: int32(w.random.IntN(partitions)),
			Value: fmt.Appendf(nil, `{"n":"%d"}`, w.written)})
	}
	transacts := cl != w.clients[0]
	if transacts && !open {
		if err := cl.BeginTransaction(); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := cl.ProduceSync(w.ctx(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	if transacts {
		w.open[cl] = append(w.open[cl], records...)
	} else {
		w.stays = append(w.stays, records...)
	}
}

func (w *writers) end(cl *kgo.Client) {
	w.t.Helper()
	how := kgo.TryAbort
	if w.random.IntN(2) == 0 {
		how = kgo.TryCommit
		w.stays = append(w.stays, w.open[cl]...)
	}
	delete(w.open, cl)
	if err := cl.EndTransaction(w.ctx(), how); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writers) endAll() {
	w.t.Helper()
	for _, cl := range w.clients[1:] {
		if _, open := w.open[cl]; open {
			w.end(cl)
		}
	}
	w.decided()
}

// decided waits until no transaction is open: a broker may answer before it has
// written the markers.
func (w *world) decided() {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := w.ctx(); ; {
		stable, err := w.admin.ListCommittedOffsets(ctx, w.topic)
		if err != nil {
			w.t.Fatal(err)
		}
		high, err := w.admin.ListEndOffsets(ctx, w.topic)
		if err != nil {
			w.t.Fatal(err)
		}
		open := false
		high.Each(func(o kadm.ListedOffset) {
			s, _ := stable.Lookup(o.Topic, o.Partition)
			open = open || s.Offset < o.Offset
		})
		if !open {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatal("waiting for the end of all transactions: ", ctx.Err())
		}
	}
}

// committed is what another reader of committed records sees, by partition. It
// must be what the writers know.
func (w *writers) committed() map[string][]string {
	w.t.Helper()
	cl := w.client(kgo.ConsumeTopics(w.topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	got, want := make(map[string][]string), make(map[string][]string)
	for n := 0; n < len(w.stays); {
		fetches := cl.PollFetches(w.ctx())
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { addValue(got, r) })
		n += fetches.NumRecords()
	}
	slices.SortFunc(w.stays, func(a, b *kgo.Record) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, r := range w.stays {
		addValue(want, r)
	}
	if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		w.t.Fatalf("the reference reads\n%v, written was\n%v", got, want)
	}
	return got
}

func addValue(values map[string][]string, r *kgo.Record) {
	name := fmt.Sprintf("%s/%d", r.Topic, r.Partition)
	values[name] = append(values[name], string(r.Value[len(`{"n":"`):len(r.Value)-len(`"}`)]))
}

// readAll reads to the end and returns the positions after each batch, and what
// had been given by then.
func (in *input) readAll() (at []map[string][]byte, given []map[string][]string) {
	in.t.Helper()
	for {
		item, err := in.next()
		if errors.Is(err, io.EOF) {
			return at, given
		}
		if err != nil {
			in.t.Fatal(err)
		}
		if item.Batch != nil {
			at, given = append(at, in.positions()), append(given, maps.Clone(in.values))
		}
	}
}

func TestTransactionsAreReadExactlyOnceFromEveryCursor(t *testing.T) {
	t.Parallel() // it mostly waits
	const partitions, steps = 3, 150
	for seed := range uint64(3) {
		w := newWorld(t, partitions)
		writers := w.writers(seed, 4)
		in := w.open(`{}`, nil)
		written := make(chan struct{})
		go func() {
			defer close(written)
			for range steps {
				writers.step(partitions)
			}
			writers.endAll()
			in.end()
		}()
		at, given := in.readAll()
		<-written
		want := writers.committed()
		for name, values := range want {
			if got := in.values[name]; !slices.Equal(got, values) {
				t.Fatalf("seed %d: %s: got %v, want %v", seed, name, got, values)
			}
		}
		if lag := in.Lag(); lag != 0 {
			t.Errorf("seed %d: the positions end %d short of the last marker", seed, lag)
		}
		for i, positions := range at {
			again := w.open(`{}`, positions)
			again.drain()
			for name, values := range want {
				if got := again.values[name]; !slices.Equal(got, values[len(given[i][name]):]) {
					t.Fatalf("seed %d: resumed at %s, %s: got %v after %v, want %v in all", seed,
						positions[name], name, got, given[i][name], values)
				}
			}
			again.Close(t.Context())
		}
	}
}

// Every offset is a position where a run may end, and the next one begin: also those
// of markers and of aborted records.
func TestTransactionsAreReadExactlyOnceAroundEveryBound(t *testing.T) {
	w := newWorld(t, 1)
	writers := w.writers(7, 3)
	for range 40 {
		writers.step(1)
	}
	writers.endAll()
	want := writers.committed()[w.topic+"/0"]
	for end := int64(0); ; end++ {
		in := w.open(`{}`, nil)
		if in.Lag() < end {
			break
		}
		in.bound(map[int]int64{0: end})
		in.untilEOF()
		if at := in.offset(in.positions()); at != end {
			t.Errorf("bound at %d: the position is %d", end, at)
		}
		last := slices.IndexFunc(writers.stays, func(r *kgo.Record) bool { return r.Offset >= end })
		if last < 0 {
			last = len(want)
		}
		in.want(0, want[:last]...)
		again := w.open(`{}`, in.positions())
		again.drain()
		again.want(0, want[last:]...)
		in.Close(t.Context())
		again.Close(t.Context())
	}
}

// A broker may answer that a transaction is committed before its markers are
// written: who reads what that transaction filled must not end without it.
func TestDrainOfWhatAPipelineFillsWaitsForItsTransactions(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	end := w.begin(0, `{"n":"b"}`)
	env := w.env()
	env.Filled = true
	in := w.through(env)
	in.untilRows(1)
	in.end()
	end(kgo.TryCommit)
	in.untilEOF()
	in.want(0, "a", "b")
}
