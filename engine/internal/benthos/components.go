// Package benthos makes steps of Benthos's components, and lints and runs plain
// Benthos configs.
package benthos

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	_ "github.com/redpanda-data/benthos/v4/public/components/io"   // files, sockets, HTTP
	_ "github.com/redpanda-data/benthos/v4/public/components/pure" // and the "none" tracer
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// Components makes plugins of Benthos's components, for steps of a pipeline.
// Those of one file share its resources (caches, rate limits, …), so it serves
// one plan, for one run.
type Components struct {
	env   *service.Environment
	names map[sdk.Kind][]string
	host  *host
}

var _ plan.Components = (*Components)(nil)

// prefix begins the names of the plugins made here.
const prefix = "benthos/"

// refused are components that cannot be steps, and why.
var refused = map[string]string{
	"inproc":        "pipelines feed each other through a topic or a folder",
	"crash":         "it would end the engine in the middle of an epoch",
	"sync_response": "the rows of a batch are answered when their epoch is recorded, not one by one",
	ownerName:       "it is the engine's own",
}

// NewComponents makes plugins whose components share resources: a JSON object
// with cache_resources and the like, or nil.
// What components say goes to log, what log processors say to spoken.
func NewComponents(resources []byte, log, spoken *slog.Logger) *Components {
	c := &Components{env: service.NewEnvironment(), names: map[sdk.Kind][]string{}}
	add := func(kind sdk.Kind) func(string, *service.ConfigView) {
		return func(name string, _ *service.ConfigView) {
			if refused[name] == "" {
				c.names[kind] = append(c.names[kind], name)
			}
		}
	}
	c.env.WalkInputs(add(sdk.KindSource))
	c.env.WalkProcessors(add(sdk.KindTransform))
	c.env.WalkOutputs(add(sdk.KindSink))
	c.host = newHost(c.env, resources, log, spoken)
	return c
}

// Names lists the components that can be a step of a kind.
func (c *Components) Names(kind sdk.Kind) []string { return c.names[kind] }

// Absent says why there is no component of a name.
func (c *Components) Absent(kind sdk.Kind, name string) string {
	if why := refused[name]; why != "" {
		return "Benthos's " + name + " cannot be a step: " + why
	}
	if where := elsewhere(name); where != "" && !strings.Contains(where, "plugin "+name+" ") {
		return where
	}
	if near := sdk.Nearest(name, c.names[kind]); near != "" {
		return "Benthos has " + near
	}
	return ""
}

// stepConfig is the config of a step of components.
type stepConfig struct {
	Components []json.RawMessage `json:"components"`
	Labels     []string          `json:"labels,omitempty"` // of processors; "" where none is given
	Schema     json.RawMessage   `json:"schema"`
	Batch      int               `json:"batch"`    // rows at a time; 0: as Benthos would
	Messages   bool              `json:"messages"` // the rows get a MessageColumn
}

// names of the components, each the only key of its object.
func (r *stepConfig) names() []string {
	var names []string
	for _, text := range r.Components {
		var one map[string]json.RawMessage
		if json.Unmarshal(text, &one) == nil {
			names = append(names, slices.Sorted(maps.Keys(one))...)
		}
	}
	return names
}

// labelled are the components with their labels, as Benthos has them. One that stands for
// a resource has that of the resource.
func (r *stepConfig) labelled() ([]json.RawMessage, error) {
	all := slices.Clone(r.Components)
	for i := range min(len(all), len(r.Labels)) {
		var one map[string]json.RawMessage
		if err := json.Unmarshal(all[i], &one); err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		if _, resource := one["resource"]; resource || r.Labels[i] == "" {
			continue
		}
		label, err := json.Marshal(r.Labels[i])
		if err != nil {
			return nil, fmt.Errorf("writing the label: %w", err)
		}
		one["label"] = label
		if all[i], err = json.Marshal(one); err != nil {
			return nil, fmt.Errorf("writing the config: %w", err)
		}
	}
	return all, nil
}

func readStep(config []byte) (*stepConfig, sdk.Schema, error) {
	var r stepConfig
	if err := json.Unmarshal(config, &r); err != nil {
		return nil, nil, fmt.Errorf("reading the config: %w", err)
	}
	var schema sdk.Schema
	if len(r.Schema) > 0 {
		if problems := sdk.Decode(r.Schema, &schema); len(sdk.Faults(problems)) > 0 {
			return nil, nil, sdk.Faults(problems)[0]
		}
	}
	return &r, schema, nil
}

// describe describes a step of components. The plan declares its columns. Whether the rows
// get a MessageColumn follows from the steps behind it, and labels are
// names only, so neither makes a difference to what the config means.
func (c *Components) describe(kind sdk.Kind, r *stepConfig, config []byte) sdk.Description {
	d := sdk.Description{Problems: c.check(kind, config), Secrets: true, Streams: c.streams(kind, r),
		AtLeastOnce: c.atLeastOnce(kind, r)}
	d.Usable = sdk.Usable(d.Problems)
	parts := *r
	parts.Messages, parts.Labels = false, nil
	text, _ := json.Marshal(parts) // what was JSON is JSON
	d.Canonical = map[string]string{"components": string(text)}
	if kind == sdk.KindSource {
		d.Endless, d.Patience = endlessInput(r), patience
	}
	return d
}

// Plugin makes a plugin of one input or output, or of a run of processors.
func (c *Components) Plugin(kind sdk.Kind, config []byte) *sdk.Plugin {
	r, _, err := readStep(config)
	if err != nil {
		r = &stepConfig{}
	}
	p := &sdk.Plugin{Kind: kind, Name: prefix + strings.Join(r.names(), "+"),
		Summary: "Benthos's " + strings.Join(r.names(), ", ") + "."}
	p.Describe = func(config []byte, _ *arrow.Schema) sdk.Description { return c.describe(kind, r, config) }
	p.Setup = c.host.setup(kind, c.traits(kind, r))
	switch kind {
	case sdk.KindSource:
		p.Open = c.host.openInput
	case sdk.KindTransform:
		p.Open = c.host.openRun
	default:
		p.Open = c.host.openOutput
	}
	return p
}

// repeatable are processors that do the same again to the same rows, and leave
// nothing behind: a batch that goes through them twice after a crash comes out
// once, since outputs show whole epochs only.
var repeatable = []string{"archive", "benchmark", "bloblang", "bounds_check", "branch", "catch",
	"compress", "decompress", "for_each", "grok", "group_by", "group_by_value", "insert_part", "jmespath",
	"jq", "json_schema", "log", "mapping", "metric", "mutation", "noop", "parallel", "parse_log",
	"processors", "rate_limit", "retry", "select_parts", "sleep", "split", "switch", "try", "try_catch",
	"unarchive", "while", "workflow"}

// atLeastOnce says why a step of components cannot be exactly-once.
func (c *Components) atLeastOnce(kind sdk.Kind, r *stepConfig) string {
	switch kind {
	case sdk.KindSource:
		return "Benthos's inputs have no position to resume from"
	case sdk.KindSink:
		return "what Benthos's outputs have written stays written"
	}
	if r.Batch > 1 && c.traits(kind, r).alone {
		return "its batches end where epochs do, which after a crash is elsewhere"
	}
	for _, name := range c.inside(kind, r) {
		if !slices.Contains(repeatable, name) {
			return "what Benthos's " + name + " keeps or changes outside is in no record"
		}
	}
	return ""
}

// inside lists the components of a step, and those that they are made of.
func (c *Components) inside(kind sdk.Kind, r *stepConfig) []string {
	builder := c.env.NewStreamBuilder()
	builder.DisableLinting()
	add := map[sdk.Kind]func(string) error{sdk.KindSource: builder.AddInputYAML,
		sdk.KindTransform: builder.AddProcessorYAML, sdk.KindSink: builder.AddOutputYAML}[kind]
	for _, one := range r.Components {
		if add(escape(string(one))) != nil {
			return r.names() // check says what is wrong with it
		}
	}
	var names []string
	err := builder.WalkComponents(func(w *service.WalkedComponent) error {
		// The builder puts in an input and output of its own where none is given.
		if w.ComponentType == role[kind] || kind != sdk.KindTransform && w.ComponentType == "processor" {
			names = append(names, w.Name)
		}
		return nil
	})
	if err != nil {
		return r.names()
	}
	return names
}

// role is what Benthos calls a kind of step.
var role = map[sdk.Kind]string{
	sdk.KindSource: "input", sdk.KindTransform: "processor", sdk.KindSink: "output"}
