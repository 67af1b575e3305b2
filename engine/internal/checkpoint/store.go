// Package checkpoint keeps what a run must not forget: for each pipeline one
// record (positions, prepared files, counters) and the state of its stateful
// steps, replaced together in one synced write at the end of every epoch.
package checkpoint

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

// version is the format of records; a record of another version is refused.
const version = 1

// Record is a pipeline at the end of an epoch.
type Record struct {
	Version   int               `json:"version"`
	Run       uint64            `json:"run"`
	Epoch     uint64            `json:"epoch"`
	Positions map[string][]byte `json:"positions"`          // source: cursor by partition
	Handles   map[string][]byte `json:"handles,omitempty"`  // what each sink prepared, by step
	Books     map[string]Counts `json:"books,omitempty"`    // counters of the run, by step
	Settings  map[string]string `json:"settings,omitempty"` // what positions and state were made with, by step
}

// Counts are the books of one step, in rows.
type Counts struct {
	In       int64 `json:"in"`
	Created  int64 `json:"created,omitempty"`
	Out      int64 `json:"out"`
	Dropped  int64 `json:"dropped,omitempty"`
	Absorbed int64 `json:"absorbed,omitempty"`
	Late     int64 `json:"late,omitempty"`
	Rejected int64 `json:"rejected,omitempty"`
	Partial  int64 `json:"partial,omitempty"`
}

// Balanced tells whether every row is accounted for.
func (c Counts) Balanced() bool {
	return c.In+c.Created == c.Out+c.Dropped+c.Absorbed+c.Late+c.Rejected
}

// Run is where a pipeline stands in its runs.
type Run struct {
	Number uint64 `json:"number"` // from 1
	Ended  bool   `json:"ended"`  // its last epoch of this run has been published
}

// Store is an open state directory. One process has it at a time.
type Store struct {
	dir    string
	lock   *os.File
	db     *pebble.DB
	engine string
}

// Open takes the state directory, which is made if need be.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock}
	s.db, err = pebble.Open(filepath.Join(dir, "checkpoints"), options())
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("opening the checkpoints in %s: %w", dir, err)
	}
	if err := s.identify(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func options() *pebble.Options {
	return &pebble.Options{
		Logger:             silent{},
		FormatMajorVersion: pebble.FormatNewest,
	}
}

// silent drops what Pebble tells of its inner life; its errors are returned.
type silent struct{}

func (silent) Infof(string, ...any)              {}
func (silent) Errorf(string, ...any)             {}
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// identify reads the engine's id, or makes it.
func (s *Store) identify() error {
	id, err := s.get(engineKey)
	if err != nil {
		return err
	}
	if id == nil {
		random := make([]byte, 4)
		rand.Read(random) // never fails
		id = []byte(hex.EncodeToString(random))
		if err := s.db.Set(engineKey, id, pebble.Sync); err != nil {
			return fmt.Errorf("writing the engine's id: %w", err)
		}
	}
	s.engine = string(id)
	return nil
}

// EngineID is random, made once for this state directory.
func (s *Store) EngineID() string { return s.engine }

// Dir is the state directory.
func (s *Store) Dir() string { return s.dir }

// Close gives the directory back.
func (s *Store) Close() error {
	return errors.Join(s.db.Close(), s.lock.Close())
}

// BeginRun tells which run the pipelines of a file are in. While one of them
// has not ended, the run is open and goes on; else all of them start a new one.
func (s *Store) BeginRun(pipelines []string) (map[string]Run, error) {
	runs := make(map[string]Run, len(pipelines))
	open, number := false, uint64(0)
	for _, p := range pipelines {
		run, err := s.run(p)
		if err != nil {
			return nil, err
		}
		runs[p] = run
		number = max(number, run.Number)
		open = open || run.Number > 0 && !run.Ended
	}
	if !open {
		number++
	}
	batch := s.db.NewBatch()
	for _, p := range pipelines {
		if run := runs[p]; !open || run.Number != number {
			runs[p] = Run{Number: number}
			if err := batch.Set(runKey(p), encode(runs[p]), nil); err != nil {
				return nil, fmt.Errorf("beginning the run: %w", err)
			}
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return nil, fmt.Errorf("beginning the run: %w", err)
	}
	return runs, nil
}

func (s *Store) run(pipeline string) (Run, error) {
	var run Run
	data, err := s.get(runKey(pipeline))
	if err != nil || data == nil {
		return run, err
	}
	if err := json.Unmarshal(data, &run); err != nil {
		return run, fmt.Errorf("reading the run of %s: %w", pipeline, err)
	}
	return run, nil
}

// EndRun notes that a pipeline has ended: its last epoch is published.
func (s *Store) EndRun(pipeline string, run Run) error {
	run.Ended = true
	if err := s.db.Set(runKey(pipeline), encode(run), pebble.Sync); err != nil {
		return fmt.Errorf("ending the run of %s: %w", pipeline, err)
	}
	return nil
}

// Load returns the newest record of a pipeline, or nil if it has none.
func (s *Store) Load(pipeline string) (*Record, error) {
	data, err := s.get(recordKey(pipeline))
	if err != nil || data == nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("reading the record of pipeline %s in %s: %w", pipeline, s.dir, err)
	}
	if r.Version != version {
		return nil, fmt.Errorf("the record of pipeline %s in %s has version %d, this engine writes %d",
			pipeline, s.dir, r.Version, version)
	}
	return r, nil
}

// Changes collects what a step's state has become since the epoch before.
type Changes struct {
	batch  *pebble.Batch
	prefix []byte
	key    []byte
}

// NewChanges begins to collect for a step.
func (s *Store) NewChanges(pipeline, step string) *Changes {
	return &Changes{batch: s.db.NewBatch(), prefix: statePrefix(pipeline, step)}
}

// Put sets a key, or deletes it if the value is nil. Both are copied.
func (c *Changes) Put(key, value []byte) error {
	c.key = append(append(c.key[:0], c.prefix...), key...)
	if value == nil {
		return c.batch.Delete(c.key, nil)
	}
	return c.batch.Set(c.key, value, nil)
}

// Save replaces the record of a pipeline and changes the state of its steps,
// all or nothing, and returns when it is on disk.
func (s *Store) Save(pipeline string, r *Record, changes ...*Changes) error {
	r.Version = version
	batch := s.db.NewBatch()
	for _, c := range changes {
		if err := batch.Apply(c.batch, nil); err != nil {
			return fmt.Errorf("saving the state of %s: %w", pipeline, err)
		}
	}
	if err := batch.Set(recordKey(pipeline), encode(r), nil); err != nil {
		return fmt.Errorf("saving the record of %s: %w", pipeline, err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("saving the record of %s: %w", pipeline, err)
	}
	return nil
}

// State walks what a step has saved, in the order of its keys. Keys and values
// are valid until the next step of the loop. An error ends the walk and is
// told by the function returned.
func (s *Store) State(pipeline, step string) (iter.Seq2[[]byte, []byte], func() error) {
	var failed error
	walk := func(yield func(key, value []byte) bool) {
		prefix := statePrefix(pipeline, step)
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
		if err != nil {
			failed = fmt.Errorf("reading the state of %s: %w", step, err)
			return
		}
		defer func() { failed = errors.Join(failed, it.Close()) }()
		for ok := it.First(); ok; ok = it.Next() {
			if !yield(it.Key()[len(prefix):], it.Value()) {
				return
			}
		}
	}
	return walk, func() error { return failed }
}

// get returns a copy of a value, or nil.
func (s *Store) get(key []byte) ([]byte, error) {
	data, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state directory %s: %w", s.dir, err)
	}
	defer closer.Close()
	return append([]byte{}, data...), nil
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("checkpoint: a record always encodes: " + err.Error())
	}
	return data
}
