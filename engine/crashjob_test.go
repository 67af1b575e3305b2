package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// launch starts an engine in a folder of its own, which may do itself harm. With
// sabotage.Hold it waits for the release.
func launch(t *testing.T, dir string, s sabotage, args ...string) (p *process, release io.Closer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	p = &process{Cmd: exec.Command(self, args...)}
	p.Dir = dir
	p.Env = append(os.Environ(), asEngine+"=1", asSabotaged+"="+string(plan))
	p.Stdout = &p.stdout
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewReader(pipe)
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(stuckAfter, func() { p.Process.Kill() })
	t.Cleanup(func() {
		stuck.Stop()
		p.Process.Kill()
	})
	return p, stdin
}

// stuckAfter is how long an engine may take that should be done in less than a
// second: it only runs out when something waits for ever.
const stuckAfter = time.Minute

// untilRecovered waits until an engine with sabotage.Hold has recovered.
func (p *process) untilRecovered(t *testing.T) {
	t.Helper()
	var messages strings.Builder
	for {
		line, err := p.stderr.ReadString('\n')
		messages.WriteString(line)
		if strings.Contains(line, holding) {
			return
		}
		if err != nil {
			t.Fatalf("the engine has ended before it recovered: %v\n%s", err, &messages)
		}
	}
}

// finish runs an engine to the end of its input.
func finish(t *testing.T, dir string, s sabotage, args ...string) {
	t.Helper()
	p, release := launch(t, dir, s, args...)
	release.Close()
	if code, messages := p.end(t); code != 0 {
		t.Fatalf("engine %v: exit %d\n%s", args, code, messages)
	}
}

// tickets is an input of files and what is to be made of it.
type tickets struct {
	rows      []refRow // decoded, in the order of reading
	undecoded []string // partition:line of lines that are no rows
	files     map[string][]byte
	names     []string // of the files, as partitions
}

// makeTickets has the generator fill files, the last of which is the longest,
// and spoils some lines.
func makeTickets(t *testing.T, seed uint64, sizes ...int) *tickets {
	t.Helper()
	dir, sum := t.TempDir(), 0
	for _, n := range sizes {
		sum += n
	}
	write(t, filepath.Join(dir, "make.yaml"), fmt.Sprintf(`
pipelines:
  make:
    input:
      ticket_generator:
        {seed: %d, count: %d, start: "2026-01-01T00:00:00Z", span: 1h, disorder: 30s,
         late_ratio: 0.03, malformed_ratio: 0.02, clients: 60}
    output:
      jsonl: {path: made}
`, seed, sum))
	finish(t, dir, sabotage{}, "run", "--quiet", "make.yaml")
	files, err := filepath.Glob(filepath.Join(dir, "made", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var made []byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, data...)
	}
	lines := slices.Collect(bytes.Lines(made))
	if len(lines) != sum {
		t.Fatalf("the generator made %d tickets, want %d", len(lines), sum)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	k := &tickets{files: map[string][]byte{}}
	for i, n := range sizes {
		k.add(t, i, lines[:n], random)
		lines = lines[n:]
	}
	return k
}

// add makes one file of tickets.
func (k *tickets) add(t *testing.T, partition int, lines [][]byte, random *rand.Rand) {
	t.Helper()
	name := fmt.Sprintf("in/%d.jsonl", partition)
	k.names = append(k.names, name)
	var text bytes.Buffer
	number := int64(0)
	for _, line := range lines {
		number++
		text.Write(line)
		k.rows = append(k.rows, ticketRow(t, partition, number, line))
		if random.IntN(50) == 0 {
			number++
			spoilt := [...]string{"{\"ticket_id\": ", "not JSON", "[1, 2]", "{\"created_at\": \"yesterday\"}"}
			text.WriteString(spoilt[random.IntN(len(spoilt))] + "\n")
			k.undecoded = append(k.undecoded, fmt.Sprintf("%s:%d", name, number))
		}
	}
	k.files[name] = text.Bytes()
}

func ticketRow(t *testing.T, partition int, line int64, text []byte) refRow {
	t.Helper()
	var cells map[string]any
	if err := json.Unmarshal(text, &cells); err != nil {
		t.Fatal(err)
	}
	r := refRow{partition: partition, position: line, at: refUnset, cells: cells}
	if at, ok := cells["created_at"].(string); ok {
		when, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		r.at, cells["created_at"] = when.UnixMicro(), when
	}
	return r
}

// writeTo puts the files and a config into a folder.
func (k *tickets) writeTo(t *testing.T, dir, config string) {
	t.Helper()
	for name, data := range k.files {
		write(t, filepath.Join(dir, name), string(data))
	}
	write(t, filepath.Join(dir, "p.yaml"), config)
}

// reference is what a job owes for the rows given, by what its outputs hold, but
// for its dead letters.
func (k *tickets) reference(rows []refRow, ended bool) map[string][]row {
	owed := map[string][]row{"raw": plainRows(rows)}
	for _, step := range []refWindow{windowStep, sessionStep} {
		result := step.run(rows)
		owed[step.step] = allOf(result.windows)
		if !ended {
			// Files that are not read yet hold event time back; those that have
			// been read do not. So the last file alone moves it.
			owed[step.step] = closedBy(result.windows, watermarkBefore(rows, len(k.names)-1, step.delay))
		}
		for _, l := range result.late {
			owed["late"] = append(owed["late"], l.lateRow(step.step, k.names[l.partition]))
		}
	}
	slices.Sort(owed["late"])
	return owed
}

// deadReference are the step, partition and position of the dead letters that
// the job owes for its whole input.
func (k *tickets) deadReference() []string {
	var positions []string
	for _, position := range k.undecoded {
		positions = append(positions, "in "+position)
	}
	for _, r := range k.rows {
		if r.at == refUnset {
			for _, step := range []string{"windows", "sessions"} {
				positions = append(positions, fmt.Sprintf("%s %s:%d", step, k.names[r.partition], r.position))
			}
		}
	}
	slices.Sort(positions)
	return positions
}

// deadPositions are those of dead letters.
func deadPositions(rows []row) []string {
	var positions []string
	for _, r := range rows {
		values := map[string]string{}
		for part := range strings.SplitSeq(string(r), "|") {
			name, value, _ := strings.Cut(part, "=")
			values[name] = value
		}
		positions = append(positions, values["step"]+" "+values["partition"]+":"+values["position"])
	}
	slices.Sort(positions)
	return positions
}

// check holds what is visible of a job against the reference.
func (k *tickets) check(t *testing.T, j job, got visible, rows []refRow, ended bool) {
	t.Helper()
	owed := k.reference(rows, ended)
	for _, o := range j.outputs {
		if o.folder != "dead" {
			wantSame(t, o.folder, got[o.folder], owed[o.holds()])
		}
	}
	if !ended {
		return // the letters of a batch come with its first rows
	}
	if positions, want := deadPositions(got["dead"]), k.deadReference(); !slices.Equal(positions, want) {
		t.Errorf("dead letters: got %d, want %d: %.300q, %.300q", len(positions), len(want), positions, want)
	}
}

// neverKilled is what a run of the job gives that was never killed, which is as
// it ought to be.
func (k *tickets) neverKilled(t *testing.T, j job) visible {
	t.Helper()
	dir := t.TempDir()
	k.writeTo(t, dir, j.config)
	finish(t, dir, sabotage{}, "run", "p.yaml")
	all := newOutputReader(j.outputs).read(t, dir)
	k.check(t, j, all, k.rows, true)
	if t.Failed() {
		t.Fatal("a run that is not killed is wrong")
	}
	return all
}
