package checkpoint

import (
	"maps"
	"strings"
	"testing"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// changes takes keys and values in turn; an empty value deletes. The buffer is
// reused between calls of Put, as a step may do.
func changes(t *testing.T, s *Store, pipeline, step string, pairs ...string) *Changes {
	t.Helper()
	c := s.NewChanges(pipeline, step)
	key, value := make([]byte, 0, 8), make([]byte, 0, 8)
	for i := 0; i < len(pairs); i += 2 {
		key, value = append(key[:0], pairs[i]...), append(value[:0], pairs[i+1]...)
		var v []byte
		if len(value) > 0 {
			v = value
		}
		if err := c.Put(key, v); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func save(t *testing.T, s *Store, pipeline string, r *Record, changes ...*Changes) {
	t.Helper()
	if err := s.Save(pipeline, r, changes...); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, s *Store, pipeline, step string) map[string]string {
	t.Helper()
	walk, failed := s.State(pipeline, step)
	got := map[string]string{}
	for k, v := range walk {
		got[string(k)] = string(v)
	}
	if err := failed(); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRecordAndStateSurviveTogether(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first := &Record{Epoch: 1, Positions: map[string][]byte{"t/0": {0, 1, 255}}}
	save(t, s, "report", first, changes(t, s, "report", "agg", "a", "1", "b", "2"),
		changes(t, s, "report", "agg2", "a", "other"))
	save(t, s, "report", &Record{Epoch: 2}, changes(t, s, "report", "agg", "a", ""))
	id := s.EngineID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	defer s.Close()
	if s.EngineID() != id {
		t.Errorf("engine id after reopening: got %s, want %s", s.EngineID(), id)
	}
	r, err := s.Load("report")
	if err != nil || r == nil || r.Epoch != 2 {
		t.Fatalf("record: got %+v, %v; want epoch 2", r, err)
	}
	if got, want := state(t, s, "report", "agg"), map[string]string{"b": "2"}; !maps.Equal(got, want) {
		t.Errorf("state of agg: got %v, want %v", got, want)
	}
	if got, want := state(t, s, "report", "agg2"), map[string]string{"a": "other"}; !maps.Equal(got, want) {
		t.Errorf("state of agg2: got %v, want %v", got, want)
	}
}

func TestNamesDoNotRunIntoEachOther(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	save(t, s, "a", &Record{}, changes(t, s, "a", "bc", "k", "v"))
	if got := state(t, s, "ab", "c"); len(got) != 0 {
		t.Errorf("pipeline ab sees the state of pipeline a: %v", got)
	}
	if r, err := s.Load("ab"); err != nil || r != nil {
		t.Errorf("record of ab: got %v, %v; want none", r, err)
	}
}

func TestStateDirectoryHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	_, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), "in use by another engine") {
		t.Errorf("second Open: got %v, want an error that says who has it", err)
	}
}

func TestOpenRunGoesOn(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	begin := func() map[string]Run {
		t.Helper()
		runs, err := s.BeginRun([]string{"generate", "report"})
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	end := func(name string, r Run) {
		t.Helper()
		if err := s.EndRun(name, r); err != nil {
			t.Fatal(err)
		}
	}

	runs := begin()
	want := map[string]Run{"generate": {Number: 1}, "report": {Number: 1}}
	if !maps.Equal(runs, want) {
		t.Fatalf("first run: got %v, want %v", runs, want)
	}
	end("generate", runs["generate"])

	runs = begin()
	want = map[string]Run{"generate": {Number: 1, Ended: true}, "report": {Number: 1}}
	if !maps.Equal(runs, want) {
		t.Fatalf("cut run: got %v, want %v", runs, want)
	}
	end("report", runs["report"])

	runs = begin()
	want = map[string]Run{"generate": {Number: 2}, "report": {Number: 2}}
	if !maps.Equal(runs, want) {
		t.Errorf("after all have ended: got %v, want %v", runs, want)
	}
}

func TestCountsBalance(t *testing.T) {
	tests := []struct {
		name   string
		counts Counts
		want   bool
	}{
		{"nothing", Counts{}, true},
		{"aggregated", Counts{In: 10, Created: 2, Out: 2, Absorbed: 9, Late: 1}, true},
		{"a row lost", Counts{In: 10, Out: 9}, false},
		{"a row twice", Counts{In: 10, Out: 11}, false},
	}
	for _, test := range tests {
		if got := test.counts.Balanced(); got != test.want {
			t.Errorf("%s: balanced is %v, want %v", test.name, got, test.want)
		}
	}
}
