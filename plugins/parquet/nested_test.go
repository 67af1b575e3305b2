package parquet

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

// nestedSchema has lists and structs inside each other.
func nestedSchema(t testing.TB) sdk.Schema {
	t.Helper()
	return decoded(t, `{"id":"int64",
		"grid":"list(list(list(int32)))",
		"who":{"type":"struct","fields":{"name":"string","tags":"list(string)","at":{"type":"struct","fields":{
			"day":"date","price":"decimal(38,2)"}}}},
		"lines":{"type":"list(struct)","fields":{"sku":"string","flags":"list(bool)",
			"parts":{"type":"list(struct)","fields":{"n":"float64","b":"bytes"}}}},
		"docs":"list(json)"}`)
}

func decoded(t testing.TB, config string) sdk.Schema {
	t.Helper()
	var s sdk.Schema
	if problems := sdk.Decode([]byte(config), &s); len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

func TestNestedColumnsReadBack(t *testing.T) {
	schema := nestedSchema(t)
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 9))
		rows := randomRows(schema.Arrow(), 700, int(seed), r)
		o := options{codec: &quickSnappy{}, rowGroupRows: []int64{50, 300, 10_000}[seed%3]}
		data := written(t, o, schema.Arrow(), rows.NewSlice(0, 13), rows.NewSlice(13, 13), rows.NewSlice(13, 700))
		wantRows(t, data, schema, rows, 0)
		wantRows(t, data, schema, rows, 333)
		parts := []files.Part{partOf(data), partOf(data)}
		var merged bytes.Buffer
		if err := merge(t.Context(), &merged, schema.Arrow(), parts, o); err != nil {
			t.Fatal(err)
		}
		wantRows(t, merged.Bytes(), schema, joined(t, schema.Arrow(), rows, rows), 0)
	}
}

// wantRows reads a file and wants the rows after skip.
func wantRows(t *testing.T, data []byte, schema sdk.Schema, want arrow.RecordBatch, skip int64) {
	t.Helper()
	batches, rejected, err := tryRead(t, onDisk(t, data), schema, skip)
	if err != nil || len(rejected) > 0 {
		t.Fatalf("got %v, %v", rejected, err)
	}
	want = want.NewSlice(skip, want.NumRows())
	got := joined(t, schema.Arrow(), batches...)
	for i := range int(want.NumCols()) {
		if !array.Equal(got.Column(i), want.Column(i)) {
			t.Fatalf("%s differs:\ngot  %.2000v\nwant %.2000v", want.ColumnName(i), got.Column(i), want.Column(i))
		}
	}
}

func TestListsAreOfThreeLevels(t *testing.T) {
	schema := decoded(t, `{"l":{"type":"list(struct)","required":true,"fields":{"a":{"type":"list(int64)"}}}}`)
	file := opened(t, written(t, plainOptions, schema.Arrow(), rowsOf(t, schema, `[{"l":[{"a":[1]}]}]`)))
	want := `message schema {
	required group l (LIST) {
		repeated group list {
			optional group element {
				optional group a (LIST) {
					repeated group list {
						optional int64 element (INT(64,true));
					}
				}
			}
		}
	}
}`
	if got := file.Schema().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNullsInsideAreNotWrittenWhereThereCanBeNone(t *testing.T) {
	strict := decoded(t, `{"s":{"type":"struct","fields":{"a":{"type":"int64","required":true},"l":"list(int64)"}}}`)
	loose := decoded(t, `{"s":{"type":"struct","fields":{"a":"int64","l":"list(int64)"}}}`)
	write := func(rows string) error {
		w, err := newWriter(&bytes.Buffer{}, strict.Arrow(), plainOptions)
		if err != nil {
			t.Fatal(err)
		}
		return w.Write(rowsOf(t, loose, rows))
	}
	if err := write(`[{"s":{"a":1}},{"s":null}]`); err != nil {
		t.Errorf("a null struct: %v", err)
	}
	err := write(`[{"s":{"a":1}},{"s":{"l":[]}}]`)
	if want := "s: a: want a value in every struct, got a null"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBadValuesInsideAreRejected(t *testing.T) {
	loose := decoded(t, `{"s":{"type":"struct","fields":{"a":"int64","l":{"type":"list(struct)",
		"fields":{"t":"bytes"}}}}}`)
	strict := decoded(t, `{"s":{"type":"struct","fields":{"a":{"type":"int64","required":true},
		"l":{"type":"list(struct)","fields":{"t":"string"}}}}}`)
	data := written(t, plainOptions, loose.Arrow(), rowsOf(t, loose,
		`[{"s":{"a":1,"l":[{"t":"YQ=="}]}},{"s":{"a":2,"l":[{"t":null},{"t":"/w=="}]}},{"s":{"l":[]}},{"s":null}]`))
	// The file says bytes: the text in it is for the reader to check.
	batches, rejected, err := tryRead(t, onDisk(t, data), strict, 0)
	if err != nil {
		t.Fatal(err)
	}
	if rows := joined(t, strict.Arrow(), batches...); rows.NumRows() != 2 {
		t.Errorf("got %v", rows)
	}
	var reasons []string
	for _, r := range rejected {
		reasons = append(reasons, r.Reason)
	}
	want := `s.l.t: want UTF-8, got other bytes: "\xff"; s.a: want a value, got null`
	if got := strings.Join(reasons, "; "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestColumnsInsideGroupsAreFoundByFrom(t *testing.T) {
	inFile := decoded(t, `{"p":{"type":"struct","fields":{"q":{"type":"struct",
		"fields":{"a":"int64","l":"list(string)"}}}},"a.b":"string"}`)
	data := written(t, plainOptions, inFile.Arrow(), rowsOf(t, inFile,
		`[{"p":{"q":{"a":1,"l":["x",null]}},"a.b":"y"},{"p":null},{"p":{"q":{"l":[]}}}]`))
	wanted := decoded(t, `{"a":{"type":"int64","from":"p.q.a"},"l":{"type":"list(string)","from":"p.q.l"},
		"b":{"type":"string","from":"a.b"},"q":{"type":"struct","from":"p.q","fields":{"a":"int64"}}}`)
	wantRows(t, data, wanted, rowsOf(t, wanted,
		`[{"a":1,"l":["x",null],"b":"y","q":{"a":1}},{},{"l":[],"q":{"a":null}}]`), 0)
	for from, want := range map[string]string{
		"p.x":     `no column "p.x" in the file, did you mean "q"?`,
		"p.q.l.x": `no column "p.q.l.x" in the file (it has list)`,
	} {
		schema := sdk.Schema{{Key: "a", Value: sdk.Column{Type: "int64", From: from}}}
		if _, _, err := tryRead(t, onDisk(t, data), schema, 0); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", from, err, want)
		}
	}
}

func TestNestedColumnsOfOtherShapesAreRefused(t *testing.T) {
	file := pq.Group{"s": pq.Group{"a": pq.Int(64), "b": pq.String()}, "m": pq.Map(pq.String(), pq.Int(64)),
		"l": pq.List(pq.Group{"a": pq.Int(64)})}
	var out bytes.Buffer
	w := pq.NewGenericWriter[any](&out, pq.NewSchema("schema", file))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		`{"s":{"type":"struct","fields":{"a":"string","x":"int64"}}}`: `column "s.a": want string, the file has int64` +
			"\n" + `no field "x" in the column "s" of the file, did you mean "a"?`,
		`{"s":"list(list(int64))"}`: `want list(list(int64)), the file has struct(a: int64, b: string)`,
		`{"m":{"type":"struct","fields":{"key":"string"}}}`: `want struct(key: string), the file has map(string, int64); a map is ` +
			`read as {type: list(struct), fields: {key: …, value: …}}`,
		`{"l":"list(list(int64))"}`:                            `column "l": want list(int64), the file has struct(a: int64)`,
		`{"l":{"type":"list(struct)","fields":{"b":"int64"}}}`: `no field "b" in the column "l" of the file, did you mean "a"?`,
	}
	for config, want := range tests {
		_, _, err := tryRead(t, onDisk(t, out.Bytes()), decoded(t, config), 0)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", config, err, want)
		}
	}
}

func TestNoDamagedByteOfNestedColumnsIsAPanic(t *testing.T) {
	schema := nestedSchema(t)
	good := written(t, options{codec: &pq.Uncompressed, rowGroupRows: 25}, schema.Arrow(),
		randomRows(schema.Arrow(), 40, 4, rand.New(rand.NewPCG(1, 1))))
	for at := 0; at < len(good); at += 7 { // each byte would take a minute
		bad := bytes.Clone(good)
		bad[at] ^= []byte{0x01, 0x80, 0xff, 0x10}[at/7%4]
		checkDamaged(t, bad, schema)
	}
}
