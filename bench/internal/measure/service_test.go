package measure

import (
	"context"
	"strings"
	"testing"
)

func TestServiceIsReadyWithItsFirstLineAndStops(t *testing.T) {
	p := Program{Path: "sh", Args: []string{"-c", "echo ready; exec sleep 60"}}
	s, line, err := Serve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if line != "ready" {
		t.Errorf("got the line %q, want ready", line)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopping again: %v", err)
	}
}

func TestServiceThatFailsReportsWhy(t *testing.T) {
	_, _, err := Serve(context.Background(), Program{Path: "sh", Args: []string{"-c", "echo why >&2; exit 1"}})
	if err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("got %v, want the service's words", err)
	}
}
