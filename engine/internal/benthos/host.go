package benthos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// ownerName is the processor that owns the components of one step and does
// nothing: Benthos makes components only inside of others.
const ownerName = "engine_owner"

// host builds the components of all steps of a run, and the resources that they
// share: Benthos binds a component to its resources when it is built. Setup,
// which is called for all steps before any is opened, notes what there is to
// build; the first Open builds the resources, the last Close frees them. A step
// gets components of its own whenever it is opened, also after a rewind.
type host struct {
	env       *service.Environment
	resources []byte
	log       *slog.Logger // of what components say
	spoken    *slog.Logger // of what log processors say

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
	traits         traits
	parsed         *service.ParsedConfig // bound to the resources; nil until they are built
	lines          lines
	connection     connection

	processors []*service.OwnedProcessor
	input      *service.OwnedInput
	output     *service.OwnedOutput
}

func newHost(env *service.Environment, resources []byte, log, spoken *slog.Logger) *host {
	h := &host{env: env, resources: resources, log: log, spoken: spoken}
	spec := service.NewConfigSpec().Fields(
		service.NewIntField("number"),
		service.NewProcessorListField("processors").Optional(),
		service.NewInputField("input").Optional(),
		service.NewOutputField("output").Optional())
	if err := env.RegisterProcessor(ownerName, spec, h.own); err != nil {
		panic("benthos: registering a component: " + err.Error()) // a programmer's mistake
	}
	return h
}

// setup notes a step.
func (h *host) setup(kind sdk.Kind, t traits) func(context.Context, []byte, sdk.Env) error {
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
			config: c, schema: schema, traits: t})
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
		// The owner is built, and so own called, when it is accessed first.
		err := h.built.AccessProcessor(ctx, label(i), func(*service.ResourceProcessor) {})
		if err == nil {
			err = s.make()
		}
		if err != nil {
			return nil, errors.Join(err, h.freeUnused(ctx))
		}
		h.opened++
		return s, nil
	}
	return nil, errors.New("a step of Benthos components was opened without having been set up")
}

// stepPrefix begins the labels that Benthos knows the steps by.
const stepPrefix = "engine_step_"

func label(number int) string { return stepPrefix + strconv.Itoa(number) }

// labelled finds a step by its label; nil if it is none of a step. It is called
// while the components are built, so the caller has locked h.
func (h *host) labelled(label string) *hosted {
	number, ok := strings.CutPrefix(label, stepPrefix)
	at, err := strconv.Atoi(number)
	if !ok || err != nil || at >= len(h.steps) {
		return nil
	}
	return h.steps[at]
}

func (h *host) build() error {
	builder := h.env.NewResourceBuilder()
	builder.DisableLinting() // plan has linted
	builder.SetEnvVarLookupFunc(noEnv)
	builder.SetLogger(slog.New(stepLog{next: h.log.Handler(), spoken: h.spoken.Handler(), find: h.labelled}))
	if len(h.resources) > 0 {
		if err := builder.AddYAML(escape(string(h.resources))); err != nil {
			return fmt.Errorf("reading the resources: %w", err)
		}
	}
	for i, s := range h.steps {
		components, err := s.config.labelled()
		if err != nil {
			return err
		}
		fields := map[string]any{"number": i}
		switch s.kind {
		case sdk.KindSource:
			fields["input"] = components[0]
		case sdk.KindSink:
			fields["output"] = components[0]
		default:
			fields["processors"] = components
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

// own is the constructor of an owner: it keeps what its step is made from.
// Open holds the lock.
func (h *host) own(conf *service.ParsedConfig, _ *service.Resources) (service.Processor, error) {
	number, err := conf.FieldInt("number")
	if err != nil {
		return nil, err
	}
	h.steps[number].parsed = conf
	return owner{}, nil
}

// make makes the components of a step anew.
func (s *hosted) make() (err error) {
	switch s.kind {
	case sdk.KindSource:
		s.input, err = s.parsed.FieldInput("input")
	case sdk.KindSink:
		s.output, err = s.parsed.FieldOutput("output")
	default:
		s.processors, err = s.parsed.FieldProcessorList("processors")
	}
	return err
}

// release notes that a step is closed.
func (h *host) release(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened--
	return h.freeUnused(ctx)
}

// freeWithin bounds how long freeing the resources may take.
const freeWithin = 10 * time.Second

// freeUnused frees the resources if no step is open. The caller has locked h.
func (h *host) freeUnused(ctx context.Context) error {
	if h.opened > 0 || h.free == nil {
		return nil
	}
	free := h.free
	h.free, h.built = nil, nil // whoever is opened after this needs others
	ctx, cancel := context.WithTimeout(ctx, freeWithin)
	defer cancel()
	return free(ctx)
}

// owner is never asked to process anything.
type owner struct{}

func (owner) Process(_ context.Context, m *service.Message) (service.MessageBatch, error) {
	return service.MessageBatch{m}, nil
}

func (owner) Close(context.Context) error { return nil }
