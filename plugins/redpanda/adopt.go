package redpanda

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/staging"
)

// elsewhere reports whether a committable is about another cluster than the producer's.
func (c *committable) elsewhere(p *producer) bool {
	return c.Cluster != "" && p.id != "" && c.Cluster != p.id
}

// mayRewriteMarker reports whether the user accepts that the topic of epochs has lost the
// markers of an output that a committable is about. Once open the sink has markers of its own.
func (s *store) mayRewriteMarker(p *producer, c *committable) bool {
	return s.env.Adopt && s.opening && p.newest.Epoch == 0 && c.ref().Epoch > 0
}

// rewriteMarker writes the marker that the topic of epochs has lost: of the committable's epoch
// if the engine knows that it was committed or if the topic has it, else of the one before.
func (s *store) rewriteMarker(ctx context.Context, p *producer, c *committable) error {
	m := marker{Version: markerVersion, Epoch: c.Previous.Epoch, ID: c.Previous.ID, Topic: c.Topic}
	committed := c.Spool == nil || s.env.Published
	if c.Spool != nil && !committed {
		found, err := p.lastRecordsAnywhere(ctx, s.owner, c)
		if err != nil {
			return err
		}
		if committed = len(found) == len(c.Spool.Shares); committed {
			m.Last = found
		}
	}
	if n := c.ref(); committed && c.Spool != nil {
		m.Epoch, m.ID, m.Records = n.Epoch, n.ID, c.Spool.Records
	}
	if m.Epoch == 0 {
		return nil // nothing was committed before: there was no marker
	}
	value, err := json.Marshal(m)
	if err == nil {
		m.at, err = p.writeMarker(ctx, s.owner, value)
	}
	if err != nil {
		return fmt.Errorf("noting epoch %d of %s again in topic %s: %w", m.Epoch, s.owner.key(), epochsTopic, err)
	}
	p.marker, p.newest = m, markerRef{staging.Committed{Epoch: m.Epoch, ID: m.ID}, m.at}
	s.env.Log.Warn("the topic of epochs had no note of this output; it has one again, as --adopt says",
		"topic", c.Topic, "epoch", m.Epoch, "published", committed)
	return nil
}

// lastRecordsAnywhere finds an epoch's last records in the whole topic.
func (p *producer) lastRecordsAnywhere(ctx context.Context, o owner, c *committable) (
	map[int32]int64, error,
) {
	logs, err := p.logs(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	whole, spool := *c, *c.Spool
	whole.Spool = &spool
	spool.Shares = nil
	for _, sh := range c.Spool.Shares {
		if l, exists := logs[sh.Partition]; exists {
			sh.From = max(sh.From, l.start)
			spool.Shares = append(spool.Shares, sh)
		}
	}
	return p.lastRecords(ctx, o, &whole, false)
}

// writeMarker writes a record of the topic of epochs in a transaction of its own; a nil value
// removes the markers before it.
func (p *producer) writeMarker(ctx context.Context, o owner, value []byte) (offset int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	record := &kgo.Record{Topic: epochsTopic, Key: []byte(o.key()), Value: value, Timestamp: time.Now()}
	if err = p.BeginTransaction(); err == nil {
		err = p.ProduceSync(ctx, record).FirstErr()
	}
	if err == nil {
		err = p.EndTransaction(ctx, kgo.TryCommit)
	}
	if err != nil {
		return 0, withRights(p.explain(err), o)
	}
	return record.Offset, nil
}

// intact is an error if the topic ends before the last record that the marker names: then it
// was made again unseen, or the broker has lost what it had acknowledged.
func (s *store) intact(ctx context.Context, p *producer) error {
	if s.env.Adopt || p.marker.Topic != s.config.Topic || len(p.marker.Last) == 0 {
		return nil
	}
	logs, err := p.logs(ctx, s.config.Topic)
	if err != nil {
		return err
	}
	for partition, at := range p.marker.Last {
		if l, exists := logs[partition]; exists && l.high > at {
			continue
		}
		return goneTopic(s.config.Topic, p.name, fmt.Sprintf("ends at offset %d in partition %d, where epoch %d "+
			"had its "+
			"last record at %d (it was made again, or the broker has lost records)", logs[partition].high, partition,
			p.marker.Epoch, at))
	}
	return nil
}

// checkCommittable is an error if the topic would refuse what a recorded epoch holds, since
// its settings have changed.
func (t *target) checkCommittable(c *committable, overhead int, broker string) error {
	const way = "; set it back for one run, which writes the epoch, or run with --fresh to begin anew"
	switch {
	case t.compacted && c.Spool.Keyless > 0:
		return permanentf("topic %q at %s is compacted by now (cleanup.policy %s) and takes no record without a "+
			"key, of which "+
			"epoch %d has %d%s", c.Topic, broker, t.policy, c.Epoch, c.Spool.Keyless, way)
	case c.Spool.Largest > t.limit-overhead:
		return permanentf("topic %q at %s takes records of %d bytes by now (max.message.bytes), and epoch %d has "+
			"one of %d%s",
			c.Topic, broker, t.limit, c.Epoch, c.Spool.Largest, way)
	}
	return nil
}

// moved is the error for rows that only another cluster can show.
func (c *committable) moved(p *producer) error {
	return permanentf("epoch %d is not yet written, and is for topic %q of another cluster than %s: run once "+
		"with brokers as "+
		"they were, until it ends or Ctrl-C stops it, or with --fresh to begin anew", c.Epoch, c.Topic, p.name)
}
