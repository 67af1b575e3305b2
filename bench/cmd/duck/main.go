// Command duck runs the SQL of its standard input in DuckDB, statement by
// statement, and prints the rows of every query as a line of JSON.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

func main() {
	threads := flag.Int("threads", 2, "threads of DuckDB")
	spill := flag.String("spill", "", "folder for what does not fit into memory")
	flag.Parse()
	script, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = run(context.Background(), string(script), *threads, *spill)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "duck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, script string, threads int, spill string) (err error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return fmt.Errorf("opening DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	settings := []string{
		fmt.Sprintf("SET threads = %d", threads),
		"SET preserve_insertion_order = false",
		"SET TimeZone = 'UTC'",
		"SET temp_directory = '" + spill + "'",
	}
	for _, s := range settings {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	out := json.NewEncoder(os.Stdout)
	for _, s := range strings.Split(script, ";\n") {
		if strings.TrimSpace(s) == "" {
			continue
		}
		if err := statement(ctx, conn, s, out); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func statement(ctx context.Context, conn *sql.Conn, text string, out *json.Encoder) (err error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "SELECT") {
		_, err := conn.ExecContext(ctx, text)
		return err
	}
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		row := map[string]any{}
		for i, name := range columns {
			row[name] = values[i]
		}
		if err := out.Encode(row); err != nil {
			return err
		}
	}
	return rows.Err()
}
