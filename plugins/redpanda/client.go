package redpanda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	patience    = 10 * time.Second // for everything that happens before the first row
	dialTimeout = 4 * time.Second  // so that a second seed gets its turn within it
	metadataAge = 250 * time.Millisecond
)

// cluster is a connection that has been tried.
type cluster struct {
	*kgo.Client
	admin *kadm.Client
	name  string // the seeds, for messages
	user  string
	dials *dials
}

// connect makes a client and waits for a first answer, so that a wrong address
// or password ends the run at once and not as silence.
func (c *connection) connect(ctx context.Context, env sdk.Env, more ...kgo.Opt) (*cluster, error) {
	seeds, err := c.seeds(env)
	if err != nil {
		return nil, err
	}
	k := &cluster{name: strings.Join(seeds, ","), dials: &dials{log: env.Log}}
	opts := append([]kgo.Opt{kgo.SeedBrokers(seeds...), kgo.ClientID("engine"), kgo.WithHooks(k.dials),
		kgo.DialTimeout(dialTimeout), kgo.MetadataMinAge(metadataAge), kgo.DisableClientMetrics()}, more...)
	if c.TLS != nil && c.TLS.Enabled {
		config, err := c.TLS.config(env.Dir)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if c.SASL != nil {
		k.user = c.SASL.Username
		opts = append(opts, kgo.SASL(c.SASL.mechanism()))
	}
	if k.Client, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("configuring the client for %s: %w", k.name, err)
	}
	k.admin = kadm.NewClient(k.Client)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := k.Ping(ctx); err != nil {
		k.Client.Close()
		return nil, fmt.Errorf("connecting to %s: %w", k.name, k.explain(err))
	}
	k.dials.connected()
	return k, nil
}

// explain turns what the client reports into what the user can act upon.
func (k *cluster) explain(err error) error {
	_, early := errors.AsType[*kgo.ErrFirstReadEOF](err)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("the broker refused user %q; check sasl.username, sasl.password and sasl.mechanism: %w",
			k.user, err)
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return fmt.Errorf("the broker does not take this sasl.mechanism: %w", err)
	case early:
		return fmt.Errorf("the broker hung up at the first word; it may want tls or sasl: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		// The deadline hides why: such as an advertised address that
		// cannot be reached from here.
		if last := k.dials.last(); last != nil {
			return fmt.Errorf("no answer within %s, last: %w", patience, last)
		}
		return fmt.Errorf("no answer within %s: %w", patience, err)
	}
	return err
}

// dials remembers why a broker could not be reached. Once connected it logs
// it, once for as long as it lasts: the client tries for ever and says nothing.
type dials struct {
	log *slog.Logger

	mu     sync.Mutex
	failed map[string]bool // by address; nil before the first connection
	newest error
}

var _ kgo.HookBrokerConnect = (*dials)(nil)

// OnBrokerConnect is called by the client after every attempt.
func (d *dials) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	address := net.JoinHostPort(meta.Host, fmt.Sprint(meta.Port))
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		if d.failed[address] {
			delete(d.failed, address)
			d.log.Info("broker is reachable again", "broker", address)
		}
		return
	}
	d.newest = err
	if d.failed != nil && !d.failed[address] && !errors.Is(err, context.Canceled) {
		d.failed[address] = true
		d.log.Warn("broker cannot be reached; trying until it can", "broker", address, "cause", err)
	}
}

func (d *dials) connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = make(map[string]bool)
}

func (d *dials) last() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest
}
