// Package verify compares what the programs wrote: it makes the SQL that reads
// the results, and checks what DuckDB answers.
package verify

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Row is a row of an answer, as JSON has it.
type Row map[string]any

// Ticket are the columns of a ticket, in the order of the files.
var ticket = [...]string{"ticket_id", "client_id", "created_at", "demande", "type", "priorite", "duration_ms"}

// TicketsOf is a query of all tickets in JSON lines, read as their types.
func TicketsOf(jsonl string) string {
	return "SELECT * REPLACE (epoch_us(created_at) AS created_at) FROM " + Tickets(jsonl)
}

// Tickets is a table function of the tickets in JSON lines.
func Tickets(jsonl string) string { return JSON(jsonl, ticket[:]...) }

// JSON is a table function of the named columns of JSON lines.
func JSON(path string, columns ...string) string {
	var types []string
	for _, c := range columns {
		t := "VARCHAR"
		switch c {
		case "created_at":
			t = "TIMESTAMP"
		case "duration_ms":
			t = "BIGINT"
		}
		types = append(types, fmt.Sprintf("'%s':'%s'", c, t))
	}
	return fmt.Sprintf("read_json('%s', format='newline_delimited', columns={%s})", path,
		strings.Join(types, ","))
}

// TicketsIn is a query of all tickets in CSV or Parquet files. All cells of a
// CSV file are text that must read as its type.
func TicketsIn(format, glob string) string {
	if format == "parquet" {
		return fmt.Sprintf("SELECT * REPLACE (epoch_us(created_at) AS created_at) FROM read_parquet('%s')", glob)
	}
	return "SELECT * REPLACE (epoch_us(created_at::TIMESTAMPTZ) AS created_at," +
		" duration_ms::BIGINT AS duration_ms) FROM " + csvText(glob)
}

func csvText(glob string) string {
	return fmt.Sprintf("read_csv('%s', header=true, all_varchar=true, parallel=false, delim=',', quote='\"',"+
		" escape='\"')", glob)
}

// Fingerprint is a query of one row: how many rows there are, a sum for every
// column that does not depend on their order, and one over whole rows.
func Fingerprint(query string) string {
	sums := []string{"count(*)::VARCHAR AS rows", sum(strings.Join(ticket[:], ", "), "whole")}
	for _, c := range ticket {
		sums = append(sums, sum(c, c))
	}
	return fmt.Sprintf("SELECT %s FROM (%s)", strings.Join(sums, ", "), query)
}

func sum(of, name string) string {
	return fmt.Sprintf("sum(hash(%s)::HUGEINT)::VARCHAR AS %s", of, name)
}

// Same returns an error that names the values in which two rows differ, if any.
func Same(want, got Row) error {
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if fmt.Sprint(want[name]) != fmt.Sprint(got[name]) {
			differ = append(differ, fmt.Sprintf("%s: want %v, got %v", name, want[name], got[name]))
		}
	}
	if differ != nil {
		return fmt.Errorf("results differ: %s", strings.Join(differ, "; "))
	}
	return nil
}

// ReportOf is a query of the exact report of the tickets in JSON lines. Of the
// quantile it has the values on both sides of the rank.
func ReportOf(jsonl string) string {
	const value = "list_sort(list(duration_ms))[1 + %s(0.95 * (count(*) - 1))::BIGINT]"
	return "SELECT epoch_us(date_trunc('minute', created_at)) AS window_start, type, priorite," +
		" count(*) AS tickets, count(DISTINCT client_id) AS clients, sum(duration_ms)::BIGINT AS total," +
		" min(duration_ms) AS least, max(duration_ms) AS most, " + fmt.Sprintf(value, "floor") + " AS p95_low, " +
		fmt.Sprintf(value, "ceil") + " AS p95_high FROM " +
		JSON(jsonl, "created_at", "client_id", "type", "priorite", "duration_ms") + " GROUP BY ALL"
}

// ReportIn is a query of a report in CSV or Parquet files.
func ReportIn(format, glob string) string {
	from, start := fmt.Sprintf("read_parquet('%s')", glob), "window_start"
	if format == "csv" {
		from, start = csvText(glob), "window_start::TIMESTAMPTZ"
	}
	return fmt.Sprintf("SELECT epoch_us(%s) AS window_start, type, priorite, tickets::BIGINT AS tickets,"+
		" clients::BIGINT AS clients, total::BIGINT AS total, mean::DOUBLE AS mean, least::BIGINT AS least,"+
		" most::BIGINT AS most, p95::DOUBLE AS p95 FROM %s", start, from)
}

// Against is a query of one row that says how a report differs from the exact one.
func Against(exact, report string) string {
	return fmt.Sprintf(`SELECT count(*) AS windows,
	count(*) FILTER (e.tickets IS NULL OR g.tickets IS NULL) AS unpaired,
	count(*) FILTER (e.tickets <> g.tickets OR e.total <> g.total OR e.least <> g.least OR e.most <> g.most
		OR abs(g.mean - e.total / e.tickets) > 1e-9 * g.mean) AS wrong,
	max(abs(g.clients - e.clients) / e.clients)::DOUBLE AS clients_off,
	max(greatest(0, e.p95_low - g.p95, g.p95 - e.p95_high) / e.p95_low)::DOUBLE AS p95_off
FROM (%s) e FULL JOIN (%s) g USING (window_start, type, priorite)`, exact, report)
}

// Stated are the errors that a program claims for its sketches, as a share of
// the right value.
type Stated struct{ Clients, P95 float64 }

// Check returns how far off the sketches were at worst, or what is wrong with the
// answer to Against.
func (s Stated) Check(answer Row) (worst Stated, err error) {
	if number(answer, "windows") == 0 {
		return worst, fmt.Errorf("the report is empty")
	}
	if n := number(answer, "unpaired"); n != 0 {
		return worst, fmt.Errorf("%v windows are in one of the reports only", n)
	}
	if n := number(answer, "wrong"); n != 0 {
		return worst, fmt.Errorf("%v windows have another count, sum, average, minimum or maximum", n)
	}
	worst = Stated{Clients: number(answer, "clients_off"), P95: number(answer, "p95_off")}
	if !(worst.Clients <= s.Clients) {
		return worst, fmt.Errorf("clients are up to %.2f %% off, stated are %.2f %%", 100*worst.Clients,
			100*s.Clients)
	}
	if !(worst.P95 <= s.P95) {
		return worst, fmt.Errorf("p95 is up to %.2f %% off, stated are %.2f %%", 100*worst.P95, 100*s.P95)
	}
	return worst, nil
}

// Difference is a query of one row: how many rows one of two queries has and
// the other has not, duplicates included.
func Difference(a, b string) string {
	return fmt.Sprintf("SELECT count(*) AS differ FROM ((FROM (%s) EXCEPT ALL FROM (%s)) UNION ALL"+
		" (FROM (%s) EXCEPT ALL FROM (%s)))", a, b, b, a)
}

// number is NaN for what is no number, which no limit forgives.
func number(r Row, name string) float64 {
	if v, ok := r[name].(float64); ok {
		return v
	}
	return math.NaN()
}
