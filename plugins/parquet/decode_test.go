package parquet

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk/files"
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
		{pq.Uint(32), "int32", "uint32"},
		{pq.Uint(64), "int64", "uint64"},
		{pq.Int(64), "uint64", "int64"},
		{pq.Leaf(pq.DoubleType), "float32", "float64"},
		{pq.Leaf(pq.Int64Type), "timestamp", "int64"},
		{pq.Leaf(pq.Int64Type), "float64", "int64"},
		{pq.Timestamp(pq.Millisecond), "int64", "timestamp"},
		{pq.Decimal(2, 9, pq.Int32Type), "int32", "decimal(9,2)"},
		{pq.Date(), "timestamp", "date"},
		{pq.UUID(), "string", "UUID"},
		{pq.Group{"y": pq.Int(64)}, "string", "struct(y: int64)"},
		{pq.Repeated(pq.Int(64)), "list(int64)", "repeated values"},
	}
	for _, tt := range tests {
		_, _, err := tryRead(t, onDisk(t, foreign(t, tt.node, asUsual)), schemaOf(t, "x:"+tt.want), 0)
		if want := `column "x": want ` + tt.want + ", the file has " + tt.have; err == nil ||
			!strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
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

func TestNanosecondsAreCutAndTheLogSaysSo(t *testing.T) {
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
