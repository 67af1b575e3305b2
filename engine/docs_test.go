package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etlengine/plugins"
	"etlengine/plugins/sdk"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

const (
	pluginsBegin = "<!-- plugins: written by go test ./engine -run TestReadmeListsEveryPlugin -update -->\n"
	pluginsEnd   = "<!-- end of plugins -->"
)

// pluginTable has a line for each plugin name, with all that it can be.
func pluginTable() string {
	roles := map[sdk.Kind]string{sdk.KindSource: "input", sdk.KindTransform: "processor",
		sdk.KindSink: "output", sdk.KindService: "service"}
	var names []string
	lines := map[string][]string{}
	for _, p := range plugins.Builtin() {
		if lines[p.Name] == nil {
			names = append(names, p.Name)
		}
		lines[p.Name] = append(lines[p.Name], fmt.Sprintf("| `%s` | %s | %s |\n", p.Name, roles[p.Kind], p.Summary))
	}
	table := "| plugin | as | what it does |\n|---|---|---|\n"
	for _, name := range names {
		table += strings.Join(lines[name], "")
	}
	return table
}

func TestReadmeListsEveryPlugin(t *testing.T) {
	const path = "../README.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, tail, ok := strings.Cut(string(data), pluginsBegin)
	if !ok {
		t.Fatalf("%s has no %q", path, pluginsBegin)
	}
	table, after, _ := strings.Cut(tail, pluginsEnd)
	if table == pluginTable() {
		return
	}
	if !*update {
		t.Fatalf("the table of plugins is not up to date; write it with -update:\n%s", pluginTable())
	}
	text := before + pluginsBegin + pluginTable() + pluginsEnd + after
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEveryYAMLOfTheDocumentationIsFine: what users copy must work.
func TestEveryYAMLOfTheDocumentationIsFine(t *testing.T) {
	pages, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, _ := filepath.Glob("../docs/*.md") // the pattern is right
	checked := 0
	for _, page := range append(append(pages, more...), "DESIGN.md") {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(data), "```yaml\n")[1:] {
			text, _, _ := strings.Cut(block, "```")
			path := filepath.Join(t.TempDir(), "block.yaml")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			checked++
			if code, _, stderr := run("lint", path); code != 0 {
				t.Errorf("YAML block %d of %s:\n%s", i+1, page, stderr)
			}
		}
	}
	if checked == 0 {
		t.Error("the documentation has no YAML")
	}
}

// TestExamplesOfPluginsAreFine: what describe shows must work, in a pipeline
// with a fitting other end.
func TestExamplesOfPluginsAreFine(t *testing.T) {
	const ticket = "schemas:\n  ticket: {ticket_id: string, client_id: string, created_at: timestamp, " +
		"demande: string, type: string, priorite: string}\n"
	for _, p := range plugins.Builtin() {
		if p.Kind == sdk.KindService {
			continue
		}
		if p.Example == "" {
			t.Errorf("%s (%s) has no example", p.Name, p.Kind)
			continue
		}
		input, processors, output := "ticket_generator: {count: 1}", "", "csv: {path: some/folder}"
		example := strings.TrimSpace(p.Example)
		switch p.Kind {
		case sdk.KindSource:
			input = strings.ReplaceAll(example, "\n", "\n      ")
		case sdk.KindTransform:
			processors = "    processors:\n      - " + strings.ReplaceAll(example, "\n", "\n        ") + "\n"
		case sdk.KindSink:
			output = strings.ReplaceAll(example, "\n", "\n      ")
		}
		text := "pipelines:\n  p:\n    input:\n      " + input + "\n" + processors + "    output:\n      " + output + "\n"
		if strings.Contains(text, "schema: ticket") {
			text += ticket
		}
		path := filepath.Join(t.TempDir(), "example.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := run("lint", path); code != 0 {
			t.Errorf("example of %s (%s):\n%s\n%s", p.Name, p.Kind, text, stderr)
		}
	}
}

func TestAllConfigsAreFine(t *testing.T) {
	t.Setenv("REDPANDA_BROKERS", "127.0.0.1:9092")
	t.Chdir("..") // the inputs are relative to the repository's root
	paths, err := filepath.Glob("configs/*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("configs: got %v, %v", paths, err)
	}
	for _, path := range paths {
		code, stdout, stderr := run("lint", path)
		if code != 0 {
			t.Errorf("%s: exit %d\n%s%s", path, code, stdout, stderr)
		}
		// That late rows are only counted is right for the main job, and said.
		if n := strings.Count(stderr, "warning:"); n != strings.Count(stderr, "come too late for") {
			t.Errorf("%s has warnings:\n%s", path, stderr)
		}
	}
}
