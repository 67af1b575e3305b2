package stream

import (
	"fmt"
	"runtime/debug"
	"sync"

	"etlengine/engine/internal/plan"
)

// latch holds the first error of a pipeline. Once it is closed nothing passes
// any step and no epoch completes (rule 4).
type latch struct {
	once sync.Once
	done chan struct{} // closed after err is set
	err  error
}

func newLatch() *latch {
	return &latch{done: make(chan struct{})}
}

func (l *latch) fail(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

func (l *latch) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// failure is the first error, or nil.
func (l *latch) failure() error {
	if l.closed() {
		return l.err
	}
	return nil
}

// StepError is an error of one step.
type StepError struct {
	Pipeline string
	Step     *plan.Step
	Err      error
}

// Error begins with the place of the step in the YAML.
func (e *StepError) Error() string {
	return fmt.Sprintf("%s: %s: %v", e.Step.Where, e.Step.Path, e.Err)
}

// Unwrap is the cause.
func (e *StepError) Unwrap() error { return e.Err }

// guarded calls into a plugin. An error gets the step's name; a panic becomes
// an error, so that the other pipelines can still finish their epoch.
func guarded(pipeline string, step *plan.Step, call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &StepError{pipeline, step, fmt.Errorf("panic: %v\n%s", cause, debug.Stack())}
		}
	}()
	err = call()
	if _, named := err.(*StepError); err == nil || named {
		return err // of a step behind this one, which a transform calls by what it emits
	}
	return &StepError{pipeline, step, err}
}
