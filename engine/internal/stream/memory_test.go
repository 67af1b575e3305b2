package stream

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func (a *adder) StateBytes() int64 { return 600_000_000 }

func TestMemoryIsToldOfBeforeItEnds(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(10)
	r, err := Open(t.Context(), w.plan(t.TempDir()), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer closeRunner(t, r)
	m := &memoryWatch{limit: 1_000_000_000}
	at := func(live int64) string {
		log.Reset()
		m.live = func() int64 { return live }
		r.checkMemory(m)
		return log.String()
	}
	if said := at(600_000_000); said != "" {
		t.Errorf("at 60 %%: said %q", said)
	}
	want := "750 MB of the memory limit of 1000 MB are in use, 600 MB of them by the state of add"
	if said := at(750_000_000); !strings.Contains(said, want) {
		t.Errorf("at 75 %%: said %q, want %q", said, want)
	}
	if said := at(800_000_000); said != "" {
		t.Errorf("warned again: %q", said)
	}
	at(960_000_000)
	err = r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "pipelines.test.add: stopping before memory ends: 960 MB") {
		t.Errorf("at 96 %%: got %v, want the run ended with the step's name", err)
	}
}
