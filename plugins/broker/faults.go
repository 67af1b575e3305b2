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

// Lose makes the broker act upon the next request of a kind and then lose its
// answer together with the connection, so many times.
func (b *Broker) Lose(key int16, count int) {
	b.listen.mu.Lock()
	defer b.listen.mu.Unlock()
	if b.listen.lose == nil {
		b.listen.lose = make(map[int16]int)
	}
	b.listen.lose[key] = count
}

// loses reports whether the answer to a request is to be lost.
func (l *listener) loses(key int16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose[key] == 0 {
		return false
	}
	l.lose[key]--
	return true
}

// expectLoss remembers a request whose answer is to be lost.
func (c *guardConn) expectLoss(key int16, id int32) {
	if c.l.loses(key) {
		c.lost.Store(int64(uint32(id)) + 1)
	}
}
