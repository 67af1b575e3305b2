package main

import (
	"slices"
	"strings"
	"testing"
)

// benthosPipeline runs sixRows through steps into out, as config p.yaml.
func benthosPipeline(t *testing.T, steps, more string) {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "in.jsonl", sixRows)
	write(t, "p.yaml", benthosResources+"pipelines:\n  p:\n    input: {jsonl: {path: in.jsonl, schema: "+
		rowColumns+"}}\n    processors:\n"+indent(steps, 6)+"    output: {jsonl: {path: out}}\n"+more)
}

func TestFailedMessageStopsTheRunAndNamesItsRow(t *testing.T) {
	tests := []struct{ name, steps, want string }{
		{"an error of a mapping", `- mapping: 'root = if this.id == 3 { throw("no threes") } else { ` +
			`this }'`, "no threes"},
		{"another type", `- mapping: 'root.id = if this.id == 3 { "x" } else { this.id }'`,
			`id: want an int64, got "x"`},
		{"not an object", `- mapping: 'root = if this.id == 3 { [1] } else { this }'`, "want a JSON object"},
		{"overflow", `- mapping: 'root.id = if this.id == 3 { 1.5 } else { this.id }'`,
			"id: want an int64, got 1.5"},
		{"null where a value is required", `- mapping: 'root.id = if this.id == 3 { null } else { ` +
			`this.id }'`, "id: want an int64, got null"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			benthosPipeline(t, test.steps+"\n  schema: {id: {type: int64, required: true}}", "")
			code, _, stderr := run("run", "p.yaml")
			if code != 1 || !strings.Contains(stderr, test.want) || !strings.Contains(stderr, `\"id\":3`) ||
				!strings.Contains(stderr, "pipelines.p.processors.0.mapping") {
				t.Errorf("exit %d, want 1 with %q, the row and the step:\n%s", code, test.want, stderr)
			}
		})
	}
}

func TestFailedMessagesAreDeadLetters(t *testing.T) {
	benthosPipeline(t, `- try:
    - mapping: 'root = if this.id % 2 == 0 { throw("even") } else { [this, {"id": "x"}] }'
    - unarchive: {format: json_array}
- mapping: 'meta = if this.id == "x" { deleted() }'
  schema: {id: int64}`, "    dead_letters: {jsonl: {path: dead}}\n")
	s := mustRun(t, "p.yaml")
	if got, want := readLines(t, "out"), idRows(1, 3, 5); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	dead := readLines(t, "dead")
	if len(dead) != 6 {
		t.Fatalf("got %d dead letters, want three errors and three of another type:\n%s",
			len(dead), strings.Join(dead, "\n"))
	}
	for i, want := range [][]string{
		{`"reason":"id: want an int64, got \"x\""`, `"position":1`, `"row":{"id":1,"name":"a","n":10}`},
		{`even`, `"position":2`, `"row":{"id":2,"name":"b","n":20}`, `"partition":"in.jsonl"`,
			`"step":"try"`},
	} {
		for _, part := range want {
			if !strings.Contains(dead[i], part) {
				t.Errorf("dead letter %d: got %s, want %s in it", i, dead[i], part)
			}
		}
	}
	counters := s.Pipelines[0].Steps[1]
	if counters.In != 6 || counters.Out != 3 || counters.Rejected != 6 || counters.Created != 3 ||
		counters.Dropped != 0 {
		t.Errorf("counters: got %+v", counters)
	}
}

// TestPositionsFollowTheirRows: a dead letter of a step behind Benthos's still
// has the position of its row.
func TestPositionsFollowTheirRows(t *testing.T) {
	benthosPipeline(t, `- mapping: 'root = if this.id < 3 { deleted() } else { this }'
  schema: {id: int64, n: int64}
- benthos/mapping: 'root = if this.id == 5 { throw("five") } else { this }'
  schema: {id: int64}`, "    dead_letters: {jsonl: {path: dead}}\n")
	mustRun(t, "p.yaml")
	dead := readLines(t, "dead")
	if len(dead) != 1 || !strings.Contains(dead[0], `"position":5`) || !strings.Contains(dead[0],
		`"row":{"id":5,"n":50}`) {
		t.Errorf("got %v, want one letter of line 5", dead)
	}
}

func TestEveryTypeGoesThroughBenthosUnchanged(t *testing.T) {
	const columns = "{i: int64, j: int32, u: uint64, f: float64, b: bool, s: string, at: timestamp, " +
		"ms: {type: timestamp, format: unix_ms}, d: date, t: time, raw: bytes, js: json, dec: " +
		"\"decimal(20,4)\"}"
	const lines = `{"i":9007199254740993,"j":-7,"u":18446744073709551615,"f":0.1,"b":true,"s":"é \"x\"\n",` +
		`"at":"2026-01-02T03:04:05.123456Z","ms":1700000000123,"d":"2026-01-02","t":"03:04:05.5","raw":"AP8=",` +
		`"js":{"a":[1,2.5,null],"n":12345678901234567890},"dec":1234567890123456.7891}
{"i":null,"j":null,"u":null,"f":null,"b":null,"s":null,"at":null,"ms":null,"d":null,"t":null,"raw":null,"js":null,"dec":null}
`
	run := func(steps string) []string {
		t.Chdir(t.TempDir())
		write(t, "in.jsonl", lines)
		write(t, "p.yaml", "pipelines:\n  p:\n    input: {jsonl: {path: in.jsonl, schema: all}}\n"+steps+
			"    output: {jsonl: {path: out}}\nschemas:\n  all: "+columns+"\n")
		mustRun(t, "p.yaml")
		return readLines(t, "out")
	}
	want := run("")
	for _, step := range []string{"noop: {}", "mapping: 'root = this'", "mutation: 'root.s = this.s'"} {
		if got := run("    processors:\n      - " + step + "\n        schema: all\n"); !slices.Equal(got,
			want) {
			t.Errorf("through %s: got\n%s\nwant\n%s", step, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestValuesThatJSONHasNoFormOf: bytes become text, times what the column reads.
func TestValuesThatJSONHasNoFormOf(t *testing.T) {
	benthosPipeline(t, `- mapping: 'root = if this.id > 1 { deleted() }'
- mapping: |
    root.text = content().slice(0, 6)
    root.raw = content().slice(0, 2)
    root.day = "2026-01-02T03:04:05Z".ts_parse("2006-01-02T15:04:05Z07:00")
    root.ms = "1969-12-31T23:59:59.5Z".ts_parse("2006-01-02T15:04:05Z07:00")
    root.at = "2026-01-02T03:04:05+02:00".ts_parse("2006-01-02T15:04:05Z07:00")
    root.n = 5.0
    root.s = true
    root.unknown = 1
  schema: {text: string, raw: bytes, day: date, ms: {type: timestamp, format: unix_ms}, at: timestamp, n: int64, s: string}`, "")
	mustRun(t, "p.yaml")
	want := []string{`{"text":"{\"id\":","raw":"eyI=","day":"2026-01-02","ms":"1969-12-31T23:59:59.500Z",` +
		`"at":"2026-01-02T01:04:05Z","n":5,"s":"true"}`}
	if got := readLines(t, "out"); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestLintOfBenthosSteps(t *testing.T) {
	const head = "pipelines:\n  p:\n    input: {jsonl: {path: in.jsonl, schema: {id: int64}}}\n"
	const out = "    output: {jsonl: {path: out}}\n"
	tests := []struct{ name, text, want string }{
		{"no schema", head + "    processors:\n      - mapping: 'root = this'\n" + out,
			"p.yaml:5:9: pipelines.p.processors.0.mapping: the columns after this step are not known"},
		{"Bloblang", head + "    processors:\n      - mapping: |\n          root = this\n          " +
			"root.a = b c\n" +
			"        schema: {id: int64}\n" + out, "p.yaml:5:18: pipelines.p.processors.0.mapping: line " +
			"2, column 13"},
		{"unknown field", head + "    processors:\n      - noop: {}\n      - dedupe: {cash: x, cache: " +
			"y, key: z}\n" +
			"        schema: {id: int64}\n" + out, "p.yaml:6:18: pipelines.p.processors.1.dedupe.cash: " +
			"field cash not recognised"},
		{"unknown processor", head + "    processors:\n      - mappin: 'root = this'\n        schema: " +
			"{id: int64}\n" + out,
			"did you mean mapping?"},
		{"unknown inside", head + "    processors:\n      - try: [{mappin: 'root = this'}]\n        " +
			"schema: {id: int64}\n" + out,
			"p.yaml:5:15: pipelines.p.processors.0.try.0: unable to infer component type: mappin (did " +
				"you mean mapping?)"},
		{"of another binary", head + "    processors:\n      - javascript: {}\n        schema: {id: " +
			"int64}\n" + out,
			"javascript comes with Redpanda Connect"},
		{"ours instead", "pipelines:\n  p:\n    input: {kafka: {}, schema: {id: int64}}\n" + out,
			"this engine has the plugin redpanda for it"},
		{"crash", head + "    processors:\n      - crash: 'now'\n        schema: {id: int64}\n" + out,
			"Benthos's crash cannot be a step: it would end the engine"},
		{"crash inside", head + "    processors:\n      - try: [{crash: 'now'}]\n        schema: {id: " +
			"int64}\n" + out,
			"p.yaml:5:14: pipelines.p.processors.0.try: crash cannot be part of a step"},
		{"inproc", head + "    output: {inproc: x}\n",
			"Benthos's inproc cannot be a step: pipelines feed each other through a topic or a folder"},
		{"inproc inside", "pipelines:\n  p:\n    input: {broker: {inputs: [{inproc: x}]}, schema: {id: int64}}\n" + out,
			"p.yaml:3:21: pipelines.p.input.broker: inproc cannot be part of a step: pipelines feed each other"},
		{"inproc as a resource", "input_resources: [{label: a, inproc: x}]\n" + head + out,
			"p.yaml:1:30: input_resources.0.inproc: inproc cannot be a resource of steps: pipelines feed each other"},
		{"batch of an input", "pipelines:\n  p:\n    input: {generate: {mapping: 'root.id = 1'}, batch: 5, " +
			"schema: {id: int64}}\n" + out, "an input of Benthos's makes its own batches"},
		{"batch of a plugin of ours", head + "    processors: [{filter: 'id > 1', batch: 5}]\n" + out,
			"batch is for Benthos's components; filter is none"},
		{"batch inside of a step", head + "    processors: [{noop: {}}, {noop: {}, batch: 5, schema: {id: int64}}]\n" +
			out, "these processors are one step, and noop is its first"},
		{"no batch", head + "    processors: [{noop: {}, batch: 0, schema: {id: int64}}]\n" + out,
			"batch: want a number of rows from 1 to 100000, got \"0\""},
		{"processors of an input", "pipelines:\n  p:\n    input: {generate: {mapping: 'root.id = 1'}, processors: [], " +
			"schema: {id: int64}}\n" + out, "p.yaml:3:49: pipelines.p.input: an input of a pipeline has no processors"},
		{"sync_response", head + "    output: {sync_response: {}}\n",
			"Benthos's sync_response cannot be a step"},
		{"benthos/ and no such name", head + "    output: {benthos/csv: {}}\n",
			"no output named benthos/csv"},
		{"output that waits for ever", head + "    output: {http_client: {url: 'http://x', batching: " +
			"{count: 9}}}\n",
			"p.yaml:4:55: pipelines.p.output.http_client.batching: batching without a period would wait " +
				"for ever"},
		{"input that waits for ever", "pipelines:\n  p:\n    input: {broker: {inputs: [{generate: " +
			"{count: 2, mapping: 'root.id = 1'}}], batching: {count: 9}}, schema: {id: int64}}\n" + out,
			"pipelines.p.input.broker.batching: batching without a period would wait for ever"},
		{"server without an address", "pipelines:\n  p:\n    input: {http_server: {path: /in}, schema: " +
			"{id: int64}}\n" + out,
			"p.yaml:3:26: pipelines.p.input.http_server: http_server has no address"},
		{"input without schema", "pipelines:\n  p:\n    input: {generate: {mapping: 'root.id = 1'}}\n" + out,
			"p.yaml:3:13: pipelines.p.input.generate: the columns after this step are not known"},
		{"resource without a label", "cache_resources:\n  - memory: {}\n" + head + out,
			"p.yaml:2:5: cache_resources.0: a resource without a label"},
		{"unknown field of a resource", "cache_resources:\n  - label: a\n    memory: {tll: 1s}\n" + head +
			out,
			"p.yaml:3:14: cache_resources.0.memory.tll: field tll not recognised"},
		{"unknown kind of resource", "cash_resources: []\n" + head + out,
			"p.yaml:1:1: cash_resources: unknown key, did you mean cache_resources?"},
		{"a list that is none", "cache_resources: {label: a, memory: {}}\n" + head + out,
			"want a list of resources, got a map"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "p.yaml", test.text)
			if code, _, stderr := run("lint", "p.yaml"); code != 2 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d, want 2 and %q:\n%s", code, test.want, stderr)
			}
		})
	}
}

func TestLintNamesWhatCannotBeExactlyOnce(t *testing.T) {
	const generate = "{generate: {count: 1, mapping: 'root.id = 1'}, schema: {id: int64}}"
	const read, file = "{jsonl: {path: in.jsonl, schema: {id: int64}}}", "{jsonl: {path: out}}"
	tests := []struct{ name, input, steps, output, want string }{
		{"a mapping", read, "[{mapping: 'root = this', schema: {id: int64}}]", file, "p: fine, exactly-once"},
		{"a cache", read, "[{noop: {}}, {dedupe: {cache: seen, key: a}, schema: {id: int64}}]", file,
			"at-least-once because of noop: what Benthos's dedupe keeps"},
		{"a command inside", read, "[{try: [{command: {name: ls}}], schema: {id: int64}}]", file,
			"at-least-once because of try: what Benthos's command keeps"},
		{"batches of one row", read, "[{archive: {format: lines}, schema: {id: int64}}]", file, "p: fine, exactly-once"},
		{"batches of several rows", read, "[{archive: {format: lines}, batch: 9, schema: {id: int64}}]", file,
			"at-least-once because of archive: its batches end where epochs do"},
		{"several rows that do not see each other", read, "[{mapping: 'root = this', batch: 9, schema: {id: int64}}]",
			file, "p: fine, exactly-once"},
		{"an input", generate, "[]", file, "at-least-once because of generate: Benthos's inputs"},
		{"an output", read, "[]", "{stdout: {}}", "at-least-once because of stdout: what Benthos's outputs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "p.yaml", benthosResources+"pipelines:\n  p:\n    input: "+test.input+"\n    processors: "+test.steps+
				"\n    output: "+test.output+"\n")
			code, stdout, stderr := run("lint", "p.yaml")
			if code != 0 || !strings.Contains(stdout, test.want) {
				t.Errorf("exit %d, want %q: %s%s", code, test.want, stdout, stderr)
			}
			guarantee := strings.TrimPrefix(test.want, "p: fine, ")
			if _, stdout, _ := run("graph", "p.yaml", "--format", "json"); !strings.Contains(stdout,
				guarantee) {
				t.Errorf("the graph does not show %q: %s", guarantee, stdout)
			}
		})
	}
}
