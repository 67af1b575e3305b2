package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// benthos has a mapping, and a pick, which one of our fakes is called too.
type benthos struct{}

func (benthos) Names(kind sdk.Kind) []string {
	if kind == sdk.KindTransform {
		return []string{"mapping", "pick", "log"}
	}
	return []string{"stdio"}
}

func (benthos) Absent(_ sdk.Kind, name string) string {
	if name == "kafka" {
		return "another binary has it"
	}
	return ""
}

func (benthos) Plugin(kind sdk.Kind, config []byte) *sdk.Plugin {
	return &sdk.Plugin{Kind: kind, Name: "benthos/" + string(kind),
		Describe: func(config []byte, _ *arrow.Schema) sdk.Description {
			at := strings.Index(string(config), "wrong")
			if at < 0 {
				return sdk.Description{Usable: true}
			}
			number := strings.Count(string(config[:at]), "},{")
			return sdk.Description{Problems: []sdk.Problem{{Message: "is wrong",
				Path: "components." + string(rune('0'+number)) + ".log.text"}}}
		},
	}
}

func (benthos) Messages(kind sdk.Kind, config []byte) (gives, reads bool) {
	return strings.Contains(string(config), "gives"), strings.Contains(string(config), "reads")
}

func (benthos) Resources(config []byte) []sdk.Problem {
	if strings.Contains(string(config), "memry") {
		return []sdk.Problem{{Path: "cache_resources.0.memry", Key: true, Message: "is unknown"}}
	}
	return nil
}

const withComponents = `
cache_resources:
  - label: a
    memory: {}
pipelines:
  p:
    input: {stdio: {}, schema: row}
    processors:
      - log: {text: a}
      - mapping: 'root = this'
        schema: row
      - pick: {column: id}
      - benthos/pick: {}
      - log: {text: b}
        schema: {id: string}
    output: {stdio: {}}
schemas:
  row: {id: int64, name: string}
`

func planned(t *testing.T, text string) (*Plan, []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	file, problems := config.Load(config.Options{Paths: []string{path}})
	if len(problems) > 0 {
		t.Fatalf("the YAML of the test: %v", problems)
	}
	p, problems := New(file, fakes(), benthos{})
	var texts []string
	for _, problem := range problems {
		texts = append(texts, strings.ReplaceAll(problem.Error(), filepath.Dir(path)+"/", ""))
	}
	return p, texts
}

func TestRunOfComponentsIsOneStep(t *testing.T) {
	p, problems := planned(t, withComponents)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, s := range p.Pipelines[0].Steps() {
		got = append(got, s.Label+" "+string(s.Config))
	}
	want := []string{
		`stdio {"components":[{"stdio":{}}],"schema":{"id":"int64","name":"string"}}`,
		`log {"components":[{"log":{"text":"a"}},{"mapping":"root = ` +
			`this"}],"schema":{"id":"int64","name":"string"}}`,
		`pick {"column":"id"}`, // ours wins
		`pick_2 {"components":[{"pick":{}},{"log":{"text":"b"}}],"schema":{"id":"string"}}`,
		`stdio_2 {"components":[{"stdio":{}}]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	out := p.Pipelines[0].Processors[2].Out
	if out.NumFields() != 1 || out.Field(0).Type != arrow.BinaryTypes.String {
		t.Errorf("columns behind the last run: got %s, want a string id", out)
	}
}

func TestProblemsOfComponentsHaveTheirPosition(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"in the second of a run", "{text: b}", "{text: wrong}",
			"p.yaml:14:21: pipelines.p.processors.4.log.text: is wrong"},
		{"no schema behind a run", "\n        schema: {id: string}", "",
			"p.yaml:14:9: pipelines.p.processors.4.log: the columns after this step are not known"},
		{"unknown schema", "schema: row}", "schema: rou}",
			"p.yaml:7:32: pipelines.p.input.stdio: no schema named rou, did you mean row?"},
		{"of another binary", "- log: {text: a}", "- kafka: {}", "(another binary has it)"},
		{"explicit and absent", "benthos/pick", "benthos/mappin",
			"no processor named benthos/mappin, did you mean mapping?"},
		{"a resource", "memory", "memry", "p.yaml:4:5: cache_resources.0.memry: is unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := planned(t, strings.Replace(withComponents, test.old, test.new, 1))
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, test.want) }) {
				t.Errorf("got\n%s\nwant %s", strings.Join(problems, "\n"), test.want)
			}
		})
	}
}

// A step that changes no column needs no list of them, whatever their types.
func TestSchemaSameIsTheColumnsBefore(t *testing.T) {
	columns := `{"id":{"type":"int64","required":true},"d":"decimal(12,2)","j":"json","l":"list(json)",` +
		`"s":{"type":"list(list(struct))","fields":{"a":"int32"}}}`
	const text = "pipelines:\n  p:\n    input: {stdio: {}, schema: %s}\n    processors:\n      - log: {text: a}\n" +
		"        schema: same\n    output: {stdio: {}}\n"
	p, problems := planned(t, strings.Replace(text, "%s", columns, 1))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	before, behind := p.Pipelines[0].Input.Out, p.Pipelines[0].Processors[0].Out
	if before.NumFields() < 5 || !before.Equal(behind) {
		t.Errorf("got %s behind the step, want %s", behind, before)
	}
	_, problems = planned(t, strings.Replace(text, "%s", "same", 1))
	if len(problems) != 1 || !strings.Contains(problems[0], "p.yaml:3:32: pipelines.p.input.schema: there are no columns") {
		t.Errorf("beside an input: got %q", problems)
	}
	_, problems = planned(t, strings.Replace(strings.Replace(text, "%s", columns, 1), "log: {text: a}", "pick: {column: id}", 1))
	if len(problems) != 1 || !strings.Contains(problems[0], "the step changes columns, it gives id int64") {
		t.Errorf("beside a step that changes columns: got %q", problems)
	}
}

func TestEngineColumnsFollowTheirRows(t *testing.T) {
	in := arrow.NewSchema([]arrow.Field{{Name: "old", Type: arrow.BinaryTypes.String},
		{Name: sdk.PositionColumn, Type: arrow.PrimitiveTypes.Int64}}, nil)
	got := Columns(sdk.Schema{{Key: "new", Value: sdk.Column{Type: "bool"}}}, in)
	if got.NumFields() != 2 || got.Field(0).Name != "new" || got.Field(1).Name != sdk.PositionColumn ||
		!got.Field(1).Nullable {
		t.Errorf("got %s, want new and a nullable %s", got, sdk.PositionColumn)
	}
}
