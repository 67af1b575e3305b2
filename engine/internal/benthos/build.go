package benthos

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// Benthos's linter knows the form of a config, not what components make of their
// values: a jq query, a duration, the name of a resource. Their constructors do, so
// lint builds the components, suspended: none connects, reads or writes.

// part is a component of a config. Others may be inside of it.
type part struct {
	kind, name, path string
	first, last      int // lines of the text that it was found in
	config           map[string]any
	other            bool // of another file
}

// withUnknown is an environment that knows components of these names too. They are
// never built: they are there so that the others of the config are found.
func withUnknown(env *service.Environment, names []string) *service.Environment {
	env = env.Clone()
	spec := service.NewConfigSpec().Field(service.NewAnyField(""))
	for _, name := range names {
		if _, ok := env.GetProcessorConfig(name); !ok {
			_ = env.RegisterProcessor(name, spec, nil) // an unusable name is as unknown as before
		}
		if _, ok := env.GetInputConfig(name); !ok {
			_ = env.RegisterInput(name, spec, nil)
		}
		if _, ok := env.GetOutputConfig(name); !ok {
			_ = env.RegisterOutput(name, spec, nil)
		}
		if _, ok := env.GetCacheConfig(name); !ok {
			_ = env.RegisterCache(name, spec, nil)
		}
		if _, ok := env.GetRateLimitConfig(name); !ok {
			_ = env.RegisterRateLimit(name, spec, nil)
		}
	}
	return env
}

// partsOf lists the components of a full config, each before those inside of it.
func partsOf(env *service.Environment, text string) ([]part, error) {
	var parts []part
	walker := env.FullConfigSchema("", "").NewStreamConfigWalker()
	err := walker.WalkComponentsYAML([]byte(text), func(w *service.WalkedComponent) error {
		config, err := w.ConfigAny()
		if fields, ok := config.(map[string]any); ok && err == nil {
			parts = append(parts, part{w.ComponentType, w.Name, w.Path, w.LineStart, w.LineEnd, fields, false})
		}
		return nil
	})
	return parts, err
}

var resourcePath = regexp.MustCompile(`^[a-z_]+_resources\.[0-9]+$`)

// label is what the part is built under. That of a resource is its own, by which
// others find it.
func (p *part) label(number int) string {
	if own, _ := p.config["label"].(string); (p.other || resourcePath.MatchString(p.path)) && own != "" {
		return own
	}
	return "engine_part_" + strconv.Itoa(number)
}

// actingComponents are those whose constructors may do more than read their config.
var actingComponents = []string{"http_server", "subprocess", "json_schema"}

// acts reports whether the constructor does more than read its config: it listens,
// starts a process, or fetches a schema.
func (p *part) acts() bool {
	switch p.name {
	case "http_server", "subprocess":
		return true
	case "json_schema":
		schema, _ := p.config["json_schema"].(map[string]any)
		path, _ := schema["schema_path"].(string)
		return path != "" && !strings.HasPrefix(path, "file://")
	}
	return false
}

// refusal is why the constructor of a part failed.
type refusal struct {
	*part
	cause string
}

// refusals builds each part for itself, those inside first. Nothing is known of a part
// that acts or that is faulty, as the linter has said, and of what they are inside of.
func refusals(env *service.Environment, parts []part, faulty func(*part) bool) []refusal {
	builder := env.NewResourceBuilder()
	builder.DisableLinting()
	builder.SetEnvVarLookupFunc(noEnv)
	builder.SetLogger(slog.New(slog.DiscardHandler))
	add := map[string]func(string) error{"cache": builder.AddCacheYAML, "input": builder.AddInputYAML,
		"output": builder.AddOutputYAML, "processor": builder.AddProcessorYAML,
		"rate_limit": builder.AddRateLimitYAML}
	var all []refusal
	var unknown []string // paths
	for i := range parts {
		p := &parts[i]
		switch {
		case faulty(p) || p.acts():
			unknown = append(unknown, p.path)
		case p.kind == "buffer":
			if err := buildBuffer(env, p); err != nil {
				all = append(all, refusal{p, causeOf(err)})
			}
		case add[p.kind] != nil && add[p.kind](p.text(p.label(i))) != nil:
			unknown = append(unknown, p.path)
		}
	}
	built, free, err := builder.BuildSuspended()
	if err != nil {
		return all // two resources of one label: the linter says so
	}
	// What was suspended never says that it has stopped: do not wait for it.
	stopped, stop := context.WithCancel(context.Background())
	stop()
	defer func() { _ = free(stopped) }()
	for i := range slices.Backward(parts) {
		p := &parts[i]
		if add[p.kind] == nil || slices.ContainsFunc(unknown, p.holds) {
			continue
		}
		if err := access(built, p.kind, p.label(i)); err != nil {
			unknown = append(unknown, p.path)
			all = append(all, refusal{p, causeOf(err)})
		}
	}
	slices.SortStableFunc(all, func(a, b refusal) int { return cmp.Compare(a.first, b.first) })
	return all
}

// holds reports whether what stands at a path is the part, or inside of it.
func (p *part) holds(path string) bool { return strings.HasPrefix(path+".", p.path+".") }

// text is the part's config under another label, "" for none.
func (p *part) text(label string) string {
	config := maps.Clone(p.config)
	delete(config, "label")
	if label != "" {
		config["label"] = label
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "" // YAML that JSON has no form of: nothing can be built of it
	}
	return escape(string(text))
}

// access makes Benthos build a component.
func access(r *service.Resources, kind, label string) error {
	ctx := context.Background()
	switch kind {
	case "cache":
		return r.AccessCache(ctx, label, func(service.Cache) {})
	case "input":
		return r.AccessInput(ctx, label, func(*service.ResourceInput) {})
	case "output":
		return r.AccessOutput(ctx, label, func(*service.ResourceOutput) {})
	case "processor":
		return r.AccessProcessor(ctx, label, func(*service.ResourceProcessor) {})
	}
	return r.AccessRateLimit(ctx, label, func(service.RateLimit) {})
}

// buildBuffer builds a buffer in a stream that ends with its first message: buffers are no
// resources.
func buildBuffer(env *service.Environment, p *part) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // some wait for more messages
	defer cancel()
	builder := env.NewStreamBuilder()
	builder.DisableLinting()
	builder.SetEnvVarLookupFunc(func(string) (string, bool) { return "", false })
	builder.SetLogger(slog.New(slog.DiscardHandler))
	err := errors.Join(
		builder.AddInputYAML(`generate: { count: 1, interval: "", mapping: root = "" }`),
		builder.SetBufferYAML(p.text("")),
		builder.AddConsumerFunc(func(context.Context, *service.Message) error { cancel(); return nil }))
	if err != nil {
		return err
	}
	stream, err := builder.Build()
	if err != nil {
		return err
	}
	if err := stream.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil // it was built
}

// causeOf leaves out where Benthos says it was building a component: in a config that
// nobody has written.
func causeOf(err error) string {
	if cause := errors.Unwrap(err); cause != nil && strings.HasPrefix(err.Error(), "failed to init ") {
		err = cause
	}
	return inOurWords(yamlErrors.ReplaceAllString(plainly(err.Error()), ""))
}

// yamlErrors begin what YAML's reader says of a value, with a line of a text that nobody
// has written.
var yamlErrors = regexp.MustCompile(`yaml: unmarshal errors: line \d+: `)

// waits is the field of an input or output that collects messages for however long, ""
// if there is none.
func (p *part) waits() string {
	if p.kind != "input" && p.kind != "output" {
		return ""
	}
	text, err := json.Marshal(map[string]any{p.name: p.config[p.name]})
	if err != nil {
		return ""
	}
	for _, problem := range endless(text, "") {
		if field := strings.TrimPrefix(problem.Path, "."+p.name+"."); !strings.Contains(field, ".") {
			return field // others are of components inside
		}
	}
	return ""
}

var causeWords = regexp.MustCompile(`[a-z][a-z0-9_.]*[a-z0-9]`)

// field is the first field of the component that the cause names, "" if it names none: a
// path of keys.
func (r *refusal) field() string {
	for _, word := range causeWords.FindAllString(r.cause, -1) {
		value := r.config[r.name]
		for _, key := range strings.Split(word, ".") {
			fields, _ := value.(map[string]any)
			value = fields[key]
		}
		if value != nil {
			return word
		}
	}
	for _, word := range quotedField.FindAllStringSubmatch(r.cause, -1) {
		if path := inside(r.config[r.name], word[1]); path != "" {
			return path
		}
	}
	return ""
}

var quotedField = regexp.MustCompile(`\b(?:field ')?([a-z0-9_]+)(?:': |: )`)

// inside is the path to a key in maps of a value, "" if there is none.
func inside(value any, key string) string {
	fields, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == key {
			return name
		}
		if path := inside(fields[name], key); path != "" {
			return name + "." + path
		}
	}
	return ""
}

// position is where a field stands, or else the component's name.
func (p *part) position(field string, lines []string) (line, column int) {
	keys := append([]string{p.name}, strings.FieldsFunc(field, func(c rune) bool { return c == '.' })...)
	line, column = p.first, 1
	from := 0 // where the last key ends
	for _, key := range keys {
		pattern := regexp.MustCompile(`(?:^|[\s{,"'-])` + key + `["']?\s*:`)
		for n := line; n <= min(p.last, len(lines)); n++ {
			text := lines[n-1]
			begin := 0
			if n == line {
				begin = min(from, len(text))
			}
			if at := pattern.FindStringIndex(text[begin:]); at != nil {
				from = begin + at[1]
				line = n
				column = utf8.RuneCountInString(text[:begin+strings.Index(text[begin:from], key)]) + 1
				break
			}
		}
	}
	return line, column
}

// built are the problems of building a part of a config whose path begins with from:
// those of the step or resource at the path to.
func (c *Components) built(config map[string]any, from, to string, linted []sdk.Problem) []sdk.Problem {
	var shared map[string]any
	if json.Unmarshal(c.host.resources, &shared) == nil {
		for key, list := range shared {
			config[key] = list
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil
	}
	var unknown []string
	for _, p := range linted {
		if name := missingName(p.Message); name != "" {
			unknown = append(unknown, name)
		}
	}
	parts, err := partsOf(withUnknown(c.env, unknown), string(text))
	if err != nil {
		return nil // the linter says what is wrong
	}
	ours := func(path string) (string, bool) {
		inside, ok := strings.CutPrefix(path, from)
		return to + inside, ok
	}
	var problems []sdk.Problem
	for _, r := range refusals(c.env, parts, func(p *part) bool {
		path, ok := ours(p.path)
		return ok && slices.ContainsFunc(linted, func(l sdk.Problem) bool {
			return strings.HasPrefix(l.Path+".", path+".")
		})
	}) {
		if path, ok := ours(r.path); ok {
			problems = append(problems, sdk.Problem{Path: strings.TrimSuffix(path+"."+r.name+"."+r.field(), "."),
				Message: r.cause})
		}
	}
	return problems
}
