package main

import (
	"fmt"
	"slices"
	"strings"
)

// job is a pipeline that is killed, with tickets as its input.
type job struct {
	config  string
	outputs []output
}

// newJob makes a job of some of the outputs. Pipelines before it and its input
// stand in their places.
func newJob(before, input, interval, roll string, outputs ...string) job {
	var raw, windows, sessions strings.Builder
	j := job{}
	for _, o := range ticketOutputs {
		if !slices.Contains(outputs, o.folder) {
			continue
		}
		j.outputs = append(j.outputs, o)
		to, indent := &raw, "      "
		switch what, _, _ := strings.Cut(o.folder, "_"); what {
		case "windows":
			to, indent = &windows, "          "
		case "sessions":
			to, indent = &sessions, "          "
		case "late", "dead":
			continue // every job has them
		}
		keys := "path: " + o.folder
		if o.by != nil {
			keys += ", max_open_files: 4, partition_by: [" + strings.Join(o.by, ", ") + "]"
		}
		fmt.Fprintf(to, "%s- %s: {%s}\n%s  label: %s\n", indent, o.format, keys, indent, o.folder)
	}
	j.config = fmt.Sprintf(ticketJob, interval, roll, before, input, &raw, &windows, &sessions)
	return j
}

// ticketJob is the text of a job.
const ticketJob = `
state_dir: state
checkpoint_interval: %s
defaults:
  csv: {roll: &roll {%s}}
  parquet: {roll: *roll}
pipelines:
  %s
  p:
    input: %s
    output:
%s
      - processors:
          - aggregation:
              event_time: created_at
              watermark: 20s
              window: {tumbling: 1m}
              group_by: [type]
              aggregates: {tickets: count(), clients: count_distinct(client_id), last: last(ticket_id)}
            label: windows
        output:
%s
      - processors:
          - aggregation:
              event_time: created_at
              watermark: 40s
              window: {session: {gap: 50s}}
              group_by: [client_id]
              aggregates: {tickets: count(), first: first(ticket_id), newest: max(created_at)}
            label: sessions
        output:
%s
    late:
      csv: {path: late}
      label: late
    dead_letters:
      parquet: {path: dead}
      label: dead
schemas:
  ticket: {ticket_id: string, client_id: string, created_at: timestamp, demande: string, type: string,
    priorite: string}
`

const fromFiles = "{jsonl: {path: in, schema: ticket}, label: in}"

var (
	ticketTypes = map[string]string{"ticket_id": "string", "client_id": "string", "created_at": "timestamp",
		"demande": "string", "type": "string", "priorite": "string"}
	windowTypes = map[string]string{"window_start": "timestamp", "window_end": "timestamp", "type": "string",
		"tickets": "int64", "clients": "int64", "last": "string"}
	sessionTypes = map[string]string{"window_start": "timestamp", "window_end": "timestamp",
		"client_id": "string", "tickets": "int64", "first": "string", "newest": "timestamp"}
	deadTypes = map[string]string{"at": "timestamp", "pipeline": "string", "step": "string",
		"reason": "string", "partition": "string", "position": "int64", "raw": "string", "row": "string", "key": "string",
		"raw_bytes": "bytes"}
)

// ticketOutputs are all the outputs that a job may have.
var ticketOutputs = []output{
	{folder: "raw_csv", format: "csv"},
	{folder: "raw_parquet", format: "parquet", columns: ticketTypes},
	{folder: "raw_by_type", format: "parquet", columns: ticketTypes, by: []string{"type", "priorite"}},
	{folder: "windows_csv", format: "csv"},
	{folder: "windows_parquet", format: "parquet", columns: windowTypes},
	{folder: "sessions_csv", format: "csv"},
	{folder: "sessions_parquet", format: "parquet", columns: sessionTypes},
	{folder: "late", format: "csv"},
	{folder: "dead", format: "parquet", columns: deadTypes, without: []string{"at"}},
}

// holds is what is in an output, whatever its format.
func (o output) holds() string {
	what, _, _ := strings.Cut(o.folder, "_")
	return what
}

// The rolls of a job: each epoch shows its rows, or they stay staged for some.
const (
	rollsOften   = "size: 12KB, interval: 0s"
	rollsSeldom  = "size: 8KB, interval: 1m"
	rollsByClock = "size: 30KB, interval: 60ms"
)

// fullJob has all of them.
func fullJob(input, roll string) job {
	var all []string
	for _, o := range ticketOutputs {
		all = append(all, o.folder)
	}
	return newJob("", input, "15ms", roll, all...)
}

// smallJob has one of each kind, and short epochs.
func smallJob(input, roll string) job {
	return newJob("", input, "5ms", roll,
		"raw_csv", "raw_by_type", "windows_csv", "sessions_parquet", "late", "dead")
}

// sinks are the job's sinks, as kill points name them.
func (j job) sinks() []string {
	var names []string
	for _, o := range j.outputs {
		names = append(names, "p/"+o.folder)
	}
	return names
}

// windowStep and sessionStep are the steps of the job, for the reference.
var (
	windowStep = refWindow{step: "windows", size: 60e6, every: 60e6, delay: 20e6, groupBy: []string{"type"},
		calls: []refCall{{name: "tickets", function: "count"},
			{name: "clients", function: "count_distinct", column: "client_id"},
			{name: "last", function: "last", column: "ticket_id"}}}
	sessionStep = refWindow{step: "sessions", gap: 50e6, delay: 40e6, groupBy: []string{"client_id"},
		calls: []refCall{{name: "tickets", function: "count"},
			{name: "first", function: "first", column: "ticket_id"},
			{name: "newest", function: "max", column: "created_at"}}}
)
