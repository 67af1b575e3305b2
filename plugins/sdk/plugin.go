package sdk

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"reflect"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Kind is a plugin's role in a pipeline.
type Kind string

// The kinds of plugin.
const (
	KindSource    Kind = "source"
	KindTransform Kind = "transform"
	KindSink      Kind = "sink"
	KindService   Kind = "service"
)

// Plugin is everything the engine knows of a plugin. Make one with Spec.Plugin.
// Its functions take the step's config as a JSON object whose keys are in the
// order of the YAML file. Check, Schema, Resources, Files and Needs are pure, offline
// and never fail on a config that Check accepts. Schema does not repeat what
// Check has said.
type Plugin struct {
	Kind    Kind
	Name    string  // as written in YAML
	Summary string  // one sentence
	Example string  // YAML of one step: its name and its config
	Fields  []Field // the config, in the order of its struct
	// AtLeastOnce says why the step cannot be exactly-once after a crash, in
	// a few words; "" if it can.
	AtLeastOnce string
	// Late tells that a transform may hand on late rows, and MayBeLate, if it is
	// not nil, whether it may with a config that Check accepts.
	Late      bool
	MayBeLate func(config []byte) bool

	// Endless says why a source's input has no end of its own, and Grows why a later
	// run may find more of it, in a few words; "" if it has one, or will not. nil: "".
	Endless func(config []byte) string
	Grows   func(config []byte) string
	// AtEnd says what the end of the input means to a transform. nil: nothing.
	AtEnd func(config []byte) AtEnd

	// Check returns everything wrong with a config.
	Check func(config []byte) []Problem
	// Schema returns the columns after the step, given those before it (nil
	// for a source). A nil schema means that the YAML must declare it. Sinks
	// return their input.
	Schema func(config []byte, in *arrow.Schema) (*arrow.Schema, []Problem)
	// Layout is how readers find what a sink writes with these columns before it.
	// nil: a change of the columns makes no difference to them.
	Layout func(config []byte, in *arrow.Schema) Layout
	// Same tells whether two configs, whole or not, mean the same by a key: a
	// default that is written out changes nothing.
	Same func(a, b []byte, key string) bool
	// Resources names what the step reads or fills, such as
	// "topic://embedded/client_tickets" or "folder:output/tickets": a source
	// ends when all the sinks of the same file that fill one of its
	// resources have ended.
	Resources func(config []byte) []string
	// Files are the local files that the step reads or writes; nil if it has none
	// or they are not known. The engine refuses a sink whose files the source of
	// the same pipeline would read, and one inside its own state directory.
	Files func(config []byte) *Files
	// Streams names the standard streams of the process that the step reads or
	// writes: "stdin", "stdout". What the engine says goes elsewhere then.
	Streams []string
	// Renamed reports whether what a step reads or fills under these resources may be,
	// in part for a source, what it was under those of its record. It is pure. nil: never.
	Renamed func(was, is []string) bool
	// Needs names the services that must run before the step is opened.
	Needs func(config []byte) []string
	// Setup makes what must exist before any step is opened, such as a
	// topic. It is called for all steps before the first Open.
	Setup func(ctx context.Context, config []byte, env Env) error
	// Leftovers lists, for people, what this engine id and pipeline have left
	// outside of the state directory and a fresh start would remove: "12 files in
	// output/tickets/csv". Forget removes it; nothing to remove is no error.
	// Both are called while the step is not open; services run. nil: nothing.
	Leftovers func(ctx context.Context, config []byte, env Env) ([]string, error)
	Forget    func(ctx context.Context, config []byte, env Env) error
	// Shown tells, for people, what readers see of what this engine id and
	// pipeline have written to where the sink writes: "12 files in output/tickets/csv";
	// "": nothing. It is called while the step is not open. nil: not known.
	Shown func(ctx context.Context, config []byte, env Env) (string, error)
	// Hidden tells what a handle of a sink keeps from readers.
	Hidden func(handle []byte) (Hidden, error)
	// Windows tells which windows a transform's state holds, by start.
	Windows func(state iter.Seq2[[]byte, []byte]) ([]Window, error)
	// Open is the constructor: it connects, and fails if it cannot.
	Open func(ctx context.Context, config []byte, in *arrow.Schema, env Env) (Instance, error)
}

// Layout is the columns of a sink as readers find them.
type Layout struct {
	Columns []arrow.Field // in order
	ByPlace bool          // nothing but its place says which column is which
}

// Hidden is what a sink holds that no reader sees.
type Hidden struct {
	Pending int64 // rows that Publish of the handle shows
	Rows    int64 // rows that stay hidden after that, for a later epoch to show
	Bytes   int64 // of both
	Files   int   // of both
}

// Window is an open window of a transform's state.
type Window struct {
	Start, End time.Time // zero: all of time
	Groups     int64
}

// Env is what a step is told about where it runs.
type Env struct {
	EngineID string // random, made once per state directory
	Pipeline string // the pipeline's name
	Step     string // the step's label, unique in the pipeline
	Dir      string // relative paths are relative to this folder
	StateDir string // a folder for the state of services; created on demand
	Run      uint64 // number of the run, from 1: a source's budget (count) is per run
	Epoch    uint64 // number of the newest recorded epoch; 0 at the very first start
	// Published: what sinks prepared in Epoch is known to have appeared, all of it.
	Published bool
	Resume    map[string][]byte // sources: cursor by partition; nil at the very first start
	Handle    []byte            // sinks: that of the newest record; nil: none
	Filled    bool              // sources: a pipeline of this run fills what is read
	Shown     bool              // sinks: all that Handle's epoch prepared is known to be published
	// Was is the resources that Resume or Handle were made with, where Resources
	// names others now and Renamed reports that they may be the same. Each cursor
	// and the handle must prove it, or Open, Publish and Recover fail.
	Was []string
	// AtEnd tells a source without Resume to begin at the end of what is there,
	// whatever its config says: those are records of runs that were forgotten.
	AtEnd bool
	// Adopt lets a sink accept, once and for good, files in its folder that are
	// not this pipeline's: they stay, and its own go beside them.
	Adopt bool
	// Positions asks a source to set Batch.Positions.
	Positions bool
	// Side: sinks: of late rows or dead letters, whose mere presence tells people
	// something.
	Side bool
	// LateOutput says that the pipeline has an output for late rows.
	LateOutput bool
	Survey     *Survey           // for what decodes rows of a schema: may be nil
	Services   map[string]string // address of each service that Needs named
	Log        *slog.Logger      // never nil
}

// Problem is one thing wrong with a config. It is an error too.
type Problem struct {
	Path    string // keys inside the config, dotted: "aggregates.tickets.call"; "" is the whole
	Message string // what was wanted, what came; lowercase, without the path
	Hint    string // what to do, or ""
	Warning bool   // legal, but doubtful
	Key     bool   // the fault is in the key at Path, not in its value
	Offset  int    // where in the scalar at Path the fault begins, in code points; 0: all of it
	Code    string // stable name of the kind of fault, for scripts: "unknown-column"; "" is fine
}

// The codes that Decode and the helpers of this package give. A plugin may have
// others of its own.
const (
	CodeUnknownField  = "unknown-field"
	CodeMissingField  = "missing-field"
	CodeWrongType     = "wrong-type"    // a value that is not of the field's type
	CodeBadValue      = "invalid-value" // of the right type, but Validate refuses it
	CodeEmptyValue    = "empty-value"
	CodeUnknownColumn = "unknown-column"
	CodeExpression    = "bad-expression"
)

// ProblemAt is an error as a problem with the value at path. A Problem keeps its
// code, hint and offset.
func ProblemAt(path string, err error) Problem {
	p, ok := errors.AsType[Problem](err)
	if !ok {
		return Problem{Path: path, Message: err.Error()}
	}
	p.Path = path
	return p
}

// Error is the path and the message.
func (p Problem) Error() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Spec makes a plugin out of a config struct C and typed functions over it.
// The struct is the documentation: its json tags name the keys, its doc tags
// say what they mean, Defaults fills what the user leaves out, and an optional
// Validate() error on *C says what cannot be. All functions but Open are optional.
type Spec[C any] struct {
	Kind     Kind
	Name     string
	Summary  string
	Example  string
	Defaults C

	AtLeastOnce string
	Late        bool
	MayBeLate   func(c *C) bool
	Endless     func(c *C) string
	Grows       func(c *C) string
	AtEnd       func(c *C) AtEnd

	Schema    func(c *C, in *arrow.Schema) (*arrow.Schema, []Problem)
	Layout    func(c *C, in *arrow.Schema) Layout
	Resources func(c *C) []string
	Renamed   func(was, is []string) bool
	Files     func(c *C) *Files
	Needs     func(c *C) []string
	Setup     func(ctx context.Context, c *C, env Env) error
	Leftovers func(ctx context.Context, c *C, env Env) ([]string, error)
	Forget    func(ctx context.Context, c *C, env Env) error
	Shown     func(ctx context.Context, c *C, env Env) (string, error)
	Hidden    func(handle []byte) (Hidden, error)
	Windows   func(state iter.Seq2[[]byte, []byte]) ([]Window, error)
	Open      func(ctx context.Context, c *C, in *arrow.Schema, env Env) (Instance, error)
}

// Plugin is the spec as the engine takes it.
func (s Spec[C]) Plugin() Plugin {
	p := Plugin{Kind: s.Kind, Name: s.Name, Summary: s.Summary, Example: s.Example,
		Fields: FieldsOf(s.Defaults), AtLeastOnce: s.AtLeastOnce, Late: s.Late,
		Renamed: s.Renamed, Hidden: s.Hidden, Windows: s.Windows}
	p.Check = func(config []byte) []Problem {
		_, problems := s.decode(config)
		return problems
	}
	p.Schema = func(config []byte, in *arrow.Schema) (*arrow.Schema, []Problem) {
		c := s.Defaults
		d := decode(config, &c)
		if !Usable(d.problems) {
			return nil, d.problems
		}
		if s.Schema == nil {
			return in, nil
		}
		out, problems := s.Schema(&c, in)
		return out, d.asWritten(problems)
	}
	if s.Layout != nil {
		p.Layout = func(config []byte, in *arrow.Schema) Layout {
			c, _ := s.decode(config)
			return s.Layout(c, in)
		}
	}
	p.Same = s.same
	p.Resources = func(config []byte) []string { return list(s, s.Resources, config) }
	p.Files = func(config []byte) *Files {
		if s.Files == nil {
			return nil
		}
		c, problems := s.decode(config)
		if !Usable(problems) {
			return nil
		}
		return s.Files(c)
	}
	p.Needs = func(config []byte) []string { return list(s, s.Needs, config) }
	s.ending(&p)
	if s.Setup != nil {
		p.Setup = func(ctx context.Context, config []byte, env Env) error {
			c, err := s.mustDecode(config)
			if err != nil {
				return err
			}
			return s.Setup(ctx, c, env)
		}
	}
	s.forgetting(&p)
	p.Open = func(ctx context.Context, config []byte, in *arrow.Schema, env Env) (Instance, error) {
		c, err := s.mustDecode(config)
		if err != nil {
			return nil, err
		}
		return s.Open(ctx, c, in, env)
	}
	return p
}

// forgetting wires what finds and removes a step's traces.
func (s Spec[C]) forgetting(p *Plugin) {
	if s.Leftovers != nil {
		p.Leftovers = func(ctx context.Context, config []byte, env Env) ([]string, error) {
			c, err := s.mustDecode(config)
			if err != nil {
				return nil, err
			}
			return s.Leftovers(ctx, c, env)
		}
	}
	if s.Forget != nil {
		p.Forget = func(ctx context.Context, config []byte, env Env) error {
			c, err := s.mustDecode(config)
			if err != nil {
				return err
			}
			return s.Forget(ctx, c, env)
		}
	}
	if s.Shown != nil {
		p.Shown = func(ctx context.Context, config []byte, env Env) (string, error) {
			c, err := s.mustDecode(config)
			if err != nil {
				return "", err
			}
			return s.Shown(ctx, c, env)
		}
	}
}

// same compares what two configs decode to. What is wrong with them makes no
// difference: they may be parts of configs, or of those of another version.
func (s Spec[C]) same(a, b []byte, key string) bool {
	one, _ := s.decode(a)
	other, _ := s.decode(b)
	others := fieldsByKey(reflect.ValueOf(other).Elem())
	for i, f := range fieldsByKey(reflect.ValueOf(one).Elem()) {
		if f.key == key {
			empty := f.into.Kind() == reflect.Slice && f.into.Len()+others[i].into.Len() == 0
			return empty || reflect.DeepEqual(f.into.Interface(), others[i].into.Interface())
		}
	}
	return false
}

func (s Spec[C]) decode(config []byte) (*C, []Problem) {
	c := s.Defaults // Decode never writes through a pointer or slice of the defaults
	return &c, Decode(config, &c)
}

func (s Spec[C]) mustDecode(config []byte) (*C, error) {
	c, problems := s.decode(config)
	if faults := Faults(problems); len(faults) > 0 {
		return nil, faults[0]
	}
	return c, nil
}

func list[C any](s Spec[C], f func(*C) []string, config []byte) []string {
	if f == nil {
		return nil
	}
	c, problems := s.decode(config)
	if !Usable(problems) {
		return nil
	}
	return f(c)
}

// Faults returns the problems that are not warnings.
func Faults(problems []Problem) []Problem {
	var faults []Problem
	for _, p := range problems {
		if !p.Warning {
			faults = append(faults, p)
		}
	}
	return faults
}
