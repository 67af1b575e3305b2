package redpanda_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

func TestPartitionsComeFirstAndIdleAtTheEnd(t *testing.T) {
	w := newWorld(t, 2)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	in := w.open(`{}`, nil)
	item, err := in.next()
	if err != nil || item.Signal == nil || item.Signal.Kind != sdk.Partitions {
		t.Fatalf("first item: got %+v, %v, want the partitions", item, err)
	}
	if want := []string{w.topic + "/0", w.topic + "/1"}; !slices.Equal(item.Signal.Partitions, want) {
		t.Errorf("partitions: got %v, want %v", item.Signal.Partitions, want)
	}
	in.untilIdle(2) // one of them has nothing to read
	in.want(0, "a", "b")
	w.put(1, `{"n":"c"}`)
	in.until("idle again", isSignal(sdk.Idle))
	in.want(1, "c")
}

func TestOrderWithinAPartitionIsKept(t *testing.T) {
	w := newWorld(t, 3)
	const n = 20_000 // several batches, decoded at the same time
	in := w.open(`{}`, nil)
	var want [3][]string
	for p := range want {
		var values []string
		values, want[p] = rows(p*n, p*n+n)
		w.put(int32(p), values...)
	}
	in.drain()
	for p := range want {
		in.want(p, want[p]...)
	}
	if lag := in.Lag(); lag != 0 {
		t.Errorf("lag at the end: got %d", lag)
	}
}

// A batch costs more than a record: those of a slow stream come together, and
// none has to wait for long.
func TestRecordsOfASlowStreamAreGathered(t *testing.T) {
	w := newWorld(t, 1)
	in := w.open(`{}`, nil)
	in.untilIdle(1)
	const n = 60
	began, read := time.Now(), make(chan error)
	batches, elapsed := 0, time.Duration(0)
	go func() {
		for rows := int64(0); rows < n; {
			item, err := in.Next(in.ctx())
			if err != nil {
				read <- err
				return
			}
			if item.Batch != nil && item.Batch.NumRows() > 0 {
				batches, rows = batches+1, rows+item.Batch.NumRows()
			}
		}
		elapsed = time.Since(began)
		read <- nil
	}()
	for i := range n { // each is there before the next one is sent
		w.put(0, fmt.Sprintf(`{"n":"%d"}`, i))
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if most := int(elapsed/redpanda.GatherFor) + 2; batches > most {
		t.Errorf("%d records, one by one: got %d batches in %v, want at most %d", n, batches, elapsed, most)
	}
}

func TestReadingResumesAtEveryCursor(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	in := w.open(`{}`, nil)
	var at []map[string][]byte
	record := func() { at = append(at, redpanda.Cursors(in.Source)) }
	record()
	var want []string
	for i := range 12 {
		value := fmt.Sprint(i)
		switch i % 4 {
		case 1: // aborted, then committed
			w.begin(0, `{"n":"never"}`)(kgo.TryAbort)
			w.begin(0, `{"n":"`+value+`"}`)(kgo.TryCommit)
		case 2:
			w.put(0, `{"n":"`+value+`"}`)
			w.begin(0, `{"n":"never"}`, `{"n":"never"}`)(kgo.TryAbort)
		default:
			w.put(0, `{"n":"`+value+`"}`)
		}
		want = append(want, value)
		in.untilRows(i + 1)
		record()
	}
	in.drain()
	in.want(0, want...)
	for _, c := range in.all { // cursors of batches without rows are cursors too
		at = append(at, map[string][]byte{w.topic + "/0": c})
	}
	for i, positions := range at {
		again := w.open(`{"start": "latest"}`, positions) // start is for first runs only
		again.drain()
		got := again.values[w.topic+"/0"]
		if remaining := want[len(want)-len(got):]; !slices.Equal(got, remaining) || i < 13 && len(got) != 12-i {
			t.Errorf("from cursor %d, %s: got %v, want the last %d", i, positions[w.topic+"/0"], got, 12-i)
		}
		again.Close(t.Context())
	}
}

func TestPositionPassesAnAbortedTransaction(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	w.begin(0, `{"n":"never"}`)(kgo.TryAbort)
	in := w.open(`{}`, nil)
	in.untilIdle(1) // the position has reached the end, marker included
	in.drain()
	in.want(0, "a")
	again := w.open(`{}`, in.at)
	if lag := again.Lag(); lag != 0 {
		t.Errorf("resumed behind the marker: got a lag of %d, want 0", lag)
	}
}

func TestOpenTransactionIsDataToCome(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	end := w.begin(0, `{"n":"b"}`)
	w.put(0, `{"n":"c"}`) // decided, but behind what is not
	in := w.open(`{}`, nil)
	in.untilRows(1)
	in.want(0, "a")
	drained := w.open(`{}`, nil)
	drained.drain() // reads what is decided, and does not wait for more
	drained.want(0, "a")
	end(kgo.TryCommit)
	item := in.until("what follows", func(item sdk.Item) bool {
		return item.Batch == nil || item.Batch.NumRows() > 0
	})
	if item.Batch == nil {
		t.Fatalf("got %v before the transaction's rows, want no idle while it is open", item.Signal.Kind)
	}
	in.untilIdle(1)
	in.want(0, "a", "b", "c")
}

func TestIdleIsRevokedForAnOpenTransaction(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	in := w.open(`{}`, nil)
	in.untilIdle(1)
	end := w.begin(0, `{"n":"b"}`) // nothing of it can be fetched
	item := in.until("the taking back", func(sdk.Item) bool { return true })
	if item.Batch == nil || item.Batch.NumRows() != 0 {
		t.Errorf("got %+v, want a batch without rows", item)
	}
	end(kgo.TryAbort)
	in.untilIdle(1)
	in.want(0, "a")
}

func TestDrainEndsWhereTheLogEndedThen(t *testing.T) {
	w := newWorld(t, 2)
	before, want := rows(0, 5000)
	w.put(0, before...)
	in := w.open(`{}`, nil)
	in.end()
	after, more := rows(5000, 6000)
	w.put(0, after...)
	w.put(1, after...)
	in.untilEOF()
	in.want(0, want...)
	in.want(1)
	again := w.open(`{}`, redpanda.Cursors(in.Source)) // no row is skipped by the end
	again.drain()
	again.want(0, more...)
	again.want(1, more...)
}

func TestStartSaysWhereAFirstRunBegins(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"old"}`)
	between := time.Now()
	w.put(0, `{"n":"new"}`)
	latest := w.open(`{"start": "latest"}`, nil)
	since := w.open(fmt.Sprintf(`{"start": {"timestamp": %q}}`, between.Format(time.RFC3339Nano)), nil)
	future := w.open(`{"start": {"timestamp": "2099-01-01T00:00:00Z"}}`, nil)
	at := string(redpanda.Cursors(latest.Source)[w.topic+"/0"])
	if !strings.Contains(at, `"offset":2,`) {
		t.Errorf("latest: got position %s, want the offset it stands for", at)
	}
	w.put(0, `{"n":"newest"}`)
	for _, in := range []*input{latest, since, future} {
		in.drain()
	}
	latest.want(0, "newest")
	since.want(0, "new", "newest")
	future.want(0, "newest")
}

func TestSeveralTopicsAreReadTogether(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`)
	first := w.topic
	w.topic += ".more"
	w.makeTopic(2)
	w.put(1, `{"n":"b"}`)
	in := w.open(fmt.Sprintf(`{"topic": [%q, %q]}`, first, w.topic), nil)
	in.drain()
	if a, b := in.values[first+"/0"], in.values[w.topic+"/1"]; in.count() != 2 || len(a) != 1 || len(b) != 1 {
		t.Errorf("got %v", in.values)
	}
}

func TestValuesThatAreNoRowsAreRejectedWithTheirPosition(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":"a"}`, `not json`, `{"n":"b"}`)
	deletion := &kgo.Record{Topic: w.topic, Key: []byte("customer-1")}
	if err := w.cl.ProduceSync(w.ctx(), deletion).FirstErr(); err != nil {
		t.Fatal(err)
	}
	in := w.open(`{}`, nil)
	var rejected []sdk.Reject
	in.until("idle", func(item sdk.Item) bool {
		if item.Batch != nil {
			rejected = append(rejected, item.Batch.Rejected...)
		}
		return item.Signal != nil && item.Signal.Kind == sdk.Idle
	})
	in.want(0, "a", "b")
	if len(rejected) != 2 {
		t.Fatalf("got %d rejects, want 2: %+v", len(rejected), rejected)
	}
	r := rejected[0]
	if string(r.Raw) != "not json" || r.Position != 1 || r.Partition != w.topic+"/0" || r.Reason == "" {
		t.Errorf("got %+v, want the bytes at offset 1", r)
	}
	want := "want a JSON object, got a record without a value (tombstones: rows makes a row of nulls of it, " +
		"ignore nothing)"
	if got := rejected[1]; got.Reason != want || string(got.Key) != "customer-1" {
		t.Errorf("tombstone: got %q of key %q, want %q of customer-1", got.Reason, got.Key, want)
	}
}

func TestRecordsWithoutAValueAreWhatTombstonesSays(t *testing.T) {
	w := newWorld(t, 1)
	for _, r := range []*kgo.Record{
		{Topic: w.topic, Key: []byte("a"), Value: []byte(`{"n":"1"}`)}, {Topic: w.topic, Key: []byte("b")},
		{Topic: w.topic, Key: []byte("c"), Value: []byte(`{"n":"2"}`)}} {
		if err := w.cl.ProduceSync(w.ctx(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ config, rows, rejected string }{
		{`{"tombstones": "rows", "metadata": "key"}`, "1 a|(null) b|2 c|", ""},
		{`{"tombstones": "ignore", "metadata": "key"}`, "1 a|2 c|", ""},
		{`{"tombstones": "dead_letters", "metadata": "key"}`, "1 a|2 c|", "b|"},
		{`{"tombstones": "rows", "metadata": "key", "format": "csv"}`, `(null) b|`, "a|c|"},
		{`{"tombstones": "rows", "metadata": "key", "schema": {"n": {"type": "string", "required": true}}}`,
			"1 a|2 c|", "b|"},
		{`{"format": "raw", "metadata": "key", "schema": {"n": "string"}}`,
			`{"n":"1"} a|(null) b|{"n":"2"} c|`, ""},
		{`{"format": "raw", "tombstones": "ignore", "metadata": "key", "schema": {"n": "string"}}`,
			`{"n":"1"} a|{"n":"2"} c|`, ""},
		{`{"format": "raw", "tombstones": "dead_letters", "metadata": "key", "schema": {"n": "string"}}`,
			`{"n":"1"} a|{"n":"2"} c|`, "b|"},
	}
	for _, tt := range tests {
		in := w.open(tt.config, nil)
		rows, rejected := "", ""
		in.until("idle", func(item sdk.Item) bool {
			if item.Batch == nil {
				return item.Signal.Kind == sdk.Idle
			}
			for i := range int(item.Batch.NumRows()) {
				rows += item.Batch.Rows.Column(0).ValueStr(i) + " " + item.Batch.Rows.Column(1).ValueStr(i) + "|"
			}
			for _, r := range item.Batch.Rejected {
				rejected += string(r.Key) + "|"
			}
			return false
		})
		if rows != tt.rows || rejected != tt.rejected {
			t.Errorf("%s: got rows %q, rejects %q, want %q and %q", tt.config, rows, rejected, tt.rows, tt.rejected)
		}
	}
}

func TestOtherFormats(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `x,"y ""z"""`, `1,2`)
	csv := w.open(`{"format": "csv", "schema": {"a": "string", "b": "string"}}`, nil)
	csv.drain()
	csv.want(0, "x", "1")
	raw := w.open(`{"format": "raw"}`, nil)
	raw.untilRows(2)
	text := w.open(`{"format": "raw", "schema": {"line": "string"}}`, nil)
	text.drain()
	text.want(0, `x,"y ""z"""`, `1,2`)
}

func TestLargeBacklogIsSplitIntoBoundedBatches(t *testing.T) {
	w := newWorld(t, 1)
	padding := strings.Repeat("x", 900_000)
	for range 12 { // 10.8 MB in few rows
		w.put(0, `{"n":"`+padding+`"}`)
	}
	many, _ := rows(0, 3*sdk.DefaultBatchRows)
	w.put(0, many...)
	in := w.open(`{}`, nil)
	total := 0
	in.until("idle", func(item sdk.Item) bool {
		if b := item.Batch; b != nil {
			size := 0
			for _, buffer := range b.Rows.Column(0).Data().Buffers() {
				if buffer != nil {
					size += buffer.Len()
				}
			}
			if b.NumRows() > sdk.DefaultBatchRows || size > sdk.MaxBatchBytes {
				t.Errorf("a batch of %d rows and %d bytes", b.NumRows(), size)
			}
			total += int(b.NumRows())
		}
		return item.Signal != nil && item.Signal.Kind == sdk.Idle
	})
	if want := 12 + 3*sdk.DefaultBatchRows; total != want {
		t.Errorf("got %d rows, want %d", total, want)
	}
}
