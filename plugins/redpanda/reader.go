package redpanda

import (
	"context"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	chunkBytes = sdk.MaxBatchBytes / 2
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second

	// gatherFor is how long records of a slow stream are gathered: a batch for
	// each would cost more than the records.
	gatherFor   = 100 * time.Millisecond
	slowRecords = 256 // what a poll brings at most where a stream is slow
	slowBytes   = 64 << 10
)

// reader is the goroutine that polls. What it owns needs no lock.
type reader struct {
	*source
	byAt     map[tp]*partition
	absent   time.Time // since when a topic is not found
	away     time.Time // since when nobody answers
	suspect  bool      // there was either; topics may be others since
	draining bool
	backoff  time.Duration
	due      time.Time // the next poll, of a slow stream
}

func (s *source) read() {
	r := &reader{source: s, byAt: make(map[tp]*partition)}
	for _, p := range s.partitions {
		r.byAt[p.at] = p
	}
	r.push(doneJob(nil, r.run()))
}

// run returns when the source has failed, is drained, or is closed.
func (r *reader) run() error {
	if err := r.announce(); err != nil {
		return err
	}
	for {
		for _, report := range r.receive() {
			if err := r.handle(report); err != nil {
				return err
			}
		}
		if r.drained() || r.limit == 0 {
			return io.EOF
		}
		if err := r.fetch(); err != nil {
			return err
		}
		if err := r.ctx.Err(); err != nil {
			return errClosed
		}
	}
}

// announce signals the partitions, and which of them have nothing to read yet.
func (r *reader) announce() error {
	r.pushSignal(&sdk.Signal{Kind: sdk.Partitions, Partitions: names(r.partitions), Cursors: r.cursors()})
	for _, p := range r.partitions {
		r.markIdle(p, r.opened)
	}
	return r.ctx.Err()
}

// fetch polls once and waits a little if nothing but errors came: they come
// back as fast as the broker answers.
func (r *reader) fetch() error {
	failed, good := false, false
	fetches := r.poll()
	r.due = time.Now().Add(gathering(fetches))
	if fetches.NumRecords() > 0 {
		if err := r.verifyTopics(); err != nil {
			return err
		}
	}
	for _, fetch := range fetches {
		for i := range fetch.Topics {
			for j := range fetch.Topics[i].Partitions {
				fp := &fetch.Topics[i].Partitions[j]
				p := r.byAt[tp{fetch.Topics[i].Topic, fp.Partition}]
				if p == nil {
					continue // the poll was interrupted, or the partition is not ours any more
				}
				failed, good = failed || fp.Err != nil, good || len(fp.Records) > 0
				if err := r.dispatchFetched(p, fp); err != nil {
					return err
				}
			}
		}
	}
	if !failed || good {
		r.backoff = 0
		return nil
	}
	r.pause()
	return nil
}

// verifyTopics makes sure, when nobody has answered for a while, that what is fetched
// now is of the topics that were read before.
func (r *reader) verifyTopics() error {
	for r.suspect && r.ctx.Err() == nil {
		if err := r.handle(r.snapshot(r.ctx)); err != nil {
			return err
		}
		if r.suspect {
			r.pause()
		}
	}
	return nil
}

// pause waits, a little longer each time until something goes well.
func (r *reader) pause() {
	r.backoff = min(max(2*r.backoff, minBackoff), maxBackoff)
	select {
	case <-time.After(r.backoff):
	case <-r.ctx.Done():
	}
}

// poll waits for records, until a snapshot comes.
func (r *reader) poll() kgo.Fetches {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	r.mu.Lock()
	r.stopPoll = cancel
	waiting := len(r.inbox) > 0
	r.mu.Unlock()
	if waiting {
		return nil
	}
	select {
	case <-time.After(time.Until(r.due)):
	case <-ctx.Done():
		return nil
	}
	return r.k.PollFetches(ctx)
}

// gathering is how long to wait behind a poll, meanwhile the client fetches more:
// not at all where more than was polled has long been there.
func gathering(polled kgo.Fetches) time.Duration {
	records, bytes := polled.NumRecords(), 0
	if records == 0 || records > slowRecords {
		return 0
	}
	more := false
	polled.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, r := range p.Records {
			bytes += len(r.Value)
			more = more || r == p.Records[len(p.Records)-1] && r.Offset+1 < p.HighWatermark
		}
	})
	if more || bytes > slowBytes {
		return 0
	}
	return gatherFor
}

// receive empties the inbox.
func (r *reader) receive() []snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	received := r.inbox
	r.inbox = nil
	return received
}

// dispatchFetched turns what was fetched of a partition into jobs.
func (r *reader) dispatchFetched(p *partition, fp *kgo.FetchPartition) error {
	if fp.Err != nil {
		if err := r.fault(p, fp.Err); err != nil {
			return err
		}
	} else {
		p.failing, p.lastLogged = time.Time{}, ""
		r.setHigh(p, fp.HighWatermark)
	}
	records, past := p.ours(fp.Records)
	for len(records) > 0 && r.limit != 0 {
		n := r.ration(records[:chunk(records)])
		last := records[n-1]
		p.next, p.epoch = last.Offset+1, last.LeaderEpoch
		if p.id == (topicID{}) {
			p.fingerprint = fingerprintOf(last)
		}
		r.dispatch(&job{partition: p, records: records[:n], after: p.here()})
		records = records[n:]
	}
	if past && p.next < p.target && r.limit != 0 {
		r.advance(p, p.target) // there may be no record right before it
	}
	if !p.idle {
		r.markIdle(p, time.Now()) // silence begins here; the snapshots prolong it
	}
	return r.ctx.Err()
}

// ours are the records between the position and the end of a drain; past reports
// whether there were others behind that. Records before the position come only
// after the client moved by itself, which is an error of its own.
func (p *partition) ours(records []*kgo.Record) (mine []*kgo.Record, past bool) {
	mine = records[:0]
	for _, record := range records {
		switch {
		case p.target >= 0 && record.Offset >= p.target:
			past = true
			record.Recycle()
		case record.Offset < p.next:
			record.Recycle()
		default:
			mine = append(mine, record)
		}
	}
	return mine, past
}

// chunk is how many records make a batch.
func chunk(records []*kgo.Record) int {
	size := 0
	for i, record := range records {
		size += len(record.Value)
		if i == sdk.DefaultBatchRows || size > chunkBytes && i > 0 {
			return i
		}
	}
	return len(records)
}

// ration is how many of the records the limit allows; the markers of
// transactions do not count.
func (r *reader) ration(records []*kgo.Record) int {
	if r.limit == unlimited {
		return len(records)
	}
	for i, record := range records {
		if record.Attrs.IsControl() {
			continue
		}
		if r.limit--; r.limit == 0 {
			return i + 1
		}
	}
	return len(records)
}

// setHigh sets the end of a partition's log, which may have moved back where
// records were lost. An end before the position is an outdated answer.
func (r *reader) setHigh(p *partition, high int64) {
	if high < p.next || high == p.high {
		return
	}
	p.high = high
	r.updateEnd(p)
}

// updateEnd sets how far a partition is to be read, for Lag.
func (r *reader) updateEnd(p *partition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.end = p.high
	if p.target >= 0 {
		p.end = p.target
	}
}

// markIdle signals that a partition was read to its end, if it was, when the
// cluster was asked. An open transaction lies before that end: its data is yet to
// come.
func (r *reader) markIdle(p *partition, asked time.Time) {
	if p.next < p.high {
		return
	}
	p.idle = true
	r.pushSignal(&sdk.Signal{Kind: sdk.Idle, Partition: p.name, Time: asked})
}

// wake revokes the idle signal by a batch without rows: there is something to come,
// or we cannot know.
func (r *reader) wake(p *partition) {
	if p.idle {
		r.advance(p, p.next)
	}
}

// advance moves a position over offsets without rows, but never beyond its end.
func (r *reader) advance(p *partition, to int64) {
	if p.target >= p.next {
		to = min(to, p.target)
	}
	p.next = to
	r.dispatch(&job{partition: p, after: p.here()})
}

// dispatch hands a job to the decoders and to Next, which waits for it.
func (r *reader) dispatch(j *job) {
	j.done = make(chan struct{})
	j.partition.idle = false
	r.push(j)
	select {
	case r.work <- j:
	case <-r.ctx.Done():
	}
}

func (r *reader) pushSignal(signal *sdk.Signal) { r.push(doneJob(signal, nil)) }

// push blocks while Next is behind.
func (s *source) push(j *job) {
	select {
	case s.order <- j:
	case <-s.ctx.Done():
	}
}

// drained reports whether every partition has reached the end it was given.
func (r *reader) drained() bool {
	if !r.draining {
		return false
	}
	for _, p := range r.byAt {
		if p.next < p.target {
			return false
		}
	}
	return true
}
