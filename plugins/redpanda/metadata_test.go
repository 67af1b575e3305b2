package redpanda_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

func TestMetadataBecomesColumns(t *testing.T) {
	w := newWorld(t, 1)
	at := time.UnixMilli(1_700_000_000_123)
	for _, r := range []*kgo.Record{
		{Key: []byte("é"), Value: []byte(`{"n":"a"}`), Headers: []kgo.RecordHeader{header("h", "\"x\""),
			header("twice", "1"), {Key: "none"}, header("twice", "2"), header("bytes", "\xff")}},
		{Value: []byte(`{"n":"b"}`)},
	} {
		r.Topic, r.Timestamp = w.topic, at
		if err := w.client().ProduceSync(w.ctx(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	in := w.open(`{"metadata": "key,key_bytes,partition,offset,timestamp,headers"}`, nil)
	var got []string
	in.until("two rows", func(item sdk.Item) bool {
		if item.Batch != nil {
			got = append(got, sdktest.Text(item.Batch.Rows)...)
		}
		return len(got) == 2
	})
	want := []string{`n="a" _key="é" _key_bytes=w6k= _partition=0 _offset=0 ` +
		`_timestamp=2023-11-14T22:13:20.123Z ` +
		`_headers="{\"h\":\"\\\"x\\\"\",\"twice\":[\"1\",\"2\"],\"none\":null,\"bytes\":{\"base64\":\"/w==\"}}"`,
		`n="b" _key=∅ _key_bytes=∅ _partition=0 _offset=1 _timestamp=2023-11-14T22:13:20.123Z _headers=∅`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestNestedValuesAndExtraKeysAreKept(t *testing.T) {
	w := newWorld(t, 1)
	w.put(0, `{"n":{"l":[1,null]},"x":[1],"y":2}`, `{"n":null}`)
	in := w.open(`{"extra":"rest","metadata":"offset",
		"schema":{"n":{"type":"struct","fields":{"l":"list(int64)"}}}}`, nil)
	var got []string
	in.until("two rows", func(item sdk.Item) bool {
		if item.Batch != nil {
			got = append(got, sdktest.Text(item.Batch.Rows)...)
		}
		return len(got) == 2
	})
	want := []string{`n={"l":[1,null]} rest="{\"x\":[1],\"y\":2}" _offset=0`, `n=∅ rest=∅ _offset=1`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRejectedRecordLeavesNoMetadata(t *testing.T) {
	w := newWorld(t, 1)
	for key, value := range map[string]string{"\xff": `{"n":"a"}`, "k": `bad`} {
		r := &kgo.Record{Topic: w.topic, Key: []byte(key), Value: []byte(value)}
		if err := w.client().ProduceSync(w.ctx(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := &kgo.Record{Topic: w.topic, Key: []byte("good"), Value: []byte(`{"n":"b"}`)}
	if err := w.client().ProduceSync(w.ctx(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	in := w.open(`{"metadata": "key,offset"}`, nil)
	var got, reasons []string
	in.until("a row and two rejects", func(item sdk.Item) bool {
		if item.Batch != nil {
			got = append(got, sdktest.Text(item.Batch.Rows)...)
			for _, r := range item.Batch.Rejected {
				reasons = append(reasons, r.Reason)
			}
		}
		return len(got) == 1 && len(reasons) == 2
	})
	slices.Sort(reasons)
	want := []string{`_key: want text in UTF-8, got other bytes; name key_bytes in metadata, not key`,
		`want a JSON object, got "bad"`}
	if got[0] != `n="b" _key="good" _offset=2` || !slices.Equal(reasons, want) {
		t.Errorf("got %q and %q", got, reasons)
	}
}

func TestColumnsOfTheEngineAreWrittenOnRequest(t *testing.T) {
	w := newWorld(t, 1)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String},
		{Name: "_offset", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := builder(schema)
	b.Field(0).(*array.StringBuilder).Append("x")
	b.Field(1).(*array.Int64Builder).Append(5)
	inst, err := redpanda.Sink.Open(w.ctx(), w.config(`{"keep_metadata": true}`), schema, w.env())
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close(t.Context())
	recovered(w, inst)
	write(w, inst.(sdk.Sink), &sdk.Batch{Rows: b.NewRecordBatch()})
	if got := string(w.records(1)[0].Value); got != `{"a":"x","_offset":5}` {
		t.Errorf("got %s", got)
	}
}
