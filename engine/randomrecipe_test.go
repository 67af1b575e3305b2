package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// recipe is a pipeline drawn from a seed, its input, and what it means.
type recipe struct {
	random    *rand.Rand
	format    string            // of the input
	files     map[string]string // by name
	names     []string          // of the files, as partitions
	rows      []refRow
	undecoded []string // step partition:line
	filter    *refCondition
	derived   bool
	window    refWindow
	windowed  map[string]any // keys of the aggregation besides those of window
	outputs   []output
	yaml      string
}

// recipeTypes are the columns of the input.
var recipeTypes = map[string]string{"id": "string", "at": "timestamp", "g": "string", "h": "int64",
	"n": "int64", "s": "string"}

var recipeColumns = slices.Sorted(maps.Keys(recipeTypes))

func newRecipe(seed uint64) *recipe {
	r := &recipe{random: rand.New(rand.NewPCG(seed, 7)), files: map[string]string{}, format: "jsonl"}
	if chance(r.random, 3) {
		r.format = "csv"
	}
	for i := range 1 + r.random.IntN(4) {
		r.addFile(i)
	}
	if chance(r.random, 2) {
		r.filter = conditions[r.random.IntN(len(conditions))]
	}
	if r.derived = chance(r.random, 2); r.derived {
		for i := range r.rows {
			r.rows[i].cells["m"] = nil
			if n, ok := r.rows[i].cells["n"].(int64); ok {
				r.rows[i].cells["m"] = n*3 - 1
			}
		}
	}
	r.drawWindow()
	r.drawOutputs()
	r.yaml = r.config()
	return r
}

// conditions are expressions over a row.
var conditions = []*refCondition{
	{"n > 0", func(r refRow) bool { n, ok := r.cells["n"].(int64); return ok && n > 0 }},
	{`g != "b"`, func(r refRow) bool { g, ok := r.cells["g"].(string); return ok && g != "b" }},
	{"h == 1 || h == 2", func(r refRow) bool { return r.cells["h"] == int64(1) || r.cells["h"] == int64(2) }},
	{"n == null", func(r refRow) bool { return r.cells["n"] == nil }},
}

// addFile draws a file: its rows are more or less in the order of their times.
func (r *recipe) addFile(partition int) {
	name := fmt.Sprintf("in/%d.%s", partition, r.format)
	r.names = append(r.names, name)
	var text strings.Builder
	line := int64(0)
	if r.format == "csv" {
		text.WriteString(strings.Join(recipeColumns, ",") + "\n")
		line++
	}
	at := time.Date(2026, 1, 1, 0, 0, r.random.IntN(600), 0, time.UTC)
	pace, disorder := 1+r.random.IntN(5000), 1+r.random.IntN(40_000)
	for i := range r.random.IntN(150) {
		line++
		if chance(r.random, 40) {
			text.WriteString("spoilt\n")
			r.undecoded = append(r.undecoded, fmt.Sprintf("in %s:%d", name, line))
			continue
		}
		at = at.Add(time.Duration(r.random.IntN(pace)) * time.Millisecond)
		cells := r.drawCells(partition, i, at.Add(-time.Duration(r.random.IntN(disorder))*time.Millisecond))
		one := newRefRow(partition, line, cells)
		r.rows = append(r.rows, one)
		r.writeRow(&text, cells)
	}
	r.files[name] = text.String()
}

// drawCells draws a row's cells, some of them null.
func (r *recipe) drawCells(partition, number int, at time.Time) map[string]any {
	cells := map[string]any{"id": fmt.Sprintf("%d-%d", partition, number), "h": int64(r.random.IntN(3)),
		"g": string(rune('a' + r.random.IntN(3))), "n": int64(r.random.IntN(101) - 50),
		"s": fmt.Sprintf("text, %d \"é\"", r.random.IntN(10)), "at": at}
	for _, column := range []string{"at", "g", "n", "s"} {
		if chance(r.random, 25) {
			cells[column] = nil
		}
	}
	return cells
}

func (r *recipe) writeRow(to *strings.Builder, cells map[string]any) {
	if r.format == "jsonl" {
		line, _ := json.Marshal(cells) // texts, numbers, times and nulls always encode
		to.Write(append(line, '\n'))
		return
	}
	var record []string
	for _, column := range recipeColumns {
		record = append(record, refText(cells[column]))
	}
	w := csv.NewWriter(to)
	_ = w.Write(record) // into memory
	w.Flush()
}

// drawWindow draws an aggregation.
func (r *recipe) drawWindow() {
	w := refWindow{step: "windows", delay: int64(r.random.IntN(40)) * 1e6}
	switch r.random.IntN(3) {
	case 0:
		w.size = int64(1+r.random.IntN(90)) * 1e6
		w.every = w.size
	case 1:
		w.every = int64(1+r.random.IntN(30)) * 1e6
		w.size = w.every + int64(r.random.IntN(90))*1e6
	default:
		w.gap = int64(1+r.random.IntN(30)) * 1e6
	}
	if w.gap == 0 && chance(r.random, 3) {
		w.offset = w.every / 3
	}
	w.groupBy = [][]string{nil, {"g"}, {"h"}, {"g", "h"}}[r.random.IntN(4)]
	number := "n"
	if r.derived {
		number = "m"
	}
	all := []refCall{{function: "count", column: number}, {function: "sum", column: number},
		{function: "min", column: number}, {function: "max", column: number},
		{function: "count_distinct", column: "s"}, {function: "first", column: "id"},
		{function: "last", column: "id"}, {function: "first", column: "s"}, {function: "max", column: "at"}}
	w.calls = []refCall{{name: "rows", function: "count"}}
	for i, c := range all {
		if chance(r.random, 2) {
			continue
		}
		c.name = fmt.Sprint("c", i)
		if chance(r.random, 4) {
			c.where = conditions[r.random.IntN(len(conditions))]
		}
		w.calls = append(w.calls, c)
	}
	r.window = w
}

// windowTypes are the columns of its results.
func (r *recipe) windowTypes() map[string]string {
	types := map[string]string{"window_start": "timestamp", "window_end": "timestamp"}
	for _, name := range r.window.groupBy {
		types[name] = recipeTypes[name]
	}
	for _, c := range r.window.calls {
		types[c.name] = "int64"
		if t := recipeTypes[c.column]; t != "" && !strings.HasPrefix(c.function, "count") {
			types[c.name] = t
		}
	}
	return types
}

// drawOutputs draws one to three folders of rows and as many of windows.
func (r *recipe) drawOutputs() {
	types := maps.Clone(recipeTypes)
	if r.derived {
		types["m"] = "int64"
	}
	add := func(what string, columns map[string]string, by ...string) {
		for i := range 1 + r.random.IntN(3) {
			o := output{folder: fmt.Sprintf("%s_%d", what, i), columns: columns,
				format: []string{"csv", "jsonl", "parquet"}[r.random.IntN(3)]}
			if len(by) > 0 && chance(r.random, 3) {
				o.by = by[:1+r.random.IntN(len(by))]
			}
			r.outputs = append(r.outputs, o)
		}
	}
	add("raw", types, "g", "h")
	add("windows", r.windowTypes(), r.window.groupBy...)
	r.outputs = append(r.outputs,
		output{folder: "late", format: []string{"csv", "jsonl"}[r.random.IntN(2)]},
		output{folder: "dead", columns: deadTypes, format: []string{"csv", "parquet"}[r.random.IntN(2)]})
}

// config is the recipe as YAML; flow style is JSON.
func (r *recipe) config() string {
	asJSON := func(v any) string {
		text, _ := json.Marshal(v) // maps and texts always encode
		return string(text)
	}
	var steps []any
	if r.filter != nil {
		steps = append(steps, map[string]any{"filter": r.filter.text})
	}
	if r.derived {
		steps = append(steps, map[string]any{"derive": map[string]any{"m": "n * 3 - 1"}})
	}
	sinks := map[string][]any{}
	for _, o := range r.outputs {
		keys := map[string]any{"path": o.folder, "roll": map[string]any{
			"size": 500 + r.random.IntN(20_000), "interval": fmt.Sprintf("%dms", r.random.IntN(60))}}
		if len(o.by) > 0 {
			keys["partition_by"], keys["max_open_files"] = o.by, 1+r.random.IntN(4)
		}
		sinks[o.holds()] = append(sinks[o.holds()], map[string]any{o.format: keys, "label": o.folder})
	}
	aggregation := r.window.config()
	maps.Copy(aggregation, r.windowed)
	windows := map[string]any{"processors": []any{map[string]any{"aggregation": aggregation,
		"label": "windows"}}, "output": sinks["windows"]}
	input := map[string]any{"path": "in", "schema": recipeTypes}
	if r.format == "tape" {
		input["partitions"], input["earlier"] = r.names, 0
	}
	pipeline := map[string]any{"input": map[string]any{r.format: input, "label": "in"},
		"output": append(sinks["raw"], windows), "dead_letters": sinks["dead"][0]}
	if late := sinks["late"]; len(late) > 0 {
		pipeline["late"] = late[0]
	}
	if len(steps) > 0 {
		pipeline["processors"] = steps
	}
	return fmt.Sprintf("state_dir: state\ncheckpoint_interval: %dms\npipelines:\n  p: %s\n",
		5+r.random.IntN(40), asJSON(pipeline))
}

// config is the aggregation as its plugin takes it.
func (w refWindow) config() map[string]any {
	micros := func(n int64) string { return fmt.Sprintf("%dus", n) }
	window := map[string]any{"hopping": map[string]any{"size": micros(w.size), "every": micros(w.every)}}
	switch {
	case w.gap > 0:
		window = map[string]any{"session": map[string]any{"gap": micros(w.gap)}}
	case w.size == w.every:
		window = map[string]any{"tumbling": micros(w.size)}
	}
	if w.offset != 0 {
		window["offset"] = micros(w.offset)
	}
	calls := map[string]any{}
	for _, c := range w.calls {
		call := fmt.Sprintf("%s(%s)", c.function, c.column)
		calls[c.name] = call
		if c.where != nil {
			calls[c.name] = map[string]any{"call": call, "where": c.where.text}
		}
	}
	config := map[string]any{"event_time": "at", "watermark": micros(w.delay), "window": window,
		"aggregates": calls}
	if len(w.groupBy) > 0 {
		config["group_by"] = w.groupBy
	}
	return config
}
