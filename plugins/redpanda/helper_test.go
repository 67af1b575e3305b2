package redpanda_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// realBrokers are those of a real cluster to test against; empty: a broker of
// our own for each test.
func realBrokers() string { return os.Getenv("ENGINE_TEST_BROKERS") }

// world is a cluster and a topic in it.
type world struct {
	t       *testing.T
	address string
	topic   string
	cl      *kgo.Client
	admin   *kadm.Client
	log     *strings.Builder
	engine  string         // its id, and
	state   string         // its state directory
	stage   func(string)   // where outputs are while they commit; nil: nobody wants to know
	wait    time.Duration  // for an Open; 0: long
	broker  *broker.Broker // nil: a real cluster
	adjust  func(*sdk.Env) // changes what a step is opened with; nil: nothing
}

// newWorld makes a topic with that many partitions.
func newWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	return worldAt(t, realBrokers(), partitions)
}

// ownWorld is one whose broker can be made to fail.
func ownWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	return worldAt(t, "", partitions)
}

func worldAt(t *testing.T, address string, partitions int32) *world {
	t.Helper()
	w := &world{t: t, address: address, log: new(strings.Builder), state: t.TempDir()}
	w.topic, w.engine = fmt.Sprintf("t-%016x", rand.Uint64()), fmt.Sprintf("%08x", rand.Uint32())
	if w.address == "" {
		w.broker = startBroker(t, broker.Options{})
		w.address = w.broker.Address()
	}
	w.connect()
	w.makeTopic(partitions)
	return w
}

func (w *world) connect() {
	w.t.Helper()
	w.cl = w.client()
	w.admin = kadm.NewClient(w.cl)
}

func startBroker(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	if o.Port == nil {
		o.Port = new(int)
	}
	o.Dir = cmp.Or(o.Dir, t.TempDir())
	o.Partitions = 4
	b, err := broker.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	return b
}

func (w *world) client(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	opts = append([]kgo.Opt{kgo.SeedBrokers(strings.Split(w.address, ",")...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cl.Close)
	return cl
}

func (w *world) makeTopic(partitions int32) {
	w.t.Helper()
	if _, err := w.admin.CreateTopic(w.ctx(), partitions, -1, nil, w.topic); err != nil {
		w.t.Fatal(err)
	}
	w.setup(`{}`) // waits until it is there
}

// addPartitions returns when the broker lists them, which may be a little after
// it has agreed to.
func (w *world) addPartitions(n int) {
	w.t.Helper()
	before, err := w.admin.ListTopics(w.ctx(), w.topic)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.admin.CreatePartitions(w.ctx(), n, w.topic); err != nil {
		w.t.Fatal(err)
	}
	want := len(before[w.topic].Partitions) + n
	for ctx := w.ctx(); ; {
		now, err := w.admin.ListTopics(ctx, w.topic)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(now[w.topic].Partitions) >= want {
			return
		}
	}
}

func (w *world) deleteTopic() {
	w.t.Helper()
	if _, err := w.admin.DeleteTopic(w.ctx(), w.topic); err != nil {
		w.t.Fatal(err)
	}
}

// ctx bounds a step of a test.
func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	w.t.Cleanup(cancel)
	return ctx
}

// patience bounds an Open.
func (w *world) patience() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(w.wait, 30*time.Second))
	w.t.Cleanup(cancel)
	return ctx
}

func (w *world) env() sdk.Env {
	env := sdk.Env{EngineID: w.engine, Pipeline: "p", Step: "s", Dir: w.t.TempDir(), StateDir: w.state,
		Log: slog.New(slog.NewTextHandler(w.log, nil))}
	if w.adjust != nil {
		w.adjust(&env)
	}
	return env
}

// config is the given keys, with brokers and topic where they are missing.
func (w *world) config(keys string) []byte {
	w.t.Helper()
	all := map[string]any{"brokers": w.address, "topic": w.topic}
	given := make(map[string]json.RawMessage)
	if err := json.Unmarshal([]byte(keys), &given); err != nil {
		w.t.Fatal(err)
	}
	for key, value := range given {
		all[key] = value
	}
	config, err := json.Marshal(all)
	if err != nil {
		w.t.Fatal(err)
	}
	return config
}

func (w *world) setup(keys string) {
	w.t.Helper()
	if err := redpanda.Sink.Setup(w.ctx(), w.config(keys), w.env()); err != nil {
		w.t.Fatal(err)
	}
}

// put writes values to a partition, and returns when they are there.
func (w *world) put(partition int32, values ...string) {
	w.t.Helper()
	produce(w.t, w.ctx(), w.cl, w.topic, partition, values...)
}

func produce(t *testing.T, ctx context.Context, cl *kgo.Client, topic string, partition int32,
	values ...string) {
	t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// begin opens a transaction with some values in it.
func (w *world) begin(partition int32, values ...string) (end func(kgo.TransactionEndTry)) {
	w.t.Helper()
	cl := w.client(kgo.TransactionalID(fmt.Sprintf("tx-%x", rand.Uint64())))
	if err := cl.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	produce(w.t, w.ctx(), cl, w.topic, partition, values...)
	return func(how kgo.TransactionEndTry) {
		w.t.Helper()
		if err := cl.EndTransaction(w.ctx(), how); err != nil {
			w.t.Fatal(err)
		}
	}
}

// input is an open source and what it gave.
type input struct {
	*world
	sdk.Source
	values map[string][]string // by partition
	at     map[string][]byte
	all    [][]byte // every cursor of partition 0
}

const oneColumn = `{"n": {"type": "string"}}`

// open opens a source of rows {"n": …}; resume may be nil.
func (w *world) open(keys string, resume map[string][]byte) *input {
	w.t.Helper()
	in, err := w.tryOpen(keys, resume)
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

func (w *world) tryOpen(keys string, resume map[string][]byte) (*input, error) {
	w.t.Helper()
	config := w.config(keys)
	if !strings.Contains(keys, `"schema"`) && !strings.Contains(keys, `"raw"`) {
		config = append(config[:len(config)-1], `,"schema":`+oneColumn+`}`...)
	}
	if problems := redpanda.Source.Describe(config, nil).Problems; len(problems) > 0 {
		w.t.Fatal(problems)
	}
	env := w.env()
	env.Resume = resume
	inst, err := redpanda.Source.Open(w.patience(), config, nil, env)
	if err != nil {
		return nil, err
	}
	in := &input{world: w, Source: inst.(sdk.Source), at: make(map[string][]byte)}
	in.values = make(map[string][]string)
	w.t.Cleanup(func() { in.Close(context.Background()) })
	return in, nil
}

// next is the next item, its rows recorded.
func (in *input) next() (sdk.Item, error) {
	in.t.Helper()
	item, err := in.Next(in.ctx())
	in.record(item)
	return item, err
}

func (in *input) record(item sdk.Item) {
	if b := item.Batch; b != nil {
		in.at[b.Partition] = b.Cursor
		if strings.HasSuffix(b.Partition, "/0") {
			in.all = append(in.all, b.Cursor)
		}
		for i := range int(b.NumRows()) {
			in.values[b.Partition] = append(in.values[b.Partition], b.Rows.Column(0).ValueStr(i))
		}
	}
}

// until reads until an item is what is wanted.
func (in *input) until(what string, wanted func(sdk.Item) bool) sdk.Item {
	in.t.Helper()
	for {
		item, err := in.next()
		if err != nil {
			in.t.Fatalf("waiting for %s: %v", what, err)
		}
		if wanted(item) {
			return item
		}
	}
}

// untilIdle reads until that many partitions have said that they are idle.
func (in *input) untilIdle(partitions int) {
	in.t.Helper()
	idle := make(map[string]bool)
	in.until("idle", func(item sdk.Item) bool {
		switch {
		case item.Batch != nil:
			delete(idle, item.Batch.Partition)
		case item.Signal.Kind == sdk.Idle:
			idle[item.Signal.Partition] = true
		}
		return len(idle) == partitions
	})
}

func (in *input) untilRows(n int) {
	in.t.Helper()
	for in.count() < n {
		in.until("rows", func(item sdk.Item) bool { return item.Batch != nil && item.Batch.NumRows() > 0 })
	}
}

func (in *input) count() int {
	n := 0
	for _, values := range in.values {
		n += len(values)
	}
	return n
}

// end gives the input the end it has now.
func (in *input) end() {
	in.t.Helper()
	if err := in.Drain(in.ctx()); err != nil {
		in.t.Fatal(err)
	}
}

// drain ends the input and reads to that end.
func (in *input) drain() {
	in.t.Helper()
	in.end()
	in.untilEOF()
}

func (in *input) untilEOF() {
	in.t.Helper()
	for {
		if _, err := in.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			in.t.Fatal(err)
		}
	}
	if _, err := in.next(); !errors.Is(err, io.EOF) {
		in.t.Errorf("asked again after the end: got %v, want io.EOF", err)
	}
}

func (in *input) want(partition int, values ...string) {
	in.t.Helper()
	name := fmt.Sprintf("%s/%d", in.topic, partition)
	if got := in.values[name]; !slices.Equal(got, values) {
		in.t.Errorf("%s: got %q, want %q", name, short(got), short(values))
	}
}

func short(values []string) []string {
	if len(values) > 12 {
		return append(slices.Clone(values[:12]), fmt.Sprintf("… %d in all", len(values)))
	}
	return values
}

func rows(from, to int) (json, values []string) {
	for i := from; i < to; i++ {
		json = append(json, fmt.Sprintf(`{"n":"%d"}`, i))
		values = append(values, fmt.Sprint(i))
	}
	return json, values
}

func isSignal(kind sdk.SignalKind) func(sdk.Item) bool {
	return func(item sdk.Item) bool { return item.Signal != nil && item.Signal.Kind == kind }
}
