package main

import (
	"os"
	"strings"
	"testing"
)

// TestPlainConfigsAreSetAndTemplated by --set and -t as Benthos does: what is set is
// YAML at a path, in the config with its variables filled in.
func TestPlainConfigsAreSetAndTemplated(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("WORD", "${COUNT}") // a value is no variable again
	write(t, "p.yaml", "# BENTHOS LINT DISABLE\n"+
		"input: &in {generate: {interval: '', mapping: 'root.n = counter()', count: 1}, label: ''}\n"+
		"pipeline:\n  processors:\n    - mapping: |\n        root = this\n        root.said = \"${WORD}\"\n"+
		"    - add: {field: m}\noutput: {stdout: {}}\n")
	write(t, "t1.yaml", "name: add\ntype: processor\nfields:\n  - {name: field, type: string}\n"+
		"  - {name: by, type: int, default: 1}\n"+
		"mapping: 'root.mapping = \"root = this\\nroot.%s = this.n + %v\".format(this.field, this.by)'\n")
	args := []string{"run", "-q", "p.yaml", "-t", "t*.yaml",
		"--set", "input.generate.count=2", "--set", "pipeline.threads=1",
		"--set", "pipeline.processors.-1.add.by=10",
		"--set", "pipeline.processors.-.mapping='root = this.merge({\"more\": \"${WORD}\"})'",
		"--set", "output.file.path=out", "--set", "output.file.codec=lines", "--set", "output.stdout=null"}
	if code, _, stderr := run(args...); code != 2 || !strings.Contains(stderr, "stdout") {
		t.Errorf("two outputs: exit %d, %s", code, stderr)
	}
	args = append(args[:len(args)-6], "--set", "output={file: {path: out, codec: lines}}")
	if code, _, stderr := run(args...); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	got, err := os.ReadFile("out")
	want := `{"m":11,"more":"${WORD}","n":1,"said":"${COUNT}"}` + "\n" +
		`{"m":12,"more":"${WORD}","n":2,"said":"${COUNT}"}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestFaultsOfWhatIsSetAndTemplatedAreLocated in the config, the template or the flag.
func TestFaultsOfWhatIsSetAndTemplatedAreLocated(t *testing.T) {
	t.Chdir(t.TempDir())
	const fine = "input: {stdin: {}}\npipeline:\n  processors:\n    - upper: {field: a}\noutput: {drop: {}}\n"
	const upper = "name: upper\ntype: processor\nfields:\n  - {name: field, type: string}\n" +
		"mapping: 'root.mapping = \"root = this.%s.uppercase()\".format(this.field)'\n"
	for _, test := range []struct {
		config, template, set, want string
	}{
		{fine, upper, "input.stdin.x=1", "--set input.stdin.x: field x not recognised"},
		{fine, upper, "input.stdin.scanner.lines.max_buffer_size=many",
			"--set input.stdin.scanner.lines.max_buffer_size: "},
		{fine, upper, "pipeline.processors.3.mapping=x",
			"--set pipeline.processors.3.mapping: there is no item 3 in a list of 1"},
		{fine, upper, "input", "--set input: want path.to.key=value"},
		{"# first\n" + strings.Replace(fine, "field: a", "fild: a", 1), upper, "pipeline.threads=1",
			"p.yaml:5:15: field fild not recognised"},
		{"# first\n" + strings.Replace(fine, "upper: {field: a}",
			"mapping: |\n        root = this\n        root.a = this.x()", 1),
			upper, "pipeline.threads=1", "p.yaml:7:26: unrecognised method"},
		{strings.Replace(fine, "upper: {field: a}",
			"mapping: |\n        root = this\n        root.a = this.x(", 1),
			upper, "", "p.yaml:6:25: required: expected function argument"},
		{strings.Replace(fine, "upper: {field: a}", "uper: {field: a}", 1), upper, "pipeline.threads=1",
			"p.yaml:4:7: unable to infer component type: uper"},
		{strings.Replace(fine, "stdin: {}", "stdin: {max: ${NONE}}", 1), upper, "pipeline.threads=1",
			"p.yaml:1:22: the environment has no variable NONE"},
		{fine, strings.Replace(upper, "mapping:", "maping:", 1), "", "t.yaml:5:1: field maping not recognised"},
		{fine, strings.Replace(upper, "root.mapping =", "root.mapping = =", 1), "", "t.yaml:5:"},
		{fine, strings.Replace(upper, "type: string", "type: text", 1), "", "t.yaml:4:25: value text is not a valid option"},
		{fine, strings.Replace(upper, "uppercase", "upercase", 1), "", "p.yaml:4:7: "},
	} {
		write(t, "p.yaml", test.config)
		write(t, "t.yaml", test.template)
		for _, command := range []string{"lint", "run"} {
			args := []string{command, "p.yaml", "-t", "t.yaml"}
			if test.set != "" {
				args = append(args, "--set", test.set)
			}
			if code, _, stderr := run(args...); code != 2 || !strings.Contains(stderr, test.want) {
				t.Errorf("%s: exit %d, want 2 and %s:\n%s", command, code, test.want, stderr)
			}
		}
	}
	write(t, "q.yaml", "pipelines: {p: {input: {ticket_generator: {count: 1}}, output: {jsonl: {path: o}}}}\n")
	for want, args := range map[string][]string{
		"--templates none.yaml: there is no such file":                {"p.yaml", "-t", "none.yaml"},
		"--templates t.yaml: templates are for plain Benthos configs": {"q.yaml", "-t", "t.yaml"},
	} {
		if code, _, stderr := run(append([]string{"lint"}, args...)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
}
