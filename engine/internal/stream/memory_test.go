package stream

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestMemoryUseIsLoggedBeforeItEnds(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(10)
	r, err := Open(t.Context(), w.plan(t.TempDir()), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer closeRunner(t, r)
	m := &memoryWatch{limit: 1_000_000_000, used: func() int64 { return 1_000_000_000 }}
	at := func(live int64) string {
		log.Reset()
		m.live = func() int64 { return live }
		r.checkMemory(m)
		return log.String()
	}
	if said := at(600_000_000); said != "" {
		t.Errorf("at 60 %%: said %q", said)
	}
	want := "750 MB of the memory limit of 1000 MB are in use, 600 MB of them by add"
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

func TestTheStepAtWorkIsNamedWhereNoneHoldsMemory(t *testing.T) {
	w := newWorld(10)
	var aborted error
	r, err := Open(t.Context(), w.plan(t.TempDir()), Options{Abort: func(reason error) { aborted = reason }})
	if err != nil {
		t.Fatal(err)
	}
	defer closeRunner(t, r)
	p := r.all()[0]
	used := int64(100_000_000_000)
	m := &memoryWatch{limit: 100_000_000_000, live: func() int64 { return 1 },
		used: func() int64 { return used }}
	if r.checkMemory(m); p.failure.failed() {
		t.Fatalf("stopped while little is live: %v", p.failure.cause())
	}
	used = 116_000_000_000                      // the collector has not seen yet what is live of it
	_ = p.sinks()[0].busy.during(func() error { // longer than the transform, which comes first all the same
		return p.everyTransform()[0].busy.during(func() error {
			r.checkMemory(m)
			return nil
		})
	})
	if err := p.failure.cause(); err == nil ||
		!strings.Contains(err.Error(), "pipelines.test.add: stopping before") ||
		!strings.Contains(err.Error(), "add has been at work on its rows for") {
		t.Errorf("got %v, want the step that is at work", err)
	}
	if r.checkMemory(m); aborted != nil {
		t.Errorf("aborted at once: %v", aborted)
	}
	used = 126_000_000_000
	if r.checkMemory(m); aborted == nil || aborted != p.failure.cause() {
		t.Errorf("a step that does not stop: aborted for %v", aborted)
	}
}

func TestAStepIsNotAtWorkInThoseBehindIt(t *testing.T) {
	var b busy
	now := time.Now()
	_ = b.during(func() error {
		if b.length(now) == 0 {
			t.Error("during: not busy")
		}
		_ = b.pause(func() error {
			if b.length(now) != 0 {
				t.Error("during a pause: busy")
			}
			return nil
		})
		if b.length(now) == 0 {
			t.Error("after a pause: not busy")
		}
		return nil
	})
	if b.length(now) != 0 {
		t.Error("afterwards: busy")
	}
}

func TestMemoryIsGuardedBeforeARun(t *testing.T) {
	used := int64(900)
	m := &memoryWatch{limit: 1000, used: func() int64 { used += 100; return used * 1_000_000 }}
	m.limit *= 1_000_000
	var reason error
	m.guard(t.Context(), func(err error) { reason = err }) // returns once it has aborted
	want := "reading the config: stopping before memory ends: 1300 MB of the memory limit of 1000 MB are in use"
	if reason == nil || !strings.HasPrefix(reason.Error(), want) {
		t.Errorf("got %v, want %s", reason, want)
	}
}
