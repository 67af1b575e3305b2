package benthos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure" // Benthos needs its "none" tracer
	"github.com/redpanda-data/benthos/v4/public/service"
)

// Plain is a plain Benthos config ready to run.
type Plain struct {
	stream   *service.Stream
	log      *plainLog
	stopping time.Duration // bounds a clean stop
}

// localServer is where Benthos's HTTP server is unless the config says: its own
// default is all addresses.
const localServer = "127.0.0.1:4195"

// PlainConfig is a plain Benthos config and what belongs to it.
type PlainConfig struct {
	Text                 string
	Set                  []string // path=value, set in the config in order
	Resources, Templates []PlainFile
	Lookup               func(name string) (string, bool) // variables

	unbuilt []string // templates with problems
}

// PlainFile is another file of a config.
type PlainFile struct{ Path, Text string }

// Open builds the stream of a config without lints. Benthos's HTTP server
// runs only if the config has an http section, or a component that answers on it:
// nothing listens unasked, and nothing beyond this machine.
func (c PlainConfig) Open(log LogOptions) (*Plain, error) {
	env, err := c.environment()
	if err != nil {
		return nil, err
	}
	text, err := c.overridden()
	if err != nil {
		return nil, err
	}
	builder, s, err := c.builder(env, text.text)
	if err != nil {
		return nil, err
	}
	p := &Plain{stopping: s.stopping}
	if p.log, err = openPlainLog(s.logger, log); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	builder.SetLogger(p.log.logger)
	if p.stream, err = builder.Build(); err != nil {
		return nil, errors.Join(fmt.Errorf("building the stream: %w", err), p.log.close())
	}
	return p, nil
}

// builder reads the text of the config, and resources of other files, as a run does.
func (c PlainConfig) builder(env *service.Environment, text string) (
	*service.StreamBuilder, *plainSettings, error) {
	s, err := settingsOf(text, c.Lookup)
	if err != nil {
		return nil, nil, err
	}
	builder := env.NewStreamBuilder()
	server := s.http
	if !server {
		if server, err = c.answers(env, text); err != nil {
			return nil, nil, err
		}
	}
	if server {
		builder.SetSchema(env.FullConfigSchema("", ""))
	}
	builder.SetEnvVarLookupFunc(c.Lookup)
	builder.DisableLinting() // Lint has
	if err := c.read(builder, text); err != nil {
		return nil, nil, err
	}
	if server && !s.address {
		if err := builder.SetFields("http.address", localServer); err != nil {
			return nil, nil, fmt.Errorf("setting the address of the HTTP server: %w", err)
		}
	}
	return builder, s, nil
}

func (c PlainConfig) read(builder *service.StreamBuilder, text string) error {
	if err := builder.SetYAML(text); err != nil {
		return fmt.Errorf("reading the config: %w", err)
	}
	for _, more := range c.Resources {
		if err := builder.AddResourcesYAML(more.Text); err != nil {
			return fmt.Errorf("reading the resources: %w", err)
		}
	}
	return nil
}

// answers reports whether a component of the config needs Benthos's HTTP server:
// it has no address of its own.
func (c PlainConfig) answers(env *service.Environment, text string) (bool, error) {
	builder := env.NewStreamBuilder()
	builder.SetEnvVarLookupFunc(c.Lookup)
	builder.DisableLinting()
	if err := c.read(builder, text); err != nil {
		return false, err
	}
	needed := false
	answering := c.templatesWith("http_server", "dynamic")
	err := builder.WalkComponents(func(w *service.WalkedComponent) error {
		switch w.Name {
		case "dynamic":
			needed = true
		case "http_server":
			address, err := serverAddress(w)
			needed = needed || err == nil && address == ""
		default:
			needed = needed || slices.Contains(answering, w.Name)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("reading the config: %w", err)
	}
	return needed, nil
}

// serverAddress is the address in the config of an http_server.
func serverAddress(w *service.WalkedComponent) (string, error) {
	text, err := w.ConfigAny()
	if err != nil {
		return "", err
	}
	config, _ := text.(map[string]any)
	if inner, ok := config["http_server"].(map[string]any); ok {
		config = inner
	}
	address, _ := config["address"].(string)
	return address, nil
}

// ErrInterrupted says that a plain config was stopped before its input ended. All
// that had been read has gone through.
var ErrInterrupted = errors.New("interrupted")

// Run carries the stream out until its input ends. When ctx ends it stops the
// input, lets through what was read, and returns ErrInterrupted.
func (p *Plain) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.stream.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return errors.Join(err, p.log.close())
	case <-ctx.Done():
	}
	err := p.stream.StopWithin(p.stopping)
	return errors.Join(ErrInterrupted, err, <-done, p.log.close())
}

// PlainGuarantee is what Benthos promises of its own pipelines.
const PlainGuarantee = "at-least-once because of Benthos: a plain config runs as Benthos runs it"

// plainSettings are the keys at the top of a config that are for the runner.
type plainSettings struct {
	http     bool // there is a section for the server
	address  bool // and it says where
	logger   loggerSettings
	stopping time.Duration
}

// settingsOf reads them with the defaults of Benthos.
func settingsOf(text string, lookup func(string) (string, bool)) (*plainSettings, error) {
	filled, _ := fillVariables(text, lookup)
	spec := service.NewConfigSpec().Fields(
		service.NewAnyField("http").Optional(),
		service.NewStringField("shutdown_timeout").Default("20s"),
		service.NewObjectField("logger", loggerFields...).Optional())
	conf, err := spec.ParseYAML(filled, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	s := &plainSettings{http: conf.Contains("http"), address: conf.Contains("http", "address")}
	timeout, err := conf.FieldString("shutdown_timeout")
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	if s.stopping, err = time.ParseDuration(timeout); err != nil || s.stopping <= 0 {
		return nil, fmt.Errorf("shutdown_timeout: want a duration such as 20s, got %q", timeout)
	}
	if s.logger, err = loggerOf(conf); err != nil {
		return nil, fmt.Errorf("logger: %w", err)
	}
	return s, nil
}

// missingVariable is one that the environment has not, where its name stands.
type missingVariable struct {
	name string
	at   int // byte in the text
}

// fillVariables puts variables into a text by the rules of Benthos: they are
// filled in before it is YAML; an empty one has its default.
func fillVariables(text string, lookupEnv func(string) (string, bool)) (string, []missingVariable) {
	var filled strings.Builder
	var missing []missingVariable
	end := 0
	for _, at := range lookup.FindAllStringIndex(text, -1) {
		name, otherwise, given := strings.Cut(text[at[0]+2:at[1]-1], ":")
		if !given {
			name, _, _ = strings.Cut(name, "|")
		}
		value, ok := lookupEnv(name)
		if !ok && !given {
			missing = append(missing, missingVariable{name, at[0]})
		}
		if value == "" {
			value = otherwise
		}
		filled.WriteString(text[end:at[0]])
		filled.WriteString(value)
		end = at[1]
	}
	filled.WriteString(text[end:])
	return filled.String(), missing
}
