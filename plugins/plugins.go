// Package plugins lists the plugins that the engine is built with. To add one,
// add a folder beside the others and a line here.
package plugins

import (
	"etlengine/plugins/aggregation"
	"etlengine/plugins/broker"
	"etlengine/plugins/csv"
	"etlengine/plugins/derive"
	"etlengine/plugins/filter"
	"etlengine/plugins/jsonl"
	"etlengine/plugins/parquet"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/selection"
	"etlengine/plugins/ticketgenerator"
)

// Builtin returns every plugin of this repository.
func Builtin() []sdk.Plugin {
	return []sdk.Plugin{
		aggregation.Transform,
		broker.Service,
		csv.Sink,
		csv.Source,
		derive.Transform,
		filter.Transform,
		jsonl.Sink,
		jsonl.Source,
		parquet.Sink,
		parquet.Source,
		redpanda.Sink,
		redpanda.Source,
		selection.Transform,
		ticketgenerator.Source,
	}
}
