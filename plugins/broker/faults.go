package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Fail makes the broker answer the next requests of one kind (a key of Kafka's
// protocol) with an error code, for tests of clients. A negative count goes on
// until stop is called.
func (b *Broker) Fail(key, code int16, count int) (stop func()) {
	handle := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Key(key)}, Count: count,
		Err: kerr.TypedErrorForCode(code)})
	return handle.Remove
}
