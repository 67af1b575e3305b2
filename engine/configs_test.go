package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// inRepositoryCopy makes a new current folder that has the configs.
func inRepositoryCopy(t *testing.T) {
	t.Helper()
	from, err := filepath.Abs("../configs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "configs"), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("REDPANDA_BROKERS", "")
}

// column returns one column of the rows of a folder.
func column(t *testing.T, folder, name string, header ...string) []string {
	t.Helper()
	var values []string
	for _, row := range readCSV(t, folder, header...) {
		values = append(values, row[slices.Index(header, name)])
	}
	return values
}

func total(t *testing.T, values []string) (sum int) {
	t.Helper()
	for _, v := range values {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func TestLateConfigKeepsWhatMissesItsWindow(t *testing.T) {
	inRepositoryCopy(t)
	s := mustRun(t, "configs/late.yaml")
	aggregation := s.Pipelines[0].Steps[1]
	if aggregation.Late == 0 || aggregation.Rejected == 0 {
		t.Fatalf("the generator planted nothing: %+v", aggregation)
	}
	header := append(slices.Clone(ticketHeader), "_event_time", "_watermark", "_partition", "_position", "_step")
	for _, row := range readCSV(t, "output/late/late_tickets", header...) {
		if minute := row[6][:16]; minute >= row[7][:16] {
			t.Errorf("a ticket of minute %s was judged late by the watermark %s", minute, row[7])
		}
		if row[8] != "tickets" || row[10] != "aggregation" {
			t.Errorf("a late ticket has partition %q and step %q", row[8], row[10])
		}
	}
	rows := readParquet(t, "output/late/per_minute", `{"tickets": "int64"}`)
	var counted int64
	for _, row := range rows {
		n, _ := strconv.ParseInt(strings.Trim(row, `{}"tickes:`), 10, 64)
		counted += n
	}
	if counted != aggregation.Absorbed {
		t.Errorf("the windows hold %d tickets, the books say %d", counted, aggregation.Absorbed)
	}
}

func TestDeadLettersConfigKeepsEveryRow(t *testing.T) {
	inRepositoryCopy(t)
	mustRun(t, "configs/dead_letters.yaml")
	good := column(t, "output/payments/good", "payment_id", "payment_id", "paid_at", "amount", "currency")
	slices.Sort(good)
	if want := []string{"P-1001", "P-1002", "P-1007", "P-1009", "P-1010"}; !slices.Equal(good, want) {
		t.Errorf("good payments: got %v, want %v", good, want)
	}
	header := []string{"at", "pipeline", "step", "reason", "partition", "position", "raw", "row"}
	var got []string
	for _, row := range readCSV(t, "output/payments/dead_letters", header...) {
		got = append(got, row[5]+" "+row[3])
	}
	want := []string{
		`4 paid_at: want a timestamp, got "yesterday"`,
		`5 amount: want a decimal(10,2), got "1 200.00"`,
		"6 want 4 cells, got 3",
		"7 payment_id: want a string, got null",
		`9 amount: want a decimal(10,2), got "100000000.00"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("dead letters:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	n := total(t, column(t, "output/payments/by_currency", "payments",
		"window_start", "window_end", "currency", "payments", "highest"))
	if n != len(good) {
		t.Errorf("by currency: %d payments, want %d", n, len(good))
	}
}
