package redpanda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/staging"
)

const (
	stalledFor  = 30 * time.Second
	endWithin   = 30 * time.Second
	abortWithin = 2 * time.Second
)

// transaction is one on its way.
type transaction struct {
	p      *producer
	c      *committable
	header []byte
	ctx    context.Context // ends also when the broker says nothing for too long
	cancel context.CancelCauseFunc
	alarm  *time.Timer
	wait   time.Duration
	target *target

	there atomic.Int64 // records that arrived

	mu     sync.Mutex
	last   map[int32]int64 // offsets of the last records, by partition
	failed error           // the first record that did not arrive
}

// transact writes the records of the partitions that have not been found, the
// marker of the epoch, and the commit.
func (s *store) transact(ctx context.Context, p *producer, c *committable, found map[int32]int64) error {
	if err := p.checkPartitionCount(ctx, c); err != nil {
		return err
	}
	s.committer.reach("begin")
	if err := p.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", p.explain(err))
	}
	n := c.ref()
	t := &transaction{p: p, c: c, target: s.target.Load(), header: s.owner.header(n), last: maps.Clone(found),
		wait: s.limits.stalled}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	defer t.cancel(nil)
	t.alarm = time.AfterFunc(t.wait, t.stalled)
	defer t.alarm.Stop()
	err := t.send(s.area, found, s.committer.reach)
	if err == nil {
		s.committer.reach("flushed")
		err = t.produceMarker(s.owner)
	}
	if err != nil {
		return err
	}
	t.alarm.Stop()
	s.committer.reach("end")
	// Not the caller's context: a commit without an answer is one whose
	// outcome must be found out.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if err := p.EndTransaction(end, kgo.TryCommit); err != nil {
		return fmt.Errorf("committing: %w", p.explain(err))
	}
	s.committer.reach("committed")
	p.newest = markerRef{n.Committed, t.c.Previous.At}
	if p.marker.ID == n.ID {
		p.newest.At = p.marker.at
	}
	if p.embedded && c.Topic == s.config.Topic {
		for partition, at := range t.last {
			s.committer.from[partition] = at + 1
		}
	}
	return nil
}

// checkPartitionCount refuses a topic that has lost the partitions which rows were given.
func (p *producer) checkPartitionCount(ctx context.Context, c *committable) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	details, err := p.describe(ctx, false, c.Topic)
	if err != nil {
		return err
	}
	have, last := len(details[c.Topic].Partitions), c.Spool.Shares[len(c.Spool.Shares)-1].Partition
	if int(last) < have {
		return nil
	}
	return permanentf("topic %q at %s has %d partitions, and rows of this epoch belong to partition %d: "+
		"the topic was made again with fewer; make it with at least %d", c.Topic, p.name, have, last, last+1)
}

// send writes records in their order, and waits for them.
func (t *transaction) send(area staging.Area, found map[int32]int64, reach func(string)) error {
	path := area.Path(t.c.Spool.Name)
	r, err := openSpool(area, t.c.Spool)
	if err != nil {
		return withoutSpool(err)
	}
	defer r.Close()
	left := make(map[int32]int64)
	for _, sh := range t.c.Spool.Shares {
		left[sh.Partition] = sh.Records
	}
	for {
		slab := t.p.slabs.get(t)
		err := r.next(slab)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = t.produce(slab, left, found)
		}
		if err != nil {
			return withoutSpool(fmt.Errorf("sending the spool %s: %w", path, err))
		}
		reach("sending")
	}
	for partition, n := range left {
		if n != 0 {
			return withoutSpool(fmt.Errorf("sending the spool %s: %w: want %d more records of partition %d",
				path, errDamaged, n, partition))
		}
	}
	if err := t.p.Flush(t.ctx); err != nil {
		return t.because(err)
	}
	if err := t.failure(); err != nil {
		return err
	}
	return t.complete(found)
}

// withoutSpool adds to the loss of a spool what is left to do.
func withoutSpool(err error) error {
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; put it back, or run with --fresh to begin anew", err)
	}
	return err
}

// complete makes sure of what must hold before a commit: that everything has
// arrived, and that the last record of each partition is known.
func (t *transaction) complete(found map[int32]int64) error {
	want := int64(0)
	for _, sh := range t.c.Spool.Shares {
		if _, there := found[sh.Partition]; !there {
			want += sh.Records
		}
		if _, known := t.last[sh.Partition]; !known {
			return permanentf("the last record of partition %d was not written", sh.Partition)
		}
	}
	if got := t.there.Load(); got != want {
		return permanentf("want %d records to arrive, got %d", want, got)
	}
	return nil
}

// produce hands a slab's records to the client, without those of partitions
// that have theirs.
func (t *transaction) produce(s *slab, left, found map[int32]int64) error {
	wanted := s.records[:0]
	for _, r := range s.records {
		n := left[r.Partition]
		if n == 0 {
			return fmt.Errorf("%w: more records of partition %d than were counted", errDamaged, r.Partition)
		}
		left[r.Partition] = n - 1
		if _, there := found[r.Partition]; !there {
			wanted = append(wanted, r)
		}
	}
	s.records = wanted
	s.left.Store(int32(len(wanted)))
	arrived, last := s.arrived, s.lastArrived // a method value is an allocation
	now := time.Now()
	oldest := t.target.oldest(now)
	for i := range wanted {
		r := &wanted[i]
		r.Topic = t.c.Topic
		// The topic would refuse what is too old, and what is of a clock that was put back.
		if r.Timestamp.Before(oldest) || r.Timestamp.After(now) {
			r.Timestamp = now
		}
		promise := arrived
		if left[r.Partition] == 0 && isLast(wanted[i+1:], r.Partition) {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: epochHeader, Value: t.header})
			promise = last
		}
		t.p.Produce(t.ctx, r, promise)
	}
	return t.failure()
}

// isLast reports whether nothing of the partition follows in the slab.
func isLast(following []kgo.Record, partition int32) bool {
	for i := range following {
		if following[i].Partition == partition {
			return false
		}
	}
	return true
}

// produceMarker adds the epoch's marker to the topic of epochs. It comes last, so
// that it can say where the records are, and so that the topic, which outputs
// share, has open transactions for a moment only.
func (t *transaction) produceMarker(o owner) error {
	n := t.c.ref()
	m := marker{Version: markerVersion, Epoch: n.Epoch, ID: n.ID, Topic: t.c.Topic, Records: t.c.Spool.Records,
		Last: t.last}
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: epochsTopic, Key: []byte(o.key()), Value: value, Timestamp: time.Now()}
	if err := t.p.ProduceSync(t.ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("noting the epoch in topic %s: %w", epochsTopic, withRights(t.because(err), o))
	}
	m.at = record.Offset
	t.p.marker = m
	return nil
}

func (t *transaction) stalled() {
	t.cancel(fmt.Errorf("no acknowledgement within %s", t.wait))
}

// because prefers the reason for which the transaction was given up, and what
// the client knows of the broker, to the words of a cancelled call.
func (t *transaction) because(err error) error {
	t.mu.Lock()
	failed := t.failed
	t.mu.Unlock()
	if failed != nil && !errors.Is(failed, context.Canceled) {
		return failed
	}
	if cause := context.Cause(t.ctx); cause != nil {
		if last := t.p.dials.last(); last != nil {
			return fmt.Errorf("%w, last: %w", cause, last)
		}
		return cause
	}
	return t.p.explain(err)
}

func (t *transaction) failure() error {
	t.mu.Lock()
	failed := t.failed
	t.mu.Unlock()
	if failed == nil {
		return nil
	}
	return t.because(failed)
}

func (t *transaction) fail(r *kgo.Record, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = fmt.Errorf("partition %d: %w", r.Partition, t.p.explain(err))
	}
}

// abort ends what is open, as well as it can: a later fence does too.
func (p *producer) abort() {
	ctx, cancel := context.WithTimeout(context.Background(), abortWithin)
	defer cancel()
	if p.AbortBufferedRecords(ctx) == nil {
		// An error leaves it to the fence, or to the transaction's timeout.
		_ = p.EndTransaction(ctx, kgo.TryAbort)
	}
}

// slabs are for use again within one client.
type slabs struct{ pool sync.Pool }

func (s *slabs) get(t *transaction) *slab {
	used, ok := s.pool.Get().(*slab)
	if !ok {
		used = new(slab)
	}
	used.to = t
	return used
}

// slab is the memory of a block of records: one allocation instead of three a
// record.
type slab struct {
	to      *transaction
	bytes   []byte
	records []kgo.Record
	headers []kgo.RecordHeader
	left    atomic.Int32 // records on their way
	broken  atomic.Bool
}

// arrived is the client's promise. After the last of a slab the client holds
// none of its memory; after an error it might, so such a slab is not used again.
func (s *slab) arrived(r *kgo.Record, err error) {
	t := s.to
	if err != nil {
		s.broken.Store(true)
		t.fail(r, err)
	}
	if s.left.Add(-1) == 0 && !s.broken.Load() {
		t.there.Add(int64(len(s.records)))
		t.alarm.Reset(t.wait)
		t.p.slabs.pool.Put(s)
	}
}

// lastArrived is arrived for the last record of a partition.
func (s *slab) lastArrived(r *kgo.Record, err error) {
	if err == nil {
		t := s.to
		t.mu.Lock()
		t.last[r.Partition] = r.Offset
		t.mu.Unlock()
	}
	s.arrived(r, err)
}
