package parquet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// misread refuses what parquet-go 0.32 reads wrongly without noticing:
//   - booleans in runs (RLE) whose length is not a multiple of 8;
//   - 4-byte integers as deltas (DELTA_BINARY_PACKED) of more than 4 bytes, as
//     DuckDB writes them; of other writers it is known that they do not.
//
// And what it reads safely only while it is whole: damaged LZ4 makes it ask for
// ever more memory.
func misread(meta *format.FileMetaData, leaf *pq.Column) error {
	for _, group := range meta.RowGroups {
		chunk := &group.Columns[leaf.Index()].MetaData
		encoded := func(e format.Encoding) bool { return dataEncoded(chunk, e) }
		switch {
		case chunk.Codec == format.Lz4Raw:
			return errors.New("LZ4 is not supported; write the file with snappy, zstd or gzip")
		case leaf.Type().Kind() == pq.Boolean && encoded(format.RLE):
			return errors.New("booleans encoded as RLE are not supported; write data pages of version 1")
		case leaf.Type().Kind() == pq.Int32 && encoded(format.DeltaBinaryPacked) && !narrowDeltas(meta.CreatedBy):
			return fmt.Errorf("4-byte numbers encoded as DELTA_BINARY_PACKED by %q are not supported; "+
				"write the file as parquet version 1", meta.CreatedBy)
		}
	}
	return nil
}

// dataEncoded tells whether the data pages of a column use an encoding. Files
// without statistics of it list levels (RLE) and dictionaries (plain) beside.
func dataEncoded(chunk *format.ColumnMetaData, e format.Encoding) bool {
	if len(chunk.EncodingStats) > 0 {
		return slices.ContainsFunc(chunk.EncodingStats, func(s format.PageEncodingStats) bool {
			return s.Encoding == e && s.PageType != format.DictionaryPage
		})
	}
	if e == format.RLE && slices.Contains(chunk.Encoding, format.Plain) {
		return false // for the levels
	}
	return slices.Contains(chunk.Encoding, e)
}

func narrowDeltas(writer string) bool {
	return strings.HasPrefix(writer, "parquet-cpp-arrow") || strings.HasPrefix(writer, "parquet-mr")
}
