package sdktest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

func sinkChecks() []check {
	checks := []check{
		{"EveryRowIsShownOnce", everyRowIsShownOnce},
		{"WriteDoesNotChangeItsInput", writeDoesNotChangeItsInput},
		{"LentBatchesAreNotKept", writtenBatchesAreNotKept},
		{"SmallEpochsShowTheSame", smallEpochsShowTheSame},
		{"NothingShowsBeforeCommit", nothingShowsBeforeCommit},
		{"CommitTwiceShowsOnce", commitTwiceShowsOnce},
		{"CommitNeedsOnlyItsCommittable", commitNeedsOnlyItsCommittable},
		{"RecoverForgetsWhatWasNotRecorded", recoverForgetsWhatWasNotRecorded},
		{"RecoverKeepsWhatIsLive", recoverKeepsWhatIsLive},
		{"RowsAfterTheBarrierAreOfTheNextEpoch", rowsAfterTheBarrierAreOfTheNextEpoch},
		{"RowsAfterTheBarrierAreForgottenWithTheirEpoch", rowsAfterTheBarrierAreForgottenWithTheirEpoch},
		{"ForgottenRunLeavesNothing", forgottenRunLeavesNothing},
		{"CloseShowsNothing", closeShowsNothing},
		{"CloseWithoutWrite", closeWithoutWrite},
		{"CloseEndsABlockedWrite", closeEndsABlockedWrite},
	}
	for _, shape := range shapes() {
		checks = append(checks, check{"SameResult/" + shape.name, func(t testing.TB, s *suite) {
			s.sameText(t, "fed batches "+shape.name, s.shown(t, shape.give, nil), s.shown(t, plain, nil))
		}})
	}
	return checks
}

// drain is a sink being fed.
type drain struct {
	sdk.Sink
	*closer
	t           testing.TB
	epoch       uint64
	committable []byte
}

// openSink opens the sink as the engine does after an epoch, 0 at the very
// start: what is recorded is committed, and then the rest forgotten.
func (s *suite) openSink(t testing.TB, env sdk.Env, epoch uint64, committable []byte) *drain {
	t.Helper()
	env.Epoch = epoch
	instance, closer := open[sdk.Sink](t, s, s.config, env)
	d := &drain{Sink: instance, closer: closer, t: t, epoch: epoch, committable: committable}
	if epoch > 0 {
		d.commit()
	}
	if err := d.Recover(t.Context(), committable); err != nil {
		t.Fatalf("recovering: %v", err)
	}
	d.signal(sdk.Signal{Kind: sdk.Partitions, Partitions: s.partitions()})
	return d
}

func (d *drain) signal(signal sdk.Signal) {
	d.t.Helper()
	if err := d.Signal(d.t.Context(), signal); err != nil {
		d.t.Fatalf("signal %s: %v", signal.Kind, err)
	}
}

func (d *drain) write(batches ...*sdk.Batch) {
	d.t.Helper()
	for _, b := range batches {
		if err := d.Write(d.t.Context(), b); err != nil {
			d.t.Fatalf("writing %d rows: %v", b.NumRows(), err)
		}
	}
}

// prepare ends an epoch as far as its record.
func (d *drain) prepare(roll bool) {
	d.t.Helper()
	d.barrier(roll)
	d.record()
}

// barrier ends an epoch for what is written after it.
func (d *drain) barrier(roll bool) {
	d.t.Helper()
	d.epoch++
	d.signal(sdk.Signal{Kind: sdk.Barrier, Epoch: d.epoch, Roll: roll, Time: wallClock(d.epoch)})
}

// record prepares the epoch of the last barrier.
func (d *drain) record() {
	d.t.Helper()
	prepared, err := d.Prepare(d.t.Context(), d.epoch)
	if err != nil {
		d.t.Fatalf("preparing epoch %d: %v", d.epoch, err)
	}
	d.committable = prepared.Committable
}

func (d *drain) commit() {
	d.t.Helper()
	if d.committable == nil {
		return
	}
	if err := d.Commit(d.t.Context(), d.epoch, d.committable); err != nil {
		d.t.Fatalf("committing epoch %d: %v", d.epoch, err)
	}
}

// finish ends the input and shows all of it.
func (d *drain) finish() {
	d.t.Helper()
	d.signal(sdk.Signal{Kind: sdk.End})
	d.prepare(true)
	d.commit()
	d.mustClose(d.t)
}

// copies is all the input, to be written.
func (s *suite) copies() []*sdk.Batch {
	var all []*sdk.Batch
	for _, b := range s.Input {
		all = append(all, plain(b)...)
	}
	return all
}

// shown writes all the input as a shape gives it, and reads what is visible.
func (s *suite) shown(t testing.TB, give func(*sdk.Batch) []*sdk.Batch, after func(*sdk.Batch)) []string {
	t.Helper()
	env := s.world(t)
	d := s.openSink(t, env, 0, nil)
	for _, given := range s.Input {
		for _, b := range give(given) {
			d.write(b)
			if after != nil {
				after(b)
			}
		}
	}
	d.finish()
	return s.Read(t, env)
}

// exactlyOnce reports whether the sink's output appears with its epoch.
func (s *suite) exactlyOnce() bool { return s.describe([]byte(s.config)).AtLeastOnce == "" }

func everyRowIsShownOnce(t testing.TB, s *suite) {
	rows := int64(0)
	for _, b := range s.Input {
		rows += b.NumRows()
	}
	if got := s.shown(t, plain, nil); int64(len(got)) != rows {
		t.Errorf("wrote %d rows, read %d", rows, len(got))
	}
}

func writeDoesNotChangeItsInput(t testing.TB, s *suite) {
	var before []uint64
	at := 0
	give := func(b *sdk.Batch) []*sdk.Batch {
		copied := withRows(b, sliced(b.Rows))
		before = append(before, sum(copied.Rows))
		return []*sdk.Batch{copied}
	}
	s.shown(t, give, func(b *sdk.Batch) {
		if sum(b.Rows) != before[at] {
			t.Errorf("batch %d was changed by Write: other outputs read it too", at+1)
		}
		at++
	})
}

func writtenBatchesAreNotKept(t testing.TB, s *suite) {
	got := s.shown(t, plain, func(b *sdk.Batch) { mangle(b.Rows) })
	s.sameText(t, "with each batch overwritten after Write", got, s.shown(t, plain, nil))
}

func smallEpochsShowTheSame(t testing.TB, s *suite) {
	want := s.shown(t, plain, nil)
	for _, roll := range []bool{false, true} {
		env := s.world(t)
		d := s.openSink(t, env, 0, nil)
		for _, b := range s.copies() {
			d.prepare(roll) // an epoch of nothing
			d.commit()
			d.write(b)
			d.prepare(roll)
			d.commit()
		}
		d.finish()
		s.sameText(t, fmt.Sprintf("an epoch for each batch, roll %v", roll), s.Read(t, env), want)
	}
}

func nothingShowsBeforeCommit(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	env := s.world(t)
	d := s.openSink(t, env, 0, nil)
	d.write(s.copies()...)
	if got := s.Read(t, env); len(got) > 0 {
		t.Errorf("after Write: %d rows are visible before their epoch", len(got))
	}
	d.prepare(true)
	if got := s.Read(t, env); len(got) > 0 {
		t.Errorf("after Prepare: %d rows are visible before Commit", len(got))
	}
}

func commitTwiceShowsOnce(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	env := s.world(t)
	d := s.openSink(t, env, 0, nil)
	d.write(s.copies()...)
	d.prepare(true)
	d.commit()
	want := s.Read(t, env)
	d.commit()
	s.sameText(t, "committed again", s.Read(t, env), want)
	d.mustClose(t)
	s.openSink(t, env, d.epoch, d.committable).mustClose(t)
	s.sameText(t, "committed again by another instance", s.Read(t, env), want)
}

func commitNeedsOnlyItsCommittable(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	env := s.world(t)
	d := s.openSink(t, env, 0, nil)
	d.write(s.copies()...)
	d.prepare(true)
	d.mustClose(t) // the process ends between the record and Commit
	d = s.openSink(t, env, d.epoch, d.committable)
	want := s.shown(t, plain, nil)
	s.sameText(t, "committed by an instance that never saw the rows", s.Read(t, env), want)
	d.finish()
	s.sameText(t, "and after an epoch of nothing", s.Read(t, env), want)
}

// recoverForgetsWhatWasNotRecorded ends the process twice: with rows that were
// only written, and with rows of an epoch that was prepared and not recorded.
func recoverForgetsWhatWasNotRecorded(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	for _, prepared := range []bool{false, true} {
		env := s.world(t)
		d := s.openSink(t, env, 0, nil)
		d.write(s.copies()...)
		if prepared {
			d.prepare(true)
		}
		d.mustClose(t)
		d = s.openSink(t, env, 0, nil)
		d.finish()
		if got := s.Read(t, env); len(got) > 0 {
			t.Errorf("prepared %v: %d rows of an epoch that was never recorded are visible", prepared, len(got))
		}
	}
}

// recoverKeepsWhatIsLive records a first epoch, rolled or not, loses a second
// one, and writes that again.
func recoverKeepsWhatIsLive(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	want := s.shown(t, plain, nil)
	for _, roll := range []bool{false, true} {
		for _, prepared := range []bool{false, true} {
			env, input := s.world(t), s.copies()
			half := (len(input) + 1) / 2
			d := s.openSink(t, env, 0, nil)
			d.write(input[:half]...)
			d.prepare(roll)
			d.commit()
			epoch, committable := d.epoch, d.committable
			d.write(s.copies()[half:]...)
			if prepared {
				d.prepare(true)
			}
			d.mustClose(t)
			d = s.openSink(t, env, epoch, committable)
			d.write(input[half:]...)
			d.finish()
			s.sameText(t, fmt.Sprintf("recovered to epoch 1 (rolled %v) from epoch 2 (prepared %v)", roll, prepared),
				s.Read(t, env), want)
		}
	}
}

func closeShowsNothing(t testing.TB, s *suite) {
	if !s.exactlyOnce() {
		return
	}
	env := s.world(t)
	d := s.openSink(t, env, 0, nil)
	d.write(s.copies()...)
	d.prepare(true)
	d.mustClose(t)
	if got := s.Read(t, env); len(got) > 0 {
		t.Errorf("after Close: %d rows are visible without Commit", len(got))
	}
}

func closeWithoutWrite(t testing.TB, s *suite) {
	_, closer := open[sdk.Sink](t, s, s.config, s.world(t))
	s.soon(t, "closing before the first Write", func() { closer.mustClose(t) })
}

func closeEndsABlockedWrite(t testing.TB, s *suite) {
	if s.Blocked == "" {
		return
	}
	sink, closer := open[sdk.Sink](t, s, s.Blocked, s.world(t))
	if err := sink.Recover(t.Context(), nil); err != nil {
		t.Fatalf("recovering: %v", err)
	}
	ended := blockedWrite(t.Context(), t, sink, s.Input[0])
	s.soon(t, "closing while Write is blocked", func() { closer.close() }) // rows are lost: it may say so
	select {
	case err := <-ended:
		if err == nil {
			t.Error("Write, interrupted by Close, said that the rows are written")
		}
	case <-time.After(s.patience):
		t.Error("Write is still blocked after Close")
	}
}

// blockedWrite writes until Write blocks, and returns where its answer will come.
func blockedWrite(ctx context.Context, t testing.TB, sink sdk.Sink, b *sdk.Batch) <-chan error {
	t.Helper()
	written, stop, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	defer close(stop)
	go func() {
		for {
			if err := sink.Write(ctx, plain(b)[0]); err != nil {
				ended <- err
				return
			}
			select {
			case written <- struct{}{}:
			case <-stop:
				ended <- nil
				return
			}
		}
	}()
	for {
		select {
		case <-written:
		case err := <-ended:
			t.Fatalf("the config that blocks: Write returned %v instead of waiting", err)
		case <-time.After(silence):
			return ended
		}
	}
}
