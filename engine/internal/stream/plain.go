package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// PlainProblem is one thing wrong with a plain Benthos config.
type PlainProblem struct {
	Line, Column int    // from 1
	Component    string // that there is none of, or ""
	sdk.Problem
}

// LintPlain asks Benthos's linter about a plain config. Variables are filled in
// as Benthos does it.
func LintPlain(text string, lookup func(string) (string, bool)) []PlainProblem {
	env := service.NewEnvironment()
	lints, err := env.FullConfigSchema("", "").NewStreamConfigLinter().
		SetEnvVarLookupFunc(func(_ context.Context, name string) (string, bool) { return lookup(name) }).
		LintYAML([]byte(text))
	if err != nil {
		return []PlainProblem{{Line: 1, Column: 1, Problem: sdk.Problem{Message: plainly(err.Error())}}}
	}
	lines := strings.Split(text, "\n")
	problems := make([]PlainProblem, len(lints))
	for i, l := range lints {
		p := PlainProblem{Line: min(max(l.Line, 1), len(lines)), Column: l.Column}
		p.Message = plainly(l.What)
		word := ""
		switch l.Type {
		case service.LintUnknown, service.LintShouldOmit:
			p.Key, word = true, quotedWord(l.What)
		case service.LintComponentMissing, service.LintComponentNotFound:
			p.Hint, word = whoHas(env, "", l.What), missingName(l.What)
			p.Component = word
		case service.LintMissingEnvVar:
			p.Hint = "set them, or give defaults: ${NAME:text}"
			word = "${" + strings.Trim(p.Message[strings.LastIndexByte(p.Message, '[')+1:], "]")
			p.Line = 1 + max(0, slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, word) }))
		}
		if p.Column <= 1 {
			p.Column = columnOf(lines[p.Line-1], word)
		}
		problems[i] = p
	}
	return problems
}

// columnOf is where a word stands in a line, or else its first character that
// is not indentation: Benthos's linter mostly knows the line only.
func columnOf(line, word string) int {
	at := strings.Index(line, word)
	if at < 0 || word == "" {
		at = len(line) - len(strings.TrimLeft(line, " -"))
	}
	return utf8.RuneCountInString(line[:at]) + 1
}

// Plain is a plain Benthos config ready to run.
type Plain struct {
	stream *service.Stream
}

// stopWithin bounds a clean stop, as Benthos's own runner does.
const stopWithin = 20 * time.Second

// OpenPlain builds the stream of a config without lints. Benthos's HTTP server
// runs only if the config speaks of it: nothing should listen unasked.
// The log is made for the level that the config asks for.
func OpenPlain(text string, lookup func(string) (string, bool),
	log func(slog.Level) *slog.Logger) (*Plain, error) {
	env := service.NewEnvironment()
	builder := env.NewStreamBuilder()
	if wantsServer(text) {
		builder.SetSchema(env.FullConfigSchema("", ""))
	}
	builder.SetEnvVarLookupFunc(lookup)
	builder.DisableLinting() // LintPlain has
	if err := builder.SetYAML(text); err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	builder.SetLogger(log(levelOf(builder)))
	s, err := builder.Build()
	if err != nil {
		return nil, fmt.Errorf("building the stream: %w", err)
	}
	return &Plain{stream: s}, nil
}

var loggerLevel = regexp.MustCompile(`(?m)^logger:\n(?:[ \t]+.*\n)*?[ \t]+level: ["']?([A-Za-z]+)`)

// levelOf is the level of the config's logger section. Its other settings do
// not hold: the log goes to standard error, away from the data.
func levelOf(builder *service.StreamBuilder) slog.Level {
	text, err := builder.AsYAML()
	m := loggerLevel.FindStringSubmatch(text)
	if err != nil || m == nil {
		return slog.LevelInfo
	}
	switch strings.ToUpper(m[1]) {
	case "OFF", "NONE", "FATAL":
		return slog.LevelError + 4
	case "ERROR":
		return slog.LevelError
	case "WARN":
		return slog.LevelWarn
	case "DEBUG", "TRACE", "ALL":
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func wantsServer(text string) bool {
	return slices.ContainsFunc([]string{"http:", "http_server", "dynamic"},
		func(word string) bool { return strings.Contains(text, word) })
}

// Run carries the stream out until its input ends. When ctx ends it stops the
// input, lets through what was read, and returns ErrInterrupted.
func (p *Plain) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.stream.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	err := p.stream.StopWithin(stopWithin)
	return errors.Join(ErrInterrupted, err, <-done)
}

// PlainGuarantee is what Benthos promises of its own pipelines.
const PlainGuarantee = "at-least-once because of Benthos: a plain config runs as Benthos runs it"
