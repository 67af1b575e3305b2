package parquet

import (
	"bytes"
	"encoding/binary"
	"runtime/debug"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
)

func TestKeysOfTheFooterNeedNoValues(t *testing.T) {
	var out bytes.Buffer
	w := pq.NewGenericWriter[any](&out, pq.NewSchema("theirs", pq.Group{"x": pq.Int(64)}),
		pq.KeyValueMetadata("a", "b"), pq.KeyValueMetadata("c", ""))
	if _, err := w.WriteRows([]pq.Row{{pq.Int64Value(7)}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	length := int(binary.LittleEndian.Uint32(data[len(data)-trailerSize:]))
	start := len(data) - trailerSize - length
	footer, err := dropFields(data[start:start+length], [][]int64{{5, 2}})
	if err != nil {
		t.Fatal(err)
	}
	bare := append(bytes.Clone(data[:start]), footer...)
	bare = binary.LittleEndian.AppendUint32(bare, uint32(len(footer)))
	bare = append(bare, magic...)
	if _, err := pq.OpenFile(bytes.NewReader(bare), int64(len(bare))); err == nil {
		t.Error("parquet-go opens a file whose keys have no values: it need not be helped any more")
	}
	schema := schemaOf(t, "x:int64")
	got, _ := readAll(t, onDisk(t, bare), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), rowsOf(t, schema, `[{"x": 7}]`))
}

// TestFooterThatWouldOutgrowMemoryIsRefused before it is read or decoded.
func TestFooterThatWouldOutgrowMemoryIsRefused(t *testing.T) {
	before := debug.SetMemoryLimit(600 << 20)
	defer debug.SetMemoryLimit(before)
	for size, want := range map[int]string{4 << 20: "the file is damaged", 8 << 20: "would take 320MB of memory, and may take 300MB"} {
		data := append([]byte(magic), make([]byte, size)...)
		data = append(binary.LittleEndian.AppendUint32(data, uint32(size)), magic...)
		if _, err := openFile(bytes.NewReader(data), int64(len(data))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a footer of %d MB: got %v, want %s", size>>20, err, want)
		}
	}
}
