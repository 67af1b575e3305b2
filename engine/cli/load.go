package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/benthos"
	"etlengine/engine/internal/config"
	"etlengine/engine/internal/plan"
	"etlengine/engine/internal/stream"
)

// source is what run, lint and graph take: files and settings over them.
type source struct {
	set, envFiles, resources, templates []string
}

func (s *source) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.set, "set", nil,
		"set a value of the config: pipelines.report.input.redpanda.topic=x, in a plain Benthos config\n"+
			"pipeline.processors.0.mapping=x (may be repeated)")
	c.Flags().StringArrayVarP(&s.envFiles, "env-file", "e", nil,
		"set the variables of a dotenv file, NAME=VALUE in each line (may be repeated)")
	c.Flags().StringArrayVarP(&s.resources, "resources", "r", nil,
		"add the resources of a file, or of those that a quoted pattern names, to a plain Benthos config\n"+
			"(may be repeated)")
	c.Flags().StringArrayVarP(&s.templates, "templates", "t", nil,
		"add the component that a template file, or each that a quoted pattern names, describes to a plain\n"+
			"Benthos config (may be repeated)")
	c.PreRunE = func(*cobra.Command, []string) error {
		if err := setEnvFiles(s.envFiles); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// load reads and plans files. The plan is nil if they have faults, or are a
// plain Benthos config.
func (a *app) load(paths []string, s *source) (*config.File, *plan.Plan, []config.Problem) {
	a.tuneMemory()
	defer stream.GuardMemory(a.abort)()
	file, problems := config.Load(config.Options{Paths: paths, Set: s.set, Resources: s.resources,
		Templates: s.templates, LookupEnv: os.LookupEnv,
		FillPlain: func(text string) string { return benthos.FillVariables(text, os.LookupEnv) }})
	a.keep(file.Secrets)
	if file.Plain != "" && len(problems) == 0 {
		problems = a.plainProblems(file)
	}
	if file.Plain != "" || slices.ContainsFunc(problems, isFault) && len(file.Pipelines) == 0 {
		return file, nil, problems
	}
	p, more := plan.New(file, a.catalog, benthos.NewComponents(resources(file), a.log(), a.spoken()))
	problems = file.With(problems, more)
	if slices.ContainsFunc(problems, isFault) {
		p = nil
	}
	return file, p, problems
}

// resources is what the Benthos components of a file share, or nil.
func resources(file *config.File) []byte {
	if file.Resources == nil {
		return nil
	}
	return file.Resources.Native().JSON()
}

func isFault(p config.Problem) bool   { return !p.Warning }
func isWarning(p config.Problem) bool { return p.Warning }

func (a *app) lintCommand() *cobra.Command {
	var s source
	var asJSON bool
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Finds everything wrong with a config without starting anything.",
		Long: "lint reads the files as one config (the later win over the earlier), plans every pipeline\n" +
			"and reports all problems in one pass. It exits with 2 if one of them is an error.",
		Example: "  engine lint configs/tickets.yaml\n" +
			"  engine lint base.yaml prod.yaml --set state_dir=/var/lib/engine\n" +
			"  engine lint configs/tickets.yaml --json | jq .",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, paths []string) error { return a.lint(paths, &s, asJSON) },
	}
	s.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print the problems as a JSON list")
	return c
}

// problemJSON is a problem as scripts see it.
type problemJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Path     string `json:"path,omitempty"`
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

func (a *app) lint(paths []string, s *source, asJSON bool) error {
	file, p, problems := a.load(paths, s)
	if asJSON {
		list := make([]problemJSON, len(problems))
		for i, p := range problems {
			list[i] = problemJSON{p.File, p.Line, p.Column, p.Path, "error", p.Code, p.Message, p.Hint}
			if p.Warning {
				list[i].Severity = "warning"
			}
		}
		if err := a.print(list); err != nil {
			return err
		}
	} else {
		// Errors come before warnings.
		file.Render(a.stderr, slices.DeleteFunc(slices.Clone(problems), isWarning))
		file.Render(a.stderr, slices.DeleteFunc(slices.Clone(problems), isFault))
	}
	if file.Plain != "" && !slices.ContainsFunc(problems, isFault) {
		if !asJSON {
			fmt.Fprintf(a.stdout, "%s: fine, %s\n", file.Paths[0], benthos.PlainGuarantee)
		}
		return nil
	}
	if p == nil {
		return errReported
	}
	if !asJSON {
		a.describePlan(p)
	}
	return nil
}

// describePlan says in a line each what the pipelines are and promise.
func (a *app) describePlan(p *plan.Plan) {
	for _, line := range p.Pipelines {
		fmt.Fprintf(a.stdout, "%s: fine, %s\n", line.Name, line.Guarantee())
	}
}

// print writes a value as JSON for scripts.
func (a *app) print(v any) error { return printJSON(a.stdout, v) }

func printJSON(to io.Writer, v any) error {
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
