package checkpoint

import (
	"slices"
	"testing"
)

func TestForgottenPipelineBeginsAnew(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for _, p := range []string{"a", "ab"} {
		save(t, s, p, &Record{Epoch: 7}, changes(t, s, p, "agg", "k", "v"))
		if _, err := s.BeginRun([]string{p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.BeginForget([]string{"a"}); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{"a": true, "ab": false} {
		if got, err := s.Forgetting(p); err != nil || got != want {
			t.Errorf("forgetting %s: got %v, %v; want %v", p, got, err, want)
		}
	}
	if err := s.Forget([]string{"a"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Forgetting("a"); err != nil || got {
		t.Errorf("after it is forgotten: got %v, %v", got, err)
	}
	if r, err := s.Load("a"); err != nil || r.Epoch != 0 || !r.AtEnd || len(r.Positions) > 0 {
		t.Errorf("record: got %+v, %v; want an empty one that begins at the end", r, err)
	}
	if has, err := s.HasState("a", "agg"); err != nil || has {
		t.Errorf("state: got %v, %v; want none", has, err)
	}
	if runs, err := s.BeginRun([]string{"a"}); err != nil || runs["a"].Number != 1 {
		t.Errorf("run: got %+v, %v; want the first", runs, err)
	}
	if has, err := s.HasState("ab", "agg"); err != nil || !has {
		t.Errorf("state of the other pipeline: got %v, %v; want it kept", has, err)
	}
	if got, err := s.Pipelines(); err != nil || !slices.Equal(got, []string{"a", "ab"}) {
		t.Errorf("pipelines: got %v, %v", got, err)
	}
}
