package benthos

import (
	"encoding/json"
	"slices"
	"strings"

	"etlengine/plugins/sdk"
)

// streamPaths are names of the standard streams that a component of files may be given.
var streamPaths = map[string]string{
	"/dev/stdin": "stdin", "/dev/fd/0": "stdin", "/proc/self/fd/0": "stdin",
	"/dev/stdout": "stdout", "/dev/fd/1": "stdout", "/proc/self/fd/1": "stdout",
}

// streams lists the standard streams that an input or output of components uses:
// itself, by a component inside of it (broker, switch), or by a resource.
func (c *Components) streams(kind sdk.Kind, r *stepConfig) []string {
	var found []string
	switch kind {
	case sdk.KindSource:
		found = c.streamsOf(r, "input_resources")
		return slices.DeleteFunc(found, func(s string) bool { return s == "stdout" })
	case sdk.KindSink:
		found = c.streamsOf(r, "output_resources")
		return slices.DeleteFunc(found, func(s string) bool { return s == "stdin" })
	}
	return nil
}

func (c *Components) streamsOf(r *stepConfig, resources string) []string {
	var found []string
	for _, text := range r.Components {
		var config any
		if json.Unmarshal(text, &config) != nil {
			continue // check says what is wrong with it
		}
		found = append(found, standardStreams(config)...)
		if strings.Contains(string(text), `"resource"`) {
			var shared map[string]any
			if json.Unmarshal(c.host.resources, &shared) == nil {
				found = append(found, standardStreams(shared[resources])...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// standardStreams finds the components stdin and stdout, and their paths, in a config.
func standardStreams(config any) []string {
	var found []string
	switch v := config.(type) {
	case map[string]any:
		for key, value := range v {
			if key == "stdin" || key == "stdout" {
				found = append(found, key)
			}
			found = append(found, standardStreams(value)...)
		}
	case []any:
		for _, value := range v {
			found = append(found, standardStreams(value)...)
		}
	case string:
		if stream := streamPaths[v]; stream != "" {
			found = append(found, stream)
		}
	}
	return found
}
