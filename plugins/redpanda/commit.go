package redpanda

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

const (
	commitWithin  = 2 * time.Minute
	closePatience = 3 * time.Second

	maxFenced  = 3 // takeovers by somebody else while one epoch is committed
	maxMissing = 6 // answers that the topic does not exist: with the pauses, some seconds
)

// permanent is an error that no further attempt would change.
type permanent struct{ text string }

func permanentf(format string, args ...any) error { return permanent{fmt.Sprintf(format, args...)} }

// Error says what was wrong and what to do.
func (p permanent) Error() string { return p.text }

// committer is the state of Prepare, Commit and Recover, which run one at a time.
type committer struct {
	previous markerRef       // the newest committed epoch with rows
	from     map[int32]int64 // where partitions of the embedded broker ended at the latest
	untried  string          // ID of a spool that this process made, and nobody has tried to commit
	kept     string          // name of the spool that the newest record may still need
	cluster  string          // its id
	stage    func(string)    // for tests that die at a stage; nil: nothing
	mu       sync.Mutex      // guards what follows, which Close needs as well
	producer *producer
	closing  *time.Timer // not nil: the sink is being closed
}

func (b *committer) reach(stage string) {
	if b.stage != nil {
		b.stage(stage)
	}
}

// hurry lets go of the broker after a while, whatever is under way.
func (b *committer) hurry(after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.producer
	b.closing = time.AfterFunc(after, func() {
		if p != nil {
			p.close()
		}
	})
}

// use makes p the producer, unless the sink is being closed.
func (b *committer) use(p *producer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing != nil {
		p.close()
		return staging.ErrClosed
	}
	b.producer, b.cluster = p, p.id
	return nil
}

// drop gives up a producer; the next one fences it.
func (b *committer) drop() {
	b.mu.Lock()
	p := b.producer
	b.producer = nil
	if b.closing != nil {
		b.closing.Stop()
	}
	b.mu.Unlock()
	if p != nil {
		p.close()
	}
}

// Prepare makes the epoch's spool durable, once it is known that the topic accepts it.
func (s *store) Prepare(ctx context.Context, epoch uint64, sp *spool, writing sync.Locker) (
	staging.Committable, error,
) {
	if sp != nil && sp.total > 0 {
		if err := s.recheckTarget(ctx, sp); err != nil {
			return nil, fmt.Errorf("writing to topic %q: %w", s.config.Topic, err)
		}
	}
	b := &s.committer
	c := &committable{Envelope: staging.Envelope{Version: committableVersion}, Epoch: epoch,
		Previous: b.previous, Topic: s.config.Topic, TopicID: s.target.Load().id.String(), Cluster: b.cluster}
	switch {
	case sp == nil:
	case sp.total == 0: // all of its rows were refused
		if err := sp.discard(); err != nil {
			return nil, err
		}
	default:
		if err := sp.seal(); err != nil {
			return nil, err
		}
		c.Spool = sp.describe(b.from)
		b.untried = sp.id
	}
	writing.Lock()
	defer writing.Unlock()
	if s.sealed == sp {
		s.sealed = nil
	}
	return c, nil
}

// describe is the spool as a committable names it, with where the partitions end.
func (s *spool) describe(ends map[int32]int64) *sealed {
	d := &sealed{Name: s.name, ID: s.id, Length: s.size, Records: s.total, Keyless: s.keyless, Largest: s.largest}
	for partition, n := range s.counts {
		if n > 0 {
			p := int32(partition)
			d.Shares = append(d.Shares, share{Partition: p, Records: n, From: ends[p]})
		}
	}
	return d
}

// Commit writes the spool in one transaction, unless the topic of epochs says
// that this has been done (rule 14 of engine/DESIGN.md).
func (s *store) Commit(ctx context.Context, _ uint64, committable []byte) error {
	c, err := decodeCommittable(committable)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		if context.Cause(ctx) == staging.ErrClosed { // a commit under way does not end with ctx
			s.committer.hurry(closePatience)
		}
	})()
	if c.Spool != nil {
		if err := s.retry(ctx, c); err != nil {
			return fmt.Errorf("publishing epoch %d to topic %q: %w", c.Epoch, c.Topic, err)
		}
	}
	s.tidy(c)
	return nil
}

// tidy removes the spool that the record before this one named. The own one
// stays until the next record: where the broker loses what it has acknowledged,
// such as the embedded one in a power failure, it is all there is.
func (s *store) tidy(c *committable) {
	b := &s.committer
	kept := ""
	if c.Spool != nil {
		kept = c.Spool.Name
	}
	if b.kept != "" && b.kept != kept {
		if err := s.area.Remove(b.kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.env.Log.Warn("a spool that is not needed any more stays", "cause", err)
		}
	}
	b.kept, b.previous = kept, c.ref()
	if p := b.producer; p != nil && p.fenced && p.newest.same(b.previous) {
		b.previous.At = p.newest.At
	}
}

// retry attempts the commit until it is done, or cannot be, or patience ends.
// Whatever went wrong, and whatever became of a commit without an answer: a new
// producer fences the one before, and the newest marker decides.
func (s *store) retry(ctx context.Context, c *committable) error {
	var since time.Time
	pause, fenced, missing := minBackoff, 0, 0
	for {
		err := s.attempt(ctx, c)
		if err == nil {
			return nil
		}
		switch {
		case isFenced(err):
			fenced++
		case errors.Is(err, errMissing):
			missing++
		}
		if since.IsZero() && !isPermanent(err) {
			since = time.Now()
			s.env.Log.Warn("publishing failed; trying again", "epoch", c.Epoch, "topic", c.Topic, "cause", err)
		}
		switch {
		case ctx.Err() != nil:
			return s.giveUp(context.Cause(ctx))
		case fenced > maxFenced:
			return s.giveUp(fmt.Errorf("another engine writes with the transactional id %s, which a copy of this "+
				"state directory would; stop it: %w", s.owner.transactional(), err))
		case isPermanent(err), missing > maxMissing:
			return s.giveUp(err)
		case time.Since(since) > s.limits.patience:
			return s.giveUp(fmt.Errorf("%w: not done within %s: %w", sdk.ErrDisconnected, s.limits.patience, err))
		}
		s.committer.drop()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxBackoff)
	}
}

// giveUp aborts what is open, or readers would wait for its timeout.
func (s *store) giveUp(err error) error {
	if p := s.committer.producer; p != nil {
		p.abort()
	}
	s.committer.drop()
	return err
}

func isFenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
}

// isPermanent reports whether another attempt is bound to fail like this one.
func isPermanent(err error) bool {
	_, isConflict := errors.AsType[*conflict](err)
	_, cannotPass := errors.AsType[permanent](err)
	if isConflict || cannotPass || errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	refused := []error{kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.SaslAuthenticationFailed, kerr.MessageTooLarge,
		kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.PolicyViolation,
		kerr.UnsupportedForMessageFormat, kerr.UnsupportedVersion, kerr.InvalidTransactionTimeout}
	return slices.ContainsFunc(refused, func(e error) bool { return errors.Is(err, e) })
}

// attempt commits what is missing, if anything is.
func (s *store) attempt(ctx context.Context, c *committable) error {
	b := &s.committer
	p, err := s.ready(ctx, c, c.Previous.At)
	if err != nil {
		return err
	}
	if c.elsewhere(p) {
		if s.opening && s.env.Published {
			return nil
		}
		return c.moved(p)
	}
	if s.mayRewriteMarker(p, c) {
		if err := s.rewriteMarker(ctx, p, c); err != nil {
			return err
		}
	}
	done, err := c.compare(s.owner, p.name, p.newest)
	if err != nil {
		return err
	}
	if other := s.target.Load().id.String(); done && c.TopicID != "" && other != c.TopicID && other != "" {
		return nil // it was written to a topic that is no more, and the user has accepted that
	}
	if !done {
		err := s.target.Load().checkCommittable(c, s.overhead(), p.name)
		if err != nil && c.Topic == s.config.Topic {
			return err
		}
	}
	// On any other cluster all of a transaction is committed, or nothing.
	all := !p.embedded || b.untried == c.Spool.ID
	b.untried = ""
	var found map[int32]int64
	switch {
	case done && (!p.embedded || b.previous.same(c.ref())):
		return nil
	case all:
		found = make(map[int32]int64)
	default:
		if found, err = p.lastRecords(ctx, s.owner, c, done); err != nil {
			return err
		}
	}
	if done && len(found) == len(c.Spool.Shares) {
		return nil
	}
	if len(found) > 0 {
		s.env.Log.Info("the broker was killed while it committed an epoch; completing it", "epoch", c.Epoch,
			"topic", c.Topic, "partitions", len(c.Spool.Shares), "committed", len(found))
	}
	return s.transact(ctx, p, c, found)
}

// ready returns a producer that has fenced those before it, to write a committable's rows.
func (s *store) ready(ctx context.Context, c *committable, from int64) (*producer, error) {
	b := &s.committer
	timeout := time.Duration(s.config.Timeout)
	for {
		p := b.producer
		if p != nil && p.fenced {
			return p, nil
		}
		if p == nil {
			var err error
			if p, err = connectProducer(ctx, s.config, s.env, timeout); err != nil {
				return nil, err
			}
			p.limit.Store(int32(s.target.Load().limit))
			if err := b.use(p); err != nil {
				return nil, err
			}
		}
		b.reach("fence")
		err := p.fence(ctx, s.owner, from)
		if errors.Is(err, kerr.InvalidTransactionTimeout) && p.timeout == transactionTimeout {
			timeout = shortTransaction
			b.drop()
			continue
		}
		if err == nil {
			err = s.noneOpen(ctx, p, c)
		}
		if err == nil && p.embedded && b.from == nil {
			err = s.recordEnds(ctx, p)
		}
		if err != nil {
			p.fenced = false
			return nil, err
		}
	}
}

// recordEnds remembers where the partitions end, for committables to come: the search
// for their headers begins there.
func (s *store) recordEnds(ctx context.Context, p *producer) error {
	logs, err := p.logs(ctx, s.config.Topic)
	if err != nil {
		return err
	}
	s.committer.from = make(map[int32]int64)
	for partition, l := range logs {
		s.committer.from[partition] = l.high
	}
	return nil
}

// Recover removes spools that nobody needs, and compares the newest marker with
// what the state directory says of it: an old copy of that must not go on.
func (s *store) Recover(ctx context.Context, live []byte) error {
	c := &committable{Topic: s.config.Topic}
	if len(live) > 0 {
		var err error
		if c, err = decodeCommittable(live); err != nil {
			return err
		}
	}
	kept := ""
	if c.Spool != nil {
		kept = c.Spool.Name
	}
	if err := s.area.Keep(map[string]bool{kept: true}); err != nil {
		return err
	}
	p, err := s.ready(ctx, c, c.ref().At)
	if err == nil && c.elsewhere(p) {
		c = &committable{Topic: s.config.Topic} // Commit has made sure that nothing is missing there
	}
	if err == nil && s.mayRewriteMarker(p, c) {
		err = s.rewriteMarker(ctx, p, c)
	}
	if err == nil {
		err = s.intact(ctx, p)
	}
	if err == nil && !p.newest.same(c.ref()) {
		err = &conflict{owner: s.owner, topic: c.Topic, broker: p.name, found: p.newest, wanted: c.ref(),
			previous: c.ref()}
	}
	if err != nil && !isPermanent(err) {
		err = fmt.Errorf("%w: %w", sdk.ErrDisconnected, err)
	}
	if err != nil {
		return fmt.Errorf("recovering topic %q: %w", c.Topic, err)
	}
	s.committer.kept, s.committer.previous = kept, p.newest
	s.opening = false
	return nil
}
