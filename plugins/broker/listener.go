package broker

import (
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
)

// listener guards every connection and knows which are open, so that closing
// the broker can close them and wait.
type listener struct {
	net.Listener

	mu     sync.Mutex
	free   sync.Cond // when open is empty
	open   map[*guardConn]struct{}
	closed bool
	broken bool // and so closed
	keep   *os.File
	lose   map[int16]int

	limits limits
	budget budget
	log    *slog.Logger
	full   bool // the last connection was refused

	// Of the broker behind; nil where there is none.
	ready       chan struct{} // closed when connections may be served
	ended       chan struct{} // closed when none will be
	ending      sync.Once
	resolve     func([]produced)
	acknowledge func(request, []byte) error
}

func listenOn(port int, secure *tls.Config) (*listener, error) {
	inner, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	if secure != nil {
		inner = tls.NewListener(inner, secure) // inside the guard, which reads plain frames
	}
	l := &listener{Listener: inner, open: make(map[*guardConn]struct{}), limits: defaultLimits,
		ended: make(chan struct{})}
	l.free.L = &l.mu
	return l, nil
}

// Accept waits for a connection. One that is too many is closed at once.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.ready != nil {
			select {
			case <-l.ready:
			case <-l.ended:
				conn.Close()
				return nil, net.ErrClosed
			}
		}
		if g, err := l.admit(conn); g != nil || err != nil {
			return g, err
		}
	}
}

func (l *listener) admit(conn net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	if most := l.limits.connections; most > 0 && len(l.open) >= most {
		if !l.full && l.log != nil {
			l.log.Warn("broker: a connection is refused: there are too many", "connections", most)
		}
		l.full = true
		conn.Close()
		return nil, nil
	}
	l.full = false
	g := &guardConn{Conn: conn, l: l}
	l.open[g] = struct{}{}
	return g, nil
}

func (l *listener) forget(g *guardConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, g)
	if len(l.open) == 0 {
		l.free.Broadcast()
	}
}

// closeAll waits for the cluster to close its connections, which it does on
// its way out.
func (l *listener) closeAll() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for len(l.open) > 0 {
		l.free.Wait()
	}
}

// abort ends all connections, and there will be no others: what the broker would
// answer is not true any more. It does not wait.
func (l *listener) abort() {
	l.mu.Lock()
	l.closed, l.broken = true, true
	open := make([]*guardConn, 0, len(l.open))
	for conn := range l.open {
		open = append(open, conn)
	}
	l.mu.Unlock()
	l.Close()
	for _, conn := range open {
		conn.Close()
	}
}

func (l *listener) isAborted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// Close ends the accepting.
func (l *listener) Close() error {
	l.ending.Do(func() { close(l.ended) })
	return l.Listener.Close()
}
