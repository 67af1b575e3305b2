package redpanda

import (
	"context"
	"time"

	"etlengine/plugins/sdk"
)

// Ended waits until a producer has no transaction open in a topic.
func Ended(ctx context.Context, i sdk.Instance, id int64, within time.Duration, topic string) error {
	return i.(*sink).store.committer.producer.ended(ctx, id, within, topic)
}

// EpochsTopic has the markers of committed epochs.
const EpochsTopic = epochsTopic

// AtStage calls f when a commit reaches a stage: fence, begin, sending (with
// each block of the spool), flushed, end and committed, in that order.
func AtStage(i sdk.Instance, f func(stage string)) { i.(*sink).store.committer.stage = f }

// Bound makes a sink's spools full at so many bytes.
func Bound(i sdk.Instance, bytes int64) { i.(*sink).Limit = bytes }

// Hasten makes a sink give up sooner.
func Hasten(i sdk.Instance, stalled, patience time.Duration) {
	i.(*sink).store.limits.stalled, i.(*sink).store.limits.patience = stalled, patience
}

// Cursors are those behind what a source has given.
func Cursors(i sdk.Instance) map[string][]byte { return i.(*source).cursors() }

// LimitTo ends a source that does not run yet after so many records.
func LimitTo(i sdk.Instance, records int64) {
	_ = i.(*source).bound(context.Background(), sdk.Bounds{Records: &records}) // which asks nobody
}

// EndsAt ends partitions of a source at offsets.
func EndsAt(ctx context.Context, i sdk.Instance, ends map[string]int64) error {
	return i.(*source).bound(ctx, sdk.Bounds{Ends: ends})
}
