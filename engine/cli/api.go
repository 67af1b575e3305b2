package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"etlengine/engine/internal/stream"
)

// A running engine answers on a Unix socket in its state directory, so whoever may
// read the state may ask, and nothing listens on a network:
//
//	GET /livez         200 while the process runs
//	GET /readyz        200 while all pipelines run; 503 and why when one failed or the run stops
//	GET /api/v1/state  what engine state --json prints
//	GET /api/v1/export what engine state export prints
const socketName = "engine.sock"

// askWithin bounds a request: an engine that does not answer is not healthy.
const askWithin = 5 * time.Second

// api serves what is asked of a running engine.
type api struct {
	server *http.Server
	path   string
	done   chan struct{} // closed when it serves no more
	free   func()

	answering sync.RWMutex // by every answer under way: they read the state directory, which is closed next
	closed    bool
}

// serve answers for a runner until close. The state directory is locked, so a socket
// that is there is left from a process that has ended.
func serve(r *stream.Runner, dir string) (*api, error) {
	path, free, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		free()
		return nil, fmt.Errorf("removing the socket of an earlier run: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		free()
		return nil, fmt.Errorf("listening on %s: %w", filepath.Join(dir, socketName), err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		err = errors.Join(err, listener.Close())
		free()
		return nil, fmt.Errorf("closing the socket to other users: %w", err)
	}
	a := &api{path: path, done: make(chan struct{}), free: free,
		server: &http.Server{ReadHeaderTimeout: askWithin, MaxHeaderBytes: 16 << 10}}
	a.server.Handler = a.whileOpen(routes(r))
	go func() {
		defer close(a.done)
		_ = a.server.Serve(listener) // ends with close
	}()
	return a, nil
}

// whileOpen lets requests through until close.
func (a *api) whileOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		a.answering.RLock()
		defer a.answering.RUnlock()
		if a.closed {
			http.Error(w, "the run has ended", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, request)
	})
}

func routes(r *stream.Runner) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "running") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "running")
	})
	mux.HandleFunc("GET /api/v1/state", func(w http.ResponseWriter, _ *http.Request) {
		state, err := r.State()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(state) // who has gone away needs no answer
	})
	mux.HandleFunc("GET /api/v1/export", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jsonl")
		lines := json.NewEncoder(w)
		if err := r.Export(func(e stream.Entry) error { return lines.Encode(e) }); err != nil {
			panic(http.ErrAbortHandler) // lines are out: what is missing must not look like the end
		}
	})
	return mux
}

// close ends all requests and removes the socket. A nil api has none.
func (a *api) close() {
	if a == nil {
		return
	}
	_ = a.server.Close() // the listener removes the socket; what is being written fails
	<-a.done
	a.answering.Lock()
	a.closed = true
	a.answering.Unlock()
	a.free()
}

// socketPath is a path of the socket that the system takes: the paths of sockets are
// short (108 bytes), so one that is longer goes by way of the open folder.
func socketPath(dir string) (path string, free func(), err error) {
	const longest = 100
	path = filepath.Join(dir, socketName)
	if len(path) <= longest {
		return path, func() {}, nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, fmt.Errorf("opening the state directory: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), func() { folder.Close() }, nil
}

// ask sends a request to the engine that has a state directory.
func ask(ctx context.Context, dir, what string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	err = answered(ctx, dir, what, func(r *http.Response) error {
		status = r.StatusCode
		answer, err = io.ReadAll(r.Body)
		return err
	})
	return status, answer, err
}

// copyAnswer is ask for an answer of any length.
func copyAnswer(ctx context.Context, dir, what string, to io.Writer) error {
	return answered(ctx, dir, what, func(r *http.Response) error {
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("want an answer, got %s", r.Status)
		}
		_, err := io.Copy(to, r.Body)
		return err
	})
}

// answered sends a request and gives what answers it to a function.
func answered(ctx context.Context, dir, what string, read func(*http.Response) error) error {
	path, free, err := socketPath(dir)
	if err != nil {
		return err
	}
	defer free()
	var dialer net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+what, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("asking the engine at %s: %w", filepath.Join(dir, socketName), err)
	}
	defer response.Body.Close()
	return read(response)
}
