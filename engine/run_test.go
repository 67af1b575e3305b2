package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"etlengine/engine/cli"
	"etlengine/plugins"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/parquet"
	"etlengine/plugins/sdk"
)

// run is the command line in this process, in the current folder.
func run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(args, &out, &errs, plugins.Builtin())
	return code, out.String(), errs.String()
}

// mustRun runs a config and returns its summary.
func mustRun(t *testing.T, args ...string) summary {
	t.Helper()
	code, stdout, stderr := run(append([]string{"run", "--json"}, args...)...)
	if code != 0 {
		t.Fatalf("engine run %v: exit %d\n%s", args, code, stderr)
	}
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("the summary is not JSON: %v\n%s", err, stdout)
	}
	if !s.Balanced {
		t.Errorf("the books do not balance:\n%s", stdout)
	}
	return s
}

type summary struct {
	Balanced  bool
	Pipelines []struct {
		Name  string
		Ended bool
		Steps []stepSummary
	}
}

type stepSummary struct {
	Label                                               string
	In, Out, Created, Dropped, Absorbed, Late, Rejected int64
	Waiting                                             []sdk.Waiting
}

// config is the path of one of the configs of this repository.
func config(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// readCSV returns the rows of all part files of a folder, and checks that each
// begins with the header.
func readCSV(t *testing.T, folder string, header ...string) [][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CSV files in %s: %v", folder, err)
	}
	var rows [][]string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(all[0], header) {
			t.Fatalf("header of %s: got %v, want %v", name, all[0], header)
		}
		rows = append(rows, all[1:]...)
	}
	return rows
}

// readParquet returns the rows of a folder as JSON objects, sorted.
func readParquet(t *testing.T, folder, columns string) []string {
	t.Helper()
	settings := fmt.Sprintf(`{"path": %q, "schema": %s}`, folder, columns)
	i, err := parquet.Source.Open(t.Context(), []byte(settings), nil, sdk.Env{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(t.Context())
	var rows []string
	for {
		item, err := i.(sdk.Source).Next(t.Context())
		if errors.Is(err, io.EOF) {
			slices.Sort(rows)
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch == nil {
			continue
		}
		e := jsonrows.NewEncoder(item.Batch.Rows)
		for row := range int(item.Batch.NumRows()) {
			rows = append(rows, string(e.Append(nil, row)))
		}
	}
}

// asJSON writes CSV rows as readParquet does. Columns of numbers are named.
func asJSON(rows [][]string, header []string, numbers ...string) []string {
	texts := make([]string, len(rows))
	for i, row := range rows {
		var b strings.Builder
		for j, name := range header {
			value := row[j]
			if !slices.Contains(numbers, name) {
				var quoted bytes.Buffer
				e := json.NewEncoder(&quoted)
				e.SetEscapeHTML(false)
				_ = e.Encode(value) // a string always encodes
				value = strings.TrimSuffix(quoted.String(), "\n")
			}
			fmt.Fprintf(&b, ",%q:%s", name, value)
		}
		texts[i] = "{" + b.String()[1:] + "}"
	}
	slices.Sort(texts)
	return texts
}

var (
	ticketHeader = []string{"ticket_id", "client_id", "created_at", "demande", "type", "priorite"}
	minuteHeader = []string{"window_start", "window_end", "type", "priorite", "tickets", "clients"}
)

const (
	ticketColumns = `{"ticket_id": "string", "client_id": "string", "created_at": "timestamp",
		"demande": "string", "type": "string", "priorite": "string"}`
	minuteColumns = `{"window_start": "timestamp", "window_end": "timestamp", "type": "string",
		"priorite": "string", "tickets": "int64", "clients": "int64"}`
)

// checkTickets holds what the tickets pipeline wrote against what the raw
// tickets say, counted here anew.
func checkTickets(t *testing.T, want int) {
	t.Helper()
	raw := readCSV(t, "output/tickets/csv", ticketHeader...)
	ids := map[string]bool{}
	for _, row := range raw {
		ids[row[0]] = true
	}
	if len(raw) != want || len(ids) != want {
		t.Fatalf("raw tickets: got %d rows with %d ids, want %d", len(raw), len(ids), want)
	}
	if got := readParquet(t, "output/tickets/parquet", ticketColumns); !slices.Equal(got, asJSON(raw, ticketHeader)) {
		t.Errorf("Parquet and CSV hold other tickets")
	}
	minutes := readCSV(t, "output/tickets_per_minute/csv", minuteHeader...)
	parquet := readParquet(t, "output/tickets_per_minute/parquet", minuteColumns)
	if !slices.Equal(parquet, asJSON(minutes, minuteHeader, "tickets", "clients")) {
		t.Errorf("Parquet and CSV hold other windows")
	}
	checkWindows(t, raw, minutes)
}

func checkWindows(t *testing.T, raw, minutes [][]string) {
	t.Helper()
	type group struct{ start, kind, priority string }
	tickets, clients := map[group]int{}, map[group]map[string]bool{}
	for _, row := range raw {
		at, err := time.Parse(time.RFC3339Nano, row[2])
		if err != nil {
			t.Fatal(err)
		}
		g := group{at.Truncate(time.Minute).Format(time.RFC3339), row[4], row[5]}
		if tickets[g]++; clients[g] == nil {
			clients[g] = map[string]bool{}
		}
		clients[g][row[1]] = true
	}
	got := map[group]int{}
	for _, row := range minutes {
		g := group{row[0], row[2], row[3]}
		if _, twice := got[g]; twice {
			t.Errorf("window %v is there twice", g)
		}
		got[g], _ = strconv.Atoi(row[4])
		estimate, _ := strconv.ParseFloat(row[5], 64)
		exact := float64(len(clients[g]))
		if most := 4 * clientsError * exact; math.Abs(estimate-exact) > most+0.5 {
			t.Errorf("clients of %v: got %v, want %v ± %.1f", g, estimate, exact, most)
		}
	}
	if !maps.Equal(got, tickets) {
		t.Errorf("tickets per minute differ from those counted: %d groups, want %d", len(got), len(tickets))
	}
}

// clientsError is the standard error of approx_count_distinct.
const clientsError = 1.04 / 64

func TestTicketsEndToEnd(t *testing.T) {
	tickets := config(t, "tickets.yaml")
	t.Chdir(t.TempDir())
	t.Setenv("TICKETS", "20000")
	t.Setenv("REDPANDA_BROKERS", "")
	mustRun(t, tickets)
	checkTickets(t, 20_000)

	first := len(readCSV(t, "output/tickets_per_minute/csv", minuteHeader...))
	mustRun(t, tickets)
	checkTickets(t, 40_000) // checkWindows finds a window that came again
	if second := len(readCSV(t, "output/tickets_per_minute/csv", minuteHeader...)); second <= first {
		t.Errorf("the second run added no windows: %d, then %d", first, second)
	}
}

func TestFilesConfigReadsEachFileOnce(t *testing.T) {
	files, sample := config(t, "files.yaml"), config(t, "sample/tickets")
	t.Chdir(t.TempDir())
	t.Setenv("TICKETS_DIR", sample)
	for run, rows := range []int64{600, 0} {
		for _, step := range mustRun(t, files).Pipelines[0].Steps[:2] {
			if step.Out != rows {
				t.Errorf("run %d: %s gave %d rows, want %d", run+1, step.Label, step.Out, rows)
			}
		}
	}
	tickets := 0
	for _, row := range readCSV(t, "output/per_five_minutes", "window_start", "window_end", "priorite",
		"tickets", "clients") {
		n, _ := strconv.Atoi(row[3])
		tickets += n
	}
	if tickets != 600 {
		t.Errorf("the windows hold %d tickets, want 600", tickets)
	}
	const columns = `{"ticket_id": "string", "created_at": "timestamp"}`
	if rows := readParquet(t, "output/archive", columns); len(rows) != 600 {
		t.Errorf("the archive holds %d tickets, want 600", len(rows))
	}
}
