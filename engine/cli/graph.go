package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/benthos"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

func (a *app) graphCommand() *cobra.Command {
	var s source
	var format string
	c := &cobra.Command{
		Use:   "graph FILE...",
		Short: "Draws the pipelines of a config.",
		Example: "  engine graph configs/tickets.yaml > tickets.mmd\n" +
			"  engine graph configs/tickets.yaml --format dot | dot -Tsvg",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, paths []string) error { return a.graph(paths, &s, format) },
	}
	s.flags(c)
	c.Flags().StringVar(&format, "format", "mermaid", "mermaid, dot or json")
	completes(c, "format", "mermaid", "dot", "json")
	return c
}

// graph is what is drawn: pipelines of nodes, and edges within and between them.
type graph struct {
	Pipelines []graphPipeline `json:"pipelines"`
	Edges     []graphEdge     `json:"edges"`
}

type graphPipeline struct {
	Name      string      `json:"name"`
	Guarantee string      `json:"guarantee"`
	Nodes     []graphNode `json:"nodes"`
}

type graphNode struct {
	ID     string   `json:"id"`
	Label  string   `json:"label"`
	Plugin string   `json:"plugin"`
	Kind   sdk.Kind `json:"kind"`
	Branch string   `json:"branch,omitempty"` // label of the branch it is in, if it was given one
}

type graphEdge struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Rows    string   `json:"rows,omitempty"`    // "late" or "rejected", for those outputs
	Columns []string `json:"columns,omitempty"` // "name type"; none between pipelines
}

func (a *app) graph(paths []string, s *source, format string) error {
	draw := map[string]func(io.Writer, *graph) error{"mermaid": mermaid, "dot": dot,
		"json": func(_ io.Writer, g *graph) error { return a.print(g) }}[format]
	if draw == nil {
		return usageError{fmt.Errorf("--format: want mermaid, dot or json, got %q", format)}
	}
	file, p, problems := a.load(paths, s)
	file.Render(a.stderr, slices.DeleteFunc(slices.Clone(problems), isWarning))
	if file.Plain != "" && !slices.ContainsFunc(problems, isFault) {
		return usageError{fmt.Errorf("graph draws the pipelines of this engine; %s is a plain Benthos config, %s",
			file.Paths[0], benthos.PlainGuarantee)}
	}
	if p == nil {
		return errReported
	}
	return draw(a.stdout, newGraph(p))
}

func newGraph(p *plan.Plan) *graph {
	g := &graph{}
	for _, pipeline := range p.Pipelines {
		g.add(pipeline)
	}
	g.between(p)
	return g
}

func id(pipeline string, s *plan.Step) string { return pipeline + "." + s.Label }

func (g *graph) add(p *plan.Pipeline) {
	drawn := graphPipeline{Name: p.Name, Guarantee: p.Guarantee()}
	for _, s := range p.Steps() {
		drawn.Nodes = append(drawn.Nodes, graphNode{id(p.Name, s), s.Label, s.Plugin.Name, s.Plugin.Kind, s.Branch})
	}
	g.Pipelines = append(g.Pipelines, drawn)
	last := p.Input
	for _, s := range p.Processors {
		last = g.edge(p.Name, last, s)
	}
	for _, b := range p.Branches {
		before := last
		for _, s := range b.Processors {
			before = g.edge(p.Name, before, s)
		}
		for _, s := range b.Sinks {
			g.edge(p.Name, before, s)
		}
	}
	g.sideOutputs(p)
}

// sideOutputs draws which steps can give late rows, and that any may reject one.
func (g *graph) sideOutputs(p *plan.Pipeline) {
	draw := func(from, to *plan.Step, rows string) {
		if to != nil {
			g.edge(p.Name, from, to)
			last := &g.Edges[len(g.Edges)-1]
			last.Rows, last.Columns = rows, columns(to)
		}
	}
	for _, s := range p.Steps() {
		if s.Description.LateRows {
			draw(s, p.Late, "late")
		}
		if s.Plugin.Kind != sdk.KindSink {
			draw(s, p.DeadLetters, "rejected")
		}
	}
}

func (g *graph) edge(pipeline string, from, to *plan.Step) *plan.Step {
	g.Edges = append(g.Edges, graphEdge{From: id(pipeline, from), To: id(pipeline, to), Columns: columns(from)})
	return to
}

// columns are those behind a step.
func columns(s *plan.Step) []string {
	var all []string
	for _, f := range s.Out.Fields() {
		if f.Name == sdk.PositionColumn {
			continue // the engine's own
		}
		all = append(all, f.Name+" "+sdk.TypeName(f.Type))
	}
	return all
}

// between draws what one pipeline fills and another reads.
func (g *graph) between(p *plan.Plan) {
	for _, reader := range p.Pipelines {
		for _, upstream := range p.Pipelines {
			for _, s := range upstream.Steps() {
				if s.Plugin.Kind == sdk.KindSink && s.Fills(reader.Input) {
					g.Edges = append(g.Edges, graphEdge{From: id(upstream.Name, s), To: id(reader.Name, reader.Input)})
				}
			}
		}
	}
}

// key is an id that Mermaid and DOT both take.
func key(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, id)
}

// box reports whether the box of a branch with a label begins before a node, and ends
// behind it: the nodes of a branch follow each other.
func (p *graphPipeline) box(i int) (begins, ends bool) {
	branch := p.Nodes[i].Branch
	begins = branch != "" && (i == 0 || p.Nodes[i-1].Branch != branch)
	ends = branch != "" && (i == len(p.Nodes)-1 || p.Nodes[i+1].Branch != branch)
	return begins, ends
}

func title(n graphNode) string {
	if n.Label == n.Plugin {
		return n.Plugin
	}
	return n.Label + ": " + n.Plugin
}

func mermaid(w io.Writer, g *graph) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, p := range g.Pipelines {
		fmt.Fprintf(&b, "  subgraph %s[\"%s (%s)\"]\n", key(p.Name), p.Name, firstWord(p.Guarantee))
		for i, n := range p.Nodes {
			open, shut := "[", "]"
			if n.Kind != sdk.KindTransform {
				open, shut = "([", "])"
			}
			begins, ends := p.box(i)
			if begins {
				fmt.Fprintf(&b, "    subgraph %s[\"%s\"]\n", key(p.Name+"."+n.Branch), n.Branch)
			}
			fmt.Fprintf(&b, "    %s%s\"%s\"%s\n", key(n.ID), open, title(n), shut)
			if ends {
				b.WriteString("    end\n")
			}
		}
		b.WriteString("  end\n")
	}
	for _, e := range g.Edges {
		arrow := "-->"
		if e.Rows != "" {
			arrow = "-. " + e.Rows + " .->"
		}
		fmt.Fprintf(&b, "  %s %s %s\n", key(e.From), arrow, key(e.To))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func dot(w io.Writer, g *graph) error {
	var b strings.Builder
	b.WriteString("digraph engine {\n  rankdir=LR;\n")
	for _, p := range g.Pipelines {
		fmt.Fprintf(&b, "  subgraph cluster_%s {\n    label=%q;\n", key(p.Name), p.Name+" ("+firstWord(p.Guarantee)+")")
		for i, n := range p.Nodes {
			shape := "box"
			if n.Kind != sdk.KindTransform {
				shape = "ellipse"
			}
			begins, ends := p.box(i)
			if begins {
				fmt.Fprintf(&b, "    subgraph cluster_%s {\n    label=%q;\n", key(p.Name+"."+n.Branch), n.Branch)
			}
			fmt.Fprintf(&b, "    %s [label=%q shape=%s];\n", key(n.ID), title(n), shape)
			if ends {
				b.WriteString("    }\n")
			}
		}
		b.WriteString("  }\n")
	}
	for _, e := range g.Edges {
		style := ""
		if e.Rows != "" {
			style = fmt.Sprintf(" [style=dashed label=%q]", e.Rows)
		}
		fmt.Fprintf(&b, "  %s -> %s%s;\n", key(e.From), key(e.To), style)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
