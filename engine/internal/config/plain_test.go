package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPlainBenthosFilesAreKnownByTheirTopLevel(t *testing.T) {
	tests := []struct {
		name, text string
		plain      bool
	}{
		{"input and output", "input: {stdin: {}}\noutput: {stdout: {}}\n", true},
		{"output alone", "output:\n  stdout: {}\n", true},
		{"pipeline alone", "pipeline:\n  processors: []\n", true},
		{"JSON", `{"input": {"stdin": {}}}`, true},
		{"YAML only with its variables", "input: { generate: { count: ${N:1}, mapping: '' } }\n", true},
		{"not YAML at all", "input:\n  stdin: {\n", true},
		{"ours", "pipelines:\n  p:\n    input: {csv: {path: a}}\n    output: {csv: {path: b}}\n", false},
		{"ours, broken", "pipelines:\n  p:\n    input: {csv: {path: a}\n", false},
		{"buffer alone", "buffer: {memory: {}}\n", true},
		{"logger alone", "logger: {level: INFO}\n", true},
		{"tests alone", "tests: []\n", true},
		{"resources alone", "cache_resources: []\n", true},
		{"an empty pipeline", "pipeline: {}\n", true},
		{"resources of ours", "cache_resources: []\nstate_dir: x\n", false},
		{"pipelines misspelt", "pipeline:\n  p:\n    input: {csv: {path: a}}\n", false},
		{"both shapes", "input: {stdin: {}}\npipelines: {}\n", false},
		{"a list", "- input\n", false},
		{"empty", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.yaml")
			write(t, path, test.text)
			f, problems := Load(Options{Paths: []string{path}})
			if (f.Plain != "") != test.plain {
				t.Errorf("plain: got %q, %v", f.Plain, problems)
			}
			if test.plain && (len(problems) > 0 || f.Plain != test.text) {
				t.Errorf("got %v and the text %q, want Benthos to judge it", problems, f.Plain)
			}
		})
	}
}

func TestBrokenPlainFilesAreExplainedAsOthersAre(t *testing.T) {
	fill := func(text string) string { return strings.ReplaceAll(text, "${N:1}", "1") }
	for text, want := range map[string]string{
		"input: { generate: { count: ${N:1}, mapping: '' } }\n": "",
		"input:\n\tstdin: {}\n":                                 "tab",
		"input:\n  stdin: {\noutput:\n  stdout: {}\n":           "{",
		"input:\n  file: {paths: [*t]}\n":                       "there is no anchor &t",
	} {
		path := filepath.Join(t.TempDir(), "a.yaml")
		write(t, path, text)
		_, problems := Load(Options{Paths: []string{path}, FillPlain: fill})
		if want == "" && len(problems) > 0 || want != "" && (len(problems) == 0 || problems[0].Line != 2 ||
			!strings.Contains(problems[0].Message+problems[0].Hint, want)) {
			t.Errorf("%q: got %v, want %q", text, problems, want)
		}
	}
}

func TestPlainBenthosFileStandsAlone(t *testing.T) {
	dir := t.TempDir()
	plain, ours := filepath.Join(dir, "plain.yaml"), filepath.Join(dir, "ours.yaml")
	write(t, plain, "# Benthos\ninput: {stdin: {}}\n")
	write(t, ours, "pipelines: {}\n")
	_, problems := Load(Options{Paths: []string{ours, plain}})
	if len(problems) != 1 || problems[0].Line != 2 || !strings.Contains(problems[0].Message, "runs alone") {
		t.Errorf("got %v, want one problem in line 2", problems)
	}
}

func TestResourcesAreKeptAsTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	write(t, path, "cache_resources:\n  - label: a\n    memory: {cap: \"${CAP:5}\", name: \"7\"}\n"+
		"rate_limit_resources: []\npipelines:\n  p:\n    input: {stdin: {}}\n    output: {stdout: {}}\n")
	f, problems := Load(Options{Paths: []string{path}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	const want = `{"cache_resources":[{"label":"a","memory":{"cap":5,"name":"7"}}],"rate_limit_resources":[]}`
	if got := string(f.Resources.Native().JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := f.Resources.Locate("cache_resources.0.memory", true).Line; got != 3 {
		t.Errorf("memory stands in line %d, want 3", got)
	}
}

// TestNativeHasTheTypeOfTheText: for those who do not know the type of a field.
func TestNativeHasTheTypeOfTheText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	write(t, path, "pipelines:\n  p:\n    input:\n      x: {a: \"${A:5}\", b: '5', c: 5, d: "+
		"\"${D:true}\", e: \"n${A:5}\", f: [\"${F:007}\"]}\n"+
		"    output: {stdout: {}}\n")
	f, problems := Load(Options{Paths: []string{path}, Set: []string{"pipelines.p.input.x.c=6"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	n := f.Pipelines[0].Input.Config
	if got, want := string(n.Native().JSON()), `{"a":5,"b":"5","c":6,"d":true,"e":"n5","f":["007"]}`; got != want {
		t.Errorf("native: got  %s\nwant %s", got, want)
	}
	if got, want := string(n.JSON()), `{"a":"5","b":"5","c":"6","d":"true","e":"n5","f":["007"]}`; got != want {
		t.Errorf("as it was: got  %s\nwant %s", got, want)
	}
}

// TestPlainKeysAreThoseAtTheTop: one of the same name may stand above, or deeper.
func TestPlainKeysAreThoseAtTheTop(t *testing.T) {
	for text, want := range map[string][2]int{
		"cache_resources:\n  - label: input\n    memory:\n      input: x\n# input: y\ninput: {stdin: {}}\n": {6, 1},
		"logger: {level: OFF}\noutputs: x\n\"output\": {stdout: {}}\n":                                      {3, 1},
		"{\"logger\": {\"input\": 1},\n  \"input\": {\"stdin\": {}}}\n":                                     {2, 3},
		"a: ${X}: b\n  input: 1\ninput:\n  - stdin\n":                                                       {3, 1}, // no YAML yet
	} {
		path, other := filepath.Join(t.TempDir(), "a.yaml"), filepath.Join(t.TempDir(), "b.yaml")
		write(t, path, text)
		write(t, other, "state_dir: x\n")
		_, problems := Load(Options{Paths: []string{path, other}})
		if len(problems) != 1 || problems[0].Line != want[0] || problems[0].Column != want[1] {
			t.Errorf("%s: got %v, want one at %v", text, problems, want)
		}
	}
}
