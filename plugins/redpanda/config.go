package redpanda

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

const (
	formatJSON = "json"
	formatCSV  = "csv"
	formatRaw  = "raw"

	startEarliest  = "earliest"
	startLatest    = "latest"
	startTimestamp = "timestamp"

	lossStop     = "stop"
	lossContinue = "continue"

	// What a record without a value becomes.
	tombstoneRows   = "rows"
	tombstoneIgnore = "ignore"
	tombstoneDead   = "dead_letters"

	embedded = "broker" // the service that runs when no brokers are named
)

// SourceConfig is the config of a redpanda input.
type SourceConfig struct {
	connection
	Topic      []string   `json:"topic" required:"true" alias:"topics" doc:"Topic to read, or a list of them."`
	Schema     sdk.Schema `json:"schema" state:"keep" doc:"Columns of a record, or a schema of the file."`
	Format     string     `json:"format" state:"keep" doc:"What a record's value is: json, csv, raw."`
	Extra      string     `json:"extra" state:"keep" doc:"Name of a json column for keys without a column."`
	Metadata   []string   `json:"metadata" state:"keep" doc:"key, key_bytes, partition, offset, timestamp, headers."`
	Start      Start      `json:"start" doc:"Where a first run begins: earliest, latest or {timestamp: T}."`
	Group      string     `json:"consumer_group" state:"keep" alias:"group,group_id" doc:"Group for lag tools."`
	OnDataLoss string     `json:"on_data_loss" state:"keep" doc:"If unread records are gone: stop or continue."`
	Tombstones string     `json:"tombstones" state:"keep" doc:"Records without value: rows, ignore, dead_letters."`
}

// SinkConfig is the config of a redpanda output.
type SinkConfig struct {
	connection
	Topic       string              `json:"topic" required:"true" doc:"Topic to write; made if it is missing."`
	Partitions  int32               `json:"partitions" doc:"Of a topic that is made. 0: the broker's."`
	Key         string              `json:"key" state:"keep" doc:"Column whose equal rows share a partition."`
	Headers     sdk.Ordered[string] `json:"headers" state:"keep" doc:"Headers of a record: name and column."`
	Format      string              `json:"format" state:"keep" doc:"What a record's value is: json, csv, raw."`
	Compression string              `json:"compression" state:"keep" doc:"none, snappy, lz4, zstd or gzip."`
	KeepMeta    *bool               `json:"keep_metadata" state:"keep" doc:"Whether _ columns are written; left out: those of late rows are."`
	Timeout     sdk.Duration        `json:"transaction_timeout" state:"keep" doc:"Of an epoch."`
}

// Start is where a source begins when it has no position yet.
type Start struct {
	From string    `json:"-"`
	At   time.Time `json:"timestamp" type:"timestamp" doc:"First record at or after this time, RFC 3339."`
}

// FromText reads the short form.
func (s *Start) FromText(text string) error {
	if text != startEarliest && text != startLatest {
		return fmt.Errorf("want earliest, latest or {timestamp: 2026-01-31T00:00:00Z}, got %q", text)
	}
	s.From = text
	return nil
}

// Validate sets From if a timestamp was given.
func (s *Start) Validate() error {
	if !s.At.IsZero() {
		s.From = startTimestamp
	}
	return nil
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func checkTopic(path, name string) error {
	if !topicName.MatchString(name) || name == "." || name == ".." {
		return sdk.Fieldf(path, "want 1 to 249 letters, digits, dots, dashes or underscores, got %q", name)
	}
	return nil
}

// checkReserved refuses to write topics that belong to the engine, to Kafka or to the
// schema registry: rows in them would make them useless to their owner.
func checkReserved(path, name string) error {
	switch name {
	case epochsTopic:
		return sdk.Problem{Path: path, Message: name + " is the engine's own topic, in which it notes what was " +
			"published",
			Hint: "choose another name"}
	case "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata", "_schemas":
		return sdk.Problem{Path: path, Message: name + " belongs to the broker, which keeps its own records in it",
			Hint: "choose another name"}
	}
	return nil
}

// Validate returns all that is wrong with the config.
func (c *SourceConfig) Validate() error {
	errs := c.connection.problems()
	if len(c.Topic) == 0 {
		errs = append(errs, sdk.Fieldf("topic", "want a topic, got an empty list"))
	}
	for i, topic := range c.Topic {
		errs = append(errs, checkTopic("topic."+strconv.Itoa(i), topic))
		if slices.Contains(c.Topic[:i], topic) {
			errs = append(errs, sdk.Fieldf("topic."+strconv.Itoa(i), "%s is named twice", topic))
		}
	}
	errs = append(errs, checkMetadata(c.Metadata), sdk.OneOf("on_data_loss", c.OnDataLoss, lossStop, lossContinue),
		sdk.OneOf("format", c.Format, formatJSON, formatCSV, formatRaw), c.checkSchema())
	if c.Tombstones != "" {
		errs = append(errs, sdk.OneOf("tombstones", c.Tombstones, tombstoneRows, tombstoneIgnore, tombstoneDead))
	}
	return joined(errs)
}

func (c *SourceConfig) checkSchema() error {
	switch {
	case c.Extra != "" && c.Format != formatJSON:
		return sdk.Fieldf("extra", "is for format json, which has keys; the format is %s", c.Format)
	case c.Format == formatRaw && len(c.Schema) == 0:
		return nil
	case c.Format == formatRaw:
		if t := c.Schema[0].Value.Type; len(c.Schema) != 1 || t != "bytes" && t != "string" {
			return sdk.Fieldf("schema", "want one column of bytes or string for format raw, got %d (%s first)",
				len(c.Schema), t)
		}
	case len(c.Schema) == 0:
		return sdk.Problem{Code: sdk.CodeMissingField, Message: "schema is missing",
			Hint: "format " + c.Format + " needs columns, nothing is inferred"}
	case c.Format == formatJSON:
		return jsonrows.CheckExtra(c.Extra, c.Schema)
	case c.Format == formatCSV:
		return textrows.Check(c.Schema, false)
	}
	return nil
}

// columns is the schema of what the source gives.
func (c *SourceConfig) columns() *arrow.Schema {
	return slices.Concat(c.schema(), metadataSchema(c.Metadata)).Arrow()
}

func (c *SourceConfig) schema() sdk.Schema {
	if c.Format == formatRaw && len(c.Schema) == 0 {
		return sdk.Schema{{Key: "value", Value: sdk.Column{Type: "bytes"}}}
	}
	return jsonrows.WithExtra(c.Schema, c.Extra)
}

// Validate returns all that is wrong with the config.
func (c *SinkConfig) Validate() error {
	errs := append(c.connection.problems(), checkTopic("topic", c.Topic), checkReserved("topic", c.Topic),
		sdk.OneOf("format", c.Format, formatJSON, formatCSV, formatRaw))
	const most = 10_000 // a number that is a mistake is refused before a broker makes folders of it
	if c.Partitions < 0 || c.Partitions > most {
		errs = append(errs, sdk.Fieldf("partitions", "want 0 to %d, got %d", most, c.Partitions))
	}
	if d := time.Duration(c.Timeout); d < time.Second || d > longestTransaction {
		errs = append(errs, sdk.Fieldf("transaction_timeout", "want 1s to %s, got %s", longestTransaction, d))
	}
	if c.Compression != "" {
		errs = append(errs, sdk.OneOf("compression", c.Compression, "none", "snappy", "lz4", "zstd", "gzip"))
	}
	return joined(errs)
}
