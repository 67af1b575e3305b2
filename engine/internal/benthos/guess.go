package benthos

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// guess offers what was meant by a field, an option, a method or a function that
// there is none of: the nearest name that the components of the text know.
func (v *vocabulary) guess(problems []PlainProblem) {
	for i := range problems {
		if p := &problems[i]; p.Hint == "" && p.Component == "" {
			p.Hint = v.hint(p.Message)
		}
	}
}

// vocabulary is what may stand in a config with certain components.
type vocabulary struct {
	fields, options []string
	lists           map[string]bool // fields that are lists
}

// topFields are those at the top of a plain config and in its own sections.
var topFields = []string{"input", "buffer", "pipeline", "output", "logger", "metrics", "tracer", "http", "tests",
	"input_resources", "processor_resources", "output_resources", "cache_resources", "rate_limit_resources",
	"shutdown_timeout", "shutdown_delay", "error_handling", "processors", "threads", "label", "level", "format",
	"add_timestamp", "level_name", "timestamp_name", "message_name", "static_fields", "file", "address", "enabled",
	"root_path", "debug_endpoints", "strict"}

var anyKey = regexp.MustCompile(`([a-z][a-z0-9_]*)["']?[ \t]*:`)

// vocabularyOf collects the fields and options of the components that a text
// names.
func vocabularyOf(env *service.Environment, text string) *vocabulary {
	v := &vocabulary{fields: slices.Clone(topFields), options: []string{"json", "logfmt", "INFO", "DEBUG", "WARN",
		"ERROR", "TRACE", "OFF"}, lists: map[string]bool{"processors": true, "tests": true, "fields": true}}
	for _, field := range topFields {
		if strings.HasSuffix(field, "_resources") {
			v.lists[field] = true
		}
	}
	named := map[string]bool{}
	for _, m := range anyKey.FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
	}
	collect := func(name string, view *service.ConfigView) {
		if !named[name] {
			return
		}
		described, err := view.FormatJSON()
		var all any
		if err == nil && json.Unmarshal(described, &all) == nil {
			v.collect(all)
		}
	}
	for _, each := range []func(func(string, *service.ConfigView)){env.WalkInputs, env.WalkProcessors,
		env.WalkOutputs, env.WalkCaches, env.WalkRateLimits, env.WalkBuffers, env.WalkScanners} {
		each(collect)
	}
	return v
}

// collect finds, in what Benthos says of a component, its fields and their options.
func (v *vocabulary) collect(described any) {
	switch d := described.(type) {
	case []any:
		for _, inner := range d {
			v.collect(inner)
		}
	case map[string]any:
		if name, ok := d["name"].(string); ok && d["kind"] != nil {
			v.fields = append(v.fields, name)
			if d["kind"] == "array" || d["kind"] == "2darray" {
				v.lists[name] = true
			}
		}
		for _, list := range []string{"options", "annotated_options"} {
			options, _ := d[list].([]any)
			for _, option := range options {
				if pair, ok := option.([]any); ok && len(pair) > 0 {
					option = pair[0]
				}
				if text, ok := option.(string); ok {
					v.options = append(v.options, text)
				}
			}
		}
		for _, inner := range d {
			v.collect(inner)
		}
	}
}

var unknownCall = regexp.MustCompile(`unrecognised (method|function) '([a-z0-9_]+)'`)

// hint guesses what a message is about.
func (v *vocabulary) hint(message string) string {
	if call := callHint(message); call != "" {
		return call
	}
	word, known := quotedWord(message), v.fields
	if option := optionWord(message); option != "" {
		word, known = option, v.options
	}
	if word == "" {
		return ""
	}
	known = slices.DeleteFunc(slices.Clone(known), func(name string) bool { return name == word })
	if near := sdk.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// callHint guesses the Bloblang method or function that was meant.
func callHint(message string) string {
	m := unknownCall.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	var names []string
	env := bloblang.GlobalEnvironment()
	if m[1] == "method" {
		env.WalkMethods(func(name string, _ *bloblang.MethodView) { names = append(names, name) })
	} else {
		env.WalkFunctions(func(name string, _ *bloblang.FunctionView) { names = append(names, name) })
	}
	if near := sdk.Nearest(m[2], names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}
