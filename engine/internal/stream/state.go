package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// State is what a state directory holds of a plan's pipelines.
type State struct {
	Dir       string          `json:"state_dir"`
	EngineID  string          `json:"engine"`
	Pipelines []PipelineState `json:"pipelines"`
	Others    []string        `json:"others,omitempty"`  // pipelines that are not in the plan
	Running   *Running        `json:"running,omitempty"` // the engine that has the directory now
}

// PipelineState is a pipeline at its newest record.
type PipelineState struct {
	Name      string         `json:"name"`
	Epoch     uint64         `json:"epoch"` // 0: nothing is recorded
	Run       uint64         `json:"run"`
	Ended     bool           `json:"ended"`
	Positions map[string]any `json:"positions"` // by partition: JSON, text or bytes
	Steps     []StepState    `json:"steps"`
}

// StepState is what a step keeps.
type StepState struct {
	Label   string       `json:"label"`
	Plugin  string       `json:"plugin"`
	Staged  *sdk.Staged  `json:"hidden,omitempty"`  // of an output that has staged rows
	Windows []sdk.Window `json:"windows,omitempty"` // of a step with state
	checkpoint.Counts
}

// Running is an engine that has the state directory.
type Running struct {
	PID      int        `json:"pid"`
	Since    time.Time  `json:"since"`
	Stopping bool       `json:"stopping"` // it lets through what it has read, and ends
	Progress []Progress `json:"progress"`
}

// State is what the state directory holds, and how far the run is. It may be called
// while the runner is open.
func (r *Runner) State() (*State, error) {
	s := &State{Dir: r.store.Dir(), EngineID: r.store.EngineID(), Running: r.running()}
	return s, r.store.AsOfNow(func(now *checkpoint.Store) error { return s.read(now, r.plan) })
}

func (r *Runner) running() *Running {
	r.mu.Lock()
	stopping := r.stopping
	r.mu.Unlock()
	return &Running{PID: os.Getpid(), Since: r.since, Stopping: stopping, Progress: r.Progress()}
}

// Ready reports why the run does not go on, nil if it does: a pipeline has failed, or
// the run is stopping.
func (r *Runner) Ready() error {
	for _, p := range r.all() {
		if err := p.failure.cause(); err != nil {
			return fmt.Errorf("the pipeline %s has failed: %w", p.plan.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return errors.New("the run is stopping")
	}
	return nil
}

// Inspect reads what the state directory holds. It starts nothing.
func Inspect(p *plan.Plan, dir string) (*State, error) {
	store, err := checkpoint.Open(StateDir(p, dir))
	if err != nil {
		return nil, err
	}
	s := &State{Dir: store.Dir(), EngineID: store.EngineID()}
	err = s.read(store, p)
	return s, errors.Join(err, store.Close())
}

func (s *State) read(store *checkpoint.Store, p *plan.Plan) error {
	names, err := store.Pipelines()
	if err != nil {
		return err
	}
	s.Others = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(p.Names(), name) })
	for _, line := range p.Pipelines {
		one, err := stateOf(store, line)
		if err != nil {
			return err
		}
		s.Pipelines = append(s.Pipelines, *one)
	}
	return nil
}

func stateOf(store *checkpoint.Store, p *plan.Pipeline) (*PipelineState, error) {
	s := &PipelineState{Name: p.Name, Positions: map[string]any{}}
	record, err := store.Load(p.Name)
	if err != nil || record == nil {
		return s, err
	}
	run, err := store.Run(p.Name)
	if err != nil {
		return nil, err
	}
	committed, err := store.IsCommitted(p.Name, record.Epoch)
	if err != nil {
		return nil, err
	}
	s.Epoch, s.Run, s.Ended = record.Epoch, record.Run, run.Ended
	for partition, cursor := range record.Positions {
		s.Positions[partition] = readable(cursor)
	}
	for _, step := range p.Steps() {
		one := StepState{Label: step.Label, Plugin: step.Plugin.Name, Counts: record.Counts[step.Label]}
		if staged, ok := record.Staged[step.Label]; ok {
			if committed {
				staged.Pending = 0
			}
			if staged.Pending+staged.Rows == 0 { // its files are visible
				staged = sdk.Staged{}
			}
			one.Staged = &staged
		}
		if err := one.windows(store, p, step); err != nil {
			return nil, err
		}
		s.Steps = append(s.Steps, one)
	}
	return s, nil
}

func (s *StepState) windows(store *checkpoint.Store, p *plan.Pipeline, step *plan.Step) error {
	if step.Plugin.Inspect == nil || step.Plugin.Kind != sdk.KindTransform {
		return nil
	}
	state, failed := store.State(p.Name, step.Label)
	env := sdk.Env{EngineID: store.EngineID(), Pipeline: p.Name, Step: step.Label, State: state}
	return guarded(p.Name, step, func() error {
		report, err := step.Plugin.Inspect(context.Background(), step.Config, env)
		s.Windows = report.Windows
		return cmp.Or(failed(), err)
	})
}

// readable is a cursor as people and scripts can read it: most are JSON.
func readable(cursor []byte) any {
	switch {
	case json.Valid(cursor):
		return json.RawMessage(cursor)
	case utf8.Valid(cursor):
		return string(cursor)
	}
	return cursor
}

// Entry is one line of an export: a record, or one key of a step's state.
type Entry struct {
	Pipeline string             `json:"pipeline"`
	Record   *checkpoint.Record `json:"record,omitempty"`
	Step     string             `json:"step,omitempty"`
	Key      []byte             `json:"key,omitempty"` // base64 in JSON
	Value    []byte             `json:"value,omitempty"`
}

// Export gives everything that the state directory holds of a plan's pipelines.
func Export(p *plan.Plan, dir string, give func(Entry) error) error {
	store, err := checkpoint.Open(StateDir(p, dir))
	if err != nil {
		return err
	}
	return errors.Join(exportAll(store, p, give), store.Close())
}

// Export is the function Export while the runner is open.
func (r *Runner) Export(give func(Entry) error) error {
	return r.store.AsOfNow(func(now *checkpoint.Store) error { return exportAll(now, r.plan, give) })
}

func exportAll(store *checkpoint.Store, p *plan.Plan, give func(Entry) error) error {
	for _, line := range p.Pipelines {
		if err := export(store, line.Name, give); err != nil {
			return err
		}
	}
	return nil
}

func export(store *checkpoint.Store, pipeline string, give func(Entry) error) error {
	record, err := store.Load(pipeline)
	if err != nil || record == nil {
		return err
	}
	if err := give(Entry{Pipeline: pipeline, Record: record}); err != nil {
		return err
	}
	for _, step := range slices.Sorted(maps.Keys(record.Settings)) {
		state, failed := store.State(pipeline, step)
		if err := each(state, func(key, value []byte) error {
			return give(Entry{Pipeline: pipeline, Step: step, Key: key, Value: value})
		}); err != nil {
			return err
		}
		if err := failed(); err != nil {
			return err
		}
	}
	return nil
}

func each(state iter.Seq2[[]byte, []byte], do func(key, value []byte) error) error {
	for key, value := range state {
		if err := do(key, value); err != nil {
			return err
		}
	}
	return nil
}
