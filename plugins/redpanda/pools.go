package redpanda

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// pools lend the client what it decodes into, until the records are recycled.
type pools struct {
	records, bytes sync.Pool
}

var (
	_ kgo.PoolRecords         = (*pools)(nil)
	_ kgo.PoolDecompressBytes = (*pools)(nil)
)

func newPools() *pools { return new(pools) }

// GetRecords lends a slice with capacity for n records.
func (p *pools) GetRecords(n int) []kgo.Record {
	if got, ok := p.records.Get().(*[]kgo.Record); ok && cap(*got) >= n {
		return (*got)[:0]
	}
	return make([]kgo.Record, 0, n)
}

// PutRecords makes the slice available again.
func (p *pools) PutRecords(records []kgo.Record) { p.records.Put(&records) }

// GetDecompressBytes lends a slice whose capacity is a guess: a smaller one grows.
func (p *pools) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	if got, ok := p.bytes.Get().(*[]byte); ok {
		return (*got)[:0]
	}
	return make([]byte, 0, 4*len(compressed))
}

// PutDecompressBytes makes the slice available again.
func (p *pools) PutDecompressBytes(b []byte) { p.bytes.Put(&b) }
