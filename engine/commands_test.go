package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"etlengine/plugins"
)

// golden compares text with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (write it anew with -update); got\n%s", path, got)
	}
}

func TestGraphDrawsTheTicketsPipeline(t *testing.T) {
	t.Setenv("REDPANDA_BROKERS", "")
	for _, format := range []string{"mermaid", "dot", "json"} {
		code, stdout, stderr := run("graph", "--format", format, "../configs/tickets.yaml")
		if code != 0 || stderr != "" {
			t.Errorf("--format %s: exit %d, %s", format, code, stderr)
		}
		golden(t, "tickets."+format, stdout)
	}
}

func TestGraphDrawsLateRowsAndRejects(t *testing.T) {
	_, stdout, _ := run("graph", "../configs/late.yaml")
	for _, want := range []string{
		"per_minute_aggregation -. late .-> per_minute_late",
		"per_minute_aggregation -. rejected .-> per_minute_dead_letters",
		"per_minute_ticket_generator -. rejected .-> per_minute_dead_letters",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("got\n%swant %s", stdout, want)
		}
	}
}

func TestLabelOfABranchIsShown(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in.jsonl", `{"a":1}`+"\n")
	write(t, "p.yaml", "pipelines: {p: {input: {jsonl: {path: in.jsonl, schema: {a: int64}}}, output: [{jsonl: {path: plain}}, "+
		"{label: large, processors: [{filter: a > 9}], output: {jsonl: {path: large}}}]}}\n")
	for format, want := range map[string]string{"mermaid": `subgraph p_large["large"]` + "\n    p_filter",
		"dot": "subgraph cluster_p_large {\n    label=\"large\";\n    p_filter", "json": `"branch": "large"`} {
		if _, stdout, stderr := run("graph", "--format", format, "p.yaml"); strings.Count(stdout, want) == 0 {
			t.Errorf("--format %s: got\n%s%swant %s", format, stdout, stderr, want)
		}
	}
	if _, stdout, stderr := run("run", "p.yaml"); !strings.Contains(stdout, "p large: filter") ||
		!strings.Contains(stdout, "p large: jsonl_3") {
		t.Errorf("the summary: got\n%s%s", stdout, stderr)
	}
	if code, stdout, stderr := run("state", "p.yaml"); code != 0 || strings.Contains(stdout, "hidden") {
		t.Errorf("state with nothing staged: exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestTheShellIsGivenTheValuesOfFlags(t *testing.T) {
	for flag, want := range map[string]string{"graph --format": "mermaid\ndot\njson\n", "run --until": "now\n",
		"run --log-level": "debug\ninfo\nwarn\nerror\n"} {
		args := append([]string{"__complete"}, strings.Fields(flag)...)
		if _, stdout, stderr := run(append(args, "")...); !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: got %q, %s", flag, stdout, stderr)
		}
	}
}

func TestListAndDescribeShowEveryPlugin(t *testing.T) {
	code, stdout, _ := run("list", "--json")
	var listed []struct{ Kind, Name, Summary string }
	if err := json.Unmarshal([]byte(stdout), &listed); err != nil || code != 0 {
		t.Fatalf("list --json: exit %d, %v", code, err)
	}
	for _, p := range plugins.Builtin() {
		if !slices.Contains(listed, struct{ Kind, Name, Summary string }{string(p.Kind), p.Name, p.Summary}) {
			t.Errorf("list has no %s %s", p.Kind, p.Name)
		}
		code, stdout, _ := run("describe", p.Name)
		if code != 0 || !strings.Contains(stdout, p.Summary) {
			t.Errorf("describe %s: exit %d\n%s", p.Name, code, stdout)
		}
		for _, f := range p.Fields {
			if !strings.Contains(stdout, "  "+f.Name+" ") || f.Doc == "" {
				t.Errorf("describe %s says nothing of %s", p.Name, f.Name)
			}
		}
	}
}

func TestDescribeKnowsComponentsOfBenthos(t *testing.T) {
	code, stdout, stderr := run("describe", "benthos/file")
	if code != 0 || !strings.Contains(stdout, "file (input): ") ||
		!strings.Contains(stdout, "file (output): ") || !strings.Contains(stdout, "delete_on_finish") {
		t.Errorf("exit %d, %s\n%.400s", code, stderr, stdout)
	}
	if code, stdout, _ := run("describe", "mapping", "--json"); code != 0 || !strings.Contains(stdout, `"transform"`) ||
		strings.Contains(stdout, "xref:") {
		t.Errorf("exit %d, %s", code, stdout)
	}
	if _, stdout, _ := run("list"); !strings.Contains(stdout, "engine describe NAME") {
		t.Errorf("list does not say where Benthos's components are described:\n%s", stdout)
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, command := range []string{"run", "lint", "list", "describe", "graph", "health", "broker", "version"} {
		code, stdout, _ := run(command, "--help")
		if code != 0 || !strings.Contains(stdout, "Examples:\n  engine "+command) {
			t.Errorf("engine %s --help: exit %d\n%s", command, code, stdout)
		}
	}
	if code, stdout, _ := run("completion", "bash"); code != 0 || !strings.Contains(stdout, "engine") {
		t.Errorf("completion: exit %d", code)
	}
	if code, stdout, _ := run("version", "--json"); code != 0 || !strings.Contains(stdout, `"go": "go1.`) {
		t.Errorf("version: exit %d, %s", code, stdout)
	}
}

func TestBrokerRunsAloneUntilItIsStopped(t *testing.T) {
	t.Chdir(t.TempDir())
	address := closedPort(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "broker", "--port", port, "--state-dir", "b", "--log-level", "info")
	write(t, "p.yaml", "pipelines:\n  p:\n    input:\n      "+tenTickets+
		"\n    output:\n      redpanda: {topic: t, brokers: \""+address+"\"}\n")
	for code := 1; code != 0; { // until it listens
		code, _, _ = run("run", "p.yaml")
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, messages := p.end(t); code != 143 {
		t.Errorf("exit %d, want 143\n%s", code, messages)
	}
	if !strings.Contains(p.stdout.String(), "broker on "+address) {
		t.Errorf("got %q, want the address", p.stdout.String())
	}

	for _, name := range []string{"closed.json", "partitions"} { // as if it had been killed, and a disk had been lost
		if err := os.RemoveAll(filepath.Join("b", "broker", name)); err != nil {
			t.Fatal(err)
		}
	}
	code, _, stderr := run("broker", "--port", port, "--state-dir", "b")
	if code != 1 || !strings.Contains(stderr, "are gone") || !strings.Contains(stderr, "--on-data-loss continue") {
		t.Errorf("without its records: exit %d, %q, want the loss and the way on", code, stderr)
	}
	p = start(t, "broker", "--port", port, "--state-dir", "b", "--on-data-loss", "continue", "--log-level", "info")
	for code := 1; code != 0; {
		code, _, _ = run("run", "p.yaml", "--fresh", "--yes")
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, messages := p.end(t); code != 143 {
		t.Errorf("without its records, allowed: exit %d, want 143\n%s", code, messages)
	}
	if code, _, stderr := run("broker", "--on-data-loss", "go"); code != 2 || !strings.Contains(stderr, "want stop or continue") {
		t.Errorf("exit %d, %q, want 2 and the values", code, stderr)
	}
}

func TestLintReportsEverythingToScripts(t *testing.T) {
	t.Chdir(t.TempDir())
	path := pipeline(t, "ticket_generator: {cuont: 1}", toCSV)
	code, stdout, _ := run("lint", "--json", path)
	var problems []struct {
		File, Path, Severity, Code, Message string
		Line, Column                        int
	}
	if err := json.Unmarshal([]byte(stdout), &problems); err != nil || code != 2 || len(problems) != 1 {
		t.Fatalf("lint --json: exit %d, %v\n%s", code, err, stdout)
	}
	got := problems[0]
	if got.File != path || got.Line != 4 || got.Column != 26 || got.Severity != "error" ||
		got.Code != "unknown-field" || got.Path != "pipelines.p.input.ticket_generator.cuont" {
		t.Errorf("got %+v", got)
	}
}

func TestFlagsAndCommandsOfBenthosAreExplained(t *testing.T) {
	for want, args := range map[string][]string{
		"here nothing is watched":                {"run", "-w", "p.yaml"},
		"here problems that lint reports":        {"run", "--chilled", "p.yaml"},
		"here put the streams into one file":     {"streams", "a"},
		"here unit tests of configs are run by":  {"test", "a"},
		"here mappings are tried out by Benthos": {"blobl", "root = this"},
	} {
		if code, _, stderr := run(args...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, want 2 and %q:\n%s", args, code, want, stderr)
		}
	}
}
