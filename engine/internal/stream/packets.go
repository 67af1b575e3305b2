package stream

import (
	"context"

	"etlengine/engine/internal/benthos"
	"etlengine/plugins/sdk"
)

// A packet is what one item of the source has become. One comes out of the steps for
// one that goes in, whatever the number of batches, as benthos.Flow wants it.
type packet struct {
	items    []sdk.Item
	accepted chan struct{} // closed when the outputs have accepted all
}

// mostItems is how large a packet grows. What a step makes beyond that, such as
// a window of a million groups, goes to the outputs piecemeal.
const mostItems = 16

// components are the pipeline's input, steps and outputs as benthos.Flow calls them.
type components struct {
	next        func() (sdk.Item, bool)
	steps       []*transform
	accept      func(sdk.Item) error
	sideOutputs *sideOutputs // of the goroutine that runs the steps
	failure     *failure
	before      chan struct{} // accepted, of the packet before; for the steps only
}

func (c *components) run(ctx context.Context) error {
	flow := benthos.Flow[*packet]{Next: c.read, Process: c.process, Write: c.write, Fail: c.failure.fail}
	return flow.Run(ctx)
}

func (c *components) read() (*packet, bool) {
	item, ok := c.next()
	if !ok {
		return nil, false
	}
	return &packet{items: []sdk.Item{item}, accepted: make(chan struct{})}, true
}

// process applies the steps to an item. After the first error of the pipeline
// nothing passes. One goroutine calls.
func (c *components) process(ctx context.Context, in *packet) (*packet, bool) {
	if c.failure.failed() {
		return nil, false
	}
	out := &packet{accepted: make(chan struct{})}
	for _, item := range in.items {
		err := chain(ctx, c.steps, item, func(made sdk.Item) error { return c.add(out, made) })
		if err == nil && len(c.steps) > 0 && item.Signal != nil && item.Signal.Kind == sdk.Barrier {
			err = c.sideOutputs.barrier(item.Signal)
		}
		if err != nil {
			c.failure.fail(err)
			return nil, false
		}
	}
	c.before = out.accepted
	return out, true
}

// add puts an item into the packet. A full one goes to the outputs at once, from
// here: when they have accepted all packets before it, nothing can overtake.
func (c *components) add(out *packet, item sdk.Item) error {
	out.items = append(out.items, item)
	if len(out.items) < mostItems {
		return nil
	}
	if c.before != nil {
		select {
		case <-c.before:
		case <-c.failure.Done():
			return c.failure.cause()
		}
	}
	for _, item := range out.items {
		if err := c.accept(item); err != nil {
			return err
		}
	}
	clear(out.items)
	out.items = out.items[:0]
	return nil
}

// write hands a packet to the branches.
func (c *components) write(p *packet) {
	for _, item := range p.items {
		if c.accept(item) != nil {
			return // the pipeline has failed: failure has the error
		}
	}
	close(p.accepted)
}
