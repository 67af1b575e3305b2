package stream

import (
	"context"
	"fmt"
	"runtime/debug"

	"etlengine/engine/internal/plan"
)

// latch is a context that the first error of a pipeline cancels. Behind it
// nothing passes any step and no epoch completes (rule 4).
type latch struct {
	context.Context
	fail context.CancelCauseFunc
}

func newLatch() *latch {
	ctx, fail := context.WithCancelCause(context.Background())
	return &latch{ctx, fail}
}

func (l *latch) closed() bool { return l.Err() != nil }

// failure is the first error, or nil.
func (l *latch) failure() error { return context.Cause(l) }

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
