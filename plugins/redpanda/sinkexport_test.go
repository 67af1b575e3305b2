package redpanda

import (
	"time"

	"etlengine/plugins/sdk"
)

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

// Recount makes a sink ask for the number of partitions at the next Publish.
func Recount(i sdk.Instance) { i.(*sink).publisher.counted = time.Time{} }
