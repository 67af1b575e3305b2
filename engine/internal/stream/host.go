package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// ownerName is the processor that owns the components of one step and does
// nothing: Benthos makes components only inside of others.
const ownerName = "engine_owner"

// host builds the components of all steps of a run, and the resources that they
// share, in one go: Benthos binds a component to its resources when it is
// built. Setup, which is called for all steps before any is opened, notes what
// there is to build; the first Open builds; the last Close frees everything.
type host struct {
	env       *service.Environment
	resources []byte
	log       *slog.Logger

	mu     sync.Mutex // guards what follows
	steps  []*hosted
	built  *service.Resources
	free   func(context.Context) error
	opened int // steps not yet closed
}

// hosted is the components of one step.
type hosted struct {
	pipeline, step string
	kind           sdk.Kind
	config         *stepConfig
	schema         sdk.Schema

	processors []*service.OwnedProcessor
	input      *service.OwnedInput
	output     *service.OwnedOutput
}

func newHost(env *service.Environment, resources []byte, log *slog.Logger) *host {
	h := &host{env: env, resources: resources, log: log}
	spec := service.NewConfigSpec().Fields(
		service.NewIntField("number"),
		service.NewProcessorListField("processors").Optional(),
		service.NewInputField("input").Optional(),
		service.NewOutputField("output").Optional())
	if err := env.RegisterProcessor(ownerName, spec, h.own); err != nil {
		panic("stream: registering a component: " + err.Error()) // a programmer's mistake
	}
	return h
}

// setup notes a step.
func (h *host) setup(kind sdk.Kind) func(context.Context, []byte, sdk.Env) error {
	return func(_ context.Context, config []byte, env sdk.Env) error {
		c, schema, err := readStep(config)
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.built != nil {
			return errors.New("a step of Benthos components was set up after others were opened")
		}
		h.steps = append(h.steps, &hosted{pipeline: env.Pipeline, step: env.Step, kind: kind,
			config: c, schema: schema})
		return nil
	}
}

// open builds a step's components, and before the first all that they share.
func (h *host) open(ctx context.Context, env sdk.Env) (*hosted, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.built == nil {
		if err := h.build(); err != nil {
			return nil, err
		}
	}
	for i, s := range h.steps {
		if s.pipeline != env.Pipeline || s.step != env.Step {
			continue
		}
		// The owner is built, and so own called, when it is first looked at.
		err := h.built.AccessProcessor(ctx, label(i), func(*service.ResourceProcessor) {})
		if err != nil {
			return nil, errors.Join(err, h.freeUnused(ctx))
		}
		h.opened++
		return s, nil
	}
	return nil, errors.New("a step of Benthos components was opened without having been set up")
}

func label(number int) string { return fmt.Sprintf("engine_step_%d", number) }

func (h *host) build() error {
	builder := h.env.NewResourceBuilder()
	builder.DisableLinting() // plan has linted
	builder.SetEnvVarLookupFunc(noEnv)
	builder.SetLogger(slog.New(hushed{h.log.Handler(), false}))
	if len(h.resources) > 0 {
		if err := builder.AddYAML(escape(string(h.resources))); err != nil {
			return fmt.Errorf("reading the resources: %w", err)
		}
	}
	for i, s := range h.steps {
		fields := map[string]any{"number": i}
		switch s.kind {
		case sdk.KindSource:
			fields["input"] = s.config.Components[0]
		case sdk.KindSink:
			fields["output"] = s.config.Components[0]
		default:
			fields["processors"] = s.config.Components
		}
		text, err := json.Marshal(map[string]any{"label": label(i), ownerName: fields})
		if err != nil {
			return err
		}
		if err := builder.AddProcessorYAML(escape(string(text))); err != nil {
			return err
		}
	}
	var err error
	h.built, h.free, err = builder.Build()
	return err
}

// own is the constructor of an owner: it makes what the step consists of.
// Open holds the lock.
func (h *host) own(conf *service.ParsedConfig, _ *service.Resources) (service.Processor, error) {
	number, err := conf.FieldInt("number")
	if err != nil {
		return nil, err
	}
	s := h.steps[number]
	switch s.kind {
	case sdk.KindSource:
		s.input, err = conf.FieldInput("input")
	case sdk.KindSink:
		s.output, err = conf.FieldOutput("output")
	default:
		s.processors, err = conf.FieldProcessorList("processors")
	}
	return owner{}, err
}

// release notes that a step is closed.
func (h *host) release(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened--
	return h.freeUnused(ctx)
}

// freeUnused frees the resources if no step is open. The lock is held.
func (h *host) freeUnused(ctx context.Context) error {
	if h.opened > 0 || h.free == nil {
		return nil
	}
	free := h.free
	h.free = nil
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	return free(ctx)
}

// owner is never asked to process anything.
type owner struct{}

func (owner) Process(_ context.Context, m *service.Message) (service.MessageBatch, error) {
	return service.MessageBatch{m}, nil
}

func (owner) Close(context.Context) error { return nil }
