package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageOf is a page of version 1 that says to have n values.
func pageOf(t *testing.T, n int, e format.Encoding, data []byte) []byte {
	t.Helper()
	h := format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(len(data)),
		CompressedPageSize: int32(len(data))}
	h.DataPageHeader.Valid = true
	h.DataPageHeader.V = format.DataPageHeader{NumValues: int32(n), Encoding: e,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	return marshaled(t, &h, data)
}

func marshaled(t *testing.T, h *format.PageHeader, data []byte) []byte {
	t.Helper()
	head, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	if err != nil {
		t.Fatal(err)
	}
	return append(head, data...)
}

func dictionaryOf(t *testing.T, n int, data []byte) []byte {
	t.Helper()
	h := format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: int32(len(data)),
		CompressedPageSize: int32(len(data))}
	h.DictionaryPageHeader.Valid = true
	h.DictionaryPageHeader.V = format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain}
	return marshaled(t, &h, data)
}

// readPages reads all values of a column that says to have n.
func readPages(n int, leaf leafOf, codec format.CompressionCodec, pages []byte) (read int, err error) {
	data := append([]byte(magic), pages...)
	meta := &format.ColumnChunk{MetaData: format.ColumnMetaData{NumValues: int64(n), DataPageOffset: 4, Codec: codec,
		Type: format.Type(leaf.kind), TotalCompressedSize: int64(len(pages))}}
	c, err := newChunk(source{bytes.NewReader(data), int64(len(data))}, meta, leaf, nil)
	if err != nil {
		return 0, err
	}
	for slab := make([]pq.Value, 100); ; {
		k, err := c.ReadValues(slab)
		if read += k; errors.Is(err, io.EOF) && err == io.EOF {
			return read, nil
		}
		if err != nil {
			return read, err
		}
	}
}

// A page that has not what it says ends the reading: nothing is filled up, nothing is left.
func TestPagesAreCheckedAgainstTheirCounts(t *testing.T) {
	widths := map[pq.Kind]int{pq.Int32: 4, pq.Int64: 8, pq.Float: 4, pq.Double: 8, pq.Int96: 12, pq.FixedLenByteArray: 5}
	for kind, width := range widths {
		for _, e := range []format.Encoding{format.Plain, format.ByteStreamSplit} {
			if kind == pq.Int96 && e == format.ByteStreamSplit {
				continue
			}
			leaf := leafOf{physical: physical{kind: kind, length: width}}
			for _, have := range []int{0, 1, 3, 4, 5, 6} {
				n, err := readPages(5, leaf, format.Uncompressed, pageOf(t, 5, e, make([]byte, have*width)))
				if (err == nil) != (have == 5) || err == nil && n != 5 {
					t.Errorf("%s %s, %d values of 5: got %d and %v", kind, e, have, n, err)
				}
			}
		}
	}
	flag, text := leafOf{physical: physical{kind: pq.Boolean}}, leafOf{physical: physical{kind: pq.ByteArray}}
	words := func(n int) []byte { return bytes.Repeat([]byte{1, 0, 0, 0, 'x'}, n) }
	optional := leafOf{physical: physical{kind: pq.Int32}, maxDefinition: 1}
	levels := func(runs ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(runs))), runs...)
	}
	dictionary := dictionaryOf(t, 2, []byte{10, 0, 0, 0, 20, 0, 0, 0})
	indexes := func(n int, runs ...byte) []byte {
		return append(bytes.Clone(dictionary), pageOf(t, n, format.RLEDictionary, append([]byte{1}, runs...))...)
	}
	number := leafOf{physical: physical{kind: pq.Int32}}
	tests := []struct {
		name  string
		leaf  leafOf
		pages []byte
		ok    bool
	}{
		{"bools", flag, pageOf(t, 20, format.Plain, make([]byte, 3)), true},
		{"too few bools", flag, pageOf(t, 20, format.Plain, make([]byte, 2)), false},
		{"too many bools", flag, pageOf(t, 20, format.Plain, make([]byte, 4)), false},
		{"texts", text, pageOf(t, 20, format.Plain, words(20)), true},
		{"too few texts", text, pageOf(t, 20, format.Plain, words(19)), false},
		{"too many texts", text, pageOf(t, 20, format.Plain, words(21)), false},
		{"nulls", optional, pageOf(t, 20, format.Plain, levels(40, 0)), true},
		{"too few levels", optional, pageOf(t, 20, format.Plain, levels(38, 0)), false},
		{"levels too high", optional, pageOf(t, 20, format.Plain, levels(40, 2)), false},
		{"values behind nulls", optional, pageOf(t, 20, format.Plain, append(levels(38, 0, 2, 1), 1, 2, 3)), false},
		{"indexes", number, indexes(20, 40, 1), true},
		{"too few indexes", number, indexes(20, 4, 1), false},
		{"no dictionary", number, indexes(20, 40, 1)[len(dictionary):], false},
		{"no such index", number, append(bytes.Clone(dictionary), pageOf(t, 20, format.RLEDictionary, []byte{2, 40, 2})...), false},
		{"more values than the column", number, pageOf(t, 21, format.Plain, make([]byte, 84)), false},
		{"fewer values than the column", number, pageOf(t, 19, format.Plain, make([]byte, 76)), false},
	}
	for _, tt := range tests {
		if n, err := readPages(20, tt.leaf, format.Uncompressed, tt.pages); (err == nil) != tt.ok || tt.ok && n != 20 {
			t.Errorf("%s: got %d values and %v", tt.name, n, err)
		}
	}
}

// allocated is the memory that a call asks for.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What a file says of sizes is a claim: memory is asked for by what is there.
func TestClaimsOfSizesAllocateNothing(t *testing.T) {
	long := binary.AppendUvarint(nil, 1<<29) // a run of 2^28
	number, optional := leafOf{physical: physical{kind: pq.Int32}}, leafOf{physical: physical{kind: pq.Int32}, maxDefinition: 1}
	run := append(append([]byte{1}, long...), 1)
	levels := append(long, 0)
	levels = append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := packer.EncodeAll(make([]byte, 200<<20), nil)
	bomb := format.PageHeader{Type: format.DataPage, UncompressedPageSize: 200 << 20, CompressedPageSize: int32(len(zeros))}
	bomb.DataPageHeader.Valid = true
	bomb.DataPageHeader.V = format.DataPageHeader{NumValues: 50 << 20}
	deltas := append([]byte{0x80, 1, 4}, binary.AppendUvarint(nil, 1<<30)...)
	tests := []struct {
		name  string
		leaf  leafOf
		codec format.CompressionCodec
		pages []byte
	}{
		{"a long run of indexes", number, format.Uncompressed, append(dictionaryOf(t, 2, make([]byte, 8)),
			pageOf(t, 20, format.RLEDictionary, run)...)},
		{"a long run of levels", optional, format.Uncompressed, pageOf(t, 20, format.Plain, levels)},
		{"a dictionary of many values", number, format.Uncompressed, dictionaryOf(t, 1<<30, make([]byte, 8))},
		{"deltas of many numbers", number, format.Uncompressed, pageOf(t, 20, format.DeltaBinaryPacked, deltas)},
		{"a page beyond the file", number, format.Uncompressed, pageOf(t, 20, format.Plain, make([]byte, 1<<20))[:30]},
		{"much from little", number, format.Zstd, marshaled(t, &bomb, zeros)},
	}
	for _, tt := range tests {
		if got := allocated(func() { _, _ = readPages(20, tt.leaf, tt.codec, tt.pages) }); got > 4<<20 {
			t.Errorf("%s: %d bytes allocated for %d", tt.name, got, len(tt.pages))
		}
	}
}

func TestFootersOfManyEmptyOrNestedThingsAreRefused(t *testing.T) {
	footers := map[string][]byte{
		"a list longer than the footer": {0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 7, 0},
		"empty structs":                 append(append([]byte{0x49, 0xfc}, binary.AppendUvarint(nil, 5000)...), make([]byte, 5001)...),
	}
	deep := []byte{0x29, 0xfc}
	deep = binary.AppendUvarint(deep, 5000)
	for range 5000 {
		deep = append(deep, 0x48, 1, 'x', 0x15, 2, 0) // a name, and one child
	}
	footers["columns in columns"] = append(deep, 0)
	for name, footer := range footers {
		data := append([]byte(magic), footer...)
		data = append(binary.LittleEndian.AppendUint32(data, uint32(len(footer))), magic...)
		var err error
		got := allocated(func() { _, err = openFile(bytes.NewReader(data), int64(len(data))) })
		if err == nil || !strings.Contains(err.Error(), "damaged") || got > 4<<20 {
			t.Errorf("%s: got %v with %d bytes allocated", name, err, got)
		}
	}
}

func TestValueLargerThanTheLimitIsRejected(t *testing.T) {
	schema := schemaOf(t, "a:string b:list(bytes)")
	rows := rowsOf(t, schema, fmt.Sprintf(`[{"a":"x","b":[]},{"a":"%s"},{"b":[null,"%s"]},{"a":"y"}]`,
		strings.Repeat("a", 5<<20), strings.Repeat("AAAA", 2<<20)))
	got, rejected := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), rows)), schema, 0)
	if n := joined(t, schema.Arrow(), got...).NumRows(); n != 2 || len(rejected) != 2 {
		t.Fatalf("got %d rows and %d rejects, want 2 and 2", n, len(rejected))
	}
	for i, want := range []string{"a: want a value of at most 4MB, got one of 5MB", "b: want a value of at most 4MB, got one of 6MB"} {
		if !strings.HasPrefix(rejected[i].Reason, want) || rejected[i].Position != int64(i+2) {
			t.Errorf("got row %d: %s, want %s", rejected[i].Position, rejected[i].Reason, want)
		}
	}
}
