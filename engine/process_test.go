package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"etlengine/engine/cli"
	"etlengine/plugins"
)

// asEngine is set for processes of this test binary that are to be the engine.
const asEngine = "ENGINE_TEST_AS_ENGINE"

func TestMain(m *testing.M) {
	if os.Getenv(asEngine) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, sabotaged(append(plugins.Builtin(), tapeSource))))
	}
	if os.Getenv(asBenthos) != "" {
		os.Exit(beBenthos())
	}
	os.Exit(m.Run())
}

// process is an engine in a process of its own.
type process struct {
	*exec.Cmd
	stderr *bufio.Reader
	stdout bytes.Buffer
}

// command is the engine as a process that is not started yet.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asEngine+"=1")
	return c
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: command(t, args...)}
	p.Stdout = &p.stdout
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewReader(pipe)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// until reads the engine's messages up to one that holds text.
func (p *process) until(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := p.stderr.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("the engine ended before it said %q: %v", text, err)
		}
	}
}

// end waits for the process and returns its exit code and last messages.
func (p *process) end(t *testing.T) (int, string) {
	t.Helper()
	messages, _ := io.ReadAll(p.stderr) // ends with the process
	err := p.Wait()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode(), string(messages)
}

const endless = `
checkpoint_interval: 1s
pipelines:
  p:
    input:
      ticket_generator: {seed: 1, rate: 100000}
    output:
      - csv: {path: raw}
      - processors:
          - aggregation:
              event_time: created_at
              watermark: 10s
              window: {tumbling: 1m}
              aggregates: {tickets: count()}
        output:
          csv: {path: windows}
`

func TestSignalStopsCleanly(t *testing.T) {
	tests := []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}}
	t.Chdir(t.TempDir())
	write(t, "p.yaml", endless)
	rows := 0
	for _, test := range tests {
		p := start(t, "run", "p.yaml", "--log-level", "debug")
		p.until(t, "p: exactly-once")
		p.until(t, "epoch published")
		for range 2 { // at once, as from timeout: the same request
			if err := p.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
		}
		code, messages := p.end(t)
		if code != test.code || !strings.Contains(messages, "the next run goes on from here") {
			t.Errorf("%v: exit %d, %q; want %d", test.signal, code, messages, test.code)
		}
		now := len(readCSV(t, "raw", ticketHeader...))
		if now <= rows {
			t.Errorf("%v: %d rows, after %d before", test.signal, now, rows)
		}
		rows = now
	}
	ids := map[string]bool{}
	for _, row := range readCSV(t, "raw", ticketHeader...) {
		ids[row[0]] = true
	}
	if len(ids) != rows {
		t.Errorf("%d rows, but %d ids: tickets came twice", rows, len(ids))
	}
}

// TestKilledEngineGoesOn kills for real, at whatever moment, and lets the run
// come to its end: every ticket is there once, and so is every window.
func TestKilledEngineGoesOn(t *testing.T) {
	t.Chdir(t.TempDir())
	text := strings.Replace(endless, "rate: 100000",
		`rate: 100000, count: 100000, span: 1h, start: "2026-01-01T00:00:00Z"`, 1)
	write(t, "p.yaml", text)
	for range 3 {
		p := start(t, "run", "p.yaml", "--log-level", "debug")
		p.until(t, "epoch published")
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.end(t)
	}
	mustRun(t, "p.yaml")
	ids := map[string]bool{}
	raw := readCSV(t, "raw", ticketHeader...)
	for _, row := range raw {
		ids[row[0]] = true
	}
	if len(raw) != 100_000 || len(ids) != 100_000 {
		t.Errorf("got %d rows with %d ids, want 100000", len(raw), len(ids))
	}
	starts := map[string]bool{}
	windows := readCSV(t, "windows", "window_start", "window_end", "tickets")
	for _, row := range windows {
		starts[row[0]] = true
	}
	if len(windows) != len(starts) {
		t.Errorf("%d windows, but %d starts: windows came twice", len(windows), len(starts))
	}
}

func TestNothingButRowsGoesToStdoutOfAnOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	outputs := []string{"stdout: {}", "file: { path: /dev/stdout, codec: lines }",
		"broker: { outputs: [ { stdout: {} }, { drop: {} } ] }", "resource: out"}
	for i, output := range outputs {
		write(t, "p.yaml", fmt.Sprintf("state_dir: s%d\noutput_resources: [ { label: out, stdout: {} } ]\n"+
			"pipelines:\n  p:\n    input: { stdin: {}, schema: { id: int64 } }\n    output: { %s }\n", i, output))
		for _, flag := range []string{"", "--json"} {
			p := command(t, slices.DeleteFunc([]string{"run", "p.yaml", flag}, func(s string) bool { return s == "" })...)
			p.Stdin = strings.NewReader(`{"id":1}`)
			var said strings.Builder
			p.Stderr = &said
			rows, err := p.Output()
			if err != nil || string(rows) != "{\"id\":1}\n" {
				t.Errorf("%s: got %q, %v\n%s", output, rows, err, said.String())
			}
			if want := map[string]string{"": "1 rows read", "--json": `"balanced": true`}[flag]; !strings.Contains(
				strings.Replace(said.String(), "1 row read", "1 rows read", 1), want) {
				t.Errorf("%s %s: got %q on stderr, want the summary", output, flag, said.String())
			}
		}
	}
	const both = "pipelines:\n  p:\n    input: { stdin: {}, schema: { id: int64 } }\n    output: { drop: {} }\n"
	p := command(t, "run", "-")
	p.Stdin = strings.NewReader(both)
	if said, err := p.CombinedOutput(); err == nil || !strings.Contains(string(said), "a pipeline reads too") {
		t.Errorf("a config and rows from the same stdin: got %s, %v", said, err)
	}
}
