package redpanda

import (
	"context"
	"time"

	"etlengine/plugins/sdk"
)

// OpenTransaction looks for one of a producer's own that is open.
func OpenTransaction(ctx context.Context, i sdk.Instance, id int64, topic string) (where string, open bool) {
	at, _, open := i.(*sink).publisher.producer.openTransaction(ctx, id, topic)
	return at.String(), open
}

// EpochsTopic is where published epochs are noted.
const EpochsTopic = epochsTopic

// AtStage calls f when publishing reaches a stage: fence, begin, sending (with
// each block of the spool), flushed, end and committed, in that order.
func AtStage(i sdk.Instance, f func(stage string)) { i.(*sink).publisher.stage = f }

// Bound makes a sink's spools full at so many bytes.
func Bound(i sdk.Instance, bytes int64) { i.(*sink).limits.spool = bytes }

// Hasten makes a sink give up sooner.
func Hasten(i sdk.Instance, stalled, patience time.Duration) {
	i.(*sink).limits.stalled, i.(*sink).limits.patience = stalled, patience
}
