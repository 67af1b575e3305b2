package checkpoint

import (
	"encoding/json"
	"fmt"
)

// Run is where a pipeline stands in its runs.
type Run struct {
	Number uint64 `json:"number"` // from 1
	Ended  bool   `json:"ended"`  // its last epoch of this run has been committed
}

// BeginRun returns the run that each pipeline of a file is in. While one of them
// has not ended, the run is open and goes on; else all of them start a new one.
func (s *Store) BeginRun(pipelines []string) (map[string]Run, error) {
	runs := make(map[string]Run, len(pipelines))
	open, number := false, uint64(0)
	for _, p := range pipelines {
		run, err := s.Run(p)
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
	if err := s.commit(batch); err != nil {
		return nil, fmt.Errorf("beginning the run: %w", err)
	}
	return runs, nil
}

// Run returns where a pipeline stands in its runs.
func (s *Store) Run(pipeline string) (Run, error) {
	var run Run
	data, err := s.get(runKey(pipeline))
	if err != nil || data == nil {
		return run, err
	}
	if err := json.Unmarshal(data, &run); err != nil {
		return run, s.unreadable(fmt.Errorf("reading the run of %s: %w", pipeline, err))
	}
	return run, nil
}

// EndRun records that a pipeline has ended: its last epoch is committed.
func (s *Store) EndRun(pipeline string, run Run) error {
	run.Ended = true
	batch := s.db.NewBatch()
	err := batch.Set(runKey(pipeline), encode(run), nil)
	if err == nil {
		err = s.commit(batch)
	}
	if err != nil {
		return fmt.Errorf("ending the run of %s: %w", pipeline, err)
	}
	return nil
}
