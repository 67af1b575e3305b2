// Package staging is what two-phase sinks share. Rows are staged where no reader sees
// them, and become visible when their epoch has been recorded.
//
// A sink brings a Store: where rows go, and how they get there. Sink makes of it what the
// engine opens, and holds what is the same everywhere: who may call what and when, which
// rows belong to an epoch while the next one is written, the first error, and Close. A
// store has these helpers for what is its own:
//
//   - Area, the folder of an output's staged files: their names, removal of what no
//     record lists, forgetting;
//   - Envelope, the version of what the engine's record keeps of an epoch (a committable);
//   - Committed, for targets that keep the newest epoch beside its rows, in one transaction;
//   - Disk, the file system, so that tests can stop it at any step (see stagingtest).
package staging

import (
	"context"
	"sync"
	"time"

	"etlengine/plugins/sdk"
)

// Barrier ends an epoch.
type Barrier struct {
	Epoch uint64
	Roll  bool      // whatever is staged is to become visible with this epoch
	Time  time.Time // the wall clock when the barrier was made
	Ended bool      // the input has come to its end
}

// Store is where a two-phase sink stages its rows and makes them visible. E is what Prepare must know
// of an epoch that its barrier has ended.
//
// Write and EndEpoch fill the next epoch while Prepare and Commit finish the one before:
// the two sides share nothing but E and what Prepare locks. Recover has both sides to
// itself. After an error of any of them (but a *sdk.RefusedError) only Close follows.
type Store[E any] interface {
	// Write stages rows of the epoch that fills. A *sdk.RefusedError names those that
	// it refused.
	Write(ctx context.Context, b *sdk.Batch) error
	// EndEpoch ends the epoch that fills; rows of later Writes belong to the next. It
	// does not wait for a disk or a network.
	EndEpoch(b Barrier) (E, error)
	// Bytes is the size of what is staged of the epoch that fills, as far as Sink.Limit
	// concerns it. It does not block.
	Bytes() int64
	// RollDue is sdk.Due.Roll. It does not block.
	RollDue(now time.Time) bool

	// Prepare makes an epoch durable and returns its committable; nil: there is nothing to
	// commit or keep. While it holds the lock given, Write and EndEpoch wait.
	Prepare(ctx context.Context, epoch uint64, e E, writing sync.Locker) (Committable, error)
	// Commit makes visible what a committable names, as often as it is called. It comes
	// before Recover for the newest record's.
	Commit(ctx context.Context, epoch uint64, committable []byte) error
	// Recover takes up what the newest record's committable keeps staged, and removes
	// what else was staged. nil: there is no record.
	Recover(ctx context.Context, live []byte) error
	// Close frees everything. Nothing else is called any more.
	Close() error
}
