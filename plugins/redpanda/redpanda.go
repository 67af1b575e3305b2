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
	Schema:    func(c *SourceConfig, _ *arrow.Schema) (*arrow.Schema, []sdk.Problem) { return c.columns(), nil },
	Resources: func(c *SourceConfig) []string { return c.resources(c.Topic...) },
	Renamed:   renamedInput,
	Needs:     func(c *SourceConfig) []string { return c.needs() },
	Endless: func(*SourceConfig) string {
		return "no pipeline of this file fills the topic, so more may always be written to it"
	},
	Open: openSource,
}.Plugin()

// Sink writes one topic.
var Sink = sdk.Spec[SinkConfig]{
	Kind:      sdk.KindSink,
	Name:      "redpanda",
	Summary:   "Writes rows as records of a topic of Redpanda or Kafka.",
	Example:   "redpanda: {topic: client_tickets, key: client_id}",
	Defaults:  SinkConfig{Format: formatJSON, Timeout: sdk.Duration(transactionTimeout)},
	Schema:    func(c *SinkConfig, in *arrow.Schema) (*arrow.Schema, []sdk.Problem) { return in, c.check(in) },
	Resources: func(c *SinkConfig) []string { return c.resources(c.Topic) },
	Renamed:   renamedOutput,
	Needs:     func(c *SinkConfig) []string { return c.needs() },
	Setup:     makeTopics,
	Leftovers: leftovers,
	Forget:    forget,
	Hidden:    hidden,
	Open:      openSink,
}.Plugin()
