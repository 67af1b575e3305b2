package sdk

import (
	"context"
	"iter"
	"log/slog"
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

// Plugin is everything the engine knows of a plugin: what it is, and five functions,
// which take a step's config as a JSON object. Make one with Spec.Plugin. All but
// Describe and Open may be nil.
type Plugin struct {
	Kind    Kind
	Name    string  // as written in YAML
	Summary string  // one sentence
	Example string  // YAML of one step: its name and its config
	Fields  []Field // the config, in the order of its struct

	// Describe returns all that is known of a configured step before it runs. in is the
	// columns before the step: nil for a source, and where they are not known. It is
	// pure, offline, and returns what it can also for a config with faults.
	Describe func(config []byte, in *arrow.Schema) Description
	// Setup makes what must exist before any step is opened, such as a
	// topic. It is called for all steps before the first Open.
	Setup func(ctx context.Context, config []byte, env Env) error
	// Inspect returns what the step keeps, in Env.State and outside of the state directory.
	// It is called while the step is not open; services run if the step needs them.
	Inspect func(ctx context.Context, config []byte, env Env) (Report, error)
	// Forget removes Report.Leftovers; nothing to remove is no error.
	Forget func(ctx context.Context, config []byte, env Env) error
	// Open is the constructor: it connects, and fails if it cannot.
	Open func(ctx context.Context, config []byte, in *arrow.Schema, env Env) (Instance, error)
}

// Description is all that is static about a configured step. Where the config is not
// Usable only Problems, Canonical and perhaps Columns are set.
type Description struct {
	Problems       []Problem // all that is wrong with the config, whatever the columns
	ColumnProblems []Problem // all that is wrong with it for the columns before the step
	// Usable: nothing is wrong with the config but misspelt keys and texts of expressions.
	Usable bool
	// Canonical is, by key, what the value of the config means, defaults included: two
	// configs mean the same by a key if these are equal. It is complete for a config
	// with faults, too.
	Canonical map[string]string

	// Columns are those behind the step. nil: the YAML must declare them, or something
	// is wrong. Those of a sink are its input's.
	Columns *arrow.Schema
	// Layout is how readers find what a sink writes. nil: a change of the columns makes
	// no difference to them.
	Layout *Layout

	// Secrets: the config may hold some, so a record keeps a checksum of Canonical instead.
	// Of a source or sink it keeps only the keys whose Field says so.
	Secrets bool
	// Resources are what the step reads or fills, as KIND:PATH or KIND://CLUSTER/NAME,
	// such as "folder:output/tickets" or "topic://embedded/client_tickets": a source
	// ends when all the sinks of the same file that fill one of its resources have ended.
	Resources []string
	// Proves: a source or sink whose Resources are of another cluster than those of its
	// record, or a source that names others beside them, proves at Open by Env.Was that
	// they are the same.
	Proves bool
	// Files are the local files that the step reads or writes; nil if it has none
	// or they are not known. The engine refuses a sink whose files the source of
	// the same pipeline would read, and one inside its own state directory.
	Files *Files
	// Streams names the standard streams of the process that the step reads or
	// writes: "stdin", "stdout". What the engine logs goes elsewhere then.
	Streams []string
	Needs   []string // names of the services that must run before the step is opened

	// AtLeastOnce is why the step cannot be exactly-once after a crash, in a few words;
	// "" if it can.
	AtLeastOnce string
	LateRows    bool  // a transform may hand on late rows
	Watermarks  bool  // a transform gives watermarks of its own; those of steps before it end there
	AtEnd       AtEnd // what the end of the input means to a transform

	// Endless is why a source's input has no end of its own, and Grows why a later run
	// may find more of it, in a few words; "" if it has one, or will not.
	Endless, Grows string
	// Patience: a source that keeps something back until an epoch is recorded, such as
	// the answers to requests, may be silent for so long with batches that no record
	// covers before the epoch ends for them. 0: for any time.
	Patience time.Duration
	Bounds   Bounded // which of Env.Bounds a source can keep
}

// Layout is the columns of a sink as readers find them.
type Layout struct {
	Columns []arrow.Field // in order
	ByOrder bool          // nothing but its position says which column is which
}

// Bounded is which ends a source can be given.
type Bounded struct {
	Records bool // it can stop after a number of records
	Now     bool // its input grows, and it can stop where that ends now
	Ends    bool // it can stop at an end for each partition
}

// AtEnd is what the end of the input means to a transform, as the key of its config
// that says so; "" if nothing does.
type AtEnd struct {
	Only   string // the step gives nothing before the end
	Closes string // the end closes what later runs might add to, and the config does not say whether it is to
	Hint   string // what to do about it
}

// Report is what a step that is not open keeps.
type Report struct {
	// Leftovers lists, for people, what this engine id and pipeline have left outside of
	// the state directory and a fresh start would remove: "12 files in output/tickets/csv".
	Leftovers []string
	// Visible is, for people, what readers see of what this engine id and pipeline have
	// written to where a sink writes: "12 files in output/tickets/csv"; "": nothing.
	Visible string
	// Windows are those that a transform's state holds, by start.
	Windows []Window
}

// Window is an open window of a transform's state.
type Window struct {
	Start, End time.Time // zero: all of time
	Groups     int64
}

// Env is what a step is given of where it runs.
type Env struct {
	EngineID string // random, made once per state directory
	Pipeline string // the pipeline's name
	Step     string // the step's label, unique in the pipeline
	Dir      string // relative paths are relative to this folder
	StateDir string // a folder for the state of services; created on demand
	Run      uint64 // number of the run, from 1: a source's budget (count) is per run
	Epoch    uint64 // number of the newest recorded epoch; 0 at the very first start
	// Published: what sinks prepared in Epoch is known to be visible, all of it.
	Published bool
	// Was is the resources that Resume or Committable were made with, where Description
	// names others now and the step Proves. Each cursor and the committable must prove to be
	// of the same, or Open, Commit and Recover fail.
	Was        []string
	LateOutput bool              // the pipeline has an output for late rows
	Survey     *Survey           // for what decodes rows of a schema: may be nil
	Memory     *Gauge            // bytes of memory that the step's state takes: may be nil
	Services   map[string]string // address of each service that Needs named
	Log        *slog.Logger      // never nil

	// Of sources:
	Resume map[string][]byte // cursor by partition; nil at the very first start
	Bounds Bounds            // where this run ends
	Filled bool              // a pipeline of this run fills what is read
	// AtEnd: without Resume, begin at the end of what is there, whatever the config
	// says: those are records of runs that were forgotten.
	AtEnd     bool
	Positions bool // set Batch.Positions

	// Of transforms: what Snapshot wrote, the newest value of every key that was not
	// deleted, in the order of keys. nil: nothing is recorded. It is valid during the call.
	State iter.Seq2[[]byte, []byte]

	// Of sinks:
	Committable []byte // that of the newest record; nil: none
	Side        bool   // it gets late rows or dead letters, whose mere presence means something
	// Adopt: accept, once and for good, files in the folder that are not this
	// pipeline's: they stay, and its own go beside them.
	Adopt bool
}

// Bounds are the ends that a run gives to a source, of those that its description
// names. The zero value is none: the run ends when the input does.
type Bounds struct {
	// Records: Next returns io.EOF after that many more records, rows and rejects
	// together, with a cursor right behind the last. nil: any number.
	Records *int64
	// Now: the input ends where it ends when the source is opened.
	Now bool
	// Ends is Now with an end for some partitions, by name: the first position that is
	// not read any more. A name that is not one of the partitions is an error of Open.
	Ends map[string]int64
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

	// About describes a config whatever the columns before the step. nil: nothing is
	// to be said of it.
	About func(c *C) Description
	// Columns adds what depends on the columns before the step (nil for a source):
	// Columns, Layout and ColumnProblems. nil: the step gives the columns that it gets.
	Columns func(c *C, in *arrow.Schema, d *Description)
	Setup   func(ctx context.Context, c *C, env Env) error
	Inspect func(ctx context.Context, c *C, env Env) (Report, error)
	Forget  func(ctx context.Context, c *C, env Env) error
	Open    func(ctx context.Context, c *C, in *arrow.Schema, env Env) (Instance, error)
	// KeepsColumns: the columns behind a transform are those before it, whatever is
	// wrong with the config, so that the steps behind a faulty one are checked too.
	KeepsColumns bool
}

// Plugin is the spec as the engine takes it.
func (s Spec[C]) Plugin() Plugin {
	p := Plugin{Kind: s.Kind, Name: s.Name, Summary: s.Summary, Example: s.Example,
		Fields: FieldsOf(s.Defaults), Describe: s.describe}
	if s.Setup != nil {
		p.Setup = func(ctx context.Context, config []byte, env Env) error {
			c, err := s.decode(config)
			if err != nil {
				return err
			}
			return s.Setup(ctx, c, env)
		}
	}
	if s.Inspect != nil {
		p.Inspect = func(ctx context.Context, config []byte, env Env) (Report, error) {
			c, err := s.decode(config)
			if err != nil {
				return Report{}, err
			}
			return s.Inspect(ctx, c, env)
		}
	}
	if s.Forget != nil {
		p.Forget = func(ctx context.Context, config []byte, env Env) error {
			c, err := s.decode(config)
			if err != nil {
				return err
			}
			return s.Forget(ctx, c, env)
		}
	}
	p.Open = func(ctx context.Context, config []byte, in *arrow.Schema, env Env) (Instance, error) {
		c, err := s.decode(config)
		if err != nil {
			return nil, err
		}
		return s.Open(ctx, c, in, env)
	}
	return p
}

func (s Spec[C]) describe(config []byte, in *arrow.Schema) Description {
	c := s.Defaults // decode never writes through a pointer or slice of the defaults
	decoded := decode(config, &c)
	d := Description{Canonical: canonical(&c)}
	if s.KeepsColumns {
		d.Columns = in
	}
	if !Usable(decoded.problems) {
		d.Problems = decoded.problems
		return d
	}
	if s.About != nil {
		canonical, columns := d.Canonical, d.Columns
		d = s.About(&c)
		d.Canonical, d.Columns = canonical, columns
	}
	d.Usable = true
	if in != nil || s.Kind == KindSource {
		d.Columns = in
		if s.Columns != nil {
			s.Columns(&c, in, &d)
		}
	}
	d.Problems, d.ColumnProblems = decoded.problems, decoded.asWritten(d.ColumnProblems)
	return d
}

func (s Spec[C]) decode(config []byte) (*C, error) {
	c := s.Defaults
	if faults := Faults(Decode(config, &c)); len(faults) > 0 {
		return nil, faults[0]
	}
	return &c, nil
}
