package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/kit/files"
)

// asUsual is no option of foreign.
var asUsual = pq.DataPageVersion(2)

// foreign is a file as another writer might make it: one column x.
func foreign(t testing.TB, node pq.Node, option pq.WriterOption, values ...pq.Value) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pq.NewGenericWriter[any](&out, pq.NewSchema("theirs", pq.Group{"x": node}), option)
	for _, v := range values {
		if _, err := w.WriteRows([]pq.Row{{v}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOtherWritersTypesAreReadIfTheyKeepTheirValues(t *testing.T) {
	seconds := int64(-1) // 1969-12-31T23:59:59Z
	bytes16 := append(bytes.Repeat([]byte{0xff}, 14), 0xff, 0x38)
	number32 := func(v int32) pq.Value { return pq.Int32Value(v) }
	text := func(s string) pq.Value { return pq.ByteArrayValue([]byte(s)) }
	spark := deprecated.Int96{}
	nanos := uint64(86_399_000_000_000)
	spark[0], spark[1], spark[2] = uint32(nanos), uint32(nanos>>32), 2_440_587
	tests := []struct {
		name  string
		node  pq.Node
		value pq.Value
		want  string // type
		text  string // JSON
	}{
		{"a string without annotation", pq.Leaf(pq.ByteArrayType), text("é"), "string", `"é"`},
		{"an enum", pq.Enum(), text("A"), "string", `"A"`},
		{"json as string", pq.JSON(), text("{}"), "string", `"{}"`},
		{"a string as json", pq.String(), text("{}"), "json", `"{}"`},
		{"a string as bytes", pq.String(), text("a"), "bytes", `"YQ=="`},
		{"a uuid as bytes", pq.UUID(), pq.FixedLenByteArrayValue(make([]byte, 16)), "bytes",
			`"AAAAAAAAAAAAAAAAAAAAAA=="`},
		{"int8 as int32", pq.Int(8), number32(-5), "int32", `-5`},
		{"uint16 as int32", pq.Uint(16), number32(65535), "int32", `65535`},
		{"int32 as int64", pq.Int(32), number32(-5), "int64", `-5`},
		{"uint32 as int64", pq.Uint(32), number32(-1), "int64", `4294967295`},
		{"uint32 as uint64", pq.Uint(32), number32(-1), "uint64", `4294967295`},
		{"int8 as float64", pq.Int(8), number32(-5), "float64", `-5`},
		{"int64 as float64", pq.Int(64), pq.Int64Value(1 << 53), "float64", `9007199254740992`},
		{"uint64 as float64", pq.Uint(64), pq.Int64Value(-1 << 63), "float64", `9223372036854775808`},
		{"int32 as float32", pq.Int(32), number32(1 << 24), "float32", `16777216`},
		{"whole floats as int32", pq.Leaf(pq.FloatType), pq.FloatValue(-9), "int32", `-9`},
		{"whole floats as int64", pq.Leaf(pq.DoubleType), pq.DoubleValue(9), "int64", `9`},
		{"int32 as a decimal", pq.Int(32), number32(-2), "decimal(5,2)", `"-2.00"`},
		{"uint64 as a decimal", pq.Uint(64), pq.Int64Value(-1), "decimal(20,0)", `"18446744073709551615"`},
		{"a decimal with less behind the point", pq.Decimal(1, 4, pq.Int32Type), number32(-21), "decimal(9,4)", `"-2.1000"`},
		{"a date as a timestamp", pq.Date(), number32(-1), "timestamp", `"1969-12-31T00:00:00Z"`},
		{"a uuid as text", pq.UUID(), pq.FixedLenByteArrayValue([]byte("0123456789abcdef")), "string",
			`"30313233-3435-3637-3839-616263646566"`},
		{"float32 as float64", pq.Leaf(pq.FloatType), pq.FloatValue(0.5), "float64", `0.5`},
		{"milliseconds", pq.Timestamp(pq.Millisecond), pq.Int64Value(seconds * 1000), "timestamp",
			`"1969-12-31T23:59:59Z"`},
		{"nanoseconds", pq.Timestamp(pq.Nanosecond), pq.Int64Value(seconds * 1e9), "timestamp",
			`"1969-12-31T23:59:59Z"`},
		{"local time", pq.TimestampAdjusted(pq.Microsecond, false), pq.Int64Value(seconds * 1e6), "timestamp",
			`"1969-12-31T23:59:59Z"`},
		{"INT96", pq.Leaf(pq.Int96Type), pq.Int96Value(spark), "timestamp", `"1969-12-31T23:59:59Z"`},
		{"time in milliseconds", pq.Time(pq.Millisecond), number32(1500), "time", `"00:00:01.5"`},
		{"time in nanoseconds", pq.Time(pq.Nanosecond), pq.Int64Value(15e8), "time", `"00:00:01.5"`},
		{"a narrower decimal", pq.Decimal(2, 5, pq.Int32Type), number32(-200), "decimal(20,2)", `"-2.00"`},
		{"a decimal in 8 bytes", pq.Decimal(2, 12, pq.Int64Type), pq.Int64Value(-200), "decimal(12,2)", `"-2.00"`},
		{"a decimal in few bytes", pq.Decimal(2, 4, pq.FixedLenByteArrayType(2)),
			pq.FixedLenByteArrayValue([]byte{0xff, 0x38}), "decimal(4,2)", `"-2.00"`},
		{"a decimal in many bytes", pq.Decimal(2, 38, pq.FixedLenByteArrayType(20)),
			pq.FixedLenByteArrayValue(append([]byte{0xff, 0xff, 0xff, 0xff}, bytes16...)), "decimal(38,2)", `"-2.00"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			schema := schemaOf(t, "x:"+tt.want)
			got, rejected := readAll(t, onDisk(t, foreign(t, tt.node, asUsual, tt.value)), schema, 0)
			if len(rejected) > 0 {
				t.Fatalf("rejected: %+v", rejected)
			}
			sameRows(t, joined(t, schema.Arrow(), got...), rowsOf(t, schema, `[{"x": `+tt.text+`}]`))
		})
	}
}

func TestTypesThatWouldLoseValuesAreRefused(t *testing.T) {
	tests := []struct {
		node       pq.Node
		want, have string
	}{
		{pq.Leaf(pq.DoubleType), "float32", "float64"},
		{pq.Leaf(pq.Int64Type), "timestamp", "int64"}, {pq.Leaf(pq.BooleanType), "int32", "bool"},
		{pq.Leaf(pq.DoubleType), "decimal(9,2)", "float64"}, {pq.Decimal(2, 9, pq.Int32Type), "float64", "decimal(9,2)"},
		{pq.Timestamp(pq.Millisecond), "int64", "timestamp"},
		{pq.Group{"y": pq.Int(64)}, "string", "struct(y: int64)"},
		{pq.Group{"y": pq.Int(64)}, "json", "struct(y: int64); declare the column as it is, with its fields: " +
			"groups of columns are not read as json"},
		{pq.Repeated(pq.Int(64)), "int64", "list(int64)"},
		{pq.Map(pq.String(), pq.Int(64)), "string", "map(string, int64); a map is read as " +
			"{type: list(struct), fields: {key: …, value: …}}"},
		{pq.Map(pq.String(), pq.Int(64)), "json", "map(string, int64); a map is read as " +
			"{type: list(struct), fields: {key: …, value: …}}"},
		{pq.Variant(), "json", "VARIANT, which is not supported; write it as a string of JSON"},
	}
	for _, tt := range tests {
		_, _, err := tryRead(t, onDisk(t, foreign(t, tt.node, asUsual)), schemaOf(t, "x:"+tt.want), 0)
		if want := `column "x": want ` + tt.want + ", the file has " + tt.have; err == nil ||
			!strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A value that is not kept is a dead letter, and those beside it are read.
func TestValuesThatAWiderTypeDoesNotHoldAreRejected(t *testing.T) {
	tests := []struct {
		node       pq.Node
		bad, good  pq.Value
		want, text string
		reason     string
	}{
		{pq.Int(64), pq.Int64Value(1<<53 + 1), pq.Int64Value(3), "float64", "3",
			"x: want a float64, got 9007199254740993, which it does not hold exactly"},
		{pq.Int(64), pq.Int64Value(1<<63 - 1), pq.Int64Value(3), "float64", "3",
			"x: want a float64, got 9223372036854775807, which it does not hold exactly"},
		{pq.Uint(64), pq.Int64Value(-1), pq.Int64Value(3), "float64", "3",
			"x: want a float64, got 18446744073709551615, which it does not hold exactly"},
		{pq.Int(32), pq.Int32Value(1<<24 + 1), pq.Int32Value(3), "float32", "3",
			"x: want a float32, got 16777217, which it does not hold exactly"},
		{pq.Leaf(pq.DoubleType), pq.DoubleValue(9.5), pq.DoubleValue(9), "int64", "9", "x: want an int64, got 9.5"},
		{pq.Leaf(pq.DoubleType), pq.DoubleValue(1 << 63), pq.DoubleValue(9), "int64", "9",
			"x: want an int64, got 9.223372036854776e+18"},
		{pq.Leaf(pq.DoubleType), pq.DoubleValue(math.NaN()), pq.DoubleValue(9), "int32", "9", "x: want an int32, got NaN"},
		{pq.Int(32), pq.Int32Value(1000), pq.Int32Value(-999), "decimal(5,2)", `"-999.00"`, "x: want a decimal(5,2), got 1000"},
		{pq.Uint(32), pq.Int32Value(-1), pq.Int32Value(math.MaxInt32), "int32", "2147483647",
			"x: want an int32, got 4294967295"},
		{pq.Int(64), pq.Int64Value(math.MinInt32 - 1), pq.Int64Value(math.MinInt32), "int32", "-2147483648",
			"x: want an int32, got -2147483649"},
		{pq.Uint(64), pq.Int64Value(-1), pq.Int64Value(1<<63 - 1), "int64", "9223372036854775807",
			"x: want an int64, got 18446744073709551615"},
		{pq.Int(8), pq.Int32Value(-1), pq.Int32Value(127), "uint64", "127", "x: want a uint64, got -1"},
		{pq.Leaf(pq.DoubleType), pq.DoubleValue(1 << 64), pq.DoubleValue(1 << 63), "uint64", "9223372036854775808",
			"x: want a uint64, got 1.8446744073709552e+19"},
		{pq.Decimal(2, 9, pq.Int32Type), pq.Int32Value(150), pq.Int32Value(-300), "int32", "-3",
			"x: want an int32, got 1.50"},
		{pq.Decimal(2, 9, pq.Int32Type), pq.Int32Value(151), pq.Int32Value(-150), "decimal(9,1)", `"-1.5"`,
			"x: want a decimal(9,1), got 1.51"},
		{pq.Decimal(2, 9, pq.Int32Type), pq.Int32Value(100_000_000), pq.Int32Value(-99_999_999), "decimal(9,3)",
			`"-999999.990"`, "x: want a decimal(9,3), got 1000000.00"},
		{pq.Decimal(2, 38, pq.FixedLenByteArrayType(16)),
			pq.FixedLenByteArrayValue(append([]byte{0x80}, make([]byte, 15)...)),
			pq.FixedLenByteArrayValue(append(make([]byte, 15), 200)), "int64", "2",
			"x: want an int64, got -1701411834604692317316873037158841057.28"},
	}
	for _, tt := range tests {
		schema := schemaOf(t, "x:"+tt.want)
		got, rejected := readAll(t, onDisk(t, foreign(t, tt.node, asUsual, tt.good, tt.bad, tt.good)), schema, 0)
		sameRows(t, joined(t, schema.Arrow(), got...), rowsOf(t, schema, `[{"x": `+tt.text+`}, {"x": `+tt.text+`}]`))
		if len(rejected) != 1 || rejected[0].Position != 2 || rejected[0].Reason != tt.reason {
			t.Errorf("got %+v, want %s for row 2", rejected, tt.reason)
		}
	}
}

// asLists gives the groups of a file that are named so the type of lists.
func asLists(t testing.TB, data []byte, names ...string) []byte {
	t.Helper()
	length := int(binary.LittleEndian.Uint32(data[len(data)-trailerSize:]))
	start := len(data) - trailerSize - length
	var meta format.FileMetaData
	var protocol thrift.CompactProtocol
	if err := thrift.Unmarshal(&protocol, data[start:start+length], &meta); err != nil {
		t.Fatal(err)
	}
	for i := range meta.Schema {
		if slices.Contains(names, meta.Schema[i].Name) {
			meta.Schema[i].ConvertedType = thrift.New(deprecated.List)
		}
	}
	footer, err := thrift.Marshal(&protocol, &meta)
	if err != nil {
		t.Fatal(err)
	}
	data = append(slices.Clone(data[:start]), footer...)
	return append(binary.LittleEndian.AppendUint32(data, uint32(len(footer))), magic...)
}

func TestListsOfOlderFormsAreRead(t *testing.T) {
	number := pq.Leaf(pq.Int64Type)
	one := func(repetition, definition, column int, n int64) pq.Value {
		return pq.Int64Value(n).Level(repetition, definition, column)
	}
	none := func(definition, column int) pq.Value { return pq.Value{}.Level(0, definition, column) }
	tests := []struct {
		name string
		node pq.Node
		want string
		rows []pq.Row
		text string
	}{
		{"two levels", pq.Optional(pq.Group{"y": pq.Repeated(number)}), "list(int64)",
			[]pq.Row{{one(0, 2, 0, 1), one(1, 2, 0, 2)}, {none(1, 0)}, {none(0, 0)}},
			`[{"x": [1, 2]}, {"x": []}, {"x": null}]`},
		{"one level", pq.Repeated(number), "list(int64)",
			[]pq.Row{{one(0, 1, 0, 1), one(1, 1, 0, 2)}, {none(0, 0)}}, `[{"x": [1, 2]}, {"x": []}]`},
		{"a group named array", pq.Optional(pq.Group{"array": pq.Repeated(pq.Group{"y": number})}),
			"list(struct)", []pq.Row{{one(0, 2, 0, 1), one(1, 2, 0, 2)}, {none(1, 0)}, {none(0, 0)}},
			`[{"x": [{"y": 1}, {"y": 2}]}, {"x": []}, {"x": null}]`},
		{"a group named after the list", pq.Optional(pq.Group{"x_tuple": pq.Repeated(pq.Group{"y": number})}),
			"list(struct)", []pq.Row{{one(0, 2, 0, 1)}}, `[{"x": [{"y": 1}]}]`},
		{"a group of another name", pq.Optional(pq.Group{"bag": pq.Repeated(pq.Group{"y": number})}),
			"list(int64)", []pq.Row{{one(0, 2, 0, 1)}}, `[{"x": [1]}]`},
		{"two levels in two levels", pq.Optional(pq.Group{"array": pq.Repeated(pq.Group{"y": pq.Repeated(number)})}),
			"list(list(int64))",
			[]pq.Row{{one(0, 3, 0, 1), one(2, 3, 0, 2), one(1, 3, 0, 3)}, {none(2, 0)}, {none(1, 0)}, {none(0, 0)}},
			`[{"x": [[1, 2], [3]]}, {"x": [[]]}, {"x": []}, {"x": null}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			w := pq.NewGenericWriter[any](&out, pq.NewSchema("theirs", pq.Group{"x": tt.node}))
			if _, err := w.WriteRows(tt.rows); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			want := `{"x": "` + tt.want + `"}`
			if tt.want == "list(struct)" {
				want = `{"x": {"type": "list(struct)", "fields": {"y": "int64"}}}`
			}
			schema := decoded(t, want)
			got, _ := readAll(t, onDisk(t, asLists(t, out.Bytes(), "x", "array")), schema, 0)
			sameRows(t, joined(t, schema.Arrow(), got...), rowsOf(t, schema, tt.text))
		})
	}
}

func TestListsOfOtherWritersAreRead(t *testing.T) {
	schema := schemaOf(t, "x:list(int64)")
	node := pq.List(pq.Leaf(pq.Int64Type)) // neither list nor items may be null
	var out bytes.Buffer
	w := pq.NewGenericWriter[any](&out, pq.NewSchema("theirs", pq.Group{"x": node}))
	rows := []pq.Row{
		{pq.Int64Value(1).Level(0, 1, 0), pq.Int64Value(2).Level(1, 1, 0)},
		{pq.Value{}.Level(0, 0, 0)},
		{pq.Int64Value(3).Level(0, 1, 0)},
	}
	if _, err := w.WriteRows(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _ := readAll(t, onDisk(t, out.Bytes()), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), rowsOf(t, schema, `[{"x": [1, 2]}, {"x": []}, {"x": [3]}]`))
}

func TestNanosecondsAreTruncatedAndTheLogSaysSo(t *testing.T) {
	schema := schemaOf(t, "x:timestamp")
	data := foreign(t, pq.Timestamp(pq.Nanosecond), asUsual, pq.Int64Value(-1), pq.Int64Value(1999), pq.Int64Value(3000))
	var log strings.Builder
	f := files.File{Path: onDisk(t, data), Schema: schema}
	r, err := openReader(f, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, rows, rowsOf(t, schema, `[{"x": "1969-12-31T23:59:59.999999Z"},
		{"x": "1970-01-01T00:00:00.000001Z"}, {"x": "1970-01-01T00:00:00.000003Z"}]`))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); !strings.Contains(got, "column=x values=2") {
		t.Errorf("the log says %q, want the column and 2 values", got)
	}
}

// Older writers, and those of data pages of version 2, use more encodings than ours.
func TestEveryEncodingIsRead(t *testing.T) {
	rle := pq.Encoded(pq.Leaf(pq.BooleanType), &pq.RLE)
	tests := []struct {
		name   string
		node   pq.Node
		value  func(i int) pq.Value
		option pq.WriterOption
		want   string
	}{
		{"LZ4_RAW", pq.Int(64), func(i int) pq.Value { return pq.Int64Value(int64(i / 9)) }, pq.Compression(&pq.Lz4Raw),
			"int64"},
		{"BROTLI", pq.Int(64), func(i int) pq.Value { return pq.Int64Value(int64(i / 9)) }, pq.Compression(&pq.Brotli),
			"int64"},
		{"booleans in runs", rle, func(i int) pq.Value { return pq.BooleanValue(i%7 > 3) }, pq.DataPageVersion(2), "bool"},
		{"deltas of 4 bytes", pq.Encoded(pq.Leaf(pq.Int32Type), &pq.DeltaBinaryPacked),
			func(i int) pq.Value { return pq.Int32Value(int32(i) * 1e9) }, pq.DataPageVersion(1), "int32"},
		{"deltas of 8 bytes", pq.Encoded(pq.Leaf(pq.Int64Type), &pq.DeltaBinaryPacked),
			func(i int) pq.Value { return pq.Int64Value(int64(i) * 4e18) }, pq.DataPageVersion(2), "int64"},
		{"lengths as deltas", pq.Encoded(pq.String(), &pq.DeltaLengthByteArray),
			func(i int) pq.Value { return pq.ByteArrayValue(bytes.Repeat([]byte("é"), i%50)) }, pq.DataPageVersion(2), "string"},
		{"shared beginnings", pq.Encoded(pq.String(), &pq.DeltaByteArray),
			func(i int) pq.Value { return pq.ByteArrayValue(bytes.Repeat([]byte("ab"), i%50)) }, pq.DataPageVersion(1), "string"},
		{"split bytes", pq.Encoded(pq.Leaf(pq.DoubleType), &pq.ByteStreamSplit),
			func(i int) pq.Value { return pq.DoubleValue(float64(i) / 3) }, pq.DataPageVersion(1), "float64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values, text := make([]pq.Value, 999), make([]string, 999)
			for i := range values {
				values[i] = tt.value(i)
				text[i] = fmt.Sprintf(`{"x": %s}`, values[i])
				if values[i].Kind() == pq.ByteArray {
					text[i] = fmt.Sprintf(`{"x": %q}`, values[i])
				}
			}
			schema := schemaOf(t, "x:"+tt.want)
			got, _ := readAll(t, onDisk(t, foreign(t, tt.node, tt.option, values...)), schema, 0)
			sameRows(t, joined(t, schema.Arrow(), got...), rowsOf(t, schema, "["+strings.Join(text, ", ")+"]"))
		})
	}
}

// Neither is damage, and both have a way on.
func TestWhatIsNotSupportedIsNamedBeforeAnyRowIsRead(t *testing.T) {
	encrypted := format.ColumnCryptoMetaData{Value: &format.EncryptionWithFooterKey{}}
	tests := []struct {
		chunk format.ColumnChunk
		want  string
	}{
		{format.ColumnChunk{MetaData: format.ColumnMetaData{Codec: format.Lz4}},
			"LZ4 is not supported; write the file with snappy, zstd or gzip"},
		{format.ColumnChunk{MetaData: format.ColumnMetaData{Codec: format.LZO}}, "LZO is not supported"},
		{format.ColumnChunk{CryptoMetadata: encrypted}, "encrypted"},
		{format.ColumnChunk{FilePath: "other.parquet"}, `"other.parquet"`},
	}
	for _, tt := range tests {
		meta := format.FileMetaData{RowGroups: []format.RowGroup{{Columns: []format.ColumnChunk{tt.chunk}}}}
		if err := unsupported(&meta, 0); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
