package benthos

import (
	"encoding/json"
	"regexp"
	"slices"

	"etlengine/plugins/sdk"
)

// bulk are processors that treat each message of a batch by itself and keep
// their order: many rows may go through them at once, as one batch, and come
// out as if each had been one. One that logs, or uses a cache, shows the order
// of its calls; a branch or switch puts messages back by their contexts, which a
// message that was deleted before shifts. So these are none.
var bulk = []string{"bloblang", "catch", "for_each", "grok", "jmespath", "jq", "json_schema", "mapping",
	"metric", "mutation", "noop", "parse_log", "processors", "try"}

// bulkOutputs are outputs that write each message of a batch by itself.
var bulkOutputs = []string{"drop", "file", "stdout"}

// localInputs are inputs whose connection can be tried out: nobody notices.
var localInputs = []string{"batched", "broker", "csv", "file", "generate", "read_until", "sequence", "stdin"}

var (
	// readsBatch finds, in Bloblang, what depends on the other messages of a
	// batch, on the order of calls, or on code in another file.
	readsBatch = regexp.MustCompile(`\b(?:batch_index|batch_size|from_all)\b|\b(?:from|count)\s*\(` +
		`|(?m:^\s*(?:from|import)\b)`)
	// listsMeta finds what lists, or removes, all metadata of a message.
	listsMeta = regexp.MustCompile(`\b(?:meta|metadata|root_meta)\s*\(\s*\)|@(?:[^A-Za-z0-9_"]|$)` +
		`|\bmeta\s*=|` + rowKey)
	// namesMeta finds any use of metadata.
	namesMeta = regexp.MustCompile(`@|\b(?:meta|metadata|root_meta)\b`)
)

// traits are what a step of components does with messages as far as its config
// says. What is not known to be harmless is not.
type traits struct {
	alone bool // it must get its messages in batches as Benthos would make them
	gives bool // its rows may have metadata or batches of its making
	reads bool // its result depends on metadata or batches
	local bool // trying out its connection reaches nobody else
}

func (c *Components) traits(kind sdk.Kind, r *stepConfig) traits {
	known := bulk
	if kind == sdk.KindSink {
		known = bulkOutputs
	}
	t := traits{}
	for _, name := range c.inside(kind, r) {
		if !slices.Contains(known, name) {
			t = traits{alone: true, gives: true, reads: true}
		}
	}
	for _, one := range r.Components {
		walk(one, "", func(_ string, v any) {
			if text, ok := v.(string); ok {
				t.text(text)
			}
		})
	}
	if kind == sdk.KindSource {
		t.gives, t.reads = true, false
		t.local = !slices.ContainsFunc(c.inside(kind, r), func(name string) bool {
			return !slices.Contains(localInputs, name) && !slices.Contains(c.names[sdk.KindTransform], name)
		})
	}
	return t
}

func (t *traits) text(text string) {
	if readsBatch.MatchString(text) {
		t.alone, t.reads = true, true
	}
	if listsMeta.MatchString(text) {
		t.alone = true
	}
	if namesMeta.MatchString(text) {
		t.gives, t.reads = true, true
	}
}

// listsMeta reports whether a component may list all metadata of a message.
func (r *stepConfig) listsMeta() bool {
	found := false
	for _, one := range r.Components {
		walk(one, "", func(_ string, v any) {
			text, _ := v.(string)
			found = found || listsMeta.MatchString(text)
		})
	}
	return found
}

// Messages reports what the plan needs to know of traits.
func (c *Components) Messages(kind sdk.Kind, config []byte) (gives, reads bool) {
	var r stepConfig
	if json.Unmarshal(config, &r) != nil {
		return false, false
	}
	t := c.traits(kind, &r)
	return t.gives, t.reads
}
