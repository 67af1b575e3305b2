package config

import (
	"strings"
	"testing"
)

const base = `defaults:
  csv: { header: true }
pipelines:
  p:
    input:
      label: source
      redpanda: { topic: t, brokers: [a, b] }
    processors:
      - filter: x > 1
    output:
      - csv: { path: out }
      - label: slow
        processors:
          - aggregation: { window: 1m }
        output:
          - csv: { path: agg }
          - parquet: { path: agg }
`

func TestOverlays(t *testing.T) {
	tests := []struct{ name, overlay, path, want string }{
		{"same step key merges", "pipelines: { p: { input: { redpanda: { topic: u } } } }",
			"pipelines.p.input", `{"label":"source","redpanda":{"topic":"u","brokers":["a","b"]}}`},
		{"another step key replaces the step", "pipelines: { p: { input: { csv: { path: in } } } }",
			"pipelines.p.input", `{"csv":{"path":"in"}}`},
		{"a label alone is merged", "pipelines: { p: { input: { label: other } } }",
			"pipelines.p.input", `{"label":"other","redpanda":{"topic":"t","brokers":["a","b"]}}`},
		{"lists are replaced", "pipelines: { p: { input: { redpanda: { brokers: [c] } } } }",
			"pipelines.p.input.redpanda", `{"topic":"t","brokers":["c"]}`},
		{"a list of steps is replaced", "pipelines: { p: { processors: [ { select: [a] } ] } }",
			"pipelines.p.processors", `[{"select":["a"]}]`},
		{"null takes away", "pipelines: { p: { processors: } }", "pipelines.p.processors", "null"},
		{"one output replaces the list", "pipelines: { p: { output: { jsonl: { path: x } } } }",
			"pipelines.p.output", `{"jsonl":{"path":"x"}}`},
		{"a new pipeline comes last", "pipelines: { a: { input: { x: {} }, output: { y: {} } } }",
			"pipelines.a", `{"input":{"x":{}},"output":{"y":{}}}`},
		{"defaults are merged", "defaults: { csv: { delimiter: ';' } }",
			"defaults.csv", `{"header":true,"delimiter":";"}`},
		{"a map takes the place of a value",
			"pipelines: { p: { input: { redpanda: { topic: { a.b: c } } } } }",
			"pipelines.p.input.redpanda.topic", `{"a.b":"c"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, problems := load(t, Options{}, base, test.overlay)
			for _, p := range problems {
				if !p.Warning {
					t.Errorf("unexpected problem: %v", p)
				}
			}
			if got := string(f.Root.Find(test.path).JSON()); got != test.want {
				t.Errorf("%s: got %s, want %s", test.path, got, test.want)
			}
		})
	}
}

func TestOverlayInABranchReplacesItsStep(t *testing.T) {
	branch := "pipelines: { p: { input: { x: {} }, output: " +
		"{ processors: [ { f: y } ], output: { csv: { path: a } } } } }"
	f := mustLoad(t, Options{}, branch, "pipelines: { p: { output: { output: { jsonl: {} } } } }")
	want := `{"processors":[{"f":"y"}],"output":{"jsonl":{}}}`
	if got := string(f.Root.Find("pipelines.p.output").JSON()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMergedValuesKeepTheirFiles(t *testing.T) {
	f := mustLoad(t, Options{}, base, "pipelines:\n  p:\n    input:\n      redpanda:\n        topic: u\n")
	config := f.Pipelines[0].Input.Config
	for path, want := range map[string]string{
		"topic": "b.yaml:5:16", "brokers": "a.yaml:7:38", "brokers.1": "a.yaml:7:42", "": "a.yaml:7:17"} {
		if got := config.Locate(path, false).String(); got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
	if got := config.KeyPos("topic").String(); got != "b.yaml:5:9" {
		t.Errorf("the key that won: got %s, want b.yaml:5:9", got)
	}
}

func TestDefaultsLieUnderTheConfig(t *testing.T) {
	f := mustLoad(t, Options{}, `defaults:
  a: { x: 1, deep: { y: 2, z: 3 }, list: [1, 2] }
  b: { x: 1 }
  c: short
pipelines:
  p:
    input:
      a: { deep: { y: 9 }, list: [3], own: 4 }
    processors:
      - b:
      - b: text
      - c: { k: v }
      - c:
    output:
      a:
`)
	var got []string
	for _, s := range f.Pipelines[0].steps() {
		got = append(got, string(s.Config.JSON()))
	}
	want := []string{`{"x":1,"deep":{"y":9,"z":3},"list":[3],"own":4}`,
		`{"x":1}`, `"text"`, `{"k":"v"}`, `"short"`,
		`{"x":1,"deep":{"y":2,"z":3},"list":[1,2]}`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	in := f.Pipelines[0].Input.Config
	for path, want := range map[string]string{
		"x": "a.yaml:2:11", "deep.y": "a.yaml:8:23", "": "a.yaml:8:10"} {
		if got := in.Locate(path, false).String(); got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
	if got := f.Pipelines[0].Processors[0].Config.Pos().String(); got != "a.yaml:10:9" {
		t.Errorf("an empty config: got %s, want the plugin's name", got)
	}
}

func TestAStepWithoutConfigHasAnEmptyMap(t *testing.T) {
	f := mustLoad(t, Options{}, "pipelines:\n  p:\n    input:\n      in:\n    output:\n      out: ~\n")
	if got := string(f.Pipelines[0].Input.Config.JSON()); got != "{}" {
		t.Errorf("got %s, want {}", got)
	}
}

func TestKoanfSeesNoMeaningInDots(t *testing.T) {
	f := mustLoad(t, Options{}, wrap("a.b:", "{ c.d: 1 }"), wrap("a:", "{ b: { c: { d: 2 } } }"))
	want := `{"a.b":{"c.d":1},"a":{"b":{"c":{"d":2}}}}`
	if got := string(f.Pipelines[0].Input.Config.JSON()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
