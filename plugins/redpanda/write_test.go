package redpanda_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

const ticketSchema = `{"id": "string", "n": "int64", "at": "timestamp", "ok": "bool"}`

// tickets is a batch of n rows; every third id and every fourth number is null.
func tickets(b *array.RecordBuilder, from, to int) *sdk.Batch {
	for i := from; i < to; i++ {
		if i%3 == 2 {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprint("é\"", i))
		}
		if i%4 == 3 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int64Builder).Append(int64(i))
		}
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(i) * 1_000_001)
		b.Field(3).(*array.BooleanBuilder).Append(i%2 == 0)
	}
	return &sdk.Batch{Rows: b.NewRecordBatch(), Partition: "x"}
}

func sliced(b *sdk.Batch, from, to int64) *sdk.Batch {
	return &sdk.Batch{Rows: b.Rows.NewSlice(from, to)}
}

func TestRowsComeBackAsTheyWereWritten(t *testing.T) {
	for _, format := range []string{"json", "csv"} {
		w := newWorld(t, 1)
		keys := fmt.Sprintf(`{"format": %q}`, format)
		out, b := w.output(keys, ticketSchema)
		whole := tickets(b, 0, 3000)
		write(w, out, sliced(whole, 0, 0))
		write(w, out, sliced(whole, 0, 1000))
		write(w, out, sliced(whole, 1000, 3000))
		in := w.open(fmt.Sprintf(`{"format": %q, "schema": %s}`, format, ticketSchema), nil)
		row := int64(0)
		in.until("idle", func(item sdk.Item) bool {
			if got := item.Batch; got != nil {
				if len(got.Rejected) > 0 {
					t.Fatalf("%s: %+v", format, got.Rejected[0])
				}
				want := whole.Rows.NewSlice(row, row+got.NumRows())
				if !array.RecordEqual(got.Rows, want) {
					t.Errorf("%s: rows from %d differ:\ngot  %v\nwant %v", format, row, got.Rows, want)
				}
				row += got.NumRows()
			}
			return item.Signal != nil && item.Signal.Kind == sdk.Idle
		})
		if row != 3000 {
			t.Errorf("%s: got %d rows, want 3000", format, row)
		}
	}
}

// The vectors are those of Kafka's own tests of murmur2.
func TestKeysChooseThePartitionAsKafkaDoes(t *testing.T) {
	w := newWorld(t, 1)
	w.topic += ".keyed"
	out, b := w.output(`{"key": "id", "partitions": 7}`, `{"id": "string"}`)
	hashes := map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971}
	for key := range hashes {
		b.Field(0).(*array.StringBuilder).Append(key)
	}
	write(w, out, &sdk.Batch{Rows: b.NewRecordBatch()})
	for _, r := range w.records(len(hashes)) {
		if want := (hashes[string(r.Key)] & 0x7fffffff) % 7; r.Partition != want {
			t.Errorf("key %s: got partition %d, want %d", r.Key, r.Partition, want)
		}
	}
}

func TestRecordsHaveKeyHeadersAndValue(t *testing.T) {
	w := newWorld(t, 1)
	out, b := w.output(`{"key": "n", "headers": {"who": "id", "fine": "ok"}}`, ticketSchema)
	write(w, out, sliced(tickets(b, 0, 9), 1, 4))
	var got []string
	for _, r := range w.records(3) {
		line := fmt.Sprintf("%q", r.Key)
		if r.Key == nil {
			line = "nil"
		}
		for _, h := range r.Headers {
			if h.Key == "engine-epoch" {
				continue // on the last
			}
			line += fmt.Sprintf(" %s=%q/%t", h.Key, h.Value, h.Value == nil)
		}
		before, _, _ := strings.Cut(string(r.Value), `,"at"`)
		got = append(got, line+" "+before)
	}
	want := []string{
		`"1" who="é\"1"/false fine="false"/false {"id":"é\"1","n":1`,
		`"2" who=""/true fine="true"/false {"id":null,"n":2`,
		`nil who="é\"3"/false fine="false"/false {"id":"é\"3","n":null`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestRawWritesOneColumnAsItIs(t *testing.T) {
	w := newWorld(t, 1)
	out, b := w.output(`{"format": "raw", "key": "k"}`, `{"k": "int32", "v": "bytes"}`)
	b.Field(0).(*array.Int32Builder).AppendValues([]int32{7, 7, 7}, nil)
	b.Field(1).(*array.BinaryBuilder).AppendValues([][]byte{{0, 255}, nil, {}}, []bool{true, false, true})
	write(w, out, &sdk.Batch{Rows: b.NewRecordBatch()})
	records := w.records(3)
	if got := records[0].Value; !slices.Equal(got, []byte{0, 255}) || string(records[0].Key) != "7" {
		t.Errorf("got %v, key %s", got, records[0].Key)
	}
	if none, empty := records[1].Value, records[2].Value; none != nil || empty == nil {
		t.Errorf("null and empty: got %v and %v, want a tombstone and an empty value", none, empty)
	}
}

func TestColumnsOfTheEngineStayOut(t *testing.T) {
	w := newWorld(t, 1)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String},
		{Name: "_position", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := builder(schema)
	b.Field(0).(*array.StringBuilder).Append("x")
	b.Field(1).(*array.Int64Builder).Append(5)
	inst, err := redpanda.Sink.Open(w.ctx(), w.config(`{}`), schema, w.env())
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close(t.Context())
	recovered(w, inst)
	write(w, inst.(sdk.Sink), &sdk.Batch{Rows: b.NewRecordBatch()})
	if got := string(w.records(1)[0].Value); got != `{"a":"x"}` {
		t.Errorf("got %s", got)
	}
}

func TestWriteKeepsNothingOfTheBatch(t *testing.T) {
	w := newWorld(t, 1)
	out, b := w.output(`{"key": "id"}`, `{"id": "string"}`)
	for i := range 5000 {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("%05d", i))
	}
	batch := &sdk.Batch{Rows: b.NewRecordBatch()}
	if err := out.Write(w.ctx(), batch); err != nil {
		t.Fatal(err)
	}
	for _, buffer := range batch.Rows.Column(0).Data().Buffers() {
		if buffer != nil {
			clear(buffer.Bytes())
		}
	}
	if err := endEpoch(w.ctx(), out, 1); err != nil {
		t.Fatal(err)
	}
	for i, r := range w.records(5000) {
		if want := fmt.Sprintf(`{"id":"%05d"}`, i); string(r.Value) != want {
			t.Fatalf("record %d: got %s, want %s", i, r.Value, want)
		}
	}
}

func TestSetupMakesTheTopicOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.topic += ".made"
	w.setup(`{"partitions": 3}`)
	w.setup(`{"partitions": 3}`)
	details, err := w.admin.ListTopics(w.ctx(), w.topic)
	if err != nil || len(details[w.topic].Partitions) != 3 {
		t.Errorf("got %+v, %v, want 3 partitions", details[w.topic], err)
	}
	if w.log.Len() > 0 {
		t.Errorf("logged %s", w.log)
	}
	w.setup(`{"partitions": 5}`)
	if log := w.log.String(); !strings.Contains(log, "has=3 partitions=5") {
		t.Errorf("logged %q, want that the topic has another number", log)
	}
}

func TestRecordTooLargeForTheTopicIsRefusedAlone(t *testing.T) {
	w := newWorld(t, 1)
	w.topic += ".small"
	small := map[string]*string{"max.message.bytes": kadm.StringPtr("20000")}
	if _, err := w.admin.CreateTopic(w.ctx(), 1, -1, small, w.topic); err != nil {
		t.Fatal(err)
	}
	out, b := w.output(`{}`, `{"id": "string"}`)
	b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", 19_000))
	if err := out.Write(w.ctx(), &sdk.Batch{Rows: b.NewRecordBatch()}); err != nil {
		t.Fatal(err)
	}
	b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", 21_000))
	err := out.Write(w.ctx(), &sdk.Batch{Rows: b.NewRecordBatch()})
	wantError(t, "too large", err, w.topic, "a record of 21009 bytes is larger than topic", "20000")
	if refused, ok := errors.AsType[*sdk.RefusedError](err); !ok || len(refused.Rows) != 1 {
		t.Errorf("got %v, want one row refused", err)
	}
	b.Field(0).(*array.StringBuilder).Append("small")
	write(w, out, &sdk.Batch{Rows: b.NewRecordBatch()})
	if got := w.records(2); len(got) != 2 || string(got[1].Value) != `{"id":"small"}` {
		t.Errorf("got %d records, want the two that are small", len(got))
	}
}

func TestCompressionIsAsAskedFor(t *testing.T) {
	for name, want := range map[string]kgo.CompressionCodecType{"none": kgo.CodecNone, "snappy": kgo.CodecSnappy,
		"lz4": kgo.CodecLz4, "zstd": kgo.CodecZstd, "gzip": kgo.CodecGzip, "": kgo.CodecSnappy} {
		w := newWorld(t, 1)
		out, b := w.output(fmt.Sprintf(`{"compression": %q}`, name), `{"id": "string"}`)
		b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", 10_000))
		write(w, out, &sdk.Batch{Rows: b.NewRecordBatch()})
		if got := w.records(1)[0].Attrs.CompressionType(); got != uint8(want) {
			t.Errorf("%q: got codec %d, want %d", name, got, want)
		}
		in := w.open(`{"schema": {"id": "string"}}`, nil)
		in.untilRows(1)
	}
}

func TestEmbeddedBrokerIsFoundInTheServices(t *testing.T) {
	w := ownWorld(t, 1)
	env := w.env()
	env.Services = map[string]string{"broker": w.address}
	config := fmt.Appendf(nil, `{"brokers": "", "topic": %q}`, w.topic) // as an empty ${VAR:} comes
	if needs := redpanda.Sink.Describe(config, nil).Needs; !slices.Equal(needs, []string{"broker"}) {
		t.Errorf("needs: got %v", needs)
	}
	if err := redpanda.Sink.Setup(w.ctx(), config, env); err != nil {
		t.Fatal(err)
	}
	var s sdk.Schema
	sdk.Decode([]byte(`{"id": "string"}`), &s)
	inst, err := redpanda.Sink.Open(w.ctx(), config, s.Arrow(), env)
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close(t.Context())
	recovered(w, inst)
	b := builder(s.Arrow())
	b.Field(0).(*array.StringBuilder).Append("x")
	write(w, inst.(sdk.Sink), &sdk.Batch{Rows: b.NewRecordBatch()})
	if got := w.records(1)[0].Attrs.CompressionType(); got != uint8(kgo.CodecNone) {
		t.Errorf("embedded: got codec %d, want none", got)
	}
}
