package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
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
	header := []string{"at", "pipeline", "step", "reason", "partition", "position", "raw", "row", "key",
		"raw_bytes"}
	var got []string
	for _, row := range readCSV(t, "output/payments/dead_letters", header...) {
		got = append(got, row[5]+" "+row[3])
	}
	want := []string{
		`4 paid_at: want a timestamp such as 2026-01-31T09:30:00Z, got "yesterday"`,
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

func TestTopicsConfigCarriesUrgentTicketsOnly(t *testing.T) {
	inRepositoryCopy(t)
	t.Setenv("TICKETS", "5000")
	s := mustRun(t, "configs/topics.yaml")
	filter := s.Pipelines[1].Steps[1]
	if filter.Dropped == 0 || filter.In != 5000 {
		t.Fatalf("the filter took %d and dropped %d", filter.In, filter.Dropped)
	}
	rows := readCSV(t, "output/urgent", ticketHeader...)
	if int64(len(rows)) != filter.Out {
		t.Errorf("delivered: %d tickets, want %d", len(rows), filter.Out)
	}
	for _, row := range rows {
		if row[5] != "urgent" {
			t.Fatalf("a ticket of priority %s was delivered", row[5])
		}
	}
}

func TestSessionsConfigCountsEveryTicketInOneSession(t *testing.T) {
	inRepositoryCopy(t)
	t.Setenv("TICKETS", "5000")
	mustRun(t, "configs/sessions.yaml")
	header := []string{"window_start", "window_end", "client_id", "tickets", "urgent", "first_type", "last_type"}
	rows := readCSV(t, "output/sessions/csv", header...)
	if n := total(t, column(t, "output/sessions/csv", "tickets", header...)); n != 5000 {
		t.Errorf("the sessions hold %d tickets, want 5000", n)
	}
	slices.SortFunc(rows, func(a, b []string) int {
		return strings.Compare(a[2]+instant(t, a[0]), b[2]+instant(t, b[0]))
	})
	for i := 1; i < len(rows); i++ {
		if rows[i][2] == rows[i-1][2] && instant(t, rows[i][0]) < instant(t, rows[i-1][1]) {
			t.Errorf("sessions of %s overlap: %v and %v", rows[i][2], rows[i-1][:2], rows[i][:2])
		}
	}
}

// instant writes a time so that texts sort as times do.
func instant(t *testing.T, text string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Format("2006-01-02T15:04:05.000000")
}

func TestPartitionedConfigMakesFolders(t *testing.T) {
	inRepositoryCopy(t)
	mustRun(t, "configs/partitioned.yaml")
	folders, err := filepath.Glob("output/by_day/day=2026-01-05/type=*")
	if err != nil || len(folders) != 4 {
		t.Errorf("folders: got %v, %v; want one for each type but account", folders, err)
	}
	const columns = `{"day": "date", "type": "string", "ticket_id": "string", "urgent": "bool"}`
	rows := readParquet(t, "output/by_day", columns)
	if len(rows) != 520 || !strings.HasPrefix(rows[0], `{"day":"2026-01-05","type":"billing"`) {
		t.Errorf("got %d rows, the first %s", len(rows), rows[0])
	}
}
