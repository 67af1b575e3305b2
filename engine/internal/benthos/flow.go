package benthos

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// Flow is the Benthos stream of one pipeline. One message is one packet: one goes
// into the processor for each that comes out, since Benthos acknowledges messages.
// Acknowledgements release messages and decide nothing: their order is not that of
// the stream. One thread, one output and one message in flight keep the order.
type Flow[P any] struct {
	Next    func() (P, bool)                         // false: the input has ended
	Process func(ctx context.Context, p P) (P, bool) // false: nothing passes
	Write   func(p P)
	Fail    func(err error) // is called instead of Process or Write, if a message holds no packet
}

// Run returns when the input has ended and all packets are written. No function of
// the flow hands Benthos an error: it would send the message on to the output and
// end the run without it.
func (f *Flow[P]) Run(ctx context.Context) error {
	s, err := f.build()
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// engineName is what the input, the processor and the output of a flow are called.
const engineName = "engine"

func (f *Flow[P]) build() (*service.Stream, error) {
	env := service.NewEnvironment()
	spec := service.NewConfigSpec()
	err := env.RegisterInput(engineName, spec,
		func(*service.ParsedConfig, *service.Resources) (service.Input, error) { return flowInput[P]{f}, nil })
	if err != nil {
		return nil, err
	}
	err = env.RegisterProcessor(engineName, spec,
		func(*service.ParsedConfig, *service.Resources) (service.Processor, error) {
			return flowSteps[P]{f}, nil
		})
	if err != nil {
		return nil, err
	}
	err = env.RegisterOutput(engineName, spec,
		func(*service.ParsedConfig, *service.Resources) (service.Output, int, error) {
			return flowOutput[P]{f}, 1, nil
		})
	if err != nil {
		return nil, err
	}
	builder := env.NewStreamBuilder()
	builder.SetLogger(slog.New(slog.DiscardHandler)) // nobody wants to see Benthos's inner life
	builder.SetThreads(1)
	for _, add := range []func(string) error{builder.AddInputYAML, builder.AddProcessorYAML, builder.AddOutputYAML} {
		if err := add(engineName + ": {}"); err != nil {
			return nil, err
		}
	}
	return builder.Build()
}

func (f *Flow[P]) message(p P) *service.Message {
	m := service.NewMessage(nil)
	m.SetStructured(p)
	return m
}

func (f *Flow[P]) packet(m *service.Message) (p P, ok bool) {
	v, err := m.AsStructured()
	if err == nil {
		if p, ok = v.(P); !ok {
			err = fmt.Errorf("want %T, got %T", p, v)
		}
	}
	if err != nil {
		f.Fail(fmt.Errorf("reading a message of the stream: %w", err))
	}
	return p, ok
}

type flowInput[P any] struct{ *Flow[P] }

func (flowInput[P]) Connect(context.Context) error { return nil }
func (flowInput[P]) Close(context.Context) error   { return nil }

func (f flowInput[P]) Read(context.Context) (*service.Message, service.AckFunc, error) {
	p, ok := f.Next()
	if !ok {
		return nil, nil, service.ErrEndOfInput
	}
	return f.message(p), func(context.Context, error) error { return nil }, nil
}

type flowSteps[P any] struct{ *Flow[P] }

func (flowSteps[P]) Close(context.Context) error { return nil }

func (f flowSteps[P]) Process(ctx context.Context, m *service.Message) (service.MessageBatch, error) {
	in, ok := f.packet(m)
	if !ok {
		return nil, nil
	}
	out, ok := f.Flow.Process(ctx, in)
	if !ok {
		return nil, nil
	}
	return service.MessageBatch{f.message(out)}, nil
}

type flowOutput[P any] struct{ *Flow[P] }

func (flowOutput[P]) Connect(context.Context) error { return nil }
func (flowOutput[P]) Close(context.Context) error   { return nil }

func (f flowOutput[P]) Write(_ context.Context, m *service.Message) error {
	if p, ok := f.packet(m); ok {
		f.Flow.Write(p)
	}
	return nil
}
