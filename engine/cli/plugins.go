package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/benthos"
	"etlengine/plugins/sdk"
)

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "Lists the plugins this engine has.",
		Example: "  engine list\n  engine list --json | jq -r '.[].name'",
		Args:    args(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return a.list(asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print them as a JSON list")
	return c
}

// pluginJSON is a plugin as scripts see it.
type pluginJSON struct {
	Kind    sdk.Kind    `json:"kind"`
	Name    string      `json:"name"`
	Summary string      `json:"summary"`
	Example string      `json:"example,omitempty"`
	Fields  []sdk.Field `json:"fields,omitempty"`
}

func (a *app) list(asJSON bool) error {
	if asJSON {
		var all []pluginJSON
		for _, p := range a.catalog.All() {
			all = append(all, pluginJSON{Kind: p.Kind, Name: p.Name, Summary: p.Summary})
		}
		return a.print(all)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, p := range a.catalog.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", role(p.Kind), p.Name, p.Summary)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "\nSteps may also be components of Benthos's core (mapping, http, branch, …): engine describe NAME")
	return nil
}

// role is what a kind of plugin is called in YAML.
func role(k sdk.Kind) string {
	switch k {
	case sdk.KindSource:
		return "input"
	case sdk.KindTransform:
		return "processor"
	case sdk.KindSink:
		return "output"
	}
	return string(k)
}

func (a *app) describeCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "describe PLUGIN",
		Short:   "Tells what a plugin does and what its config takes.",
		Example: "  engine describe aggregation\n  engine describe csv --json",
		Args:    args(cobra.ExactArgs(1)),
		RunE:    func(_ *cobra.Command, names []string) error { return a.describe(names[0], asJSON) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return a.names(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as a JSON list, an entry for each kind of the name")
	return c
}

func (a *app) names() []string {
	var names []string
	for _, p := range a.catalog.All() {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names) // some are an input and an output
}

func (a *app) describe(name string, asJSON bool) error {
	plugins, err := a.catalog.Named(name), error(nil)
	if len(plugins) == 0 {
		plugins, err = benthos.DescribeComponents(name)
	}
	if err != nil {
		return err
	}
	if len(plugins) == 0 {
		message := "no plugin named " + name
		if near := sdk.Nearest(name, a.names()); near != "" {
			message += ", did you mean " + near + "?"
		}
		return usageError{fmt.Errorf("%s\nengine list shows all plugins", message)}
	}
	var all []pluginJSON
	for i, p := range plugins {
		all = append(all, pluginJSON{p.Kind, p.Name, p.Summary, p.Example, p.Fields})
		if asJSON {
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := a.describeOne(p); err != nil {
			return err
		}
	}
	if asJSON {
		return a.print(all)
	}
	return nil
}

func (a *app) describeOne(p *sdk.Plugin) error {
	fmt.Fprintf(a.stdout, "%s (%s): %s\n", p.Name, role(p.Kind), p.Summary)
	if p.Example != "" {
		fmt.Fprintf(a.stdout, "\n  %s\n", strings.ReplaceAll(strings.TrimSpace(p.Example), "\n", "\n  "))
	}
	fmt.Fprintln(a.stdout)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fields(w, "  ", p.Fields)
	return w.Flush()
}

func fields(w io.Writer, indent string, all []sdk.Field) {
	for _, f := range all {
		text := f.Doc
		switch {
		case f.Required:
			text += " Required."
		case f.Default != "":
			text += " Default: " + f.Default + "."
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\n", indent, f.Name, f.Type, text)
		fields(w, indent+"  ", f.Fields)
	}
}
