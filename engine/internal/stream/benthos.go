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
// One message goes in and one comes out of the processor, whatever the number
// of batches, since Benthos acknowledges messages, not batches.
type packet struct {
	items []sdk.Item
	taken chan struct{} // closed when the outputs have taken all
}

// mostItems is how large a packet grows. What a step makes beyond that, such as
// a window of a million groups, goes to the outputs piecemeal.
const mostItems = 16

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
	spec := service.NewConfigSpec()
	err := env.RegisterInput("engine", spec,
		func(*service.ParsedConfig, *service.Resources) (service.Input, error) { return &benthosInput{c}, nil })
	if err != nil {
		return nil, err
	}
	err = env.RegisterProcessor("engine", spec,
		func(*service.ParsedConfig, *service.Resources) (service.Processor, error) {
			return &benthosSteps{components: c}, nil
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
	if err := builder.AddProcessorYAML("engine: {}"); err != nil {
		return nil, err
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
	m.SetStructured(&packet{items: []sdk.Item{item}, taken: make(chan struct{})})
	return m, func(context.Context, error) error { return nil }, nil
}

// benthosSteps are the pipeline's own steps. One goroutine calls.
type benthosSteps struct {
	*components
	before chan struct{} // taken, of the packet before
}

func (*benthosSteps) Close(context.Context) error { return nil }

// Process applies the steps to an item. After the first error of the pipeline
// nothing passes. The error itself is never given to Benthos, which would send
// the message on to the output and end the run without it.
func (b *benthosSteps) Process(ctx context.Context, m *service.Message) (service.MessageBatch, error) {
	in, err := unpack(m)
	if err != nil {
		b.latch.fail(err)
	}
	if b.latch.closed() {
		return nil, nil
	}
	out := &packet{taken: make(chan struct{})}
	for _, item := range in.items {
		err := chain(ctx, b.steps, item, func(made sdk.Item) error { return b.add(out, made) })
		if err == nil && len(b.steps) > 0 && item.Signal != nil && item.Signal.Kind == sdk.Barrier {
			err = b.sides.barrier(item.Signal)
		}
		if err != nil {
			b.latch.fail(err)
			return nil, nil
		}
	}
	b.before = out.taken
	next := service.NewMessage(nil)
	next.SetStructured(out)
	return service.MessageBatch{next}, nil
}

// add puts an item into the packet. A full one goes to the outputs at once, from
// here: when they have taken all packets before it, nothing can overtake.
func (b *benthosSteps) add(out *packet, item sdk.Item) error {
	out.items = append(out.items, item)
	if len(out.items) < mostItems {
		return nil
	}
	if b.before != nil {
		select {
		case <-b.before:
		case <-b.latch.done:
			return b.latch.err
		}
	}
	for _, item := range out.items {
		if err := b.accept(item); err != nil {
			return err
		}
	}
	clear(out.items)
	out.items = out.items[:0]
	return nil
}

type benthosOutput struct{ *components }

func (benthosOutput) Connect(context.Context) error { return nil }
func (benthosOutput) Close(context.Context) error   { return nil }

// Write hands a packet to the branches.
func (b benthosOutput) Write(_ context.Context, m *service.Message) error {
	p, err := unpack(m)
	if err != nil {
		b.latch.fail(err)
		return nil
	}
	for _, item := range p.items {
		if b.accept(item) != nil {
			return nil // the latch is closed and holds the error
		}
	}
	close(p.taken)
	return nil
}

func unpack(m *service.Message) (*packet, error) {
	v, err := m.AsStructured()
	if err != nil {
		return nil, fmt.Errorf("reading a message of the stream: %w", err)
	}
	p, ok := v.(*packet)
	if !ok {
		return nil, fmt.Errorf("a message of the stream holds %T, want a packet", v)
	}
	return p, nil
}

// quiet is where Benthos logs to when nobody wants to see its inner life.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}
