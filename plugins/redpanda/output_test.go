package redpanda_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// output opens the sink for a batch's columns, at the very first start.
func (w *world) output(keys string, schema string) (sdk.Sink, *array.RecordBuilder) {
	w.t.Helper()
	out, b := w.opened(keys, schema)
	recovered(w, out)
	return out, b
}

// recovered begins without a record.
func recovered(w *world, i sdk.Instance) {
	w.t.Helper()
	if err := i.(sdk.Sink).Recover(w.ctx(), nil); err != nil {
		w.t.Fatal(err)
	}
}

// opened opens the sink, which is yet to recover.
func (w *world) opened(keys string, schema string) (sdk.Sink, *array.RecordBuilder) {
	w.t.Helper()
	w.setup(keys)
	var s sdk.Schema
	if problems := sdk.Decode([]byte(schema), &s); len(problems) > 0 {
		w.t.Fatal(problems)
	}
	config := w.config(keys)
	_, problems := sdktest.Plan(redpanda.Sink, config, s.Arrow())
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	inst, err := redpanda.Sink.Open(w.ctx(), config, s.Arrow(), w.env())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { inst.Close(context.Background()) })
	return inst.(sdk.Sink), builder(s.Arrow())
}

// write writes a batch and commits it.
func write(w *world, out sdk.Sink, b *sdk.Batch) {
	w.t.Helper()
	if err := out.Write(w.ctx(), b); err != nil {
		w.t.Fatal(err)
	}
	if err := endEpoch(w.ctx(), out, 1); err != nil {
		w.t.Fatal(err)
	}
}

// endEpoch ends an epoch as the engine does.
func endEpoch(ctx context.Context, out sdk.Sink, epoch uint64) error {
	prepared, err := prepare(ctx, out, epoch)
	if err != nil {
		return err
	}
	return out.Commit(ctx, epoch, prepared.Committable)
}

// prepare ends an epoch as far as its record.
func prepare(ctx context.Context, out sdk.Sink, epoch uint64) (sdk.Prepared, error) {
	if err := out.Signal(ctx, sdk.Signal{Kind: sdk.Barrier, Epoch: epoch}); err != nil {
		return sdk.Prepared{}, err
	}
	return out.Prepare(ctx, epoch)
}

// records reads n records of the topic, by partition, with a plain client.
func (w *world) records(n int) []*kgo.Record {
	w.t.Helper()
	cl := w.client(kgo.ConsumeTopics(w.topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	var records []*kgo.Record
	for len(records) < n {
		fetches := cl.PollFetches(w.ctx())
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}

// life is an open sink of rows {"n": …}, numbered from 0, and what the engine's
// record says of it.
type life struct {
	*world
	sdk.Sink
	rows        *array.RecordBuilder
	next        int64
	epoch       uint64
	committable []byte
	staged      sdk.Staged
}

// live opens a sink after an epoch as the engine does: what is recorded is
// committed, and then what is not recorded forgotten. Nil is the very first start.
func (w *world) live(before *life) *life {
	w.t.Helper()
	l, err := w.tryLive(before)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) tryLive(before *life) (*life, error) {
	w.t.Helper()
	l := &life{world: w}
	l.Sink, l.rows = w.opened(`{}`, `{"n": "int64"}`)
	redpanda.AtStage(l.Sink, w.stage)
	if before != nil {
		l.next, l.epoch, l.committable = before.next, before.epoch, before.committable
		if err := l.commit(); err != nil {
			return l, err
		}
	}
	return l, l.Recover(w.ctx(), l.committable)
}

// write writes so many rows for each partition, in small batches: each goes to
// the next partition.
func (l *life) write(each, partitions int) {
	l.t.Helper()
	for range partitions {
		for range each {
			l.rows.Field(0).(*array.Int64Builder).Append(l.next)
			l.next++
		}
		if err := l.Write(l.ctx(), &sdk.Batch{Rows: l.rows.NewRecordBatch()}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// record ends the epoch as far as its record.
func (l *life) record() {
	l.t.Helper()
	l.epoch++
	prepared, err := prepare(l.ctx(), l.Sink, l.epoch)
	if err != nil {
		l.t.Fatal(err)
	}
	l.committable, l.staged = prepared.Committable, prepared.Staged
}

func (l *life) commit() error {
	return l.Commit(l.ctx(), l.epoch, l.committable)
}

// mustCommit ends the epoch and commits it.
func (l *life) mustCommit() {
	l.t.Helper()
	l.record()
	if err := l.commit(); err != nil {
		l.t.Fatal(err)
	}
}

// committed is the topic as readers of committed records see it, to its end.
func (w *world) committed(topic string) []*kgo.Record {
	w.t.Helper()
	ends, err := w.admin.ListEndOffsets(w.ctx(), topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		w.t.Fatal(err)
	}
	cl := w.client(kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	var records []*kgo.Record
	at := make(map[int32]int64)
	behind := func() bool {
		for partition, end := range ends[topic] {
			if at[partition] < end.Offset {
				return true
			}
		}
		return false
	}
	for behind() {
		fetches := cl.PollFetches(w.ctx())
		if err := fetches.Err(); err != nil {
			w.t.Fatalf("reading %s to %v: got to %v: %v", topic, ends[topic], at, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	slices.SortStableFunc(records, func(a, b *kgo.Record) int { return cmp.Compare(a.Partition, b.Partition) })
	return records
}

// exactly wants rows 0 to n-1, each once, and those of a partition in order.
func (w *world) exactly(n int64) {
	w.t.Helper()
	seen := make(map[int64]bool)
	last, partition := int64(-1), int32(-1)
	for _, r := range w.committed(w.topic) {
		text, _ := bytes.CutPrefix(r.Value, []byte(`{"n":`))
		number, err := strconv.ParseInt(string(text[:len(text)-1]), 10, 64)
		if err != nil {
			w.t.Fatalf("record %s", r.Value)
		}
		if r.Partition != partition {
			last, partition = -1, r.Partition
		}
		if number <= last {
			w.t.Errorf("partition %d: row %d comes after %d", partition, number, last)
		}
		if last = number; seen[number] {
			w.t.Errorf("row %d is there twice", number)
		}
		seen[number] = true
	}
	for number := range n {
		if !seen[number] {
			w.t.Errorf("row %d is missing", number)
			break
		}
	}
	if int64(len(seen)) != n {
		w.t.Errorf("got %d rows, want %d", len(seen), n)
	}
}

// spools lists the files in the folder of spools.
func (w *world) spools() []string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.state, "spool", "*", "*", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}
