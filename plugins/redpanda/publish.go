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
	publishWithin = 2 * time.Minute
	closePatience = 3 * time.Second

	maxFenced  = 3 // takeovers by somebody else while one epoch is published
	maxMissing = 6 // answers that the topic does not exist: with the pauses, some seconds
)

// lasting is what no further attempt would change.
type lasting struct{ text string }

func lastingf(format string, args ...any) error { return lasting{fmt.Sprintf(format, args...)} }

// Error tells what was wrong and what to do.
func (l lasting) Error() string { return l.text }

// publisher is what Prepare, Publish and Recover know, one at a time.
type publisher struct {
	previous note            // the newest published epoch with rows
	from     map[int32]int64 // where partitions of the embedded broker ended at the latest
	untried  string          // ID of a spool that this process made, and nobody has tried to publish
	kept     string          // name of the spool that the newest record may still need
	cluster  string          // its id
	stage    func(string)    // for tests that die at a stage; nil: nothing
	mu       sync.Mutex      // guards what follows, which Close needs as well
	producer *producer
	closing  *time.Timer // not nil: the sink is being closed
}

func (b *publisher) reach(stage string) {
	if b.stage != nil {
		b.stage(stage)
	}
}

// hurry lets go of the broker after a while, whatever is under way.
func (b *publisher) hurry(after time.Duration) {
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
func (b *publisher) use(p *producer) error {
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
func (b *publisher) drop() {
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

// Prepare makes the epoch's spool durable, once it is known that the topic takes it.
func (s *store) Prepare(ctx context.Context, epoch uint64, sp *spool, writing sync.Locker) (
	staging.Committable, error,
) {
	if sp != nil && sp.total > 0 {
		if err := s.stillTakes(ctx, sp); err != nil {
			return nil, fmt.Errorf("writing to topic %q: %w", s.config.Topic, err)
		}
	}
	b := &s.publisher
	h := &handle{Envelope: staging.Envelope{Version: handleVersion}, Epoch: epoch, Previous: b.previous,
		Topic: s.config.Topic, TopicID: s.target.Load().id.String(), Cluster: b.cluster}
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
		h.Spool = sp.describe(b.from)
		b.untried = sp.id
	}
	writing.Lock()
	defer writing.Unlock()
	if s.sealed == sp {
		s.sealed = nil
	}
	return h, nil
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
	h, err := decodeHandle(committable)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		if context.Cause(ctx) == staging.ErrClosed { // a commit under way does not end with ctx
			s.publisher.hurry(closePatience)
		}
	})()
	if h.Spool != nil {
		if err := s.insist(ctx, h); err != nil {
			return fmt.Errorf("publishing epoch %d to topic %q: %w", h.Epoch, h.Topic, err)
		}
	}
	s.tidy(h)
	return nil
}

// tidy removes the spool that the record before this one named. The own one
// stays until the next record: where the broker loses what it has acknowledged,
// such as the embedded one in a power cut, it is all there is.
func (s *store) tidy(h *handle) {
	b := &s.publisher
	kept := ""
	if h.Spool != nil {
		kept = h.Spool.Name
	}
	if b.kept != "" && b.kept != kept {
		if err := s.area.Remove(b.kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.env.Log.Warn("a spool that is not needed any more stays", "cause", err)
		}
	}
	b.kept, b.previous = kept, h.note()
	if p := b.producer; p != nil && p.fenced && p.noted.same(b.previous) {
		b.previous.At = p.noted.At
	}
}

// insist attempts to publish until it is done, or cannot be, or patience ends.
// Whatever went wrong, and whatever became of a commit without an answer: a new
// producer fences the one before, and what is noted decides.
func (s *store) insist(ctx context.Context, h *handle) error {
	var since time.Time
	pause, fenced, missing := minBackoff, 0, 0
	for {
		err := s.attempt(ctx, h)
		if err == nil {
			return nil
		}
		switch {
		case isFenced(err):
			fenced++
		case errors.Is(err, errMissing):
			missing++
		}
		if since.IsZero() && !lasts(err) {
			since = time.Now()
			s.env.Log.Warn("publishing failed; trying again", "epoch", h.Epoch, "topic", h.Topic, "cause", err)
		}
		switch {
		case ctx.Err() != nil:
			return s.giveUp(context.Cause(ctx))
		case fenced > maxFenced:
			return s.giveUp(fmt.Errorf("another engine writes with the transactional id %s, which a copy of this "+
				"state directory would; stop it: %w", s.owner.transactional(), err))
		case lasts(err), missing > maxMissing:
			return s.giveUp(err)
		case time.Since(since) > s.limits.patience:
			return s.giveUp(fmt.Errorf("%w: not done within %s: %w", sdk.ErrDisconnected, s.limits.patience, err))
		}
		s.publisher.drop()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxBackoff)
	}
}

// giveUp aborts what is open, or readers would wait for its timeout.
func (s *store) giveUp(err error) error {
	if p := s.publisher.producer; p != nil {
		p.abort()
	}
	s.publisher.drop()
	return err
}

func isFenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
}

// lasts tells whether another attempt is bound to fail like this one.
func lasts(err error) bool {
	_, isConflict := errors.AsType[*conflict](err)
	_, isLasting := errors.AsType[lasting](err)
	if isConflict || isLasting || errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	refused := []error{kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.SaslAuthenticationFailed, kerr.MessageTooLarge,
		kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.PolicyViolation,
		kerr.UnsupportedForMessageFormat, kerr.UnsupportedVersion, kerr.InvalidTransactionTimeout}
	return slices.ContainsFunc(refused, func(e error) bool { return errors.Is(err, e) })
}

// attempt publishes what is missing, if anything is.
func (s *store) attempt(ctx context.Context, h *handle) error {
	b := &s.publisher
	p, err := s.ready(ctx, h, h.Previous.At)
	if err != nil {
		return err
	}
	if h.elsewhere(p) {
		if s.opening && s.env.Published {
			return nil
		}
		return h.moved(p)
	}
	if s.adopts(p, h) {
		if err := s.noteAgain(ctx, p, h); err != nil {
			return err
		}
	}
	done, err := h.judge(s.owner, p.name, p.noted)
	if err != nil {
		return err
	}
	if other := s.target.Load().id.String(); done && h.TopicID != "" && other != h.TopicID && other != "" {
		return nil // it was written to a topic that is no more, and the user has accepted that
	}
	if !done {
		if err := s.target.Load().takesStill(h, s.overhead(), p.name); err != nil && h.Topic == s.config.Topic {
			return err
		}
	}
	// On any other cluster all of a transaction is committed, or nothing.
	all := !p.embedded || b.untried == h.Spool.ID
	b.untried = ""
	var found map[int32]int64
	switch {
	case done && (!p.embedded || b.previous.same(h.note())):
		return nil
	case all:
		found = make(map[int32]int64)
	default:
		if found, err = p.look(ctx, s.owner, h, done); err != nil {
			return err
		}
	}
	if done && len(found) == len(h.Spool.Shares) {
		return nil
	}
	if len(found) > 0 {
		s.env.Log.Info("the broker was killed while it committed an epoch; completing it", "epoch", h.Epoch,
			"topic", h.Topic, "partitions", len(h.Spool.Shares), "committed", len(found))
	}
	return s.transact(ctx, p, h, found)
}

// ready returns a producer that has fenced those before it, to write what a handle is of.
func (s *store) ready(ctx context.Context, h *handle, from int64) (*producer, error) {
	b := &s.publisher
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
			err = s.noneOpen(ctx, p, h)
		}
		if err == nil && p.embedded && b.from == nil {
			err = s.noteEnds(ctx, p)
		}
		if err != nil {
			p.fenced = false
			return nil, err
		}
	}
}

// noteEnds remembers where the partitions end, for handles to come: the look
// for their headers begins there.
func (s *store) noteEnds(ctx context.Context, p *producer) error {
	logs, err := p.logs(ctx, s.config.Topic)
	if err != nil {
		return err
	}
	s.publisher.from = make(map[int32]int64)
	for partition, l := range logs {
		s.publisher.from[partition] = l.high
	}
	return nil
}

// Recover removes spools that nobody needs, and compares what is noted with
// what the state directory says of it: an old copy of that must not go on.
func (s *store) Recover(ctx context.Context, live []byte) error {
	h := &handle{Topic: s.config.Topic}
	if len(live) > 0 {
		var err error
		if h, err = decodeHandle(live); err != nil {
			return err
		}
	}
	kept := ""
	if h.Spool != nil {
		kept = h.Spool.Name
	}
	if err := s.area.Keep(map[string]bool{kept: true}); err != nil {
		return err
	}
	p, err := s.ready(ctx, h, h.note().At)
	if err == nil && h.elsewhere(p) {
		h = &handle{Topic: s.config.Topic} // Publish has made sure that nothing is missing there
	}
	if err == nil && s.adopts(p, h) {
		err = s.noteAgain(ctx, p, h)
	}
	if err == nil {
		err = s.intact(ctx, p)
	}
	if err == nil && !p.noted.same(h.note()) {
		err = &conflict{owner: s.owner, topic: h.Topic, broker: p.name, noted: p.noted, wanted: h.note(),
			previous: h.note()}
	}
	if err != nil && !lasts(err) {
		err = fmt.Errorf("%w: %w", sdk.ErrDisconnected, err)
	}
	if err != nil {
		return fmt.Errorf("recovering topic %q: %w", h.Topic, err)
	}
	s.publisher.kept, s.publisher.previous = kept, p.noted
	s.opening = false
	return nil
}
