package stream

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure" // Benthos needs its "none" tracer
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// A Benthos message carries a packet: what one item of the source has become.
// One message goes in and one comes out of every processor, whatever the
// number of batches, since Benthos acknowledges messages, not batches.
type packet []sdk.Item

// components are the pipeline's input, steps and outputs as Benthos sees them.
type components struct {
	next   func() (sdk.Item, bool)
	steps  []*transform
	accept func(sdk.Item) error
	sides  *sides // of the goroutine that runs the steps
	latch  *latch
}

// build makes the Benthos stream of a pipeline. One thread, one output and one
// message in flight keep the order.
func (c *components) build(log *slog.Logger) (*service.Stream, error) {
	env := service.NewEnvironment()
	spec := service.NewConfigSpec().Field(service.NewIntField("index").Default(0))
	err := env.RegisterInput("engine", spec,
		func(*service.ParsedConfig, *service.Resources) (service.Input, error) { return &benthosInput{c}, nil })
	if err != nil {
		return nil, err
	}
	err = env.RegisterProcessor("engine", spec,
		func(conf *service.ParsedConfig, _ *service.Resources) (service.Processor, error) {
			index, err := conf.FieldInt("index")
			return &benthosStep{c, index}, err
		})
	if err != nil {
		return nil, err
	}
	err = env.RegisterOutput("engine", spec,
		func(*service.ParsedConfig, *service.Resources) (service.Output, int, error) {
			return &benthosOutput{c}, 1, nil
		})
	if err != nil {
		return nil, err
	}
	builder := env.NewStreamBuilder()
	builder.SetLogger(log)
	builder.SetThreads(1)
	if err := builder.AddInputYAML("engine: {}"); err != nil {
		return nil, err
	}
	for i := range c.steps {
		if err := builder.AddProcessorYAML(fmt.Sprintf("engine: {index: %d}", i)); err != nil {
			return nil, err
		}
	}
	if err := builder.AddOutputYAML("engine: {}"); err != nil {
		return nil, err
	}
	return builder.Build()
}

type benthosInput struct{ *components }

func (benthosInput) Connect(context.Context) error { return nil }
func (benthosInput) Close(context.Context) error   { return nil }

// Read gives the next item. Acknowledgements release messages and decide
// nothing: the order of Benthos's is not that of the stream.
func (b benthosInput) Read(context.Context) (*service.Message, service.AckFunc, error) {
	item, ok := b.next()
	if !ok {
		return nil, nil, service.ErrEndOfInput
	}
	m := service.NewMessage(nil)
	m.SetStructured(packet{item})
	return m, func(context.Context, error) error { return nil }, nil
}

type benthosStep struct {
	*components
	index int
}

func (benthosStep) Close(context.Context) error { return nil }

// last tells whether no step of the pipeline's own comes behind this one.
func (b benthosStep) last() bool { return b.index == len(b.steps)-1 }

// Process applies a step to a packet. After the first error of the pipeline
// nothing passes. The error itself is never given to Benthos, which would send
// the message on to the output and end the run without it.
func (b benthosStep) Process(ctx context.Context, m *service.Message) (service.MessageBatch, error) {
	in, err := unpack(m)
	if err != nil {
		b.latch.fail(err)
	}
	if b.latch.closed() {
		return nil, nil
	}
	var out packet
	for _, item := range in {
		err := b.steps[b.index].take(ctx, item, func(made sdk.Item) error {
			out = append(out, made)
			return nil
		})
		if err == nil && b.last() && item.Signal != nil && item.Signal.Kind == sdk.Barrier {
			err = b.sides.barrier(item.Signal)
		}
		if err != nil {
			b.latch.fail(err)
			return nil, nil
		}
	}
	next := service.NewMessage(nil)
	next.SetStructured(out)
	return service.MessageBatch{next}, nil
}

type benthosOutput struct{ *components }

func (benthosOutput) Connect(context.Context) error { return nil }
func (benthosOutput) Close(context.Context) error   { return nil }

// Write hands a packet to the branches.
func (b benthosOutput) Write(_ context.Context, m *service.Message) error {
	items, err := unpack(m)
	if err != nil {
		b.latch.fail(err)
	}
	for _, item := range items {
		if b.accept(item) != nil {
			break // the latch is closed and holds the error
		}
	}
	return nil
}

func unpack(m *service.Message) (packet, error) {
	v, err := m.AsStructured()
	if err != nil {
		return nil, fmt.Errorf("reading a message of the stream: %w", err)
	}
	p, ok := v.(packet)
	if !ok {
		return nil, fmt.Errorf("a message of the stream holds %T, want a packet", v)
	}
	return p, nil
}

// quiet is where Benthos logs to when nobody wants to see its inner life.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}
