package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pipeline writes a config of one pipeline into the current folder.
func pipeline(t *testing.T, input, output string) string {
	t.Helper()
	text := "pipelines:\n  p:\n    input:\n      " + input + "\n    output:\n      " + output + "\n"
	write(t, "p.yaml", text)
	return "p.yaml"
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	tenTickets = "ticket_generator: {count: 10, seed: 1}"
	toCSV      = "csv: {path: out}"
	pair       = "schema: {id: int64, name: string}"
)

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestBadInputSaysWhatWhereAndWhatToDo(t *testing.T) {
	nobody := closedPort(t)
	tests := []struct {
		name, input, output string
		files               map[string]string
		code                int
		want                []string // all of these, in one line
	}{
		{"unknown plugin", "ticket_generatr: {count: 1}", toCSV, nil, 2,
			[]string{"p.yaml:4:7", "no input named ticket_generatr", "did you mean ticket_generator?"}},
		{"unknown key", "ticket_generator: {cuont: 1}", toCSV, nil, 2,
			[]string{"p.yaml:4:26", "cuont", "did you mean count?"}},
		{"unreachable broker", "redpanda: {brokers: \"" + nobody + "\", topic: t, " + pair + "}", toCSV, nil, 1,
			[]string{"p.yaml:4:7", nobody, "refused"}},
		{"unreachable broker of an output", tenTickets, "redpanda: {brokers: \"" + nobody + "\", topic: t}", nil, 1,
			[]string{"p.yaml:6:7", nobody, "refused"}},
		{"missing topic", "redpanda: {topic: nothing, " + pair + "}", toCSV, nil, 1,
			[]string{"p.yaml:4:7", "nothing", "does not exist"}},
		{"missing file", "csv: {path: none.csv, " + pair + "}", toCSV, nil, 1,
			[]string{"p.yaml:4:7", "none.csv"}},
		{"not Parquet", "parquet: {path: a.parquet, " + pair + "}", toCSV,
			map[string]string{"a.parquet": "this is not Parquet at all"}, 1, []string{"p.yaml:4:7", "a.parquet", "want a parquet file"}},
		{"empty Parquet", "parquet: {path: a.parquet, " + pair + "}", toCSV,
			map[string]string{"a.parquet": ""}, 1, []string{"p.yaml:4:7", "a.parquet"}},
		{"short CSV row", "csv: {path: a.csv, " + pair + "}", toCSV,
			map[string]string{"a.csv": "id,name\n1,a\n2\n"}, 1, []string{"p.yaml:4:7", "a.csv:3", "2"}},
		{"CSV without the column", "csv: {path: a.csv, " + pair + "}", toCSV,
			map[string]string{"a.csv": "id,nam\n1,a\n"}, 1, []string{"p.yaml:4:7", "a.csv", "name"}},
		{"CSV of another type", "csv: {path: a.csv, " + pair + "}", toCSV,
			map[string]string{"a.csv": "id,name\none,a\n"}, 1, []string{"a.csv:2", "id: want", "one"}},
		{"JSON that is no object", "jsonl: {path: a.jsonl, " + pair + "}", toCSV,
			map[string]string{"a.jsonl": "{\"id\": 1}\n[1, 2]\n"}, 1, []string{"a.jsonl:2", "object", "[1, 2]"}},
		{"JSON of another type", "jsonl: {path: a.jsonl, " + pair + "}", toCSV,
			map[string]string{"a.jsonl": "{\"id\": \"x\"}\n"}, 1, []string{"a.jsonl:1", "id: want"}},
		{"output is a file", tenTickets, toCSV,
			map[string]string{"out": "a file"}, 1, []string{"p.yaml:6:7", "out"}},
		{"foreign files in the output", tenTickets, toCSV,
			map[string]string{"out/mine.csv": "a,b\n"}, 1, []string{"p.yaml:6:7", "out", "mine.csv"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for path, text := range test.files {
				write(t, path, text)
			}
			began := time.Now()
			code, _, stderr := run("run", pipeline(t, test.input, test.output))
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if elapsed := time.Since(began); elapsed > 30*time.Second {
				t.Errorf("it took %v to say so", elapsed)
			}
			if !hasLine(stderr, test.want) {
				t.Errorf("got\n%swant a line with %q", stderr, test.want)
			}
		})
	}
}

func hasLine(text string, want []string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, w := range want {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"run"}, "usage: engine run FILE..."},
		{[]string{"run", "none.yaml"}, "none.yaml"},
		{[]string{"run", "--sett", "x=1", "a.yaml"}, "unknown flag: --sett"},
		{[]string{"rnu", "a.yaml"}, `unknown command "rnu"`},
		{[]string{"lin", "a.yaml"}, `unknown command "lin", did you mean lint?`},
		{[]string{"describe", "agregation"}, "did you mean aggregation?"},
		{[]string{"graph", "--format", "png", "a.yaml"}, "want mermaid, dot or json"},
		{[]string{"list", "--log-level", "loud"}, "want debug, info, warn or error"},
	}
	for _, test := range tests {
		code, _, stderr := run(test.args...)
		if code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("engine %v: exit %d, %q; want 2 and %q", test.args, code, stderr, test.want)
		}
	}
}

func TestUsedPortIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	write(t, "p.yaml", "defaults:\n  broker: {port: "+port+"}\npipelines:\n  p:\n    input:\n      "+
		tenTickets+"\n    output:\n      redpanda: {topic: t}\n")
	code, _, stderr := run("run", "p.yaml")
	if code != 1 || !strings.Contains(stderr, port) || !strings.Contains(stderr, "the port is taken") {
		t.Errorf("exit %d, %q; want 1 and the port named", code, stderr)
	}
}

func TestStateDirectoryInUseIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", "state_dir: s\npipelines:\n  p:\n    input:\n      "+tenTickets+"\n    output:\n      "+toCSV+"\n")
	mustRun(t, "p.yaml")
	lock, err := os.Open("s/lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	holdLock(t, lock)
	code, _, stderr := run("run", "p.yaml")
	if code != 1 || !strings.Contains(stderr, "in use by another engine") {
		t.Errorf("exit %d, %q; want 1 and who has it", code, stderr)
	}
}

func TestFileThatCannotBeReadIsNamedOnce(t *testing.T) {
	tests := []struct{ input, file, text, want string }{
		{"parquet: {path: a.parquet, " + pair + "}", "a.parquet", "no Parquet at all", "want a parquet file"},
		{"csv: {path: a.csv, " + pair + "}", "a.csv", "id;name\n1;a\n", `is the delimiter right (delimiter: ";")?`},
	}
	for _, test := range tests {
		t.Chdir(t.TempDir())
		write(t, test.file, test.text)
		_, _, stderr := run("run", pipeline(t, test.input, toCSV))
		if strings.Count(stderr, test.file) != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("want %s once and %q, got\n%s", test.file, test.want, stderr)
		}
	}
}
