package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

type failingService struct{ failed chan struct{} }

var errDisk = errors.New("no space left on device")

func (s *failingService) Address() string             { return "127.0.0.1:1" }
func (s *failingService) Close(context.Context) error { return nil }
func (s *failingService) Failed() <-chan struct{}     { return s.failed }
func (s *failingService) Err() error                  { return errDisk }

// stuck is a sink that commits to a service which answers no more.
type stuck struct {
	*stagingSink
	committing chan struct{}
}

func (s *stuck) Commit(ctx context.Context, _ uint64, _ []byte) error {
	close(s.committing)
	<-ctx.Done()
	return ctx.Err()
}

// TestServiceThatFailsEndsACommit which would wait for it for ever.
func TestServiceThatFailsEndsACommit(t *testing.T) {
	w := newWorld(100)
	failed, committing := make(chan struct{}), make(chan struct{})
	service := sdk.Spec[none]{Kind: sdk.KindService, Name: "disk", Open: func(context.Context, *none,
		*arrow.Schema, sdk.Env) (sdk.Instance, error) {
		return &failingService{failed: failed}, nil
	}}.Plugin()
	p := w.plan(t.TempDir())
	p.Services = []*plan.Service{{Plugin: &service, Config: []byte("{}")}}
	p.Pipelines[0].Branches[0].Sinks[0] = w.step(sdk.KindSink, "raw", func() sdk.Instance {
		return &stuck{&stagingSink{w: w, name: "raw"}, committing}
	})
	r := open(t, p)
	defer closeRunner(t, r)
	go func() {
		<-committing
		close(failed)
	}()
	if err := r.Run(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want why the service failed", err)
	}
}

// TestServiceThatFailsEndsTheRun has an endless pipeline whose steps notice nothing.
func TestServiceThatFailsEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(100)
		w.endless = true
		s := &failingService{failed: make(chan struct{})}
		service := sdk.Spec[none]{Kind: sdk.KindService, Name: "disk", Open: func(context.Context, *none,
			*arrow.Schema, sdk.Env) (sdk.Instance, error) {
			return s, nil
		}}.Plugin()
		p := w.plan(t.TempDir())
		p.Services = []*plan.Service{{Plugin: &service, Config: []byte("{}")}}
		r := open(t, p)
		defer closeRunner(t, r)
		ended := make(chan error)
		go func() { ended <- r.Run(t.Context()) }()
		synctest.Wait()
		close(s.failed)
		if err := <-ended; !errors.Is(err, errDisk) {
			t.Errorf("got %v, want why the service failed", err)
		}
	})
}
