// Package redpanda reads and writes topics of Redpanda, Apache Kafka, or the
// embedded broker, which all speak Kafka's protocol.
//
// The source assigns partitions by hand and keeps its positions with the
// engine, never in a consumer group, and a position that no longer exists is an
// error, never a silent jump. The sink writes an epoch in one transaction, which
// readers of committed records see once and whole.
package redpanda

import (
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Source reads topics.
var Source = sdk.Spec[SourceConfig]{
	Kind:    sdk.KindSource,
	Name:    "redpanda",
	Summary: "Reads records from topics of Redpanda or Kafka.",
	Example: "redpanda: {topic: client_tickets, schema: ticket, start: earliest}",
	Defaults: SourceConfig{Format: formatJSON, Start: Start{From: startEarliest},
		OnDataLoss: lossStop},
	About: func(c *SourceConfig) sdk.Description {
		return sdk.Description{Resources: c.resources(c.Topic...), Proves: true, Needs: c.needs(),
			Endless: "no pipeline of this file fills the topic, so more may always be written to it",
			Bounds:  sdk.Bounded{Records: true, Now: true, Ends: true}}
	},
	Columns: func(c *SourceConfig, _ *arrow.Schema, d *sdk.Description) { d.Columns = c.columns() },
	Open:    openSource,
}.Plugin()

// Sink writes one topic.
var Sink = sdk.Spec[SinkConfig]{
	Kind:     sdk.KindSink,
	Name:     "redpanda",
	Summary:  "Writes rows as records of a topic of Redpanda or Kafka.",
	Example:  "redpanda: {topic: client_tickets, key: client_id}",
	Defaults: SinkConfig{Format: formatJSON, Timeout: sdk.Duration(transactionTimeout)},
	About: func(c *SinkConfig) sdk.Description {
		return sdk.Description{Resources: c.resources(c.Topic), Proves: true, Needs: c.needs()}
	},
	Columns: func(c *SinkConfig, in *arrow.Schema, d *sdk.Description) { d.ColumnProblems = c.check(in) },
	Setup:   makeTopics,
	Inspect: inspect,
	Forget:  forget,
	Open:    openSink,
}.Plugin()
