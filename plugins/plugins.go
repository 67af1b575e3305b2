// Package plugins lists the plugins that the engine is built with. To add one,
// add a folder beside the others and a line here.
package plugins

import (
	"etlengine/plugins/broker"
	"etlengine/plugins/sdk"
	"etlengine/plugins/ticketgenerator"
)

// Builtin returns every plugin of this repository.
func Builtin() []sdk.Plugin {
	return []sdk.Plugin{
		broker.Service,
		ticketgenerator.Source,
	}
}
