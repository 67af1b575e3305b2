package redpanda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/sdk"
)

// bench is a reader without a cluster, of one partition.
func bench(t *testing.T, onLoss string) (*reader, *partition, *strings.Builder) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	log := new(strings.Builder)
	c := &SourceConfig{Topic: []string{"t"}, Format: formatRaw, OnDataLoss: onLoss}
	s := &source{config: c, columns: c.columns(), env: sdk.Env{Log: slog.New(slog.NewTextHandler(log, nil))},
		k:     &cluster{Client: cl, admin: kadm.NewClient(cl), name: "here", dials: &dials{}},
		limit: unlimited, left: unlimited, work: make(chan *job, 16), order: make(chan *job, 16)}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	p := newPartition(tp{"t", 0}, topicID{1}, ends{start: 0, stable: 10, high: 10})
	s.partitions = []*partition{p}
	return &reader{source: s, byAt: map[tp]*partition{p.at: p}}, p, log
}

// given is what the reader made, decoded.
func given(r *reader) []string {
	var said []string
	for len(r.order) > 0 {
		j := <-r.order
		if len(j.out) == 0 {
			<-r.work
			j.decode(bare{r.config.decoder(nil)}, r.columns, false)
		}
		for _, o := range j.out {
			if o.item.Signal != nil {
				said = append(said, o.item.Signal.Kind.String())
			} else {
				said = append(said, fmt.Sprintf("%d rows to %d", o.item.Batch.NumRows(), o.next))
			}
		}
	}
	return said
}

func wantGiven(t *testing.T, what string, r *reader, want ...string) {
	t.Helper()
	if got := strings.Join(given(r), ", "); got != strings.Join(want, ", ") {
		t.Errorf("%s: got %s, want %s", what, got, strings.Join(want, ", "))
	}
}

func here(p *partition, more ...func(*snapshot)) snapshot {
	snap := snapshot{limits: map[tp]ends{p.at: {stable: 10, high: 10}},
		topics: kadm.TopicDetails{"t": {Topic: "t", ID: kadm.TopicID(p.id)}}}
	for _, f := range more {
		f(&snap)
	}
	return snap
}

// The client keeps to itself that it passed offsets without a record; without
// this the end would never be reached.
func TestSilentStretchAtTheEndIsPassed(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	p.next = 7
	if err := r.handle(here(p, func(snap *snapshot) { snap.skips = map[tp]skip{p.at: {6, 10}} })); err != nil {
		t.Fatal(err)
	}
	wantGiven(t, "a skip from elsewhere", r)
	r.handle(here(p, func(snap *snapshot) { snap.skips = map[tp]skip{p.at: {7, 10}}; snap.drain = true }))
	wantGiven(t, "a skip from here", r, "0 rows to 10", "idle")
	if !r.drained() {
		t.Error("not drained at the end")
	}
}

func TestSilentStretchIsPassedUpToTheEndOfADrainOnly(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	p.next, p.target, r.draining = 5, 8, true
	if err := r.handle(here(p, func(snap *snapshot) { snap.skips = map[tp]skip{p.at: {5, 10}} })); err != nil {
		t.Fatal(err)
	}
	wantGiven(t, "a skip beyond the end", r, "0 rows to 8")
	if !r.drained() {
		t.Error("not drained at the end")
	}
}

func TestSilenceIsMeasuredByTheBatchesThatHoldNothing(t *testing.T) {
	empty := kmsg.RecordBatch{FirstOffset: 5, Magic: 2, LastOffsetDelta: 4, ProducerID: -1, ProducerEpoch: -1}
	empty.Length = int32(len(empty.AppendTo(nil)) - 12)
	raw := empty.AppendTo(nil)
	empty.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	answer := kmsg.FetchResponseTopicPartition{RecordBatches: empty.AppendTo(nil), HighWatermark: 10}
	if to, err := silence(&answer, tp{"t", 0}, 5, kgo.DefaultDecompressor()); to != 10 || err != nil {
		t.Errorf("an empty batch from 5 to 9: got %d, %v, want 10", to, err)
	}
	answer = kmsg.FetchResponseTopicPartition{HighWatermark: 10}
	if to, err := silence(&answer, tp{"t", 0}, 5, kgo.DefaultDecompressor()); to != 5 || err != nil {
		t.Errorf("no batch: got %d, %v, want 5", to, err)
	}
	answer.ErrorCode = kerr.NotLeaderForPartition.Code
	if to, err := silence(&answer, tp{"t", 0}, 5, kgo.DefaultDecompressor()); to != 5 || err == nil {
		t.Errorf("an error: got %d, %v, want 5 and the error", to, err)
	}
}

func TestIdleIsSaidAsOfWhenTheClusterWasAsked(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	p.next = 10
	asked := time.Unix(1000, 0)
	r.handle(here(p, func(snap *snapshot) { snap.asked = asked }))
	if at := (<-r.order).out[0].item.Signal.Time; !at.Equal(asked) {
		t.Errorf("found at its end: got %v, want %v, when the cluster was asked", at, asked)
	}
}

func TestIdleIsSaidAgainAndRevoked(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	p.next = 10
	r.handle(here(p))
	r.handle(here(p))
	wantGiven(t, "at the end", r, "idle", "idle")
	r.handle(snapshot{err: context.DeadlineExceeded})
	r.handle(snapshot{err: context.DeadlineExceeded})
	wantGiven(t, "disconnected", r, "0 rows to 10")
	r.handle(here(p))
	wantGiven(t, "connected again", r, "idle")
	r.handle(here(p, func(snap *snapshot) { snap.limits[p.at] = ends{stable: 10, high: 12} }))
	wantGiven(t, "an open transaction", r, "0 rows to 10")
}

func TestReplacedRecordsAreDataLoss(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	p.next = 10
	loss := &kgo.ErrDataLoss{Topic: "t", ConsumedTo: 10, ResetTo: 8}
	err := r.fault(p, loss)
	if err == nil || !strings.Contains(err.Error(), "position 10 no longer exists: records from offset 8") {
		t.Errorf("got %v, want both offsets", err)
	}
	r, p, log := bench(t, lossContinue)
	p.next = 10
	if err := r.fault(p, loss); err != nil || p.next != 8 {
		t.Errorf("got %v at %d, want to go on at 8", err, p.next)
	}
	wantGiven(t, "going on", r, "0 rows to 8")
	r.handle(here(p, func(snap *snapshot) { snap.limits[p.at] = ends{stable: 8, high: 8} }))
	wantGiven(t, "at an end that moved back", r, "idle")
	if !strings.Contains(log.String(), "position=10 continues=8") {
		t.Errorf("logged %s", log)
	}
}

func TestFaultsThatPassAreForgivenAndOthersNot(t *testing.T) {
	r, p, log := bench(t, lossStop)
	for range 100 {
		if err := r.fault(p, kerr.NotLeaderForPartition); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "a fetch failed"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
	if err := r.fault(p, kerr.TopicAuthorizationFailed); err == nil {
		t.Error("forbidden is forgiven")
	}
	if err := r.fault(p, context.Canceled); err != nil {
		t.Errorf("an interrupted poll is no fault: %v", err)
	}
}

func TestTroubleIsWaitedOutUnlessReadingHasAnEnd(t *testing.T) {
	away := snapshot{err: errors.New("connection refused")}
	tests := []struct {
		name    string
		bounded bool
		trouble func(r *reader, p *partition) error
		ends    bool
	}{
		{"away, following", false, func(r *reader, _ *partition) error { return r.handle(away) }, false},
		{"away, up to an end", true, func(r *reader, _ *partition) error { return r.handle(away) }, true},
		{"without a leader, following", false, func(r *reader, p *partition) error {
			return r.fault(p, kerr.LeaderNotAvailable)
		}, false},
		{"without a leader, up to an end", true, func(r *reader, p *partition) error {
			return r.fault(p, kerr.LeaderNotAvailable)
		}, true},
		{"confused, following", false, func(r *reader, p *partition) error {
			return r.fault(p, kerr.UnknownServerError)
		}, true},
		{"broken records, following", false, func(r *reader, p *partition) error {
			return r.fault(p, kerr.CorruptMessage)
		}, true},
	}
	for _, test := range tests {
		r, p, _ := bench(t, lossStop)
		r.draining = test.bounded
		if err := test.trouble(r, p); err != nil {
			t.Errorf("%s: at first: got %v, want patience", test.name, err)
		}
		long := time.Now().Add(-2 * maxTrouble)
		r.away, p.failing = long, long
		err := test.trouble(r, p)
		if got := errors.Is(err, sdk.ErrDisconnected); got != test.ends {
			t.Errorf("%s: after long: got %v, want the end %v", test.name, err, test.ends)
		}
		if err != nil && !strings.Contains(err.Error(), " from here: disconnected") {
			t.Errorf("%s: got %v, want the brokers' name in it", test.name, err)
		}
	}
}

func TestRecordsBeyondADrainAreLeft(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	p.target = 6
	records := []*kgo.Record{{Offset: 2, Value: []byte("a")}, {Offset: 4, Value: []byte("b")},
		{Offset: 6, Value: []byte("c")}, {Offset: 9, Value: []byte("d")}}
	r.draining = true
	if err := r.dispatchFetched(p, &kgo.FetchPartition{Records: records, HighWatermark: 10}); err != nil {
		t.Fatal(err)
	}
	wantGiven(t, "up to 6", r, "2 rows to 5", "0 rows to 6")
	if !r.drained() {
		t.Error("not drained")
	}
	p.target, p.next = -1, 7
	r.dispatchFetched(p,
		&kgo.FetchPartition{Records: []*kgo.Record{{Offset: 6}, {Offset: 8}}, HighWatermark: 10})
	wantGiven(t, "behind the position", r, "1 rows to 9")
}

func TestSnapshotsGiveWayToNewerOnesButNotDrains(t *testing.T) {
	r, p, _ := bench(t, lossStop)
	r.post(here(p))
	r.post(here(p))
	r.post(here(p, func(snap *snapshot) { snap.drain = true }))
	r.post(here(p))
	r.post(here(p))
	if received := r.receive(); len(received) != 2 || !received[0].drain || received[1].drain {
		t.Errorf("got %d snapshots", len(received))
	}
}

func TestWrongPasswordIsDistinguishedFromABadConnection(t *testing.T) {
	k := &cluster{name: "b:1", user: "alice", dials: &dials{}}
	tests := map[error]string{
		kerr.SaslAuthenticationFailed: `refused user "alice"; check sasl.username`,
		kerr.UnsupportedSaslMechanism: "does not take this sasl.mechanism",
		context.DeadlineExceeded:      "no answer within 10s",
	}
	for err, want := range tests {
		if got := k.explain(fmt.Errorf("deep down: %w", err)).Error(); !strings.Contains(got, want) {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	k.dials.OnBrokerConnect(kgo.BrokerMetadata{Host: "inner", Port: 9092}, 0, nil, fmt.Errorf("no such host"))
	if got := k.explain(context.DeadlineExceeded).Error(); !strings.Contains(got, "no such host") {
		t.Errorf("an advertised address that cannot be reached: got %q", got)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"offset":5,"epoch":2,"topic_id":"ab"}`), "t/3")
	f.Add([]byte(`{"offset":-1}`), "t")
	f.Add([]byte(`null`), "t/-1")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		if c, err := parseCursor(raw); err == nil && c.Offset < 0 {
			t.Errorf("%q: got offset %d", raw, c.Offset)
		}
		if at, err := parseTP(name); err == nil && (at.topic == "" || at.partition < 0) {
			t.Errorf("%q: got %+v", name, at)
		}
	})
}

func TestCursorSurvivesItsTrip(t *testing.T) {
	want := cursor{Offset: 1 << 40, Epoch: 7, TopicID: topicID{1, 2, 3}.String()}
	got, err := parseCursor(want.bytes())
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if bytes.Contains(cursor{}.bytes(), []byte("\n")) {
		t.Error("a cursor is one line")
	}
	want = cursor{Offset: 9, Epoch: -1, Fingerprint: fingerprint{After: 8, Sum: 1<<32 - 1}}
	if got, err := parseCursor(want.bytes()); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestOnlySlowStreamsAreGathered(t *testing.T) {
	polled := func(records, bytes int, high int64) kgo.Fetches {
		p := kgo.FetchPartition{Partition: 0, HighWatermark: high}
		for i := range records {
			p.Records = append(p.Records, &kgo.Record{Offset: int64(i), Value: make([]byte, bytes)})
		}
		return kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "t", Partitions: []kgo.FetchPartition{p}}}}}
	}
	tests := []struct {
		name           string
		records, bytes int
		high           int64
		want           time.Duration
	}{
		{"nothing", 0, 0, 0, 0},
		{"few", 3, 200, 3, gatherFor},
		{"few of what is there", 3, 200, 4, 0},
		{"many", slowRecords + 1, 10, slowRecords + 1, 0},
		{"few but large", 2, slowBytes, 2, 0},
	}
	for _, test := range tests {
		if got := gathering(polled(test.records, test.bytes, test.high)); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
