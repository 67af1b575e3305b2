package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sixRows are what the Benthos steps of these tests work on.
const sixRows = `{"id":1,"name":"a","n":10}
{"id":2,"name":"b","n":20}
{"id":3,"name":"a","n":30}
{"id":4,"name":"c","n":40}
{"id":5,"name":"b","n":50}
{"id":6,"name":"a","n":60}
`

const rowColumns = "{id: int64, name: string, n: int64}"

// benthosResources are shared by the steps of a file.
const benthosResources = `
cache_resources:
  - label: seen
    memory: {}
rate_limit_resources:
  - label: plenty
    local: {count: 1000000, interval: 1s}
processor_resources:
  - label: double
    mapping: 'root = this.assign({"n": this.n * 2})'
`

// readLines returns the rows of all JSONL part files of a folder.
func readLines(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 { // an output without a row has a file all the same
			rows = append(rows, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
		}
	}
	return rows
}

// indent puts text under a key.
func indent(text string, by int) string {
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+pad) + "\n"
}

type benthosCase struct {
	name, steps, schema string // the schema goes beside the last step
	want                []string
	dropped, created    int64
}

var ids = "{id: int64}"

var benthosCases = []benthosCase{
	{"mapping", `- mapping: 'root = {"id": this.id, "name": this.name.uppercase(), "n": this.n / 10}'`,
		rowColumns,
		rows("1 A 1", "2 B 2", "3 A 3", "4 C 4", "5 B 5", "6 A 6"), 0, 0},
	{"explicit name", `- benthos/mapping: 'root.id = this.id'`, ids, idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"mutation", `- mutation: 'root.n = this.n + this.id'`, rowColumns,
		rows("1 a 11", "2 b 22", "3 a 33", "4 c 44", "5 b 55", "6 a 66"), 0, 0},
	{"bloblang", `- bloblang: 'root.id = -this.id'`, ids, idRows(-1, -2, -3, -4, -5, -6), 0, 0},
	{"filter", `- mapping: 'root = if this.id % 2 == 0 { deleted() }'`, ids, idRows(1, 3, 5), 3, 0},
	{"drop all", `- mapping: 'root = deleted()'`, ids, nil, 6, 0},
	{"multiply", "- mapping: 'root = [{\"id\": this.id}, {\"id\": this.id * 10}]'\n- unarchive: " +
		"{format: json_array}", ids,
		idRows(1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60), 0, 6},
	{"drop and multiply", "- mapping: 'root = if this.id == 2 { deleted() } else { [this, this, this] }'\n" +
		"- unarchive: {format: json_array}", ids,
		idRows(1, 1, 1, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6), 1, 10},
	{"group by value and archive", "- group_by_value: {value: '${! json(\"name\") }'}\n  batch: 6\n- archive: " +
		"{format: json_array}\n" +
		"- mapping: 'root = {\"id\": this.length(), \"name\": this.0.name, \"n\": this.map_each(r -> " +
		"r.n).sum()}'",
		rowColumns, rows("3 a 100", "2 b 70", "1 c 40"), 3, 0},
	{"group by", "- group_by:\n    - check: 'this.id > 4'\n      processors: [{mapping: 'root.id = " +
		"this.id * 100'}]\n  batch: 6", ids,
		idRows(500, 600, 1, 2, 3, 4), 0, 0},
	{"group by of one row each", "- group_by:\n    - check: 'this.id > 4'\n      processors: [{mapping: " +
		"'root.id = this.id * 100'}]", ids, idRows(1, 2, 3, 4, 500, 600), 0, 0},
	{"split", "- split: {size: 4}\n  batch: 6\n- archive: {format: json_array}\n- mapping: 'root.id = this.length()'",
		ids,
		idRows(4, 2), 4, 0},
	{"dedupe", "- dedupe: {cache: seen, key: '${! json(\"name\") }'}", ids, idRows(1, 2, 4), 3, 0},
	{"branch", "- branch:\n    request_map: 'root.v = this.n'\n    processors: [{mapping: 'root.v = " +
		"this.v + 1'}]\n" +
		"    result_map: 'root.n = this.v'", rowColumns,
		rows("1 a 11", "2 b 21", "3 a 31", "4 c 41", "5 b 51", "6 a 61"), 0, 0},
	{"switch", "- switch:\n    - check: 'this.name == \"a\"'\n      processors: [{mapping: 'root.id = " +
		"0'}]\n" +
		"    - check: 'this.name == \"c\"'\n      processors: [{mapping: 'root = deleted()'}]", ids,
		idRows(0, 2, 0, 5, 0), 1, 0},
	{"try and catch", "- try:\n    - mapping: 'root = if this.id == 3 { throw(\"no\") } else { this }'\n" +
		"- catch:\n    - mapping: 'root.id = -3'", ids, idRows(1, 2, -3, 4, 5, 6), 0, 0},
	{"for each", "- for_each: [{mapping: 'root.id = this.id + 1'}]", ids, idRows(2, 3, 4, 5, 6, 7), 0, 0},
	{"parallel", "- parallel:\n    cap: 2\n    processors: [{mapping: 'root.id = this.id + 1'}]", ids,
		idRows(2, 3, 4, 5, 6, 7), 0, 0},
	{"processors", "- processors: [{mapping: 'root.id = this.id'}, {mutation: 'root.id = this.id * 2'}]", ids,
		idRows(2, 4, 6, 8, 10, 12), 0, 0},
	{"while", "- while:\n    check: 'this.id < 5'\n    processors: [{mutation: 'root.id = this.id + 4'}]\n  batch: 6",
		ids,
		idRows(5, 6, 7, 8, 9, 10), 0, 0}, // by the first row, for the whole batch
	{"while of one row each", "- while:\n    check: 'this.id < 5'\n    processors: [{mutation: 'root.id = " +
		"this.id + 4'}]", ids, idRows(5, 6, 7, 8, 5, 6), 0, 0},
	{"batches of the wanted size", "- mapping: 'root.id = batch_size() * 10 + batch_index()'\n  batch: 4", ids,
		idRows(40, 41, 42, 43, 20, 21), 0, 0},
	{"workflow", "- workflow:\n    meta_path: ''\n    order: [[a], [b]]\n    branches:\n" +
		"      a: {processors: [{mapping: 'root = this.id'}], result_map: 'root.n = this'}\n" +
		"      b: {processors: [{mapping: 'root = this.n'}], result_map: 'root.n = this + 1'}", rowColumns,
		rows("1 a 2", "2 b 3", "3 a 4", "4 c 5", "5 b 6", "6 a 7"), 0, 0},
	{"log, metric, noop and sleep", "- log: {message: 'row ${! json(\"id\") }'}\n" +
		"- metric: {type: counter, name: rows}\n- noop: {}\n- sleep: {duration: 0s}", ids,
		idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"rate limit", "- rate_limit: {resource: plenty}", ids, idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"shared processor", "- resource: double", rowColumns,
		rows("1 a 20", "2 b 40", "3 a 60", "4 c 80", "5 b 100", "6 a 120"), 0, 0},
	{"cache", "- cache: {resource: seen, operator: set, key: 'k${! json(\"id\") }', value: 'x'}", ids,
		idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"compress and back", "- compress: {algorithm: gzip}\n- decompress: {algorithm: gzip}", rowColumns,
		rows("1 a 10", "2 b 20", "3 a 30", "4 c 40", "5 b 50", "6 a 60"), 0, 0},
	{"jmespath", "- jmespath: {query: '{id: id}'}", ids, idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"jq", "- jq: {query: '{id: (.id + 1)}'}", ids, idRows(2, 3, 4, 5, 6, 7), 0, 0},
	{"insert part", "- insert_part: {index: 0, content: '{\"id\": 99}'}\n  batch: 6", ids,
		idRows(99, 1, 2, 3, 4, 5, 6), 0, 1},
	{"select parts", "- select_parts: {parts: [5, 0]}\n  batch: 6", ids, idRows(6, 1), 4, 0},
	{"bounds check", "- bounds_check: {max_part_size: 1000}", ids, idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"no metadata of the engine's", "- mapping: 'root.id = if @_row == null { metadata().length() }'", ids,
		idRows(0, 0, 0, 0, 0, 0), 0, 0},
	{"metadata taken away", "- mapping: |\n    meta = deleted()\n    root.id = this.id", ids,
		idRows(1, 2, 3, 4, 5, 6), 0, 0},
	{"retry", "- retry: {processors: [{mapping: 'root.id = this.id'}]}", ids, idRows(1, 2, 3, 4, 5, 6), 0, 0},
}

func rows(all ...string) []string {
	var lines []string
	for _, row := range all {
		f := strings.Fields(row)
		lines = append(lines, fmt.Sprintf(`{"id":%s,"name":%q,"n":%s}`, f[0], f[1], f[2]))
	}
	return lines
}

func idRows(ids ...int) []string {
	var lines []string
	for _, id := range ids {
		lines = append(lines, fmt.Sprintf(`{"id":%d}`, id))
	}
	return lines
}

// TestBenthosProcessorsAsSteps: in a pipeline and in a branch, with the counters.
func TestBenthosProcessorsAsSteps(t *testing.T) {
	for _, test := range benthosCases {
		steps := strings.TrimSpace(test.steps) + "\n  schema: " + test.schema
		for where, body := range map[string]string{
			"pipeline": "    processors:\n" + indent(steps, 6) + "    output: {jsonl: {path: out}}\n",
			"branch": "    output:\n      - label: b\n        processors:\n" + indent(steps, 10) +
				"        output: {jsonl: {path: out}}\n",
		} {
			t.Run(test.name+" in a "+where, func(t *testing.T) {
				t.Chdir(t.TempDir())
				write(t, "in.jsonl", sixRows)
				write(t, "p.yaml", benthosResources+"pipelines:\n  p:\n    input: {jsonl: {path: "+
					"in.jsonl, schema: "+
					rowColumns+"}}\n"+body)
				s := mustRun(t, "p.yaml")
				if got := readLines(t, "out"); !slices.Equal(got, test.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
				}
				run := s.Pipelines[0].Steps[1]
				if run.In != 6 || run.Dropped != test.dropped || run.Created != test.created ||
					run.Rejected != 0 {
					t.Errorf("books: got %+v, want 6 in, %d dropped, %d created", run, test.dropped,
						test.created)
				}
			})
		}
	}
}
