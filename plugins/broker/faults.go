package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Failing is an error that Fail put in place: Wait waits until it has been
// given a number of times, Remove ends it.
type Failing = kfake.FaultHandle

// Fail makes the broker answer the next requests of one kind (a key of Kafka's
// protocol) with an error code, for tests of clients. A negative count goes on
// until it is removed.
func (b *Broker) Fail(key, code int16, count int) *Failing {
	return b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Key(key)}, Count: count,
		Err: kerr.TypedErrorForCode(code)})
}
