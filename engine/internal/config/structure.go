package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"etlengine/plugins/sdk"
)

// reader interprets the structure of a merged tree.
type reader struct {
	file   *File
	report func(Problem)
	meant  map[string]bool // paths that a misspelt key was taken for
}

var topKeys = []string{"pipelines", "defaults", "schemas", "plugins",
	"state_dir", "checkpoint_interval", "http"}

var pipelineKeys = []string{"input", "processors", "output", "late", "dead_letters", "checkpoint_interval"}

// resourceKeys are what Benthos components of all pipelines share.
var resourceKeys = []string{"cache_resources", "rate_limit_resources", "processor_resources",
	"input_resources", "output_resources"}

// elsewhere says what is ours for what other tools, and plain Benthos files,
// write at the top of a file.
var elsewhere = map[string]string{
	"source":     "pipelines.NAME.input",
	"sources":    "pipelines.NAME.input",
	"inputs":     "pipelines.NAME.input",
	"receivers":  "pipelines.NAME.input",
	"processors": "pipelines.NAME.processors",
	"transform":  "pipelines.NAME.processors",
	"transforms": "pipelines.NAME.processors",
	"sink":       "pipelines.NAME.output",
	"sinks":      "pipelines.NAME.output",
	"outputs":    "pipelines.NAME.output",
	"exporters":  "pipelines.NAME.output",
	"service":    "pipelines",
	"streams":    "pipelines",
	"jobs":       "pipelines",
	"flows":      "pipelines",
	"schema":     "schemas",
	"data_dir":   "state_dir",
}

// inPipeline is the same for the keys of a pipeline.
var inPipeline = map[string]string{
	"source":     "input",
	"sources":    "input",
	"inputs":     "input",
	"from":       "input",
	"receivers":  "input",
	"transform":  "processors",
	"transforms": "processors",
	"pipeline":   "processors",
	"steps":      "processors",
	"sink":       "output",
	"sinks":      "output",
	"outputs":    "output",
	"to":         "output",
	"exporters":  "output",
	"late_rows":  "late",
	"dlq":        "dead_letters",
	"errors":     "dead_letters",
}

// onlyPlain says why a key of plain Benthos configs has no place in a pipeline or
// beside pipelines.
var onlyPlain = map[string]string{
	"buffer": "leave it out: queues between steps are short and bounded, and what was read and not yet written " +
		"is read again after a crash",
	"metrics": "leave it out; metric steps of a pipeline count into nothing",
	"logger":  "engine run --log-level sets what is logged",
	"tracer":  "leave it out: pipelines are not traced",
}

// unsupported are structures that a later version runs. They are read, so that
// everything else in them is checked, and refused.
func unsupported(key string) bool {
	return key == "plugins"
}

func (r *reader) refuse(pos Position, path, key string) {
	r.report(Problem{Position: pos, Path: path, Code: "unsupported",
		Message: key + " is not supported by this version"})
}

func (r *reader) fail(pos Position, path, code, hint, format string, args ...any) {
	r.report(Problem{Position: pos, Path: path, Code: code, Hint: hint,
		Message: fmt.Sprintf(format, args...)})
}

func (r *reader) top() {
	root := r.file.Root
	shape, given := "", root.Get("pipelines")
	for _, key := range root.Keys() {
		switch {
		case slices.Contains(topKeys, key):
		case key == "input" || key == "pipeline" || key == "output":
			if shape == "" {
				shape = key
			}
			continue
		case slices.Contains(resourceKeys, key):
			r.resource(key)
		default:
			known := topKeys
			if strings.Contains(key, "_resource") || sdk.Nearest(key, resourceKeys) != "" {
				known = resourceKeys
			}
			if ours := r.unknown(root, key, key, known, elsewhere); slices.Contains(resourceKeys, ours) {
				r.resource(ours)
			}
			continue
		}
		if unsupported(key) {
			r.refuse(root.KeyPos(key), key, key)
		}
	}
	r.shape(shape, given)
	r.settings()
	r.file.Defaults = r.mapAt(root, "defaults", "")
	r.file.Schemas = r.schemas(root)
	if pipelines := r.mapAt(root, "pipelines", ""); pipelines != nil {
		for i, name := range pipelines.Keys() {
			if p := r.pipeline(name, pipelines.keys[i].pos, pipelines.values[i]); p != nil {
				r.file.Pipelines = append(r.file.Pipelines, p)
			}
		}
	}
}

// shape reports a plain Benthos file, or a mixture of both shapes.
func (r *reader) shape(key string, pipelines *Node) {
	root := r.file.Root
	switch {
	case key != "" && pipelines != nil:
		r.fail(root.KeyPos(key), key, "two-shapes", "move it into a pipeline: pipelines.NAME."+inOurs(key),
			"a file has either pipelines, or input, pipeline and output at its top as Benthos has")
	case key != "":
		r.unknown(root, key, key, topKeys, elsewhere)
	case r.meant["pipelines"]:
	case pipelines.Kind() == Null || pipelines.Kind() == Map && len(pipelines.keys) == 0:
		pos := root.pos
		if pipelines != nil {
			pos = root.KeyPos("pipelines")
		}
		r.fail(pos, "pipelines", "missing-key", "write pipelines: {NAME: {input: …, output: …}}",
			"there is no pipeline in it")
	}
}

// resource keeps a list of resources as it is: what is in it is Benthos's.
func (r *reader) resource(key string) {
	n := r.file.Root.Get(key)
	switch n.Kind() {
	case Null:
	case List:
		if r.file.Resources == nil {
			r.file.Resources = &Node{kind: Map, pos: r.file.Root.KeyPos(key)}
		}
		r.file.Resources.addKey(mapKey{key, r.file.Root.KeyPos(key)}, n)
	default:
		r.fail(n.pos, key, "wrong-kind", "begin each resource with a - and its label",
			"want a list of resources, got %s", n.describe())
	}
}

func inOurs(key string) string {
	if key == "pipeline" {
		return "processors"
	}
	return key
}

// unknown reports a key that a map cannot have. One with a single slip in it is
// taken for the key that was meant, which is returned: what stands under it is
// checked in the same pass.
func (r *reader) unknown(in *Node, path, key string, known []string, others map[string]string) string {
	pos, near := in.KeyPos(key), sdk.Nearest(key, known)
	message := "unknown key"
	around := strings.TrimSuffix(path, key)
	if why := onlyPlain[key]; why != "" {
		r.fail(pos, path, "unknown-key", why, "unknown key: only a plain Benthos config has %s", key)
		return ""
	}
	if ours := others[key]; ours != "" {
		message += ", write it under " + ours
		if slices.Contains(known, ours) {
			message = "unknown key, did you mean " + ours + "?"
			r.meant[around+ours] = true
		}
	} else if near != "" {
		message += ", did you mean " + near + "?"
		r.meant[around+near] = true
	} else {
		message += " (have " + strings.Join(known, ", ") + ")"
	}
	r.report(Problem{Position: pos, Path: path, Code: "unknown-key", Message: message})
	if !sdk.IsTypo(key, near) || in.index(near) >= 0 {
		return ""
	}
	in.rename(key, near)
	return near
}

func (r *reader) stateDir(at Position, text string) {
	name := sdk.Path(text)
	problem, wrong := errors.AsType[sdk.Problem](name.Validate())
	switch {
	case text == "":
		r.fail(at, "state_dir", "empty-value", "", "want a folder, got an empty string")
	case wrong:
		r.fail(at, "state_dir", sdk.CodeBadValue, problem.Hint, "%s", problem.Message)
	default:
		r.file.StateDir = text
	}
}

func (r *reader) settings() {
	root := r.file.Root
	if text, ok := r.text(root, "state_dir", ""); ok {
		r.stateDir(root.Get("state_dir").pos, text)
	}
	r.file.CheckpointInterval = r.interval(root, "", DefaultCheckpointInterval)
	if text, ok := r.text(root, "http", ""); ok && text != "" {
		r.file.HTTP = text
		if _, _, err := net.SplitHostPort(text); err != nil {
			r.fail(root.Get("http").pos, "http", "bad-address", "",
				"want host:port such as 127.0.0.1:8080, got %q", text)
		}
	}
}

// text is a scalar that is there.
func (r *reader) text(in *Node, key, path string) (string, bool) {
	n := in.Get(key)
	switch n.Kind() {
	case Null:
		return "", false
	case Scalar:
		return n.text, true
	}
	r.fail(n.pos, join(path, key), "wrong-kind", "", "want a string, got %s", n.kind)
	return "", false
}

func (r *reader) interval(in *Node, path string, otherwise time.Duration) time.Duration {
	const key = "checkpoint_interval"
	text, ok := r.text(in, key, path)
	if !ok {
		return otherwise
	}
	var d sdk.Duration
	if err := d.UnmarshalText([]byte(text)); err != nil {
		p := sdk.ProblemAt(key, err)
		r.fail(in.Get(key).pos, join(path, key), "bad-duration", p.Hint, "%s", p.Message)
		return otherwise
	}
	if d <= 0 {
		r.fail(in.Get(key).pos, join(path, key), "bad-duration", "", "want more than 0s, got %s", text)
		return otherwise
	}
	return time.Duration(d)
}

// mapAt is the map under a key, nil if there is none.
func (r *reader) mapAt(in *Node, key, path string) *Node {
	n := in.Get(key)
	switch n.Kind() {
	case Null:
		return nil
	case Map:
		return n
	}
	r.fail(n.pos, join(path, key), "wrong-kind", "", "want a map, got %s", n.describe())
	return nil
}

func (r *reader) schemas(root *Node) *Node {
	schemas := r.mapAt(root, "schemas", "")
	for i, name := range schemas.Keys() {
		columns := schemas.values[i]
		if columns.Kind() != Map || len(columns.keys) == 0 {
			r.fail(schemas.keys[i].pos, join("schemas", name), "wrong-kind",
				"write NAME: TYPE for each column", "want a map of columns, got %s", columns.describe())
		}
	}
	return schemas
}
