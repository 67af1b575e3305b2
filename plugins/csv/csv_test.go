package csv

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/textfiles/textfilestest"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	format                  = textfilestest.Format{Source: Source, Sink: Sink, Extension: ".csv"}
	write, source, readText = format.Write, format.Open, format.ReadText
	env, rows, must         = textfilestest.Env, textfilestest.Rows, textfilestest.Must
	contents, read          = textfilestest.Contents, textfilestest.Read
)

var someTickets = []string{
	`{"id":"A1","client":"C1","at":"2026-01-01T00:00:00Z","text":"plain","n":1,"x":0.5,"j":{"a":[1,"b"]}}`,
	`{"id":"A2","client":"","at":"2026-01-01T00:00:00.250Z","text":"quotes \" and, commas\nand lines","n":-2,` +
		`"x":1e+21,"j":"text"}`,
	`{"id":null,"client":null,"at":null,"text":null,"n":null,"x":null,"j":null}`,
	`{"id":"A4","client":"é","at":"1969-12-31T23:59:59.999999Z","text":"=1+1","n":0,"x":-0,"j":[]}`,
}

func TestWrittenFilesAreAsTheGoldenOnes(t *testing.T) {
	tests := []struct{ name, keys string }{
		{"default", ``},
		{"semicolon", `,"delimiter":";","null_value":"NULL","crlf":true,"escape_formulas":true`},
		{"tab", `,"delimiter":"\t","header":false`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden := filepath.Join("testdata", tt.name+".csv")
			format.Golden(t, `{"path":"out"`+tt.keys+`}`, golden, *update, rows(t, someTickets...))
		})
	}
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	for _, keys := range []string{``, `,"delimiter":"|"`, `,"null_value":"\\N"`, `,"header":false`} {
		for _, more := range []string{``, `,"compression":"gzip"`, `,"compression":"zstd"`, `,"crlf":true`} {
			t.Run(keys+more, func(t *testing.T) {
				dir := t.TempDir()
				all := rows(t, someTickets...)
				write(t, dir, `{"path":"out"`+keys+more+`}`, all.NewSlice(0, 2), all.NewSlice(2, 4))
				s, err := source(t, dir, `"path":"out"`+keys, nil)
				must(t, err)
				got, rejected, err := read(t, s)
				if err != nil || len(rejected) > 0 || !slices.Equal(got, someTickets) {
					t.Errorf("got %s, %q, %v", got, rejected, err)
				}
			})
		}
	}
}

func TestEachFileHasItsHeaderOnce(t *testing.T) {
	dir := t.TempDir()
	batch := rows(t, someTickets...)
	write(t, dir, `{"path":"out","partition_by":["client"]}`, batch, batch, batch)
	files := contents(t, filepath.Join(dir, "out"))
	if len(files) != 3 { // null and "" share the default folder
		t.Fatalf("got %d files, want 3", len(files))
	}
	for _, text := range files {
		if !strings.HasPrefix(text, "id,at,text,n,x,j\n") || strings.Count(text, "id,at") != 1 {
			t.Errorf("want one header without the folder's column, got\n%s", text)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		plugin       sdk.Plugin
		config, want string
	}{
		{Source, `{"path":"a.csv","schema":` + textfilestest.TicketSchema + `}`, ``},
		{Source, `{"path":"a.csv"}`,
			`schema is missing (name one of the file's schemas, or write the columns ` +
				`in place: {id: int64, name: string})`},
		{Source, `{"path":"a.csv","header":false,"schema":{"a":{"type":"string","from":"x"}}}`,
			`schema.a.from: names a cell by the header's name, and there is no header; columns are taken in order`},
		{Source, `{"path":"a.csv","schema":{"a":"string","b":{"type":"int64","from":"a"}}}`,
			`schema.b: the cell "a" is the value of another column already`},
		{Source, `{"path":"a.csv","schema":{"a":"string"},"delimiter":null}`,
			`delimiter: want a string, got nothing (quote it: "" for the empty string, "|" or "#" for a mark that ` +
				`YAML reads itself)`},
		{Source, `{"path":"a.csv","schema":{"a":"string"},"delimiter":""}`,
			`delimiter: want one ASCII character, no quote and no line break, got "" (such as "," ";" "|" or "\t")`},
		{Source, `{"path":"a.csv","schema":{"a":"string"},"separator":";"}`,
			`separator: unknown field, did you mean delimiter?`},
		{Source, `{"path":"a.csv","schema":{"a":"string"},"null_value":"a,b"}`,
			`null_value: want text without quotes, delimiters and line breaks, got "a,b"`},
		{Source, `{"path":"a.csv","schema":{"a":"string"},"max_line_bytes":"8MB"}`,
			`max_line_bytes: want 64B to 7MB, got 8MB`},
		{Source, `{"schema":{"a":"string"}}`, `path is missing (it is required: A file, a folder or a glob.)`},
		{Sink, `{"path":"out","header":"false","crlf":true,"compression":"zstd"}`, ``},
		{Sink, `{"path":"out","compression":"snappy"}`, `compression: want none, gzip or zstd, got "snappy"`},
		{Sink, `{"path":"out","delimiter":"::"}`,
			`delimiter: want one ASCII character, no quote and no line break, got "::" (such as "," ";" "|" or "\t")`},
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

func TestSchemaIsTheConfigs(t *testing.T) {
	schema, problems := sdktest.Plan(Source, []byte(`{"path":"a.csv","schema":{"b":"int64","a":"timestamp"}}`), nil)
	if len(problems) > 0 || schema.Field(0).Name != "b" ||
		schema.Field(1).Type != arrow.DataType(sdk.Timestamp) {
		t.Errorf("got %v, %v", schema, problems)
	}
}

func TestExamplesAreValid(t *testing.T) {
	if got := Source.Example + Sink.Example; !strings.Contains(got, "csv:") {
		t.Errorf("got %q", got)
	}
	for _, p := range []sdk.Plugin{Source, Sink} {
		if _, err := json.Marshal(p.Fields); err != nil || len(p.Fields) < 5 {
			t.Errorf("%s: %d fields, %v", p.Kind, len(p.Fields), err)
		}
	}
}

func TestEachOptionIsAnotherShape(t *testing.T) {
	shapes := map[string]string{}
	for _, keys := range []string{``, `,"delimiter":";"`, `,"header":false`, `,"null_value":"-"`, `,"crlf":true`,
		`,"escape_formulas":true`} {
		config := SinkConfig{Dialect: dialect()}
		if problems := sdk.Decode([]byte(`{"path":"out"`+keys+`,"compression":"none","max_open_files":1,`+
			`"roll":{"size":"1MB"}}`), &config); len(problems) > 0 {
			t.Fatal(problems)
		}
		if other, equal := shapes[config.shape()]; equal {
			t.Errorf("%s would go on with a file of %s", keys, other)
		}
		shapes[config.shape()] = keys
	}
}

// TestNullsThatWouldBeBlankLinesAreRefused: those of the only column, which most
// readers skip; null_value fixes it.
func TestNullsThatWouldBeBlankLinesAreRefused(t *testing.T) {
	const blank = "null_value: a null of n, the only column, would be a blank line, which most readers skip " +
		`(write null_value: "NULL", or any other text)`
	tests := []struct{ schema, keys, want string }{
		{`{"n":"int64"}`, ``, blank},
		{`{"n":{"type":"int64","required":true}}`, ``, ""},
		{`{"n":"int64"}`, `,"null_value":"NULL"`, ""},
		{`{"n":"int64","m":"int64"}`, ``, ""},
		{`{"n":"int64","day":"date"}`, `,"partition_by":["day"]`, blank},
		{`{"n":"int64"}`, `,"partition_by":["m"]`, `partition_by.0: no column named "m", did you mean n?`},
	}
	for _, tt := range tests {
		var schema sdk.Schema
		if problems := sdk.Decode([]byte(tt.schema), &schema); len(problems) > 0 {
			t.Fatal(problems)
		}
		_, problems := sdktest.Plan(Sink, []byte(`{"path":"out"`+tt.keys+`}`), schema.Arrow())
		got := ""
		for _, p := range problems {
			got += p.Error()
		}
		if got != tt.want {
			t.Errorf("%s%s:\n got %s\nwant %s", tt.schema, tt.keys, got, tt.want)
		}
	}
}
