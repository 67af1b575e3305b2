package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/config"
	"etlengine/engine/internal/stream"
	"etlengine/plugins/sdk"
)

func (a *app) brokerCommand() *cobra.Command {
	var o brokerOptions
	c := &cobra.Command{
		Use:   "broker",
		Short: "Runs the embedded broker alone.",
		Long: "broker runs the broker that pipelines use when none is configured in a process of its own,\n" +
			"on 127.0.0.1, until it is interrupted. Its data lies in the state directory. It does not start if\n" +
			"records that it had acknowledged are gone, unless --on-data-loss says that it may go on without them.",
		Example: "  engine broker\n  engine broker --port 29092 --state-dir /tmp/broker\n" +
			"  REDPANDA_BROKERS=127.0.0.1:19092 engine run configs/tickets.yaml",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.broker(c.Context(), o) },
	}
	c.Flags().StringVar(&o.stateDir, "state-dir", config.DefaultStateDir, "folder of the broker's data")
	c.Flags().IntVar(&o.port, "port", 0, "port to listen on (default 19092, or a free one if that is taken)")
	c.Flags().StringVar(&o.onDataLoss, "on-data-loss", "stop", "if acknowledged records are gone: stop or continue")
	return c
}

// brokerOptions are the flags of the command.
type brokerOptions struct {
	stateDir   string
	port       int
	onDataLoss string
}

// settings are what the broker's part of a file would say.
func (o brokerOptions) settings() ([]byte, error) {
	s := map[string]any{"on_data_loss": o.onDataLoss}
	if o.port != 0 {
		s["port"] = o.port
	}
	return json.Marshal(s)
}

func (a *app) broker(ctx context.Context, o brokerOptions) error {
	plugin, ok := a.catalog.Find(sdk.KindService, "broker")
	if !ok {
		return usageError{fmt.Errorf("this engine was built without a broker")}
	}
	if o.onDataLoss != "stop" && o.onDataLoss != "continue" {
		return usageError{fmt.Errorf("--on-data-loss: want stop or continue, got %q", o.onDataLoss)}
	}
	path := sdk.Path(o.stateDir)
	if err := path.Validate(); err != nil || o.stateDir == "" {
		return usageError{fmt.Errorf("--state-dir: %w", cmp.Or(err, errors.New(`want a folder, got ""`)))}
	}
	if err := stream.MakeStateDir(o.stateDir); err != nil {
		return err
	}
	a.stops.Store(true)
	settings, err := o.settings()
	if err != nil {
		return fmt.Errorf("writing the broker's settings: %w", err)
	}
	i, err := plugin.Open(ctx, settings, nil, sdk.Env{Step: "broker", StateDir: o.stateDir, Log: a.log()})
	if err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	broker := i.(sdk.Service)
	address := broker.Address()
	fmt.Fprintf(a.stdout, "broker on %s (look in: kcat -b %s -L); stop it with Ctrl-C\n", address, address)
	select {
	case <-ctx.Done():
	case <-broker.Failed():
		return errors.Join(broker.Err(), broker.Close(context.WithoutCancel(ctx)))
	}
	if err := broker.Close(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stopping the broker: %w", err)
	}
	return ctx.Err()
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Tells which build this is.",
		Example: "  engine version\n  engine version --json",
		Args:    args(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return a.version(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return c
}

func (a *app) version(asJSON bool) error {
	v := struct {
		Version string `json:"version"`
		Commit  string `json:"commit,omitempty"`
		Go      string `json:"go"`
	}{Version: "devel"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Go = info.GoVersion
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if asJSON {
		return a.print(v)
	}
	fmt.Fprintf(a.stdout, "engine %s %s %s\n", v.Version, v.Commit, v.Go)
	return nil
}
