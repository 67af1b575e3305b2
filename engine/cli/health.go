package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/config"
)

func (a *app) healthCommand() *cobra.Command {
	var s source
	c := &cobra.Command{
		Use:   "health FILE...",
		Short: "Asks the running engine whether its pipelines run.",
		Long: "health asks the engine that runs with the state directory of the files. It exits with 0 if all\n" +
			"pipelines run, and with 1 if one has failed, the run is stopping, or no engine answers.",
		Example: "  engine health configs/tickets.yaml",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE:    func(c *cobra.Command, paths []string) error { return a.health(c.Context(), paths, &s) },
	}
	s.flags(c)
	return c
}

// health needs of the config where the state lies only: that the rest is right, the
// running engine knows.
func (a *app) health(ctx context.Context, paths []string, s *source) error {
	file, problems := config.Load(config.Options{Paths: paths, Set: s.set, LookupEnv: os.LookupEnv})
	a.keep(file.Secrets)
	if file.Plain != "" {
		return usageError{fmt.Errorf("%s: a plain Benthos config has no state directory to ask at", file.Paths[0])}
	}
	if len(file.Pipelines) == 0 {
		file.Render(a.stderr, problems)
		return errReported
	}
	dir, err := filepath.Abs(file.StateDir)
	if err != nil {
		return fmt.Errorf("finding the state directory: %w", err)
	}
	status, answer, err := ask(ctx, dir, "/readyz")
	if err != nil {
		return fmt.Errorf("no engine answers: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("not healthy: %s", strings.TrimSpace(string(answer)))
	}
	fmt.Fprintln(a.stdout, strings.TrimSpace(string(answer)))
	return nil
}
