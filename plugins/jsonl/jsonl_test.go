package jsonl

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/textfiles/textfilestest"
	"etlengine/plugins/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	format                  = textfilestest.Format{Source: Source, Sink: Sink, Extension: ".jsonl"}
	write, source, readText = format.Write, format.Open, format.ReadText
	rows, must              = textfilestest.Rows, textfilestest.Must
	contents, read          = textfilestest.Contents, textfilestest.Read
)

var someTickets = []string{
	`{"id":"A1","client":"C1","at":"2026-01-01T00:00:00Z","text":"plain","n":1,"x":0.5,"j":{"a":[1,"b"]}}`,
	`{"id":"A2","client":"","at":"2026-01-01T00:00:00.250Z","text":"quotes \" and, commas\nand lines","n":-2,` +
		`"x":1e+21,"j":"text"}`,
	`{"id":null,"client":null,"at":null,"text":null,"n":null,"x":null,"j":null}`,
	`{"id":"A4","client":"é\u0001\\","at":"1969-12-31T23:59:59.999999Z","text":"<&>","n":0,"x":-0,"j":[]}`,
}

func TestWrittenFileIsAsTheGoldenOne(t *testing.T) {
	got := format.Golden(t, `{"path":"out"}`, filepath.Join("testdata", "tickets.jsonl"), *update,
		rows(t, someTickets...))
	for line := range strings.Lines(got) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			all := rows(t, someTickets...)
			write(t, dir, `{"path":"out","compression":"`+compression+`"}`, all.NewSlice(0, 2), all.NewSlice(2, 4))
			s, err := source(t, dir, `"path":"out"`, nil)
			must(t, err)
			got, rejected, err := read(t, s)
			if err != nil || len(rejected) > 0 || !slices.Equal(got, someTickets) {
				t.Errorf("got %s, %q, %v", got, rejected, err)
			}
		})
	}
}

const abSchema = `,"schema":{"a":"string","b":"int64"}`

func TestBadLinesAreRejectedWithTheirNumbers(t *testing.T) {
	text := "\xef\xbb\xbf{\"a\":\"x\",\"b\":1}\r\n\n  \nnot json\n[1]\n{\"a\":\"y\",\"b\":\"2\"}\n" +
		`{"a":"` + strings.Repeat("long", 100) + `"}` + "\n{\"a\":\"z\",\"b\":3,\"c\":0}"
	lines, rejected, err := readText(t, text, abSchema+`,"max_line_bytes":100`)
	if want := []string{`{"a":"x","b":1}`, `{"a":"z","b":3}`}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v", lines, err)
	}
	if len(rejected) != 4 {
		t.Fatalf("got %q, want 4 rejects", rejected)
	}
	want := []string{`4: want a JSON object, got "not json": "not json"`,
		`5: want a JSON object, got an array: "[1]"`,
		`6: b: want an int64, got "2": "{\"a\":\"y\",\"b\":\"2\"}"`}
	if !slices.Equal(rejected[:3], want) {
		t.Errorf("got  %q\nwant %q", rejected[:3], want)
	}
	long := "7: want a line of at most 100B, got a longer one; max_line_bytes sets the limit: "
	if !strings.HasPrefix(rejected[3], long) || !strings.Contains(rejected[3], "longlong") {
		t.Errorf("got %s\nwant %s…", rejected[3], long)
	}
}

func TestLinesOfTheLimitAreAccepted(t *testing.T) {
	line := `{"a":"` + strings.Repeat("x", 92) + `"}` // 100 bytes
	for _, end := range []string{"", "\n", "\n{}\n", strings.Repeat("\n{}", 200_000)} {
		lines, rejected, err := readText(t, line+end, abSchema+`,"max_line_bytes":100`)
		if err != nil || len(rejected) > 0 || len(lines) != 1+strings.Count(end, "{") {
			t.Errorf("got %d rows, %q, %v", len(lines), rejected, err)
		}
	}
	for _, end := range []string{"", "\n", "\n{}\n", strings.Repeat("\n{}", 200_000)} {
		lines, rejected, err := readText(t, " "+line+end, abSchema+`,"max_line_bytes":100`)
		if err != nil || len(rejected) != 1 || len(lines) != strings.Count(end, "{") {
			t.Errorf("got %d rows, %d rejects, %v", len(lines), len(rejected), err)
		}
	}
}

func TestVeryLongLineIsPassedOver(t *testing.T) {
	text := "{\"b\":1}\n" + strings.Repeat("x", 3_000_000) + "\n{\"b\":2}\n"
	lines, rejected, err := readText(t, text, abSchema+`,"max_line_bytes":1000`)
	if want := []string{`{"a":null,"b":1}`, `{"a":null,"b":2}`}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v", lines, err)
	}
	if len(rejected) != 1 || len(rejected[0]) > 5000 {
		t.Errorf("want one reject with a part of the line, got %d", len(rejected))
	}
}

func TestEmptyFilesHaveNoRows(t *testing.T) {
	for _, text := range []string{"", "\xef\xbb\xbf", "\n\r\n  \n"} {
		lines, rejected, err := readText(t, text, abSchema)
		if err != nil || len(lines)+len(rejected) > 0 {
			t.Errorf("%q: got %s, %q, %v", text, lines, rejected, err)
		}
	}
}

func TestUTF16IsNamed(t *testing.T) {
	_, _, err := readText(t, "\xff\xfe{\x00", abSchema)
	if err == nil || !strings.Contains(err.Error(), "a.jsonl:1: want UTF-8, got UTF-16") {
		t.Errorf("got %v", err)
	}
}

func TestReadingResumesAfterTheCursor(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "{\"b\":%d}\n\n", i)
		if i%1000 == 0 {
			text.WriteString("bad\n")
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(text.String()), 0o666))
	s, err := source(t, dir, `"path":"a.jsonl"`+abSchema, nil)
	must(t, err)
	resume, seen, rejects := map[string][]byte{}, 0, 0
	for seen < 4096 {
		item, err := s.Next(t.Context())
		must(t, err)
		if b := item.Batch; b != nil {
			resume[b.Partition] = b.Cursor
			seen, rejects = seen+int(b.NumRows()), rejects+len(b.Rejected)
		}
	}
	again, err := source(t, dir, `"path":"a.jsonl"`+abSchema, resume)
	must(t, err)
	lines, rejected, err := read(t, again)
	if err != nil || seen+len(lines) != 10_000 || rejects+len(rejected) != 10 {
		t.Fatalf("got %d rows after %d, %d rejects after %d, %v", len(lines), seen, len(rejected), rejects, err)
	}
	if want := fmt.Sprintf(`{"a":null,"b":%d}`, seen); lines[0] != want {
		t.Errorf("resumed at %s, want %s", lines[0], want)
	}
	line := 2*9000 + 9 + 2 + 1 // after rows of two lines, and bad ones
	if want := fmt.Sprintf(`%d: want a JSON object, got "bad": "bad"`, line); rejected[len(rejected)-1] != want {
		t.Errorf("last reject: got %s, want %s", rejected[len(rejected)-1], want)
	}
}

func TestNestedValuesAreReadAndWritten(t *testing.T) {
	const keys = `,"extra":"rest","metadata":["path","line"],"schema":{"id":"int64",` +
		`"at":{"type":"timestamp","format":"%d/%m/%Y","from":"p.at"},` +
		`"l":{"type":"list(struct)","fields":{"a":"list(decimal(4,1))","b":"bytes"}}}`
	lines, rejected, err := readText(t,
		`{"id":1,"p":{"at":"31/01/2026"},"l":[{"a":[1.5,null],"b":"AAE="},null],"x":[7]}`+
			"\n\n"+`{"id":2,"l":[{"b":1}]}`+"\n"+`{"id":3,"l":[]}`, keys)
	want := []string{`{"id":1,"at":"2026-01-31T00:00:00Z","l":[{"a":[1.5,null],"b":"AAE="},null],` +
		`"rest":{"x":[7]},` +
		`"_path":"a.jsonl","_line":1}`,
		`{"id":3,"at":null,"l":[],"rest":null,"_path":"a.jsonl","_line":4}`}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v\nwant %s", lines, err, want)
	}
	want = []string{`3: l.0.b: want bytes, got 1: "{\"id\":2,\"l\":[{\"b\":1}]}"`}
	if !slices.Equal(rejected, want) {
		t.Errorf("got %q, want %q", rejected, want)
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		plugin       sdk.Plugin
		config, want string
	}{
		{Source, `{"path":"a.jsonl","schema":` + textfilestest.TicketSchema + `}`, ``},
		{Source, `{"path":"a.jsonl"}`, `schema is missing (name one of the file's schemas, or write the ` +
			`columns in place: {id: int64, name: string})`},
		{Source, `{"path":"a.jsonl","schema":{"a":"list(string)"},"max_line_bytes":1,"extra":"_a"}`,
			"max_line_bytes: want 64B to 7MB, got 1B\n" +
				`extra: columns that begin with _ are the engine's; choose another name than _a`},
		{Source, `{"path":"a.jsonl","schema":{"a":"string"},"extra":"a"}`,
			`extra: the schema has a column a already; choose another name`},
		{Source, `{"path":"a.jsonl","schema":{"a":"string","":"string"}}`,
			`schema: a column needs a name: number 2 has none`},
		{Sink, `{"path":"out","compression":"zstd"}`, ``},
		{Sink, `{"path":"out","compression":"lz4"}`, `compression: want none, gzip or zstd, got "lz4"`},
	}
	for _, tt := range tests {
		var got []string
		for _, p := range tt.plugin.Describe([]byte(tt.config), nil).Problems {
			got = append(got, p.Error())
		}
		if text := strings.Join(got, "\n"); text != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.config, text, tt.want)
		}
	}
}

func TestLargeRowsComeInBoundedBatches(t *testing.T) {
	dir := t.TempDir()
	line := `{"a":"` + strings.Repeat("x", 1_000_000) + `"}` + "\n"
	must(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(strings.Repeat(line, 20)), 0o666))
	s, err := source(t, dir, `"path":"a.jsonl"`+abSchema, nil)
	must(t, err)
	total := int64(0)
	for total < 20 {
		item, err := s.Next(t.Context())
		must(t, err)
		if b := item.Batch; b != nil {
			if size := b.NumRows() * 1_000_000; size > sdk.MaxBatchBytes {
				t.Errorf("a batch of %d bytes", size)
			}
			total += b.NumRows()
		}
	}
}

// TestNumbersThatJSONLacksAreWrittenAsNull, as the description and the page say.
func TestNumbersThatJSONLacksAreWrittenAsNull(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.5}, nil)
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
	dir := t.TempDir()
	write(t, dir, `{"path":"out"}`, array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, 4))
	want := `{"x":null}` + "\n" + `{"x":null}` + "\n" + `{"x":null}` + "\n" + `{"x":1.5}` + "\n"
	if got := contents(t, filepath.Join(dir, "out")); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	page, err := os.ReadFile("../../docs/pipelines.md")
	must(t, err)
	if !strings.Contains(Sink.Summary, "NaN and infinities become null") ||
		!strings.Contains(string(page), "JSON has no NaN and no infinities: `jsonl` writes them as null") {
		t.Error("the description or docs/pipelines.md does not say so")
	}
}
