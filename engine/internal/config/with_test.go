package config

import "testing"

func TestConsequencesOfAFaultInTheFileAreNotReported(t *testing.T) {
	f, loaded := load(t, Options{}, "pipelines:\n  p:\n    input: { csv: { path: ${IN} } }\n"+
		"    output: { csv: { path: '${OUT}', header: x } }\n")
	if len(loaded) != 3 { // two variables, one of them without quotes
		t.Fatalf("got %v, want three problems", loaded)
	}
	at := func(line, column int, path, code string) Problem {
		return Problem{Position: Position{File: "a.yaml", Line: line, Column: column}, Path: path, Code: code}
	}
	got := f.With(loaded, []Problem{
		at(4, 46, "pipelines.p.output.csv.header", "wrong-type"),
		at(3, 28, "pipelines.p.input.csv.path", "invalid-value"),
		at(4, 28, "pipelines.p.output.csv.path", "invalid-value"),
		at(4, 15, "pipelines.p.output.csv", "two-writers"),
		at(1, 1, "", "unused-default"),
	})
	var codes []string
	for _, p := range got {
		codes = append(codes, p.Code)
	}
	want := []string{"unused-default", "unquoted-variable", "missing-variable", "missing-variable", "wrong-type"}
	if len(codes) != len(want) {
		t.Fatalf("got %v, want %v", codes, want)
	}
	for i := range want {
		if codes[i] != want[i] {
			t.Errorf("got %v, want %v in the order of the file", codes, want)
			break
		}
	}
}
