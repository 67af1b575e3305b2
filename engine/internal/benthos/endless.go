package benthos

import (
	"encoding/json"
	"fmt"
)

// endlessInputs are Benthos's inputs that never end by themselves, and why. Of the
// others some end (file, stdin, csv), and of some it is not known.
var endlessInputs = map[string]string{
	"dynamic":       "inputs may be added to it at any time",
	"http_client":   "it asks again and again",
	"http_server":   "it waits for requests",
	"socket_server": "it waits for connections",
	"websocket":     "it connects again",
}

// endlessInput says why an input has no end, "" if that is not known.
func endlessInput(r *stepConfig) string {
	for _, text := range r.Components {
		var one map[string]json.RawMessage
		if json.Unmarshal(text, &one) != nil {
			continue
		}
		for name, config := range one {
			if why := endlessInputs[name]; why != "" {
				return fmt.Sprintf("Benthos's %s has none, %s", name, why)
			}
			var c struct {
				Count int64 `json:"count"`
			}
			if name == "generate" && (json.Unmarshal(config, &c) != nil || c.Count == 0) {
				return "Benthos's generate without count makes messages for ever"
			}
		}
	}
	return ""
}
