package config

import "testing"

func TestSet(t *testing.T) {
	tests := []struct{ name, set, path, want string }{
		{"a key", "pipelines.p.input.redpanda.topic=u", "pipelines.p.input.redpanda.topic", `"u"`},
		{"a new key", "pipelines.p.input.redpanda.start=latest",
			"pipelines.p.input.redpanda.start", `"latest"`},
		{"a number stays a text", "pipelines.p.input.redpanda.partitions=3",
			"pipelines.p.input.redpanda.partitions", `"3"`},
		{"a value with =", "pipelines.p.input.redpanda.topic=a=b",
			"pipelines.p.input.redpanda.topic", `"a=b"`},
		{"an empty value", "pipelines.p.input.redpanda.topic=", "pipelines.p.input.redpanda.topic", `""`},
		{"by index", "pipelines.p.output.0.csv.path=x", "pipelines.p.output.0.csv.path", `"x"`},
		{"by plugin", "pipelines.p.output.csv.path=x", "pipelines.p.output.0.csv.path", `"x"`},
		{"by plugin, written twice", "pipelines.p.output.csv.csv.path=x",
			"pipelines.p.output.0.csv.path", `"x"`},
		{"by label", "pipelines.p.output.slow.output.parquet.path=x",
			"pipelines.p.output.1.output.1.parquet.path", `"x"`},
		{"by a label made by numbering", "pipelines.p.output.slow.output.csv_2.csv.path=x",
			"pipelines.p.output.1.output.0.csv.path", `"x"`},
		{"a processor's config that is a text", "pipelines.p.processors.filter=y",
			"pipelines.p.processors.0", `{"filter":"y"}`},
		{"a label", "pipelines.p.output.csv.label=raw",
			"pipelines.p.output.0", `{"csv":{"path":"out"},"label":"raw"}`},
		{"another plugin replaces the step", "pipelines.p.input.csv.path=in",
			"pipelines.p.input", `{"csv":{"path":"in"}}`},
		{"a list by commas", "pipelines.p.input.redpanda.brokers=c,d",
			"pipelines.p.input.redpanda.brokers", `"c,d"`},
		{"an item of a list", "pipelines.p.input.redpanda.brokers.1=z",
			"pipelines.p.input.redpanda.brokers", `["a","z"]`},
		{"a map in the place of a value", "pipelines.p.input.redpanda.start.timestamp=x",
			"pipelines.p.input.redpanda.start", `{"timestamp":"x"}`},
		{"the top", "state_dir=/tmp/x", "state_dir", `"/tmp/x"`},
		{"defaults", "defaults.csv.header=false", "defaults.csv", `{"header":"false"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, problems := load(t, Options{Set: []string{test.set}}, base)
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

func TestSetReachesTheSteps(t *testing.T) {
	f := mustLoad(t, Options{Set: []string{"pipelines.p.output.csv.path=${DIR:out}/x", "state_dir=s"}}, base)
	config := f.Pipelines[0].Outputs[0].Steps[0].Config
	if got, want := string(config.JSON()), `{"header":true,"path":"out/x"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := config.Locate("path", false).String(); got != "--set pipelines.p.output.csv.path" {
		t.Errorf("position: got %q, want the option", got)
	}
	if f.StateDir != "s" {
		t.Errorf("state_dir: got %q, want s", f.StateDir)
	}
}

func TestWrongSetIsExplained(t *testing.T) {
	tests := []struct{ name, set, want string }{
		{"no =", "state_dir", "--set state_dir: want path.to.key=value, got state_dir"},
		{"no path", "=x", "--set : want path.to.key=value, got "},
		{"empty key", "a..b=x", "--set a..b: want path.to.key=value, got a..b"},
		{"unknown pipeline", "pipelines.q.input.csv.path=x",
			"--set pipelines.q.input.csv.path: there is no pipeline named q (did you mean p?)"},
		{"index too high", "pipelines.p.output.7.csv.path=x",
			"--set pipelines.p.output.7.csv.path: there is no item 7 in a list of 2 (the first is 0)"},
		{"unknown item", "pipelines.p.output.jsonl.path=x", "--set pipelines.p.output.jsonl.path: " +
			"no item of the list is named jsonl (an item is named by its label, its plugin or its index; " +
			"labels here: csv, slow)"},
		{"unknown top", "stat_dir=x", "--set stat_dir: stat_dir: unknown key, did you mean state_dir?"},
		{"misspelt label", "pipelines.p.input.lable=x",
			"--set pipelines.p.input.lable: pipelines.p.input.lable: unknown key, did you mean label?"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := load(t, Options{Set: []string{test.set}}, base)
			if len(problems) != 1 || problems[0].Error() != test.want {
				t.Errorf("got %v, want %s", problems, test.want)
			}
		})
	}
}

func TestTheSamePluginTwiceIsAmbiguous(t *testing.T) {
	text := "pipelines: { p: { input: { x: {} }, output: [ { label: a, csv: {} }, { label: b, csv: {} } ] } }"
	_, problems := load(t, Options{Set: []string{"pipelines.p.output.csv.path=x"}}, text)
	want := "--set pipelines.p.output.csv.path: 2 items of the list are named csv " +
		"(name one by its label or index; labels here: a, b)"
	if len(problems) != 1 || problems[0].Error() != want {
		t.Errorf("got %v, want %s", problems, want)
	}
}

func TestSetNeverPrintsItsValue(t *testing.T) {
	_, problems := load(t, Options{Set: []string{"pipelines.q.password=hunter2", "x.y=hunter2"}}, base)
	for _, p := range problems {
		if got := p.Error(); len(problems) < 2 || contains(got, "hunter2") {
			t.Errorf("got %s", got)
		}
	}
}
