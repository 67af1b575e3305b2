package redpanda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	id    string // the cluster's own; "" if nobody asked, or it gives none
	user  string
	dials *dials
}

// decompressor is the client's own: unlike the default one it bounds what a batch becomes.
func (k *cluster) decompressor() kgo.Decompressor {
	return k.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
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
		kgo.DialTimeout(dialTimeout), kgo.MetadataMinAge(metadataAge), kgo.DisableClientMetrics(),
		kgo.MaxDecompressBatchBytes(batchBytes)}, more...)
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
	if err := k.greet(ctx); err != nil {
		err = k.explain(err) // before Close, which is the cause of errors of its own
		k.Client.Close()
		if c.TLS != nil && c.TLS.Enabled {
			return nil, fmt.Errorf("connecting to %s with tls: %w", k.name, err)
		}
		return nil, fmt.Errorf("connecting to %s: %w", k.name, err)
	}
	k.dials.connected()
	return k, nil
}

// greet asks each seed once, in its share of the time, until one answers. The
// client's own Ping ignores ctx while a connection is silent.
func (k *cluster) greet(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	var last error
	seeds := k.SeedBrokers()
	for i, seed := range seeds {
		until, _ := ctx.Deadline()
		share, cancel := context.WithTimeout(ctx, time.Until(until)/time.Duration(len(seeds)-i))
		_, err := seed.Request(share, req)
		cancel()
		if err == nil || errors.Is(err, kerr.SaslAuthenticationFailed) {
			return err // a refusal by one is a refusal by all
		}
		last = err
	}
	return last
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
	case errors.Is(err, kerr.InvalidTimestamp):
		return fmt.Errorf("the clock here says %s, and the broker's differs by more than the topic's "+
			"message.timestamp.before.max.ms and message.timestamp.after.max.ms allow: set them right, and run "+
			"again: %w", time.Now().UTC().Format(time.RFC3339), err)
	case errors.Is(err, io.EOF) && k.user != "" && !early:
		return fmt.Errorf("the broker hung up while user %q logged in; "+
			"check sasl.username, sasl.password and sasl.mechanism: %w", k.user, err)
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
// that, once for as long as it lasts: the client tries for ever and logs nothing.
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
	closing := errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed)
	if d.failed != nil && !d.failed[address] && !closing {
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
