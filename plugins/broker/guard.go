package broker

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	sizeBytes   = 4
	headBytes   = 8  // key 2, version 2, correlation id 4
	minFrame    = 10 // a head and a client id's length
	smallFrame  = 64 << 10
	apiVersions = 18
)

// guardConn hands kfake whole requests that it can serve, and nothing else.
//
// kfake allocates by what a frame says of its size and of its lists, loops over
// tagged fields that are not there, and dies of a key that it does not know, in
// a goroutine that nobody can recover. So each frame is read and checked before
// kfake sees a byte of it. A refused frame ends its connection and nothing else.
type guardConn struct {
	net.Conn
	l *listener

	size   [sizeBytes]byte
	given  int    // bytes of size that kfake has
	frame  int    // bytes behind the size
	direct bool   // the frame is read into kfake's memory, and checked there
	head   []byte // of a direct frame
	body   []byte // of another; what kfake does not have yet
	memory []byte // for the next body
	failed error
	now    request // what is read

	mu       sync.Mutex
	requests []request // without an answer yet, oldest first
	charged  int64     // bytes of the budget, all requests together
	gone     bool

	closing sync.Once
	lost    atomic.Int64 // id of a request whose answer is to be lost, plus one
}

// request is what the guard remembers of a request until its answer.
type request struct {
	key, version int16
	id           int32 // correlation id
	charge       int64
	silent       bool // has no answer

	at       produced // the partition that is being read
	produced []produced
	answered int   // where the next answer's batch is, most likely
	producer int64 // whose transaction is ended
}

// Read gives a frame's size, and then the frame.
func (c *guardConn) Read(p []byte) (int, error) {
	if c.failed != nil || len(p) == 0 {
		return 0, c.failed
	}
	if c.frame == 0 {
		if c.failed = c.next(); c.failed != nil {
			return 0, c.failed
		}
	}
	if c.given < sizeBytes {
		n := copy(p, c.size[c.given:])
		c.given += n
		return n, nil
	}
	if c.direct {
		return c.readInto(p)
	}
	n := copy(p, c.body)
	c.body = c.body[n:]
	c.frame -= n
	return n, nil
}

// next reads the next frame's head, and all of it unless that may go into
// kfake's memory.
func (c *guardConn) next() error {
	if err := c.await(); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(c.size[:])
	if size < minFrame || size > maxProduce {
		return errFrame
	}
	n := int(size)
	c.memory = c.memory[:0]
	body, err := c.fill(c.memory, headBytes)
	if err != nil {
		return err
	}
	key, version := int16(binary.BigEndian.Uint16(body)), int16(binary.BigEndian.Uint16(body[2:]))
	if !serves(key, version) || key != 0 && n > maxFrame {
		return errFrame
	}
	c.now = request{key: key, version: version, id: int32(binary.BigEndian.Uint32(body[4:]))}
	c.direct = n > smallFrame && c.l.budget.claim(int64(n))
	if c.direct {
		c.now.charge = int64(n)
		c.charge(int64(n))
		c.head = body
	} else if body, err = c.fill(body, n); err != nil {
		return err
	} else if err = c.pass(body); err != nil {
		return err
	}
	c.given, c.frame, c.body = 0, n, body
	c.memory = nil
	if cap(body) <= smallFrame {
		c.memory = body // kfake copies it before it asks for the next
	}
	return nil
}

// await waits for a frame to begin. A client that waits for an answer need not
// say anything meanwhile.
func (c *guardConn) await() error {
	for {
		c.deadline(c.l.limits.idle)
		n, err := c.Conn.Read(c.size[:1])
		if n == 1 {
			break
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && c.waits() {
			continue
		}
		if err == nil {
			err = io.ErrNoProgress
		}
		return err
	}
	// One deadline for the whole frame: bytes that trickle in do not extend it.
	c.deadline(c.l.limits.frame)
	_, err := io.ReadFull(c.Conn, c.size[1:])
	if err == nil {
		size := time.Duration(binary.BigEndian.Uint32(c.size[:]))
		c.deadline(c.l.limits.frame + size*time.Second/slowest)
	}
	return err
}

func (c *guardConn) deadline(after time.Duration) {
	if after > 0 {
		// Refused by a connection that is closed, which the next read says too.
		_ = c.Conn.SetReadDeadline(time.Now().Add(after))
	}
}

func (c *guardConn) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.requests) > 0
}

// fill reads until a body has n bytes. Memory grows with what has arrived: n is
// a claim.
func (c *guardConn) fill(body []byte, n int) ([]byte, error) {
	for len(body) < n {
		if len(body) == cap(body) {
			grown := min(max(n, headBytes), max(2*cap(body), 1<<10))
			if grown > smallFrame {
				if !c.l.budget.reserve(int64(grown - cap(body))) {
					return nil, errBusy
				}
				c.now.charge += int64(grown - cap(body))
				c.charge(int64(grown - cap(body)))
			}
			body = append(make([]byte, 0, grown), body...)
		}
		read, err := io.ReadFull(c.Conn, body[len(body):min(n, cap(body))])
		body = body[:len(body)+read]
		if err != nil {
			return nil, err
		}
	}
	return body, nil
}

// readInto reads the frame into p, which is as large: kfake allocates it by the
// size that it was given.
func (c *guardConn) readInto(p []byte) (int, error) {
	if len(p) < c.frame { // not kfake
		c.direct = false
		c.body, c.failed = c.fill(c.head, c.frame)
		if c.failed == nil {
			c.failed = c.pass(c.body)
		}
		c.l.budget.arrived(int64(c.frame))
		if c.failed != nil {
			return 0, c.failed
		}
		return c.Read(p)
	}
	n := copy(p, c.head)
	_, c.failed = io.ReadFull(c.Conn, p[n:c.frame])
	c.l.budget.arrived(int64(c.frame))
	if c.failed == nil {
		c.failed = c.pass(p[:c.frame])
	}
	if c.failed != nil {
		return 0, c.failed
	}
	n, c.frame, c.direct = c.frame, 0, false
	return n, nil
}

// pass checks a whole frame, and expects its answer.
func (c *guardConn) pass(body []byte) error {
	if err := checkRequest(body, c.now.inspect); err != nil {
		return err
	}
	c.expectLoss(c.now.key, c.now.id)
	if c.l.resolve != nil {
		c.l.resolve(c.now.produced)
	}
	if c.now.silent {
		c.release(c.now.charge)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, c.now)
	return nil
}

// Write sends an answer, if it is not to be lost.
func (c *guardConn) Write(p []byte) (int, error) {
	if len(p) < sizeBytes+4 {
		return 0, io.ErrShortWrite
	}
	id := int32(binary.BigEndian.Uint32(p[sizeBytes:]))
	if r, known := c.answered(id); known && c.l.acknowledge != nil {
		if err := c.l.acknowledge(r, p); err != nil {
			c.Close()
			return 0, err
		}
	}
	if lost := c.lost.Load(); lost > 0 && int64(uint32(id))+1 == lost {
		c.Close()
		return 0, net.ErrClosed
	}
	if c.l.limits.frame > 0 {
		within := c.l.limits.frame + time.Duration(len(p))*time.Second/slowest
		_ = c.Conn.SetWriteDeadline(time.Now().Add(within))
	}
	return c.Conn.Write(p)
}

// answered forgets a request. Answers come in the order of the requests.
func (c *guardConn) answered(id int32) (request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) == 0 || c.requests[0].id != id {
		return request{}, false
	}
	r := c.requests[0]
	c.requests = c.requests[1:]
	c.l.budget.release(r.charge)
	c.charged -= r.charge
	return r, true
}

// charge adds to what is released at the end of the connection at the latest.
func (c *guardConn) charge(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.charged += n
	if c.gone {
		c.l.budget.release(c.charged)
		c.charged = 0
	}
}

func (c *guardConn) release(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, c.charged)
	c.l.budget.release(n)
	c.charged -= n
}

// Close closes the connection. kfake calls it from both of its goroutines.
func (c *guardConn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() {
		c.mu.Lock()
		c.gone = true
		c.l.budget.release(c.charged)
		c.charged, c.requests = 0, nil
		c.mu.Unlock()
		c.l.forget(c)
	})
	return err
}
