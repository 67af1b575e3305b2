package files

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

func TestFolderNamesAreThoseOfHive(t *testing.T) {
	tests := []struct{ value, want string }{
		{"a", "k=a"},
		{"", "k=__HIVE_DEFAULT_PARTITION__"},
		{"../../x", "k=..%2F..%2Fx"},
		{"..", "k=.."},
		{"a=b:c", "k=a%3Db%3Ac"},
		{"100%", "k=100%25"},
		{"élan vital", "k=élan vital"},
		{"a\x00b\n", "k=a%00b%0A"},
		{`"#'*?\{}[]^`, "k=%22%23%27%2A%3F%5C%7B%7D%5B%5D%5E"},
	}
	for _, test := range tests {
		got, err := folderName("k", test.value)
		if err != nil || got != test.want {
			t.Errorf("%q: want %q, got %q, %v", test.value, test.want, got, err)
		}
	}
}

func FuzzFolderNamesStayInTheirFolderAndComeBack(f *testing.F) {
	for _, seed := range []string{"", "a", "..", "../../x", "/", "%2F", "%", "a%zz",
		"\x00", "é", "\xff", "__HIVE_DEFAULT_PARTITION__"} {
		f.Add("k", seed)
		f.Add(seed, "v")
	}
	f.Fuzz(func(t *testing.T, column, value string) {
		name, err := folderName(column, value)
		if err != nil {
			return
		}
		if filepath.Base(name) != name || name == "." || name == ".." || !filepath.IsLocal(name) {
			t.Fatalf("%q=%q leaves the folder as %q", column, value, name)
		}
		values := folderValues(name)
		if column == "" {
			return
		}
		if len(values[column]) != 1 {
			t.Fatalf("%q=%q became %q and came back as %q", column, value, name, values[column])
		}
		got := values[column][0]
		if (value != "" && unescape(got) != value) || (value == "" && got != hiveNull) {
			t.Fatalf("%q=%q became %q and came back as %q", column, value, name, got)
		}
	})
}

// everyType has a row of each type that sdk knows, a null row, and an odd row.
func everyType(t *testing.T) arrow.RecordBatch {
	t.Helper()
	schema := sdk.Schema{
		{Key: "s", Value: sdk.Column{Type: "string"}}, {Key: "b", Value: sdk.Column{Type: "bool"}},
		{Key: "i32", Value: sdk.Column{Type: "int32"}}, {Key: "i64", Value: sdk.Column{Type: "int64"}},
		{Key: "u64", Value: sdk.Column{Type: "uint64"}}, {Key: "f", Value: sdk.Column{Type: "float64"}},
		{Key: "d", Value: sdk.Column{Type: "date"}}, {Key: "ts", Value: sdk.Column{Type: "timestamp"}},
		{Key: "by", Value: sdk.Column{Type: "bytes"}}, {Key: "dec", Value: sdk.Column{Type: "decimal(9,2)"}},
		{Key: "l", Value: sdk.Column{Type: "list(string)"}},
	}.Arrow()
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[
		{"s":"x","b":true,"i32":-1,"i64":2,"u64":3,"f":0.5,"d":"2026-02-01","ts":"2026-02-01T10:11:12.000001Z",
		 "by":"AAE=","dec":"1.25","l":["p","q"]},
		{},
		{"s":"é","b":false,"i32":7,"i64":-8,"u64":18446744073709551615,"f":-1,"d":"1969-12-31",
		 "ts":"1969-12-31T23:59:59Z",
		 "by":"","dec":"-0.01","l":[]}]`))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestPartitionValuesComeBackFromFolderNames(t *testing.T) {
	rows := everyType(t)
	for i, column := range rows.Columns() {
		if !hasFolderText(column.DataType()) {
			continue
		}
		for row := range 3 {
			text := ""
			if column.IsValid(row) {
				text = string(appendFolderText(nil, column, row))
			}
			name, err := folderName("k", text)
			if err != nil {
				t.Fatal(err)
			}
			got := folderRow(t, sdk.Column{Type: sdk.TypeName(column.DataType())}, folderValues(name)["k"][0])
			if got.ValueStr(0) != column.ValueStr(row) || got.IsNull(0) != column.IsNull(row) {
				t.Errorf("%s: want %s, got %s by %s", rows.ColumnName(i), column.ValueStr(row), got.ValueStr(0), name)
			}
		}
	}
}

func folderRow(t *testing.T, column sdk.Column, text string) arrow.Array {
	t.Helper()
	value, err := newFolderValue("k", column, text)
	if err != nil {
		t.Fatalf("%v from %q: %v", column, text, err)
	}
	row, err := value.rows(1)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestFolderNamesAreReadAsTextIs(t *testing.T) {
	tests := []struct{ kind, format, text, want, reason string }{
		{"json", "", "%7B%22a%22%3A1%7D", `{"a":1}`, ""}, {"json", "", "word", "", `cannot be read from "word"`},
		{"date", "", "0000-01-01", "", `"0000-01-01", which is not in the years 1 to 9999`},
		{"date", "%Y%m%d", "20260131", "2026-01-31", ""}, {"decimal(5,2)", "", "1.5", "1.5", ""},
		{"float64", "", "-0.5", "-0.5", ""}, {"time", "", "08%3A30%3A00", "08:30:00.000000", ""},
		{"timestamp", "", "10000-01-01 00%3A00%3A00", "", "cannot be read from"},
		{"timestamp", "", "0000-12-31 00%3A00%3A00", "", "not in the years 1 to 9999"},
		{"timestamp", "unix_s", "0", "1970-01-01T00:00:00Z", ""}, {"int32", "", "+1", "", `cannot be read from "+1"`},
		{"timestamp", "unix_s", "1970-01-01 00%3A00%3A00.5", "1970-01-01T00:00:00.5Z", ""},
		{"string", "", "%FF", "", "want UTF-8"}, {"list(int32)", "", "1", "", "from the name of a folder"},
	}
	for _, tt := range tests {
		column := sdk.Column{Type: tt.kind, Format: tt.format}
		if tt.reason == "" {
			if got := folderRow(t, column, tt.text).ValueStr(0); got != tt.want {
				t.Errorf("%v from %q: got %s, want %s", column, tt.text, got, tt.want)
			}
			continue
		}
		_, err := newFolderValue("k", column, tt.text)
		wantError(t, err, tt.reason)
	}
}

func TestKeysOfDifferentValuesDiffer(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[
		{"a":"x","b":"yz"}, {"a":"xy","b":"z"}, {"a":null,"b":"//"}, {"a":"//","b":null}, {"a":"","b":""}, {},
		{"a":"x","b":"yz"}]`))
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.PartitionBy = []string{"a", "b"}
	l, _ := cfg.layout(schema)
	s := newSpread(l)
	if _, err := s.buffer(rows, rows); err != nil {
		t.Fatal(err)
	}
	if len(s.groups) != 5 || len(s.groups[0].rows) != 2 || len(s.groups[4].rows) != 2 {
		t.Errorf("want 5 folders, null and empty in one, got %v", s.groups)
	}
}

func FuzzCommittables(f *testing.F) {
	f.Add([]byte(`{"v":1,"publish":[{"from":"a","to":"b"}],"hidden":[{"name":"a","length":3}]}`))
	f.Add([]byte(`{"v":1,"hidden":[{"name":"..","length":-3}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decodeCommittable(data)
		if err != nil || len(data) == 0 {
			return
		}
		again, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeCommittable(again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
	})
}
