package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/verify"
)

// where are a contestant's results: globs of the archive and of the report.
type where struct{ rawCSV, rawParquet, reportCSV, reportParquet string }

func engineResults(dir string) where {
	return where{dir + "/out/raw_csv/*.csv", dir + "/out/raw_parquet/*.parquet",
		dir + "/out/report_csv/*.csv", dir + "/out/report_parquet/*.parquet"}
}

// verifier compares results with the data, and keeps how far off sketches were.
type verifier struct {
	b      *bench
	in     string
	prints verify.Row // of the data
	exact  string
	worst  map[string]verify.Stated
}

func newVerifier(b *bench, in string) (*verifier, error) {
	j := &verifier{b: b, in: in, worst: map[string]verify.Stated{}, exact: filepath.Join(b.dir, "exact.parquet")}
	var err error
	if j.prints, err = b.one(verify.Fingerprint(verify.TicketsOf(in))); err != nil {
		return nil, err
	}
	_, err = b.query(fmt.Sprintf("COPY (%s) TO '%s' (FORMAT parquet)", verify.ReportOf(in), j.exact))
	return j, err
}

// archive compares every column of every row.
func (j *verifier) archive(w where) error {
	for format, glob := range map[string]string{"csv": w.rawCSV, "parquet": w.rawParquet} {
		got, err := j.b.one(verify.Fingerprint(verify.TicketsIn(format, glob)))
		if err != nil {
			return err
		}
		if err := verify.Same(j.prints, got); err != nil {
			return fmt.Errorf("tickets as %s: %w", format, err)
		}
	}
	return nil
}

func (j *verifier) report(name string, stated verify.Stated, w where) error {
	for format, glob := range map[string]string{"csv": w.reportCSV, "parquet": w.reportParquet} {
		if glob == "" {
			continue
		}
		answer, err := j.b.one(verify.Against("FROM '"+j.exact+"'", verify.ReportIn(format, glob)))
		if err != nil {
			return err
		}
		worst, err := stated.Check(answer)
		if err != nil {
			return fmt.Errorf("report as %s: %w", format, err)
		}
		j.worst[name] = worst
	}
	return nil
}

// checking is a contestant whose results are compared.
func (j *verifier) checking(c measure.Contestant, stated verify.Stated, w where,
	archive bool) measure.Contestant {
	c.Check = func(string) error {
		if archive {
			if err := j.archive(w); err != nil {
				return err
			}
		}
		return j.report(c.Name, stated, w)
	}
	return c
}

// The errors that sketches are allowed: four standard errors of HyperLogLog
// with 4,096 registers (DuckDB's has 64), and what the programs say of quantiles.
var (
	sketched     = verify.Stated{Clients: 4 * 0.01625, P95: 0.01}
	duckSketched = verify.Stated{Clients: 4 * 0.13, P95: 0}
)

// texts say how far off the sketches were at worst.
func (j *verifier) texts(contestants []measure.Contestant) []string {
	var off []string
	for _, c := range contestants {
		w := j.worst[c.Name]
		off = append(off, fmt.Sprintf("%s %.1f %% and %.2f %%", c.Name, 100*w.Clients, 100*w.P95))
	}
	return []string{"Counts, sums, averages, minima and maxima are equal in all; every column of every" +
		" archived row is equal in all, in CSV and in Parquet.",
		"Sketches at worst, over all windows (distinct clients, p95): " + strings.Join(off, "; ") + "."}
}
