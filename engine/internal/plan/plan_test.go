package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/catalog"
	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

type topicIn struct {
	Topic   string     `json:"topic" required:"true" doc:"Topic to read."`
	Brokers string     `json:"brokers"`
	Start   string     `json:"start"`
	Rate    int        `json:"rate"`
	Quiet   bool       `json:"quiet"`
	Schema  sdk.Schema `json:"schema"`
}

type topicOut struct {
	Topic   string `json:"topic" required:"true" doc:"Topic to fill."`
	Brokers string `json:"brokers"`
}

type folder struct {
	Path        string   `json:"path" required:"true" doc:"Folder."`
	By          []string `json:"by"`
	PartitionBy []string `json:"partition_by"`
}

type pick struct {
	Column string `json:"column" required:"true" doc:"The column to keep."`
}

type port struct {
	Port int `json:"port"`
}

// fakes are plugins that plan, but never open.
func fakes() *catalog.Catalog {
	needs := func(brokers string) []string {
		if brokers == "" {
			return []string{"broker"}
		}
		return nil
	}
	c, err := catalog.New([]sdk.Plugin{
		sdk.Spec[topicIn]{Kind: sdk.KindSource, Name: "topic",
			About: func(c *topicIn) sdk.Description {
				return sdk.Description{Resources: []string{"topic://" + c.Topic}, Needs: needs(c.Brokers)}
			},
			Columns: func(c *topicIn, _ *arrow.Schema, d *sdk.Description) { d.Columns = columns(c.Schema) },
		}.Plugin(),
		sdk.Spec[topicOut]{Kind: sdk.KindSink, Name: "topic",
			About: func(c *topicOut) sdk.Description {
				return sdk.Description{Resources: []string{"topic://" + c.Topic}, Needs: needs(c.Brokers)}
			},
		}.Plugin(),
		sdk.Spec[pick]{Kind: sdk.KindTransform, Name: "pick", Columns: pickColumn}.Plugin(),
		sdk.Spec[folder]{Kind: sdk.KindSink, Name: "files",
			About: func(c *folder) sdk.Description {
				return sdk.Description{Resources: []string{"folder:" + c.Path},
					Files: &sdk.Files{Path: sdk.Path(c.Path), Key: "path", Suffixes: []string{".csv"}, Levels: len(c.PartitionBy)}}
			},
			Columns: func(c *folder, in *arrow.Schema, d *sdk.Description) {
				for i, name := range c.By {
					if _, err := sdk.FindColumn(in, name); err != nil {
						d.ColumnProblems = []sdk.Problem{{Path: "by." + string(rune('0'+i)), Message: err.Error()}}
						return
					}
				}
			},
		}.Plugin(),
		sdk.Spec[port]{Kind: sdk.KindService, Name: "broker"}.Plugin(),
	})
	if err != nil {
		panic(err) // the test's own mistake
	}
	return c
}

func columns(s sdk.Schema) *arrow.Schema {
	if len(s) == 0 {
		return nil
	}
	return s.Arrow()
}

func pickColumn(c *pick, in *arrow.Schema, d *sdk.Description) {
	at, err := sdk.FindColumn(in, c.Column)
	if err != nil {
		d.Columns, d.ColumnProblems = nil, []sdk.Problem{{Path: "column", Message: err.Error()}}
		return
	}
	d.Columns = arrow.NewSchema([]arrow.Field{in.Field(at)}, nil)
}

// load plans a YAML text as the file p.yaml.
func load(t *testing.T, text string) (*Plan, []string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	file, problems := config.Load(config.Options{Paths: []string{path}})
	for _, p := range problems {
		if !p.Warning {
			t.Fatalf("the YAML of the test: %v", p)
		}
	}
	p, problems := New(file, fakes(), nil)
	var texts []string
	for _, problem := range problems {
		texts = append(texts, strings.ReplaceAll(problem.Error(), dir+"/", ""))
	}
	return p, texts
}

const good = `
defaults:
  topic: {start: earliest}
  broker: {port: 7}
pipelines:
  read:
    input: {topic: {topic: a, schema: row}}
    processors:
      - pick: {column: id}
    output:
      - files: {path: x}
      - label: second
        processors:
          - pick: {column: id}
        output: {files: {path: y, by: [id]}}
  fill:
    input: {topic: {topic: z, brokers: "b:1", schema: {id: int64, name: string}}}
    output: {topic: {topic: a}}
schemas:
  row: {name: string, id: int64}
`

func TestGoodFileIsPlanned(t *testing.T) {
	p, problems := load(t, good)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var names []string
	for _, pipeline := range p.Pipelines {
		names = append(names, pipeline.Name)
	}
	if !slices.Equal(names, []string{"fill", "read"}) {
		t.Errorf("order: got %v, want the filler first", names)
	}
	read := p.Pipelines[1]
	if !slices.Equal(read.FilledBy, []string{"fill"}) || len(p.Pipelines[0].FilledBy) > 0 {
		t.Errorf("links: got %v and %v", read.FilledBy, p.Pipelines[0].FilledBy)
	}
	if got, want := string(read.Input.Config),
		`{"topic":"a","schema":{"name":"string","id":"int64"},"start":"earliest"}`; got != want && got !=
		`{"start":"earliest","topic":"a","schema":{"name":"string","id":"int64"}}` {
		t.Errorf("config of the input: got %s, want the schema written out in its order", got)
	}
	if got := string(p.Pipelines[0].Branches[0].Sinks[0].Config); got != `{"topic":"a"}` {
		t.Errorf("config of the topic output: got %s, want no start, which only inputs know", got)
	}
	if out := read.Processors[0].Out; out.NumFields() != 1 || out.Field(0).Name != "id" {
		t.Errorf("columns after pick: got %s", out)
	}
	if len(p.Services) != 1 || string(p.Services[0].Config) != `{"port":7}` {
		t.Errorf("services: got %+v, want the broker with its defaults", p.Services)
	}
	var labels []string
	for _, s := range read.Steps() {
		labels = append(labels, s.Label)
	}
	if want := []string{"topic", "pick", "files", "pick_2", "files_2"}; !slices.Equal(labels, want) {
		t.Errorf("labels: got %v, want %v", labels, want)
	}
	if one, two := read.Branches[0].Sinks[0].Branch, read.Branches[1].Sinks[0].Branch; one != "" || two != "second" {
		t.Errorf("branches: got %q and %q", one, two)
	}
}

func TestProblemsHaveTheirPosition(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"unknown input", "input: {topic: {topic: a,", "input: {topik: {topic: a,",
			`p.yaml:7:13: pipelines.read.input.topik: no input named topik, did you mean topic?`},
		{"an output as processor", "- pick: {column: id}\n    output", "- files: {path: id}\n    output",
			`p.yaml:9:9: pipelines.read.processors.0.files: files cannot be a processor, it is an output`},
		{"unknown key", "files: {path: x}", "files: {pth: x}",
			`p.yaml:11:17: pipelines.read.output.0.files.pth: unknown field, did you mean path?`},
		{"unknown column", "- pick: {column: id}\n    output", "- pick: {column: idd}\n    output",
			`p.yaml:9:24: pipelines.read.processors.0.pick.column: no column named "idd", did you mean id?`},
		{"unknown column in a list", "by: [id]", "by: [name]",
			`p.yaml:15:40: pipelines.read.output.1.output.files.by.0: no column named "name"`},
		{"unknown schema", "schema: row}", "schema: rou}",
			`p.yaml:7:39: pipelines.read.input.topic.schema: no schema named rou, did you mean row?`},
		{"bad type in a named schema", "id: int64}\n", "id: int65}\n",
			`p.yaml:20:27: schemas.row.id: no type named "int65", did you mean int64?`},
		{"columns not known", "a, schema: row}", "a}",
			`p.yaml:7:13: pipelines.read.input.topic: the columns after this step are not known`},
		{"unknown plugin in the defaults", "  broker: {port", "  brokr: {port",
			`p.yaml:4:3: defaults.brokr: no plugin named brokr, did you mean broker?`},
		{"bad setting of a service", "{port: 7}", "{port: x}",
			`p.yaml:4:18: defaults.broker.port: want a whole number, got "x"`},
		{"two writers", "files: {path: y,", "files: {path: x,",
			`p.yaml:15:18: pipelines.read.output.1.output.files: writes to the same folder as ` +
				`pipelines.read.output.0.files (p.yaml:11:9) (give each output a folder of its own)`},
		{"circle", "topic: z", "topic: a",
			`p.yaml:7:13: pipelines.read.input.topic: pipeline read reads what it fills itself`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(good, test.old, test.new, 1)
			if text == good {
				t.Fatal("the test changes nothing")
			}
			_, problems := load(t, text)
			found := slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, test.want) })
			if !found {
				t.Errorf("got\n%s\nwant one that begins with\n%s", strings.Join(problems, "\n"), test.want)
			}
		})
	}
}

func TestOneFaultGivesOneProblem(t *testing.T) {
	_, problems := load(t, strings.Replace(good, "id: int64}\n", "id: int65}\n", 1))
	if len(problems) != 1 {
		t.Errorf("a bad column type: got %d problems, want 1:\n%s", len(problems), strings.Join(problems, "\n"))
	}
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	text := strings.NewReplacer("{path: x}", "{pth: x}", "{port: 7}", "{prt: 7}", "topic: z", "topc: z").Replace(good)
	_, problems := load(t, text)
	for _, want := range []string{"pth: unknown", "prt: unknown", "topc: unknown"} {
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("no problem says %q:\n%s", want, strings.Join(problems, "\n"))
		}
	}
}

func TestPipelineWithoutInputIsPlannedAsFarAsItGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	text := "pipelines:\n  p:\n    inputs: {topic: {topic: a}}\n    output: {files: {pth: x}}\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	file, problems := config.Load(config.Options{Paths: []string{path}})
	if len(problems) == 0 {
		t.Fatal("the missing input is not reported")
	}
	_, more := New(file, fakes(), nil)
	if !slices.ContainsFunc(more, func(p config.Problem) bool { return strings.HasSuffix(p.Path, "files.pth") }) {
		t.Errorf("the fault of the output is not found beside it: %v", more)
	}
}

func TestOutputsThatAreReadTogetherAreRefused(t *testing.T) {
	const (
		into  = "p.yaml:15:18: pipelines.read.output.1.output.files: writes into a folder that is read with that of "
		holds = "p.yaml:15:18: pipelines.read.output.1.output.files: its folder is read with that of "
		both  = "pipelines.read.output.0.files (p.yaml:11:9) (give each output a folder of its own, beside the other)"
	)
	tests := []struct{ first, second, want string }{
		{"{path: o, partition_by: [k]}", "{path: o/k=a1}", into + both},
		{"{path: o, partition_by: [k]}", "{path: o/other}", into + both},
		{"{path: o, partition_by: k}", "{path: o/k=a1/l=b}", into + both},
		{"{path: o/k=a1}", "{path: o, partition_by: [k]}", holds + both},
		{"{path: o/other}", "{path: o, partition_by: [k]}", holds + both},
		{"{path: o}", "{path: o/k=a1}", into + both},
		{"{path: o}", "{path: o/other}", ""},
		{"{path: o}", "{path: o/other/k=a1}", ""},
		{"{path: o}", "{path: o/other, partition_by: [k]}", ""},
		{"{path: o, partition_by: []}", "{path: o/other}", ""},
		{"{path: o, partition_by: [k]}", "{path: o2}", ""},
		{"{path: o, partition_by: [k]}", "{path: p/o/k=a1}", ""},
	}
	for _, test := range tests {
		text := strings.NewReplacer("{path: x}", test.first, "{path: y, by: [id]}", test.second).Replace(good)
		_, problems := load(t, text)
		if got := strings.Join(problems, "\n"); got != test.want {
			t.Errorf("%s and %s: got %q, want %q", test.first, test.second, got, test.want)
		}
	}
}
