package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMappingConfigRoutesEveryTicketOnce(t *testing.T) {
	inRepositoryCopy(t)
	s := mustRun(t, "configs/mapping.yaml")
	step := s.Pipelines[0].Steps[1]
	if step.In != 600 || step.Dropped == 0 || step.Created != 0 {
		t.Fatalf("books: got %+v, want 600 in and some dropped", step)
	}
	teams, err := filepath.Glob("output/routed/team=*")
	if err != nil || len(teams) != 4 {
		t.Fatalf("got the folders %v, want one for each of four teams", teams)
	}
	seen, number := map[string]bool{}, regexp.MustCompile("[0-9]{3}")
	for _, team := range teams {
		for _, row := range readCSV(t, team, "ticket_id", "created_at", "request") {
			if request := team + row[2]; seen[request] {
				t.Errorf("asked twice: %s", request)
			} else {
				seen[request] = true
			}
			if number.MatchString(row[2]) {
				t.Errorf("not masked: %s", row[2])
			}
		}
	}
	if int64(len(seen)) != step.Out {
		t.Errorf("the files hold %d tickets, the books say %d", len(seen), step.Out)
	}
}

func TestBenthosInputAndOutputsAsSteps(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", `
pipelines:
  p:
    input:
      generate: {count: "${N:5000}", interval: '', batch_size: 7, mapping: 'root = {"b": "x", "a": counter()}'}
      schema: {a: int64, b: string}
    processors:
      - filter: 'a % 2 == 0'
    output:
      - jsonl: {path: out}
      - benthos/file: {path: lines.txt, codec: lines}
      - label: names
        processors:
          - mapping: 'root.name = "n%v".format(this.a)'
            schema: {name: string}
        output: {benthos/file: {path: "names/${! json(\"name\").slice(0, 2) }", codec: lines}}
`)
	s := mustRun(t, "p.yaml")
	rows := readLines(t, "out")
	if len(rows) != 2500 || rows[0] != `{"a":2,"b":"x"}` {
		t.Errorf("got %d rows, the first %s", len(rows), rows[0])
	}
	text, err := os.ReadFile("lines.txt")
	if err != nil || string(text) != strings.Join(rows, "\n")+"\n" {
		t.Errorf("the file differs from the rows (%v)", err)
	}
	if names, err := filepath.Glob("names/n*"); err != nil || len(names) != 9 {
		t.Errorf("got the files %v, want one for each first digit", names)
	}
	if in := s.Pipelines[0].Steps[0].Out; in != 5000 {
		t.Errorf("the input gave %d rows, want 5000", in)
	}
}

func TestMessagesOfAnInputBecomeRows(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in.txt", "{\"id\": 1}\nnot JSON\n{\"id\": \"x\"}\n{\"id\": 4, \"more\": true}\n")
	write(t, "p.yaml", `
pipelines:
  p:
    input:
      file: {paths: [in.txt], scanner: {lines: {}}}
      schema: {id: int64}
    output: {jsonl: {path: out}}
    dead_letters: {jsonl: {path: dead}}
`)
	mustRun(t, "p.yaml")
	if got, want := readLines(t, "out"), idRows(1, 4); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	dead := strings.Join(readLines(t, "dead"), "\n")
	for _, want := range []string{`"reason":"want a JSON object, got \"not ` +
		`JSON\"","partition":"file","position":1`,
		`"reason":"id: want an int64, got \"x\"","partition":"file","position":2`} {
		if !strings.Contains(dead, want) {
			t.Errorf("got\n%s\nwant %s", dead, want)
		}
	}
}

func TestBenthosComponentThatCannotConnectEndsTheRun(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", "pipelines:\n  p:\n    input: {file: {paths: [none.txt]}, schema: {id: int64}}\n"+
		"    output: {jsonl: {path: out}}\n")
	code, _, stderr := run("run", "p.yaml")
	if code != 1 || !strings.Contains(stderr, "p.yaml:3:13: pipelines.p.input.file") ||
		!strings.Contains(stderr, "none.txt") {
		t.Errorf("exit %d, want 1 with the step and the file:\n%s", code, stderr)
	}
}

// serve starts an engine that takes rows over HTTP, with epochs of an hour.
func serve(t *testing.T, more string) (*process, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	address := closedPort(t)
	write(t, "p.yaml", "checkpoint_interval: 1h\npipelines:\n  p:\n    input: {http_server: {address: '"+address+
		"', path: /rows}, schema: {id: int64}}\n    output: {jsonl: {path: out}}\n"+more)
	p := start(t, "run", "p.yaml", "--log-level", "info")
	p.until(t, "Receiving HTTP messages")
	return p, "http://" + address + "/rows"
}

func post(t *testing.T, url, body string) int {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// TestRequestIsAnsweredWhenItsRowIsRecorded: long before the epoch would end by
// the clock.
func TestRequestIsAnsweredWhenItsRowIsRecorded(t *testing.T) {
	p, url := serve(t, "")
	began := time.Now()
	for _, body := range []string{`{"id": 1}`, `{"id": 2}`, `{"id": 3}`} {
		if code := post(t, url, body); code != 200 {
			t.Errorf("%s: got %d, want 200", body, code)
		}
	}
	if elapsed := time.Since(began); elapsed > 20*time.Second {
		t.Errorf("three requests took %v", elapsed)
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, stderr := p.end(t); code != 130 {
		t.Errorf("exit %d, want 130:\n%s", code, stderr)
	}
	if got, want := readLines(t, "out"), idRows(1, 2, 3); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRequestIsRefusedWhenItsRowIsNotWritten(t *testing.T) {
	p, url := serve(t, "")
	if code := post(t, url, `{"id": "x"}`); code < 500 {
		t.Errorf("got %d, want an error of the server", code)
	}
	if code, stderr := p.end(t); code != 1 || !strings.Contains(stderr, "id: want an int64") {
		t.Errorf("exit %d, want 1 with the reason:\n%s", code, stderr)
	}
}

func TestPlainConfigStopsCleanly(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "plain.yaml", "http: {enabled: false}\ninput:\n  generate: {interval: 1ms, mapping: "+
		"'root.id = counter()'}\n"+
		"output:\n  file: {path: out.txt, codec: lines}\n")
	p := start(t, "run", "plain.yaml")
	p.until(t, "at-least-once because of Benthos")
	p.until(t, "Output type file is now active")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, stderr := p.end(t); code != 0 || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit %d, want 0 as Benthos has:\n%s", code, stderr)
	}
}

func TestPlainConfigReadsStandardInput(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "plain.yaml", "http: {enabled: false}\ninput: {stdin: {}}\npipeline:\n  threads: 1\n  processors:\n"+
		"    - log: {message: 'saw ${! content() }'}\n    - mapping: 'root = "+
		"content().uppercase()'\noutput: {stdout: {}}\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	c := exec.Command(self, "run", "plain.yaml")
	c.Env, c.Stdin = append(os.Environ(), asEngine+"=1"), strings.NewReader("one\ntwo\n")
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil || stdout.String() != "ONE\nTWO\n" {
		t.Errorf("got %q, %v, want the lines alone on standard output:\n%s", stdout.String(), err,
			stderr.String())
	}
	for _, want := range []string{"saw one", "plain.yaml: ended after"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr.String())
		}
	}
}

func TestLintOfPlainConfigs(t *testing.T) {
	const out = "output:\n  stdout: {}\n"
	tests := []struct {
		name, text string
		args       []string
		want       string
	}{
		{"unknown component", "input:\n  generat: {}\n" + out, nil,
			"p.yaml:2:3: unable to infer component type: generat (did you mean generate?)"},
		{"of another binary", "input:\n  aws_s3: {}\n" + out, nil,
			"p.yaml:2:3: unable to infer component type: aws_s3 " +
				"(aws_s3 comes with Redpanda Connect (rpk connect run), not with Benthos's core (pure and io))"},
		{"a plugin of ours", "input:\n  kafka_franz: {}\n" + out, nil,
			"this engine has the plugin redpanda for it"},
		{"our generator", "input:\n  ticket_generator: {count: 1}\n" + out, nil,
			"ticket_generator is a plugin of this engine: write it under pipelines"},
		{"unknown field", "input:\n  generate: {mapping: '', cuont: 1}\n" + out, nil,
			"p.yaml:2:27: field cuont not recognised"},
		{"unknown top key", "input:\n  stdin: {}\nfoo: 1\n" + out, nil,
			"p.yaml:3:1: field foo not recognised"},
		{"Bloblang", "input:\n  stdin: {}\npipeline:\n  processors:\n    - mapping: 'root = a b'\n" + out,
			nil,
			"p.yaml:5:26: expected line break"},
		{"missing variable", "input:\n  generate: {mapping: '', count: ${NO_SUCH_THING}}\n" + out, nil,
			"p.yaml:2:34: the environment has no variable NO_SUCH_THING (set it, or give a default: " +
				"${NO_SUCH_THING:text})"},
		{"two missing variables", "input:\n  generate: {mapping: '${NO_A}', count: ${NO_B}}\n" + out, nil,
			"p.yaml:2:41: the environment has no variable NO_B"},
		{"not YAML", "input:\n  stdin: {\n" + out, nil, "p.yaml:2:"},
		{"a tab", "input:\n\tstdin: {}\n" + out, nil, "p.yaml:2:1: "},
		{"no number", "input:\n  stdin: {}\npipeline:\n  threads: many\n  processors: []\n" + out, nil,
			`p.yaml:4:3: pipeline.threads: want a whole number, got "many"`},
		{"no blank", "input:\n  stdin: {}\npipeline:\n  processors:\n    - mapping:root = this\n" + out, nil,
			"p.yaml:5:7: want a map, got a string (write mapping: with a blank behind the colon)"},
		{"a list written as a text", "input: {file: {paths: a, delete_on_finish: [true]}}\n" + out, nil,
			"p.yaml:1:16: want a list, got a string (begin each item with a -)"},
		{"a list where one value stands", "input: {file: {paths: a, delete_on_finish: [true]}}\n" + out, nil,
			"p.yaml:1:26: want a single value, got a list"},
		{"processors as a map", "pipeline:\n  processors:\n    mapping: root = this\n" + out, nil,
			"p.yaml:2:3: want a list, got a map (begin each item with a -)"},
		{"outputs as a map", "output:\n  broker:\n    outputs:\n      stdout: {}\n", nil,
			"p.yaml:3:5: want a list, got a map"},
		{"a broker as a list", "input: {label: x, broker: [1]}\n" + out, nil, "p.yaml:1:19: want a map, got a list"},
		{"unknown option", "input:\n  stdin: {}\npipeline:\n  processors:\n    - archive:\n        format: linse\n" + out,
			nil, "p.yaml:6:17: value linse is not a valid option for this field (did you mean lines?)"},
		{"unknown field of a component", "input:\n  file:\n    path: [a]\n" + out, nil,
			"p.yaml:3:5: field path not recognised (did you mean paths?)"},
		{"unknown method", "pipeline:\n  processors:\n    - mapping: 'root = this.upercase()'\n" + out, nil,
			"unrecognised method 'upercase' (did you mean uppercase?)"},
		{"two components", "pipeline:\n  processors:\n    - mapping: 'root = this'\n      log: {message: x}\n" + out, nil,
			"p.yaml:3:7: several components in one item: mapping and log (give each its own - in the list)"},
		{"unknown beside a label", "input:\n  label: a\n  kafka_franz: {}\n" + out, nil,
			"unable to infer component type: kafka_franz (this engine has the plugin redpanda for it"},
		{"logger level", "input:\n  stdin: {}\nlogger: {format: yaml}\n" + out, nil,
			"p.yaml:3:18: value yaml is not a valid option"},
		{"shutdown_timeout", "input:\n  stdin: {}\nshutdown_timeout: soon\n" + out, nil, "shutdown_timeout: want a duration"},
		{"two shapes", "input:\n  stdin: {}\n" + out + "pipelines: {}\n", nil,
			"p.yaml:1:1: input: a file has either pipelines"},
		{"with others", "input:\n  stdin: {}\n" + out, []string{"q.yaml"},
			"p.yaml:1:1: input: a file with input at its top is a plain " +
				"Benthos config, which runs alone"},
		{"--set", "input:\n  stdin: {}\n" + out, []string{"--set", "input.stdin.x=1"},
			"--set input.stdin.x: field x not recognised"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "p.yaml", test.text)
			write(t, "q.yaml", "pipelines: {}\n")
			for _, command := range []string{"lint", "run", "graph"} {
				code, _, stderr := run(append([]string{command, "p.yaml"}, test.args...)...)
				if code != 2 || !strings.Contains(stderr, test.want) {
					t.Errorf("%s: exit %d, want 2 and %q:\n%s", command, code, test.want, stderr)
				}
			}
		})
	}
}

// TestPlainFilesWithoutAPipelineAreFine: Benthos has a default for all that is
// missing, and repositories have files of resources and tests.
func TestPlainFilesWithoutAPipelineAreFine(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"buffer":      "buffer: {memory: {}}\n",
		"resources":   "cache_resources:\n  - label: c\n    memory: {}\n",
		"logger":      "logger: {level: INFO}\n",
		"empty":       "pipeline: {}\n",
		"tests":       "tests:\n  - name: a\n    target_processors: /pipeline/processors\n    input_batch: []\n",
		"empty label": "input: {label: '', stdin: {}}\npipeline: {processors: [{label: '', noop: {}}]}\n",
	} {
		write(t, "p.yaml", text)
		if code, stdout, stderr := run("lint", "p.yaml"); code != 0 || !strings.Contains(stdout, "p.yaml: fine") {
			t.Errorf("%s: exit %d, want 0:\n%s%s", name, code, stdout, stderr)
		}
	}
	write(t, "p.yaml", "error_handling: {strict: true}\npipeline: {processors: [{catch: []}]}\n")
	if code, _, stderr := run("lint", "p.yaml"); code != 0 || !strings.Contains(stderr,
		"p.yaml:2:26: warning: catch recovers nothing") {
		t.Errorf("exit %d, want a warning:\n%s", code, stderr)
	}
}

func TestPlainLoggerKeysAreObeyed(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", "input: {generate: {count: 1, interval: '', mapping: 'root.n = 1'}}\noutput: {drop: {}}\n"+
		"pipeline: {processors: [{log: {message: hello, fields: {n: '${! this.n }'}}}, {log: {message: no, level: DEBUG}}]}\n"+
		"logger: {level: INFO, format: json, add_timestamp: false, message_name: text, static_fields: {team: a}, "+
		"file: {path: app.txt}}\n")
	if code, stdout, stderr := run("run", "p.yaml", "-q"); code != 0 || stdout+stderr != "" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	text, err := os.ReadFile("app.txt")
	const want = `{"level":"info","text":"hello","team":"a","path":"root.pipeline.processors.0","n":"1"}` + "\n"
	if err != nil || !strings.Contains(string(text), want) || strings.Contains(string(text), "no\"") {
		t.Errorf("%v: got\n%s\nwant a line %s", err, text, want)
	}
}

func TestGoodPlainConfigIsFine(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", "input: {stdin: {}}\noutput: {stdout: {}}\n")
	if code, stdout, _ := run("lint", "p.yaml"); code != 0 || !strings.Contains(stdout,
		"p.yaml: fine, at-least-once because of Benthos") {
		t.Errorf("lint: exit %d, %q", code, stdout)
	}
	if code, stdout, _ := run("lint", "--json", "p.yaml"); code != 0 || strings.TrimSpace(stdout) != "[]" {
		t.Errorf("lint --json: exit %d, %q", code, stdout)
	}
	if code, _, stderr := run("graph", "p.yaml"); code != 2 || !strings.Contains(stderr,
		"is a plain Benthos config") {
		t.Errorf("graph: exit %d, %q", code, stderr)
	}
}

// TestPlainConfigWithAWarningRuns: what is only doubtful is lint's to say.
func TestPlainConfigWithAWarningRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", "error_handling: {strict: true}\ninput: {generate: {count: 1, mapping: 'root = {}'}}\n"+
		"pipeline: {processors: [{catch: []}]}\noutput: {file: {path: out}}\n")
	if code, _, stderr := run("run", "p.yaml"); code != 0 || strings.Contains(stderr, "catch recovers") {
		t.Errorf("run: exit %d, %q; want 0 and no warning", code, stderr)
	}
	if code, _, stderr := run("lint", "p.yaml"); code != 0 || !strings.Contains(stderr, "catch recovers nothing") {
		t.Errorf("lint: exit %d, %q; want 0 and the warning", code, stderr)
	}
}

// TestPlainConfigsAcceptResourcesAndVariablesOfFiles as Benthos does with -r and -e.
func TestPlainConfigsAcceptResourcesAndVariablesOfFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("COUNT", "1") // and so restored when the test ends
	t.Setenv("GREETING", "")
	write(t, "p.yaml", "input: {generate: {interval: '', mapping: 'root.n = counter()', count: ${COUNT} }}\n"+
		"pipeline: {threads: 1, processors: [{resource: shout}, {cache: {resource: seen, operator: set, key: k, value: v}}]}\n"+
		"output: {resource: out}\n")
	write(t, "r1.yaml", "processor_resources:\n  - label: shout\n    mapping: 'root = \"${GREETING} \" + this.n.string()'\n")
	write(t, "r2.yaml", "cache_resources:\n  - label: seen\n    memory: {default_ttl: 5m}\n"+
		"output_resources:\n  - label: out\n    file: {path: out, codec: lines}\n")
	write(t, "vars.env", "# a comment\nCOUNT=2\n\nGREETING = \"good day\"  # said\n")
	if code, _, stderr := run("run", "-q", "p.yaml", "-r", "r*.yaml", "-e", "vars.env"); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	if got, err := os.ReadFile("out"); err != nil || string(got) != "good day 1\ngood day 2\n" {
		t.Errorf("got %q, %v", got, err)
	}
	write(t, "r2.yaml", "cache_resources:\n  - label: seen\n    memory: {default_ttl: 5x}\n")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"p.yaml", "-r", "r*.yaml"}, "p.yaml:3:10: output resource 'out' was not found"},
		{[]string{"p.yaml", "-r", "r*.yaml"}, "r2.yaml:3:14: failed to parse 'default_ttl'"},
		{[]string{"p.yaml", "-r", "none.yaml"}, "--resources none.yaml: there is no such file"},
		{[]string{"p.yaml", "-e", "p.yaml"}, "p.yaml:1: want NAME=VALUE"},
		{[]string{"q.yaml", "-r", "r1.yaml"}, "name it beside the others"},
	} {
		write(t, "q.yaml", "pipelines: {p: {input: {ticket_generator: {count: 1}}, output: {jsonl: {path: o}}}}\n")
		if code, _, stderr := run(append([]string{"lint"}, test.args...)...); code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: exit %d, %s, want %s", test.args, code, stderr, test.want)
		}
	}
}
