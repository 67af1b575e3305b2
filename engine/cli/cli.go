// Package cli is the command line of the engine. Another module can build an
// engine of its own with it: hand Main the plugins it should have.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/catalog"
	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// The exit codes of the engine.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or config: nothing was started
)

// Main runs the command line and returns the exit code: 0 done, 1 failed, 2
// wrong usage or config, 130 or 143 interrupted after a clean stop.
func Main(args []string, stdout, stderr io.Writer, plugins []sdk.Plugin) int {
	a := &app{stdout: &door{to: stdout}, stderr: &door{to: stderr}}
	var given config.Secrets
	for _, text := range args { // a command line that is not understood is quoted
		given.AddText(text, nil)
	}
	a.keep(&given)
	var err error
	if a.catalog, err = catalog.New(plugins); err != nil {
		return a.code(usageError{err})
	}
	ctx, stop := a.signals()
	defer stop()
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return a.code(root.ExecuteContext(ctx))
}

// app is what the commands share.
type app struct {
	stdout, stderr *door
	catalog        *catalog.Catalog
	caught         atomic.Int32 // the signal that came, or 0
	stops          atomic.Bool  // the command has begun what a signal must stop cleanly
	logLevel       slog.Level
	levelGiven     bool // on the command line
	quiet          bool // errors only
}

// keep masks secrets in all that is said from here on.
func (a *app) keep(secrets *config.Secrets) {
	a.stdout.keep(secrets)
	a.stderr.keep(secrets)
}

// errReported ends a command whose problems the user has already seen.
var errReported = errors.New("reported")

// usageError is a mistake on the command line or in a config.
type usageError struct{ error }

func (a *app) code(err error) int {
	if fault, ok := errors.AsType[*fs.PathError](err); ok && strings.ContainsAny(fault.Path, "\r\n") {
		// The lines of a name must not pass for the engine's own.
		err = errors.New(strings.ReplaceAll(err.Error(), fault.Path, strconv.Quote(fault.Path)))
	}
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintln(a.stderr, "engine:", err)
		return exitUsage
	case a.caught.Load() != 0 && errors.Is(err, context.Canceled):
		return 128 + int(a.caught.Load())
	}
	fmt.Fprintln(a.stderr, "engine:", err)
	if hint := tooManyFiles(err); hint != "" {
		fmt.Fprintln(a.stderr, hint)
	}
	return exitFailed
}

// tooManyFiles says what to do where a limit on open files ended a run; "" for other errors.
func tooManyFiles(err error) string {
	const less = "an output with partition_by needs fewer with a smaller max_open_files"
	var limit syscall.Rlimit
	switch {
	case errors.Is(err, syscall.ENFILE):
		return "all processes of this machine have too many files open (fs.file-max); " + less
	case !errors.Is(err, syscall.EMFILE) || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil:
		return ""
	}
	return fmt.Sprintf("a process may have at most %d files open here: raise that (ulimit -n, LimitNOFILE); %s",
		limit.Cur, less)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "engine",
		Short: "Runs ETL pipelines written in YAML.",
		Long: "engine runs ETL pipelines written in YAML: from generators, files and Kafka topics,\n" +
			"through windows by event time, into CSV and Parquet files that any reader sees exactly once.",
		Example: "  engine run configs/tickets.yaml\n  engine lint configs/tickets.yaml\n" +
			"  engine describe aggregation",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.Args = func(_ *cobra.Command, given []string) error { return unknownCommand(root, given) }
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	level := root.PersistentFlags().String("log-level", "warn", "what to log on stderr: debug, info, warn or error")
	completes(root, "log-level", "debug", "info", "warn", "error")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		a.levelGiven = root.PersistentFlags().Changed("log-level")
		if err := a.logLevel.UnmarshalText([]byte(*level)); err != nil {
			return usageError{fmt.Errorf("--log-level: want debug, info, warn or error, got %q", *level)}
		}
		return nil
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w%s\nsee %s --help", err, benthosFlag(err.Error()), c.CommandPath())}
	})
	root.AddCommand(a.runCommand(), a.lintCommand(), a.listCommand(), a.describeCommand(),
		a.graphCommand(), a.stateCommand(), a.healthCommand(), a.brokerCommand(), a.versionCommand())
	return root
}

func unknownCommand(root *cobra.Command, given []string) error {
	if len(given) == 0 {
		return nil
	}
	message := fmt.Sprintf("unknown command %q", given[0])
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if hint := benthosCommand(given[0]); hint != "" {
		message += hint
	} else if near := sdk.Nearest(given[0], names); near != "" {
		message += ", did you mean " + near + "?"
	}
	return usageError{errors.New(message + "\nsee engine --help")}
}

// completes gives the shell the values of a flag.
func completes(c *cobra.Command, flag string, values ...string) {
	// The error is of a flag that does not exist, or has been given its values: a bug that a test sees.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// args wraps cobra's checks of arguments, so that they count as wrong usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		if err := check(c, given); err != nil {
			return usageError{fmt.Errorf("%w\nusage: %s", err, c.UseLine())}
		}
		return nil
	}
}

func (a *app) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: a.logLevel}))
}

// spoken is the log for what the log steps of pipelines say: that is meant to be
// seen, so it is shown from level info on unless the command line says otherwise.
func (a *app) spoken() *slog.Logger {
	level := a.logLevel
	if !a.levelGiven && !a.quiet {
		level = min(level, slog.LevelInfo)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}
