package parquet

import (
	"bytes"
	"encoding/binary"
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
