package redpanda

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/broker"
	"etlengine/plugins/sdk"
)

// TestBatchesFetchedByHandAreBoundedWhenTheyAreDecompressed: kgo's default decompressor
// would believe a batch of some bytes that claims 2 GB.
func TestBatchesFetchedByHandAreBoundedWhenTheyAreDecompressed(t *testing.T) {
	b, err := broker.Start(broker.Options{Port: new(int), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	c := connection{Brokers: []string{b.Address()}}
	k, err := c.connect(t.Context(), sdk.Env{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Client.Close()
	claim := binary.AppendUvarint(nil, batchBytes+1) // snappy begins with the length
	_, err = k.decompressor().Decompress(append(claim, 0, 'a'), kgo.CodecSnappy)
	if !errors.Is(err, kgo.ErrMaxDecompress) {
		t.Errorf("got %v, want %v", err, kgo.ErrMaxDecompress)
	}
}
