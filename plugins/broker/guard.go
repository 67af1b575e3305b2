package broker

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	headBytes   = 12 // size 4, key 2, version 2, correlation id 4
	minFrame    = 10 // of what size counts: the rest of the head, and a client id's length
	maxFrame    = 100 << 20
	apiVersions = 18
)

var errFrame = errors.New("not a frame of a known request")

// guardConn checks the head of every frame before kfake reads it: a request
// with an unknown key is a nil pointer there, in a goroutine that nobody can
// recover, and the length of a frame is what it allocates. A refused frame
// ends its connection and nothing else.
type guardConn struct {
	net.Conn
	head      [headBytes]byte
	pos, have int // the part of head still to be given
	left      int // bytes of the frame that follow
	failed    error

	closing sync.Once
	closed  func(*guardConn)

	loses func(key int16) bool // nil but in tests of clients
	lost  atomic.Int64         // id of a request whose answer is to be lost, plus one
}

// Read gives whole heads that passed, and what follows them.
func (c *guardConn) Read(p []byte) (int, error) {
	if c.failed != nil || len(p) == 0 {
		return 0, c.failed
	}
	if c.pos == c.have && c.left == 0 {
		if c.failed = c.next(); c.failed != nil {
			return 0, c.failed
		}
	}
	if c.pos < c.have {
		n := copy(p, c.head[c.pos:c.have])
		c.pos += n
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (c *guardConn) next() error {
	if _, err := io.ReadFull(c.Conn, c.head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(c.head[0:])
	key := int16(binary.BigEndian.Uint16(c.head[4:]))
	version := int16(binary.BigEndian.Uint16(c.head[6:]))
	if size < minFrame || size > maxFrame || !known(key, version) {
		return errFrame
	}
	c.note(key)
	c.pos, c.have, c.left = 0, headBytes, int(size)-(headBytes-4)
	return nil
}

// known tells whether kfake has a parser for the request. A newer client asks
// for the versions in a version of its own; the answer tells it ours.
func known(key, version int16) bool {
	req := kmsg.RequestForKey(key)
	return req != nil && version >= 0 && (version <= req.MaxVersion() || key == apiVersions)
}

// Close closes the connection. kfake calls it from both of its goroutines.
func (c *guardConn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() {
		if c.closed != nil {
			c.closed(c)
		}
	})
	return err
}
