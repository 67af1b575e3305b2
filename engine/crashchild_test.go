package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// asSabotaged holds the sabotage of an engine that is to kill itself. It is
// done by wrapping plugins, so that the engine proper knows nothing of it.
const asSabotaged = "ENGINE_TEST_SABOTAGE"

// sabotage is what an engine under test does to itself.
type sabotage struct {
	Rows     int           // the source's batches are sliced to so many rows; 0: as they come
	Pause    time.Duration // before each of them
	PerEpoch int           // at most so many before an epoch is committed; 0: any
	Hold     string        // a pipeline that does not begin until standard input ends
	Kill     *killPoint    // nil: it lives
}

// killPoint is a point between two steps of the protocol.
type killPoint struct {
	Step  string // pipeline/label
	Call  string // one of the names below
	After bool   // the call has returned; else it is about to be made
	Epoch uint64 // counted from this process's first, for calls that belong to one
	Last  bool   // the epoch at the end of the input, instead
	Read  int64  // for call next: so many rows have been given
	// Order lists all sinks: of those calls that the sinks make side by side,
	// those before Step in it have returned, those behind it have not begun.
	Order []string
	// Beside: the sink has got rows of the next epoch meanwhile, if there are any.
	Beside bool
}

// The calls of the protocol, in the order of a pipeline's life.
const (
	callOpen        = "open"
	callCommitAgain = "publish again" // at open
	callRecover     = "recover"
	callPin         = "positions"
	callNext        = "next"
	callWrite       = "write"
	callDue         = "roll due"
	callPassed      = "barrier of a step"
	callSnapshot    = "snapshot"
	callBarrier     = "barrier"
	callPrepare     = "prepare"
	callRecord      = "record" // while it is being written
	callCommit      = "publish"
	callCommitted   = "committed"
	callEnd         = "end"
	callClose       = "close"
)

// sabotaged wraps the plugins, if this process is to do itself harm.
func sabotaged(plugins []sdk.Plugin) []sdk.Plugin {
	text := os.Getenv(asSabotaged)
	if text == "" {
		return plugins
	}
	s := &saboteur{wrote: map[string]int{}, done: map[string]bool{}}
	s.changed = sync.NewCond(&s.mu)
	if err := json.Unmarshal([]byte(text), &s.plan); err != nil {
		panic(err)
	}
	for i := range plugins {
		plugins[i] = s.wrap(plugins[i])
	}
	return plugins
}

// saboteur sees every call that the engine makes on a plugin.
type saboteur struct {
	plan      sabotage
	mu        sync.Mutex // guards what follows
	changed   *sync.Cond
	target    uint64          // the epoch to be killed in; 0: not known yet
	committed uint64          // the newest committed epoch
	done      map[string]bool // sinks that have made the ordered call of the target
	wrote     map[string]int  // batches since the barrier of the target, by sink
}

func (s *saboteur) wrap(p sdk.Plugin) sdk.Plugin {
	open := p.Open
	p.Open = func(ctx context.Context, config []byte, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		if env.Pipeline == "" { // a service
			return open(ctx, config, in, env)
		}
		w := wrapped{saboteur: s, name: env.Pipeline + "/" + env.Step, pipeline: env.Pipeline,
			epoch: env.Epoch, state: env.StateDir}
		s.start(w)
		// A topic's batches end wherever a fetch ended: no two lives get the same.
		if w.paced = p.Name != "redpanda"; p.Kind == sdk.KindSource && w.paced && s.plan.Rows > 0 {
			w.rows, w.resume = s.plan.Rows, env.Resume
			env.Resume = innerCursors(env.Resume)
		}
		err := w.around(callOpen, 0, func() (err error) {
			w.Instance, err = open(ctx, config, in, env)
			return err
		})
		if err != nil {
			return nil, err
		}
		return w.by(p.Kind), nil
	}
	return p
}

// start records where the pipeline that is to be killed begins.
func (s *saboteur) start(w wrapped) {
	k := s.plan.Kill
	if k == nil || k.pipeline() != w.pipeline {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed = w.epoch
	if !k.Last {
		s.target = w.epoch + k.Epoch
	}
}

func (k *killPoint) pipeline() string { return filepath.Dir(k.Step) }

// String is what a process says before it dies.
func (k *killPoint) String() string {
	when, which := "before", fmt.Sprintf("epoch +%d", k.Epoch)
	if k.After {
		when = "after"
	}
	switch {
	case k.Last:
		which = "the last epoch"
	case k.Read > 0:
		which = fmt.Sprintf("%d rows", k.Read)
	case k.Epoch == 0:
		which = "the first time"
	}
	if k.Beside {
		which += ", beside rows of the next"
	}
	return fmt.Sprintf("killed %s %s of %s, %s", when, k.Call, k.Step, which)
}

// wrapped is what the wrappers of all kinds have in common.
type wrapped struct {
	*saboteur
	sdk.Instance
	name, pipeline, state string
	epoch                 uint64 // the newest recorded one at the start
	paced                 bool   // a source that waits as the plan says
	rows                  int    // of a source whose batches are sliced: in each piece
	resume                map[string][]byte
}

func (w wrapped) by(kind sdk.Kind) sdk.Instance {
	switch kind {
	case sdk.KindSource:
		return hidesNothing(newSlicedSource(w), w.Instance)
	case sdk.KindSink:
		return hidesNothing(&watchedSink{wrapped: w}, w.Instance)
	}
	return hidesNothing(&watchedStep{wrapped: w}, w.Instance)
}

// Close is a call like any other.
func (w wrapped) Close(ctx context.Context) error {
	return w.around(callClose, 0, func() error { return w.Instance.Close(ctx) })
}

// around makes a call, and dies before or after it if that is the plan. Epoch 0
// is for calls that belong to none.
func (w wrapped) around(call string, epoch uint64, do func() error) error {
	if w.meets(call, epoch) && !w.plan.Kill.After {
		w.await()
		w.die()
	}
	w.block(call, epoch)
	if err := do(); err != nil {
		return err
	}
	w.record(call, epoch)
	if w.meets(call, epoch) && w.plan.Kill.After {
		w.await()
		w.die()
	}
	return nil
}

// meets reports whether this is the call to die at.
func (w wrapped) meets(call string, epoch uint64) bool {
	k := w.plan.Kill
	if k == nil || k.Call != call || k.Step != w.name || k.Read > 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if call == callDue {
		epoch = w.committed + 1
	}
	return epoch == 0 || epoch == w.target || k.Last && w.target > 0 && epoch >= w.target
}

// await waits until the calls that are to have been made before have been.
func (w wrapped) await() {
	k := w.plan.Kill
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range k.Order[:max(0, slices.Index(k.Order, k.Step))] {
		for !w.done[name] {
			w.changed.Wait()
		}
	}
	if !k.Beside {
		return
	}
	late := false
	enough := time.AfterFunc(besideWithin, func() {
		w.mu.Lock()
		late = true
		w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer enough.Stop()
	for w.wrote[w.name] == 0 && !late {
		w.changed.Wait()
	}
	if w.wrote[w.name] > 0 {
		fmt.Fprintln(os.Stderr, besideRows)
	}
}

// besideRows is what a process says first that dies beside rows of the next epoch.
const besideRows = "rows of the next epoch have come"

// besideWithin is how long rows of the next epoch are waited for.
const besideWithin = 100 * time.Millisecond

// block stops a call for ever that is to come behind the last one.
func (w wrapped) block(call string, epoch uint64) {
	k := w.plan.Kill
	if k == nil || k.Call != call || k.Order == nil || k.pipeline() != w.pipeline {
		return
	}
	w.mu.Lock()
	blocked := epoch == w.target && slices.Index(k.Order, w.name) > slices.Index(k.Order, k.Step)
	w.mu.Unlock()
	if blocked {
		select {}
	}
}

// record stores that a call was made.
func (w wrapped) record(call string, epoch uint64) {
	k := w.plan.Kill
	if k == nil || k.pipeline() != w.pipeline {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case call == callCommitted:
		w.committed = epoch
	case call == k.Call && epoch == w.target && slices.Contains(k.Order, w.name):
		w.done[w.name] = true
	case call == callPrepare && k.Call == callRecord && epoch == w.target:
		if w.done[w.name] = true; len(w.done) == len(k.Order) {
			go w.dieInRecord(logs(w.state))
		}
	}
	w.changed.Broadcast()
}

// dieInRecord waits for the record to reach the store's log.
func (w wrapped) dieInRecord(before map[string]int64) {
	for maps.Equal(before, logs(w.state)) {
		continue // as near as it gets: there is nothing to wait for
	}
	w.die()
}

// logs are the sizes of the store's logs.
func logs(state string) map[string]int64 {
	sizes := map[string]int64{}
	files, _ := filepath.Glob(filepath.Join(state, "checkpoints", "*.log")) // the pattern is right
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			sizes[name] = info.Size()
		}
	}
	return sizes
}

// die is kill -9.
func (w wrapped) die() {
	fmt.Fprintln(os.Stderr, w.plan.Kill)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it cannot fail
	select {}
}

// holding is what an engine says that has recovered and waits.
const holding = "recovered; waiting"

// waitForRelease waits for the end of the standard input.
func waitForRelease() {
	fmt.Fprintln(os.Stderr, holding)
	_, _ = io.Copy(io.Discard, os.Stdin) // whatever ends it
}
