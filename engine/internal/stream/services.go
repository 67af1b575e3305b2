package stream

import (
	"context"
	"fmt"

	"etlengine/plugins/sdk"
)

func (r *Runner) startServices(ctx context.Context) error {
	r.serving, r.unserve = context.WithCancelCause(context.Background())
	for _, s := range r.plan.Services {
		env := sdk.Env{EngineID: r.store.EngineID(), Step: s.Plugin.Name, Dir: r.dir,
			StateDir: r.store.Dir(), Log: r.log.With("service", s.Plugin.Name)}
		i, err := s.Plugin.Open(ctx, s.Config, nil, env)
		if err != nil {
			return fmt.Errorf("starting the service %s: %w", s.Plugin.Name, err)
		}
		service, ok := i.(sdk.Service)
		if !ok {
			return fmt.Errorf("plugin %s did not open as a service", s.Plugin.Name)
		}
		r.services = append(r.services, service)
		go r.watchService(service)
		r.addresses[s.Plugin.Name] = service.Address()
	}
	return nil
}

// watchService ends the run when a service fails.
func (r *Runner) watchService(s sdk.Service) {
	select {
	case <-s.Failed():
		r.unserve(s.Err())
	case <-r.serving.Done():
	}
}

// unserved is why a service has failed, or nil. It asks the services, so that who
// has seen one fail finds the cause, too.
func (r *Runner) unserved() error {
	for _, s := range r.services {
		select {
		case <-s.Failed():
			return s.Err()
		default:
		}
	}
	return nil
}

// served is a context that ends when a service fails, and not before the runner is
// closed otherwise: steps may keep it.
func (r *Runner) served(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(r.serving, func() { cancel(context.Cause(r.serving)) })
	return ctx
}

// runServed runs a pipeline while all services do.
func (r *Runner) runServed(p *pipeline) error {
	defer context.AfterFunc(r.serving, func() { p.failure.fail(context.Cause(r.serving)) })()
	err := p.run()
	if cause := r.unserved(); cause != nil && err != nil {
		return cause
	}
	return err
}
