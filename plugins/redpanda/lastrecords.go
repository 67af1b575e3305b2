package redpanda

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lastRecords finds the partitions that have an epoch's records, and where its
// last record is in each. done says that the epoch has a marker.
//
// Only the embedded broker needs it: it writes the end of a transaction to one
// partition after the other, and a kill in between commits some and aborts the
// others. A cluster decides first and then writes; there the marker says all. Nor
// would the search be free on a cluster: it needs the right to read the topic,
// and others may have written any amount since.
func (p *producer) lastRecords(ctx context.Context, o owner, c *committable, done bool) (
	map[int32]int64, error,
) {
	logs, err := p.logs(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	header := o.header(c.ref())
	matches := func(r *kgo.Record) bool { return hasHeader(r, header) }
	found := make(map[int32]int64)
	for _, sh := range c.Spool.Shares {
		l, exists := logs[sh.Partition]
		if !exists {
			continue // transact reports it
		}
		from := sh.From
		if at, known := p.marker.Last[sh.Partition]; done && known {
			from = at
		}
		if from > l.high {
			from = 0 // the topic was made again
		}
		r, err := p.committed(ctx, l, from, matches)
		switch {
		case err != nil:
			return nil, err
		case r != nil:
			found[sh.Partition] = r.Offset
		case done && from < l.start:
			found[sh.Partition] = from // there, or too old to be kept if it were
		case l.start-from > sh.Records:
			return nil, permanentf("%s: the log now begins at offset %d (retention), and epoch %d may have been "+
				"written from %d on: whether it was cannot be seen any more; run with --fresh to begin anew",
				l.at, l.start, c.Epoch, from)
		}
	}
	return found, nil
}
