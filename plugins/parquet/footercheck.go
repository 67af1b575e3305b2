package parquet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

const (
	maxSchemaDepth = 100
	// minStructBytes is what a struct in a list of a footer takes on average, at the
	// least. Decoded, one takes some hundred bytes: a list of empty ones would be a
	// small file that needs much memory.
	minStructBytes = 4
	// footerGrowth is about how many bytes one of a footer becomes when it is decoded: 40 in
	// one that lists 300,000 row groups.
	footerGrowth = 40
)

// checkFooter refuses a footer that parquet-go would decode into more memory, or a
// deeper tree of columns, than a file of its size can have: it allocates as many
// elements as a list says it has, and reads columns in columns as deep as they go.
func checkFooter(r io.ReaderAt, size int64) error {
	var trailer [trailerSize]byte
	if _, err := r.ReadAt(trailer[:], size-int64(trailerSize)); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(trailer[:4]))
	if most := max(2*maxPageBytes, debug.SetMemoryLimit(-1)/2); length > most/footerGrowth {
		return fmt.Errorf("its footer of %s would take %s of memory, and may take %s: write the file with fewer row "+
			"groups or columns, or give the process more memory", sdk.Bytes(length), sdk.Bytes(length*footerGrowth),
			sdk.Bytes(most))
	}
	footer := make([]byte, length) // within the file: checkEnds
	if _, err := r.ReadAt(footer, size-int64(trailerSize)-int64(len(footer))); err != nil {
		return err
	}
	walk := thriftReader{in: bufio.NewReader(bytes.NewReader(footer))}
	if walk.skip(thriftStruct, 0); walk.err != nil {
		return damaged(fmt.Errorf("its footer of %d bytes: %w", len(footer), walk.err))
	}
	if walk.structs*minStructBytes > uint64(len(footer)) {
		return damaged(fmt.Errorf("its footer of %d bytes has %d structs", len(footer), walk.structs))
	}
	var meta struct {
		Schema []format.SchemaElement `thrift:"2,required"`
	}
	protocol := &thrift.CompactProtocol{}
	if err := thrift.NewDecoder(protocol.NewReaderFromBytes(footer)).Decode(&meta); err != nil {
		return damaged(fmt.Errorf("its footer of %d bytes: %w", len(footer), err))
	}
	return checkDepth(meta.Schema)
}

// checkDepth refuses columns that are nested deeper than anyone writes them.
func checkDepth(schema []format.SchemaElement) error {
	var open []int32 // the columns that groups still wait for
	for _, element := range schema {
		if len(open) > maxSchemaDepth {
			return damaged(errors.New("columns in columns, more than a hundred deep"))
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		if n := element.NumChildren.V; n > 0 {
			open = append(open, n)
		}
		for len(open) > 0 && open[len(open)-1] <= 0 {
			open = open[:len(open)-1]
		}
	}
	return nil
}
