package stream

import (
	"context"
	"fmt"
	"runtime/debug"

	"etlengine/engine/internal/plan"
)

// failure is the first error of a pipeline, as the cause of a context that it cancels.
// From then on nothing passes any step and no epoch completes (rule 4).
type failure struct {
	context.Context
	fail context.CancelCauseFunc
}

func newFailure() *failure {
	ctx, fail := context.WithCancelCause(context.Background())
	return &failure{ctx, fail}
}

func (f *failure) failed() bool { return f.Err() != nil }

// cause is the first error, or nil.
func (f *failure) cause() error { return context.Cause(f) }

// StepError is an error of one step.
type StepError struct {
	Pipeline string
	Step     *plan.Step
	Err      error
}

// Error begins with the step's position in the YAML.
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
