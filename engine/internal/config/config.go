// Package config reads YAML files, overlays, the environment and --set into
// one tree whose every value keeps its file, line and column.
//
// It knows the structure that all pipelines share (schemas, pipelines, steps,
// branches, labels) and nothing about plugins: what stands under a plugin's
// name is handed on as it is, in the order of the file. Whatever is wrong is
// reported at once. It is the only importer of koanf.
package config

import (
	"io"
	"time"
)

// DefaultStateDir and DefaultCheckpointInterval hold where a file says nothing.
const (
	DefaultStateDir           = ".engine"
	DefaultCheckpointInterval = 10 * time.Second
)

// Options says what to load.
type Options struct {
	Paths     []string                    // files, the later win over the earlier; "-" is Stdin
	Stdin     io.Reader                   // nil: the process's standard input
	Set       []string                    // a.b.c=value, over all files, in order
	Resources []string                    // files and patterns of them: resources for a plain Benthos config
	Templates []string                    // likewise: templates of its components
	LookupEnv func(string) (string, bool) // nil: there is no environment
	// FillPlain puts variables into the text of a plain Benthos config, to see
	// whether it is YAML then. nil: that is not checked.
	FillPlain func(string) string
}

// File is what the paths, the environment and --set say together.
type File struct {
	Root               *Node // never nil, always a map
	Paths              []string
	StateDir           string
	CheckpointInterval time.Duration
	HTTP               string   // "" is off
	Defaults           *Node    // plugin name → config, merged into the steps, names unchecked; may be nil
	Schemas            *Node    // schema name → columns; may be nil
	Resources          *Node    // cache_resources and the like: what Benthos components share; may be nil
	Plain              string   // the text of a plain Benthos config, and then nothing else of it; or ""
	PlainSet           []string // Options.Set, for Plain
	PlainResources     []Text   // the files of Options.Resources
	PlainTemplates     []Text   // the files of Options.Templates
	Pipelines          []*Pipeline

	Secrets *Secrets // of all that was read; never nil

	sources map[string]*source // by path, for Render
}

// Text is a file as it was read.
type Text struct{ Path, Text string }

// Pipeline is one input and what becomes of its rows.
type Pipeline struct {
	Name               string
	Node               *Node
	Input              *Step // nil only if a problem says so
	Processors         []*Step
	Outputs            []*Output
	CheckpointInterval time.Duration
	Late, DeadLetters  *Step // outputs of such rows; nil unless given
}

// Output is one of the outputs, which all get every batch. A plain output has no
// processors and one step; a branch has processors and one or several steps.
type Output struct {
	Label      string // of a plain output: that of its step
	Node       *Node
	Path       string
	Processors []*Step
	Steps      []*Step
}

// Step is one use of a plugin.
type Step struct {
	Label  string // given, or the plugin's name, numbered if repeated; unique in the pipeline
	Plugin string
	Config *Node  // with the plugin's defaults under it; an empty map if nothing is given
	Schema *Node  // beside the plugin's name: the columns after the step; may be nil
	Batch  int    // beside it too: how many rows Benthos's components get at a time; 0: not said
	Node   *Node  // the whole step
	Path   string // of Config: "pipelines.report.output.0.csv"
}
