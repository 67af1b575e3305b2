package stream

import (
	"context"

	"etlengine/engine/internal/benthos"
	"etlengine/plugins/sdk"
)

// A packet is what one item of the source has become. One comes out of the steps for
// one that goes in, whatever the number of batches, as benthos.Flow wants it.
type packet struct {
	items []sdk.Item
	taken chan struct{} // closed when the outputs have taken all
}

// mostItems is how large a packet grows. What a step makes beyond that, such as
// a window of a million groups, goes to the outputs piecemeal.
const mostItems = 16

// components are the pipeline's input, steps and outputs as benthos.Flow calls them.
type components struct {
	next   func() (sdk.Item, bool)
	steps  []*transform
	accept func(sdk.Item) error
	sides  *sides // of the goroutine that runs the steps
	latch  *latch
	before chan struct{} // taken, of the packet before; for the steps only
}

func (c *components) run(ctx context.Context) error {
	flow := benthos.Flow[*packet]{Next: c.read, Process: c.process, Write: c.write, Fail: c.latch.fail}
	return flow.Run(ctx)
}

func (c *components) read() (*packet, bool) {
	item, ok := c.next()
	if !ok {
		return nil, false
	}
	return &packet{items: []sdk.Item{item}, taken: make(chan struct{})}, true
}

// process applies the steps to an item. After the first error of the pipeline
// nothing passes. One goroutine calls.
func (c *components) process(ctx context.Context, in *packet) (*packet, bool) {
	if c.latch.closed() {
		return nil, false
	}
	out := &packet{taken: make(chan struct{})}
	for _, item := range in.items {
		err := chain(ctx, c.steps, item, func(made sdk.Item) error { return c.add(out, made) })
		if err == nil && len(c.steps) > 0 && item.Signal != nil && item.Signal.Kind == sdk.Barrier {
			err = c.sides.barrier(item.Signal)
		}
		if err != nil {
			c.latch.fail(err)
			return nil, false
		}
	}
	c.before = out.taken
	return out, true
}

// add puts an item into the packet. A full one goes to the outputs at once, from
// here: when they have taken all packets before it, nothing can overtake.
func (c *components) add(out *packet, item sdk.Item) error {
	out.items = append(out.items, item)
	if len(out.items) < mostItems {
		return nil
	}
	if c.before != nil {
		select {
		case <-c.before:
		case <-c.latch.Done():
			return c.latch.failure()
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
			return // the latch is closed and has the error
		}
	}
	close(p.taken)
}
