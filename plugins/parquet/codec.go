package parquet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/snappy"
)

// quickSnappy is Snappy from the faster of two encoders: on tickets 1,300 MB/s
// and a ratio of 3.78, where parquet-go's choice makes 530 MB/s and 3.92.
type quickSnappy struct{ snappy.Codec }

// Encode compresses src as a Snappy block.
func (*quickSnappy) Encode(dst, src []byte) ([]byte, error) {
	return s2.EncodeSnappy(dst[:cap(dst)], src), nil
}

// codecOf is the codec for a compression's name in YAML. All of these are read
// by DuckDB, pyarrow and Spark.
func codecOf(name string) (compress.Codec, error) {
	codecs := map[string]compress.Codec{
		"snappy": &quickSnappy{},
		"zstd":   &pq.Zstd,
		"gzip":   &pq.Gzip,
		"lz4":    &pq.Lz4Raw,
		"none":   &pq.Uncompressed,
	}
	if codec, ok := codecs[name]; ok {
		return codec, nil
	}
	return nil, fmt.Errorf("want one of %s, got %q", strings.Join(slices.Sorted(maps.Keys(codecs)), ", "), name)
}
