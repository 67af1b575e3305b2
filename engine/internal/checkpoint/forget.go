package checkpoint

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// BeginForget records that pipelines are to be forgotten (rule 16). What they have outside
// of the store is removed next, and Forget ends it. A process that dies between
// the two leaves that marker to the next one: part files may be gone by then, and
// going on from the record would leave holes.
func (s *Store) BeginForget(pipelines []string) error {
	batch := s.db.NewBatch()
	for _, p := range pipelines {
		if err := batch.Set(forgetKey(p), nil, nil); err != nil {
			return fmt.Errorf("beginning to forget %s: %w", p, err)
		}
	}
	if err := s.commit(batch); err != nil {
		return fmt.Errorf("beginning to forget: %w", err)
	}
	return nil
}

// Forgetting reports whether a pipeline was being forgotten when the process ended.
func (s *Store) Forgetting(pipeline string) (bool, error) {
	marker, err := s.get(forgetKey(pipeline))
	return marker != nil, err
}

// Forget removes the records, states and runs of pipelines, all or nothing.
func (s *Store) Forget(pipelines []string) error {
	batch := s.db.NewBatch()
	for _, p := range pipelines {
		if err := forget(batch, p); err != nil {
			return fmt.Errorf("forgetting %s: %w", p, err)
		}
	}
	if err := s.commit(batch); err != nil {
		return fmt.Errorf("forgetting: %w", err)
	}
	return nil
}

func forget(batch *pebble.Batch, pipeline string) error {
	states := named('s', pipeline)
	if err := batch.DeleteRange(states, after(states), nil); err != nil {
		return err
	}
	for _, key := range [][]byte{runKey(pipeline), forgetKey(pipeline), committedKey(pipeline)} {
		if err := batch.Delete(key, nil); err != nil {
			return err
		}
	}
	return batch.Set(recordKey(pipeline), encode(&Record{Version: version, AtEnd: true}), nil)
}

// HasState reports whether a step has saved anything.
func (s *Store) HasState(pipeline, step string) (bool, error) {
	walk, failed := s.State(pipeline, step)
	for range walk {
		return true, failed()
	}
	return false, failed()
}

// Pipelines lists the pipelines that have a record.
func (s *Store) Pipelines() ([]string, error) {
	var names []string
	err := s.each([]byte{'r'}, func(key, _ []byte) bool {
		names = append(names, nameIn(key))
		return true
	})
	if err != nil {
		return nil, s.unreadable(err)
	}
	return names, nil
}
