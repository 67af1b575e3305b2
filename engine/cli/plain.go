package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"etlengine/engine/internal/benthos"
	"etlengine/engine/internal/config"
)

// plainProblems are what Benthos's linter says of a plain Benthos config.
func (a *app) plainProblems(file *config.File) []config.Problem {
	var problems []config.Problem
	for _, p := range plainConfig(file).Lint() {
		code := "benthos"
		if p.Key {
			code = "unknown-field"
		}
		if p.Component != "" && len(a.catalog.Named(p.Component)) > 0 {
			p.Hint = p.Component + " is a plugin of this engine: write it under pipelines"
		}
		at := config.Position{File: file.Paths[0], Line: p.Line, Column: p.Column}
		if p.File != "" {
			at.File = p.File
		}
		if p.Set != "" {
			at = config.Position{Text: "--set " + p.Set}
		}
		problems = append(problems, config.Problem{Code: code, Message: p.Message, Hint: p.Hint,
			Warning: p.Warning, Position: at})
	}
	return problems
}

// plainConfig is the plain config that a file is.
func plainConfig(file *config.File) benthos.PlainConfig {
	c := benthos.PlainConfig{Text: file.Plain, Set: file.PlainSet, Lookup: os.LookupEnv}
	for _, t := range file.PlainResources {
		c.Resources = append(c.Resources, benthos.PlainFile(t))
	}
	for _, t := range file.PlainTemplates {
		c.Templates = append(c.Templates, benthos.PlainFile(t))
	}
	return c
}

// runPlain runs a plain Benthos config. Its data may go to standard output, so
// what is said about the run goes to standard error.
func (a *app) runPlain(ctx context.Context, file *config.File, how show) error {
	a.stops.Store(true)
	log := benthos.LogOptions{Output: a.stderr, Level: a.logLevel, Given: a.levelGiven, Least: slog.LevelDebug}
	if how.quiet {
		log.Least = slog.LevelError
	}
	p, err := plainConfig(file).Open(log)
	if err != nil {
		return err
	}
	if !how.quiet {
		fmt.Fprintf(a.stderr, "%s: %s\n", file.Paths[0], benthos.PlainGuarantee)
	}
	started := time.Now()
	err = p.Run(ctx)
	if errors.Is(err, benthos.ErrInterrupted) {
		// Exit code 0, as Benthos has: what was read has gone through, and there is
		// nothing that a next run would go on with.
		fmt.Fprintln(a.stderr, "interrupted: what was read has gone through Benthos")
		return nil
	}
	if err == nil && !how.quiet {
		fmt.Fprintf(a.stderr, "%s: ended after %s\n", file.Paths[0], round(time.Since(started)))
	}
	return err
}
