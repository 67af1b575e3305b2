package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etlengine/engine/internal/stream"
)

// bounded is 5,000 tickets of a known hour into files and windows.
const boundedRun = `
pipelines:
  p:
    input:
      ticket_generator: {count: 5000, seed: 7, span: 1h, start: "2026-01-01T00:00:00Z"}
    output:
      - csv: {path: raw}
      - processors:
          - aggregation:
              event_time: created_at
              watermark: 1s
              window: {tumbling: 1h}
              aggregates: {tickets: count()}
        output:
          csv: {path: windows}
`

// fromFile is tickets of an hour in a file, read into files and windows.
func fromFile(t *testing.T, count int) string {
	t.Helper()
	write(t, "make.yaml", fmt.Sprintf(`
state_dir: .make
pipelines:
  make:
    input:
      ticket_generator: {count: %d, seed: 7, span: 1h, start: "2026-01-01T00:00:00Z"}
    output:
      jsonl: {path: in}
`, count))
	mustRun(t, "make.yaml")
	const columns = "{ticket_id: string, client_id: string, created_at: timestamp, demande: string, " +
		"type: string, priorite: string}"
	text, tail, _ := strings.Cut(boundedRun, "      ticket_generator:")
	_, tail, _ = strings.Cut(tail, "\n")
	write(t, "p.yaml", text+"      jsonl: {path: in, schema: "+columns+"}\n"+tail)
	return "p.yaml"
}

// TestRunsAddUpToTheSameWindows: however a run is cut, the next one goes on, and
// the window that was open holds all rows.
func TestRunsAddUpToTheSameWindows(t *testing.T) {
	t.Chdir(t.TempDir())
	file := fromFile(t, 5000)
	for run := range 3 {
		mustRun(t, file, "--max-records", "1000")
		if got, want := len(readCSV(t, "raw", ticketHeader...)), 1000*(run+1); got != want {
			t.Fatalf("after run %d: %d rows, want %d", run+1, got, want)
		}
		if files, _ := filepath.Glob("windows/*.csv"); len(files) > 0 {
			t.Fatalf("after run %d the open window came out: %v", run+1, files)
		}
	}
	state := inspect(t, file)
	p := state.Pipelines[0]
	if p.Run != 3 || !p.Ended || p.Epoch == 0 || len(p.Positions) != 1 {
		t.Errorf("state: got %+v, want run 3 that has ended", p)
	}
	if w := p.Steps[2].Windows; len(w) != 1 || w[0].Groups != 1 {
		t.Errorf("open windows: got %+v, want the one of the hour", p.Steps)
	}
	summary := mustRun(t, file)
	if got := summary.Pipelines[0].Steps[0].Out; got != 2000 {
		t.Errorf("the last run read %d rows, want the 2000 that were left", got)
	}
	windows := readCSV(t, "windows", "window_start", "window_end", "tickets")
	if len(windows) != 1 || windows[0][2] != "5000" {
		t.Errorf("got the windows %v, want one of 5000 tickets", windows)
	}
}

func inspect(t *testing.T, args ...string) *stream.State {
	t.Helper()
	code, stdout, stderr := run(append([]string{"state", "--json"}, args...)...)
	if code != 0 {
		t.Fatalf("engine state: exit %d\n%s", code, stderr)
	}
	s := new(stream.State)
	if err := json.Unmarshal([]byte(stdout), s); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	return s
}

func TestRunForATimeKeepsItsRunOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", strings.Replace(boundedRun, "count: 5000", "count: 5000, rate: 500", 1))
	code, _, stderr := run("run", "p.yaml", "--for", "300ms")
	if code != 0 || !strings.Contains(stderr, "stopped after 300ms: what was read is written") {
		t.Fatalf("exit %d, %q; want 0 and why it stopped", code, stderr)
	}
	if p := inspect(t, "p.yaml").Pipelines[0]; p.Run != 1 || p.Ended {
		t.Errorf("state: got run %d, ended %v; want the first, open", p.Run, p.Ended)
	}
}

func TestFreshStartForgetsFilesTopicsAndState(t *testing.T) {
	tickets := config(t, "tickets.yaml")
	t.Chdir(t.TempDir())
	t.Setenv("TICKETS", "3000")
	t.Setenv("REDPANDA_BROKERS", "")
	mustRun(t, tickets)
	first := readCSV(t, "output/tickets/csv", ticketHeader...)

	code, _, stderr := run("run", tickets, "--fresh")
	if code != 1 || !strings.Contains(stderr, "nothing was removed") || !strings.Contains(stderr, "--yes") {
		t.Fatalf("nobody to ask: exit %d, %s", code, stderr)
	}
	for _, part := range []string{"record of pipeline report", "output/tickets/csv", "topic client_tickets"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("the list of what is removed lacks %q:\n%s", part, stderr)
		}
	}
	checkTickets(t, 3000)

	mustRun(t, tickets, "--fresh", "--yes")
	checkTickets(t, 3000)
	again := readCSV(t, "output/tickets/csv", ticketHeader...)
	if slices.Equal(first[0], again[0]) {
		t.Errorf("the fresh run shows the tickets of the one before: %v", again[0])
	}
	if p := inspect(t, tickets).Pipelines[0]; p.Run != 1 {
		t.Errorf("after a fresh start: run %d, want 1", p.Run)
	}

	if code, _, stderr := run("state", "reset", tickets, "--yes"); code != 0 {
		t.Fatalf("engine state reset: exit %d, %s", code, stderr)
	}
	for _, folder := range []string{"output/tickets/csv", "output/tickets_per_minute/parquet"} {
		if left, _ := filepath.Glob(folder + "/*"); len(left) > 0 {
			t.Errorf("engine state reset left %v", left)
		}
	}
}

func TestDamagedStateIsNamedAndAFreshStartHelps(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", boundedRun)
	mustRun(t, "p.yaml")
	manifests, _ := filepath.Glob(".engine/checkpoints/MANIFEST-*")
	for _, path := range manifests {
		if err := os.WriteFile(path, []byte("garbage"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, _, stderr := run("run", "p.yaml")
	if code != 1 || !strings.Contains(stderr, "the state directory .engine is damaged") ||
		!strings.Contains(stderr, "--fresh") {
		t.Fatalf("exit %d, %q; want the damage and the way on", code, stderr)
	}
	code, _, stderr = run("run", "p.yaml", "--fresh")
	aside, _ := filepath.Glob(".engine/checkpoints.damaged-*")
	if code != 1 || !strings.Contains(stderr, "set aside since they are damaged") || len(aside) > 0 {
		t.Errorf("not agreed: exit %d, %q, %v; want what would be done, and nothing done", code, stderr, aside)
	}
	mustRun(t, "p.yaml", "--fresh", "--yes")
	if got := len(readCSV(t, "raw", ticketHeader...)); got != 5000 {
		t.Errorf("after a fresh start: %d rows, want 5000", got)
	}
	if aside, _ = filepath.Glob(".engine/checkpoints.damaged-*"); len(aside) != 1 {
		t.Errorf("set aside: got %v, want one folder", aside)
	}
}

func TestDeletedStateIsNotMistakenForAFirstRun(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", boundedRun)
	mustRun(t, "p.yaml")
	if err := os.RemoveAll(".engine"); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run("run", "p.yaml")
	if code != 1 || !strings.Contains(stderr, "--adopt") {
		t.Fatalf("exit %d, %q; want the foreign files and --adopt", code, stderr)
	}
	mustRun(t, "p.yaml", "--adopt")
	mustRun(t, "p.yaml") // it was accepted for good
	if got := len(readCSV(t, "raw", ticketHeader...)); got != 15_000 {
		t.Errorf("got %d rows, want those of all three runs", got)
	}
}

func TestWrongBoundsAreWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", boundedRun)
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"--until", "tomorrow"}, `--until: want now, got "tomorrow"`},
		{[]string{"--until", ""}, `--until: want now, got ""`},
		{[]string{"--until-offset", "t/0=5"}, "no input of this file is a topic"},
		{[]string{"--until-offset", "t=5"}, "want topic/partition=offset"},
		{[]string{"--until-offset", "t/0=x"}, "want topic/partition=offset"},
		{[]string{"--until", "now", "--until-offset", "t/0=5"}, "want one of them"},
		{[]string{"--max-records", "-1"}, "--max-records: want 1 or more"},
		{[]string{"--max-records", "0"}, "--max-records: want 1 or more, got 0"},
		{[]string{"--for", "-1s"}, "--for: want a time of more than zero such as 10m, got -1s"},
		{[]string{"--for", "0s"}, "--for: want a time of more than zero such as 10m, got 0s"},
		{[]string{"--yes"}, "there is no --fresh"},
	}
	for _, test := range tests {
		code, _, stderr := run(append([]string{"run", "p.yaml"}, test.args...)...)
		if code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: exit %d, %q; want 2 and %q", test.args, code, stderr, test.want)
		}
	}
	write(t, "plain.yaml", "input: {generate: {count: 1, mapping: 'root = {}'}}\noutput: {drop: {}}\n")
	if code, _, stderr := run("run", "plain.yaml", "--max-records", "5"); code != 2 {
		t.Errorf("a plain Benthos config: exit %d, %s; want 2", code, stderr)
	}
	if code, _, stderr := run("state", "plain.yaml"); code != 2 || !strings.Contains(stderr, "keeps no state") {
		t.Errorf("its state: exit %d, %s; want 2", code, stderr)
	}
}

func TestExportGivesRecordsAndState(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", boundedRun)
	mustRun(t, "p.yaml", "--max-records", "100")
	code, stdout, stderr := run("state", "export", "p.yaml")
	if code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) < 3 || !strings.HasPrefix(lines[0], `{"pipeline":"p","record":{`) ||
		!strings.HasPrefix(lines[1], `{"pipeline":"p","step":"aggregation","key":"`) {
		t.Errorf("got\n%s\nwant the record and the state of the aggregation", stdout)
	}
}
