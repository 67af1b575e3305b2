package main

import (
	"fmt"
	"os"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/verify"
)

// contest is an engine job beside a query of DuckDB. The rows of the query are
// what the engine has to write.
type contest struct {
	config string
	query  string
	copy   string // how DuckDB writes them
	got    string // a query of what the engine wrote; RESULTS is its folder
}

func (b *bench) contest(c contest) (page.Section, error) {
	var s page.Section
	if err := b.build("engine", "duck"); err != nil {
		return s, err
	}
	engine := b.engine("engine", c.config)
	duck := b.duck("duckdb", fmt.Sprintf("COPY (%s) TO %s", c.query, c.copy))
	engine.Check = func(string) error { return b.same(c.query, inFolder(c.got, b.folder("engine"))) }
	contestants := []measure.Contestant{engine, duck}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return s, err
	}
	s.Tables = []page.Table{comparison(contestants, series)}
	return s, nil
}

func sessions(b *bench) (page.Section, error) {
	in, err := b.tickets()
	if err != nil {
		return page.Section{}, err
	}
	query := `SELECT epoch_us(min(created_at)) AS began, epoch_us(max(created_at)) + 30000000 AS ended,
	client_id, count(*) AS tickets, sum(duration_ms)::BIGINT AS total
FROM (SELECT *, sum(begins) OVER (PARTITION BY client_id ORDER BY created_at ROWS UNBOUNDED PRECEDING) AS nth
	FROM (SELECT *, CASE WHEN created_at - lag(created_at) OVER (PARTITION BY client_id ORDER BY created_at)
			< INTERVAL 30 SECONDS THEN 0 ELSE 1 END AS begins
		FROM ` + verify.JSON(in, "client_id", "created_at", "duration_ms") + `))
GROUP BY client_id, nth`
	s, err := b.contest(contest{
		config: `checkpoint_interval: 10s
pipelines:
  job:
    input:
      jsonl: {path: ` + in + `, schema: {client_id: string, created_at: timestamp, duration_ms: int64}}
    processors:
      - aggregation:
          event_time: created_at
          watermark: 10s
          window: {session: {gap: 30s}}
          group_by: [client_id]
          aggregates: {tickets: count(), total: sum(duration_ms)}
    output:
      parquet: {path: out/sessions}
`,
		query: query, copy: "'RESULTS/sessions.parquet'",
		got: "SELECT epoch_us(window_start), epoch_us(window_end), client_id, tickets, total::BIGINT" +
			" FROM 'RESULTS/out/sessions/*.parquet'",
	})
	s.Texts = []string{"Sessions of a client that end with a silence of 30 s, count and sum, as Parquet;" +
		" DuckDB numbers them by window functions over all rows. The sessions are equal."}
	return s, err
}

func folders(b *bench) (page.Section, error) {
	in, err := b.data("keys", b.rows, 0)
	if err != nil {
		return page.Section{}, err
	}
	defer os.Remove(in)
	s, err := b.contest(contest{
		config: `checkpoint_interval: 10s
pipelines:
  job:
    input:
      jsonl:
        path: ` + in + `
        schema: {created_at: timestamp, k2: string, own: string, duration_ms: int64}
    output:
      parquet: {path: out/folders, partition_by: [k2]}
`,
		query: "SELECT * FROM " + verify.JSON(in, "created_at", "k2", "own", "duration_ms"),
		copy:  "'RESULTS/folders' (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (k2))",
		got: "SELECT created_at::TIMESTAMP, k2, own, duration_ms FROM" +
			" read_parquet('RESULTS/out/folders/*/*.parquet', hive_partitioning=true, hive_types={'k2': VARCHAR})",
	})
	s.Texts = []string{"Four columns into 100 folders (`partition_by`), one Parquet file each." +
		" The rows are equal."}
	return s, err
}
