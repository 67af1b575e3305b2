package redpanda

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// look finds the partitions that have an epoch's records, and where its last
// record is in each. done says that the epoch is noted.
//
// Only the embedded broker needs it: it writes the end of a transaction to one
// partition after the other, and a kill in between commits some and aborts the
// rest. A cluster decides first and then writes; there the note says all. Nor
// would looking be free on a cluster: it takes the right to read the topic,
// and others may have written any amount since.
func (p *producer) look(ctx context.Context, o owner, h *handle, done bool) (map[int32]int64, error) {
	logs, err := p.logs(ctx, h.Topic)
	if err != nil {
		return nil, err
	}
	header := o.header(h.note())
	carried := func(r *kgo.Record) bool { return carries(r, header) }
	found := make(map[int32]int64)
	for _, sh := range h.Spool.Shares {
		l, exists := logs[sh.Partition]
		if !exists {
			continue // transact tells
		}
		from := sh.From
		if at, noted := p.marker.Last[sh.Partition]; done && noted {
			from = at
		}
		if from > l.high {
			from = 0 // the topic was made again
		}
		r, err := p.committed(ctx, l, from, carried)
		switch {
		case err != nil:
			return nil, err
		case r != nil:
			found[sh.Partition] = r.Offset
		case done && from < l.start:
			found[sh.Partition] = from // there, or too old to be kept if it were
		case l.start-from > sh.Records:
			return nil, lastingf("%s: the log now begins at offset %d (retention), and epoch %d may have been "+
				"written from %d on: whether it was cannot be seen any more; run with --fresh to begin anew",
				l.at, l.start, h.Epoch, from)
		}
	}
	return found, nil
}
