package main

// ticketJob is the pipeline that is killed: pipelines before it and its input
// stand in their places.
const ticketJob = `
state_dir: state
checkpoint_interval: 15ms
defaults:
  csv: {roll: &roll {size: 12KB, interval: 40ms}}
  parquet: {roll: *roll}
pipelines:
  %s
  p:
    input: %s
    output:
      - csv: {path: raw_csv}
        label: raw_csv
      - parquet: {path: raw_parquet}
        label: raw_parquet
      - parquet: {path: by_type, partition_by: [type, priorite], max_open_files: 4}
        label: by_type
      - processors:
          - aggregation:
              event_time: created_at
              watermark: 20s
              window: {tumbling: 1m}
              group_by: [type]
              aggregates: {tickets: count(), clients: count_distinct(client_id), last: last(ticket_id)}
            label: windows
        output:
          - csv: {path: windows_csv}
            label: windows_csv
          - parquet: {path: windows_parquet}
            label: windows_parquet
      - processors:
          - aggregation:
              event_time: created_at
              watermark: 40s
              window: {session: {gap: 50s}}
              group_by: [client_id]
              aggregates: {tickets: count(), first: first(ticket_id), newest: max(created_at)}
            label: sessions
        output:
          - csv: {path: sessions_csv}
            label: sessions_csv
          - parquet: {path: sessions_parquet}
            label: sessions_parquet
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
		"reason": "string", "partition": "string", "position": "int64", "raw": "bytes", "row": "string"}
)

// ticketOutputs are the outputs of the job.
var ticketOutputs = []output{
	{folder: "raw_csv", format: "csv"},
	{folder: "raw_parquet", format: "parquet", columns: ticketTypes},
	{folder: "by_type", format: "parquet", columns: ticketTypes, by: []string{"type", "priorite"}},
	{folder: "windows_csv", format: "csv"},
	{folder: "windows_parquet", format: "parquet", columns: windowTypes},
	{folder: "sessions_csv", format: "csv"},
	{folder: "sessions_parquet", format: "parquet", columns: sessionTypes},
	{folder: "late", format: "csv"},
	{folder: "dead", format: "parquet", columns: deadTypes, without: []string{"at"}},
}

// sameRows are the outputs that hold the same at all times, by what they hold.
var sameRows = [][]string{{"raw_csv", "raw_parquet", "by_type"}, {"windows_csv", "windows_parquet"},
	{"sessions_csv", "sessions_parquet"}}

// windowStep and sessionStep are the steps of the job, for the reference.
var (
	windowStep = refWindow{step: "windows", size: 60e6, every: 60e6, delay: 20e6, groupBy: []string{"type"},
		calls: []refCall{{"tickets", "count", ""}, {"clients", "count_distinct", "client_id"},
			{"last", "last", "ticket_id"}}}
	sessionStep = refWindow{step: "sessions", gap: 50e6, delay: 40e6, groupBy: []string{"client_id"},
		calls: []refCall{{"tickets", "count", ""}, {"first", "first", "ticket_id"},
			{"newest", "max", "created_at"}}}
)

// sinkNames are the sinks of the job.
func sinkNames() []string {
	var names []string
	for _, o := range ticketOutputs {
		names = append(names, "p/"+o.folder)
	}
	return names
}
