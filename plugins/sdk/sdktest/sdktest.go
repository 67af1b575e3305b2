// Package sdktest is the contract of package sdk as a test suite. A plugin's
// author calls Source, Transform or Sink from a test; each runs one subtest per
// promise, whose name states it.
//
// The suite opens the plugin many times over and only through its sdk.Plugin
// value, as the engine does. It needs no engine.
package sdktest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Options is what the suite must know of a plugin.
type Options struct {
	// Prepare fills the world that an instance finds: files under env.Dir, a
	// broker's address in env.Services. It is called once for each subtest's
	// worlds, whose Dir and StateDir are empty folders of their own.
	Prepare func(t testing.TB, env *sdk.Env)

	// Blocked is a config with which a source's Next, or a sink's Write, waits
	// for something that never comes. Empty: not tried.
	Blocked string

	// Endless: the source has no end of its own, and is given one by Drain as
	// soon as it is open.
	Endless bool

	// Unordered: rows may come out in another order from one opening to the next.
	Unordered bool

	// Input is what transforms and sinks are fed. Its batches are never handed
	// to the plugin as they are, but in copies of many shapes. Required there.
	Input []*sdk.Batch

	// Read is what a sink has made visible, one text per row. Required there.
	Read func(t testing.TB, env sdk.Env) []string
}

const (
	// patience is how long a call may take that should return at once. It only
	// runs out when the plugin is at fault.
	patience = 10 * time.Second
	// silence is how long a blocking call is watched before it counts as blocked.
	silence = 200 * time.Millisecond
)

// suite is one plugin under test.
type suite struct {
	Options
	plugin   sdk.Plugin
	config   string
	patience time.Duration
}

// check is one promise.
type check struct {
	name string
	run  func(t testing.TB, s *suite)
}

// Source checks a source. The config must make it end, by itself or when it is
// drained, in a few dozen batches at most. Opened again on the same world, from the
// cursors of its first signal, it must give the same rows.
func Source(t *testing.T, p sdk.Plugin, config string, o Options) {
	run(t, p, config, o, sdk.KindSource, sourceChecks())
}

// Transform checks a transform over Options.Input.
func Transform(t *testing.T, p sdk.Plugin, config string, o Options) {
	if len(o.Input) == 0 {
		t.Fatal("sdktest.Transform: Options.Input is missing")
	}
	run(t, p, config, o, sdk.KindTransform, transformChecks())
}

// Sink checks a sink over Options.Input. Its config must keep all it writes
// within the world, as by a path that is relative to env.Dir.
func Sink(t *testing.T, p sdk.Plugin, config string, o Options) {
	if len(o.Input) == 0 || o.Read == nil {
		t.Fatal("sdktest.Sink: Options.Input or Options.Read is missing")
	}
	run(t, p, config, o, sdk.KindSink, sinkChecks())
}

func run(t *testing.T, p sdk.Plugin, config string, o Options, kind sdk.Kind, checks []check) {
	t.Helper()
	if p.Kind != kind {
		t.Fatalf("plugin %s: its kind is %q, the suite is for a %s", p.Name, p.Kind, kind)
	}
	s := &suite{Options: o, plugin: p, config: config, patience: patience}
	for _, c := range append(configChecks(), checks...) {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

// world makes a fresh place for instances to work in.
func (s *suite) world(t testing.TB) sdk.Env {
	t.Helper()
	env := sdk.Env{EngineID: "sdktest1", Pipeline: "contract", Step: s.plugin.Name,
		Dir: t.TempDir(), StateDir: t.TempDir(), Run: 1, Log: slog.New(slog.DiscardHandler)}
	if s.Prepare != nil {
		s.Prepare(t, &env)
	}
	return env
}

// in is the schema of the input, nil for sources.
func (s *suite) in() *arrow.Schema {
	if len(s.Input) == 0 {
		return nil
	}
	return s.Input[0].Rows.Schema()
}

// out is the planned schema after the step.
func (s *suite) out(t testing.TB) *arrow.Schema {
	t.Helper()
	d := s.describe([]byte(s.config))
	if faults := sdk.Faults(append(d.Problems, d.ColumnProblems...)); len(faults) > 0 {
		t.Fatalf("planning the schema: %v", faults)
	}
	if d.Columns == nil {
		t.Fatal("planning the schema: got none; give the suite a config that says it")
	}
	return d.Columns
}

func (s *suite) describe(config []byte) sdk.Description { return s.plugin.Describe(config, s.in()) }

// open sets up and opens the plugin, to be closed by the caller or at the end.
func open[T sdk.Instance](t testing.TB, s *suite, config string, env sdk.Env) (T, *closer) {
	t.Helper()
	ctx := t.Context()
	if s.plugin.Setup != nil {
		if err := s.plugin.Setup(ctx, []byte(config), env); err != nil {
			t.Fatalf("setting up: %v", err)
		}
	}
	instance, err := s.plugin.Open(ctx, []byte(config), s.in(), env)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	c := &closer{instance: instance}
	t.Cleanup(func() { c.close() })
	typed, ok := instance.(T)
	if !ok {
		t.Fatalf("opening: got a %T, which is no %s", instance, s.plugin.Kind)
	}
	return typed, c
}

// closer closes an instance once, as the engine does.
type closer struct {
	instance sdk.Instance
	closed   bool
}

func (c *closer) close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return c.instance.Close(context.Background()) // the test's own is cancelled during its cleanup
}

// mustClose closes and reports what the plugin says.
func (c *closer) mustClose(t testing.TB) {
	t.Helper()
	if err := c.close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// soon runs f and fails the test if it takes longer than anyone would wait.
func (s *suite) soon(t testing.TB, what string, f func()) bool {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(s.patience):
		t.Errorf("%s: still waiting after %v", what, s.patience)
		return false
	}
}
