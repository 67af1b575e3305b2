package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/verify"
)

// kafka starts a real broker; stop ends it.
func (b *bench) kafka() (address string, stop func(), err error) {
	dir := filepath.Join(b.dir, "kafka")
	script := func(verb string) (string, error) {
		_, out, err := measure.Run(b.ctx, measure.Program{Path: filepath.Join("..", ".ci", "kafka"),
			Args: []string{verb, dir}, Limit: 10 * time.Minute})
		return out, err
	}
	b.log("starting Kafka")
	out, err := script("start")
	if err != nil {
		return "", nil, fmt.Errorf("starting Kafka: %w", err)
	}
	address, _, _ = strings.Cut(out, "\n")
	return address, func() {
		if _, err := script("stop"); err != nil {
			b.log(err.Error())
		}
		_ = os.RemoveAll(dir) // the bench's folder goes at the end anyway
	}, nil
}

// kafkas measures the engine on a real broker, and the PySpark job it replaces.
func kafkas(b *bench) (page.Section, error) {
	var s page.Section
	if err := b.build("engine", "client", "duck"); err != nil {
		return s, err
	}
	in, err := b.tickets()
	if err != nil {
		return s, err
	}
	j, err := b.closedVerifier(in)
	if err != nil {
		return s, err
	}
	address, stop, err := b.kafka()
	if err != nil {
		return s, err
	}
	defer stop()
	if err := b.fill(address, topic, in, 4); err != nil {
		return s, err
	}
	reporting := b.consuming("engine, aggregation", address, topic, reportJob("INPUT"))
	reporting = j.checking(reporting, sketched,
		where{reportCSV: b.folder(reporting.Name) + "/out/report_csv/*.csv"}, false)
	job := b.consuming("engine, whole job", address, topic, fullJob("INPUT"))
	job = j.checking(job, sketched, engineResults(b.folder(job.Name)), true)
	contestants := []measure.Contestant{job, reporting, b.bare("bare consumer", address, topic, b.rows)}
	spark, all, err := b.bestSpark(j, address)
	if err != nil {
		s.Texts = append(s.Texts, "PySpark was not measured: "+strings.SplitN(err.Error(), "\n", 2)[0]+".")
		b.log(err.Error())
	} else {
		contestants = append(contestants, spark)
		s.Texts = append(s.Texts, "PySpark's two ways to write it, the shorter of two runs: "+listed(all)+".")
	}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return s, err
	}
	s.Tables = []page.Table{comparison(contestants, series)}
	s.Texts = append([]string{"A real Apache Kafka beside, 4 partitions; its own CPU time and memory are not" +
		" in the table. Reports and archived rows are equal; the last window waits for more. PySpark's memory is" +
		" that of its JVM; the Python process beside it is not added."}, s.Texts...)
	if spark.Program != nil {
		chart := bars("performance-spark.svg", "The whole job out of Kafka, seconds", contestants, series)
		s.Charts = []page.Figure{{Bars: chart}}
		style := strings.TrimPrefix(spark.Name, sparkName)
		return s, b.reportSpark(&s, address, style, series[job.Name], series[spark.Name])
	}
	return s, nil
}

const sparkName = "pyspark, " // and its style

// spark is the contestant that runs the PySpark job in a style. It is given two
// cores, and the memory that it takes by default.
func (b *bench) spark(name, home, address, from, style string) measure.Contestant {
	dir := b.folder(name)
	return measure.Contestant{
		Name:  name,
		Clean: measure.Remove(dir),
		Program: func() measure.Program {
			jars, _ := filepath.Glob(filepath.Join(home, "jars", "*.jar")) // the pattern is right
			return measure.Program{Path: filepath.Join(home, "venv", "bin", "spark-submit"), Limit: 10 * time.Minute,
				Env: append(os.Environ(), "SPARK_LOCAL_IP=127.0.0.1",
					"PYSPARK_PYTHON="+filepath.Join(home, "venv", "bin", "python"),
					"SPARK_HOME="+b.sparkHome(home)),
				Args: []string{"--master", "local[2]", "--conf", "spark.log.level=ERROR",
					"--conf", "spark.local.dir=" + filepath.Join(dir, "spark"), "--jars", strings.Join(jars, ","),
					filepath.Join("spark", "tickets.py"), address, from, dir, style}}
		},
	}
}

func (b *bench) sparkHome(home string) string {
	found, _ := filepath.Glob(filepath.Join(home, "venv", "lib", "python*", "site-packages", "pyspark"))
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// sparkStated: clients as ours, the quantile by rank, which may be far in value.
var sparkStated = verify.Stated{Clients: 4 * 0.01625, P95: 0.1}

func (b *bench) bestSpark(j *verifier, address string) (measure.Contestant, map[string]measure.Usage, error) {
	home := b.sparkDir
	if home == "" {
		home = filepath.Join(b.dir, "spark")
	}
	b.log("setting PySpark up")
	_, _, err := measure.Run(b.ctx, measure.Program{Path: filepath.Join("spark", "setup"), Args: []string{home},
		Limit: 10 * time.Minute})
	if err != nil {
		return measure.Contestant{}, nil, err
	}
	b.sparkDir = home
	var tried []measure.Contestant
	for _, style := range []string{"sinks", "batches"} {
		c := b.spark(sparkName+style, home, address, topic, style)
		dir := b.folder(c.Name)
		w := where{dir + "/raw_csv/*.csv", dir + "/raw_parquet/*.parquet", dir + "/report_csv/*.csv",
			dir + "/report_parquet/*.parquet"}
		tried = append(tried, j.checking(c, sparkStated, w, true))
	}
	return measure.Best(b.ctx, tried, b.log)
}

// reportSpark compares throughput, memory, and the start-up over a topic of few tickets.
func (b *bench) reportSpark(s *page.Section, address, style string, engine, spark measure.Series) error {
	in, err := b.data("tickets", 600, 0)
	if err != nil {
		return err
	}
	if err := b.fill(address, "few", in, 4); err != nil {
		return err
	}
	ours := b.consuming("engine, 600 tickets", address, "few", fullJob("INPUT"))
	theirs := b.spark("pyspark, 600 tickets", b.sparkDir, address, "few", style)
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), []measure.Contestant{ours, theirs}, b.log)
	if err != nil {
		return err
	}
	small := comparison([]measure.Contestant{ours, theirs}, series)
	small.Title = "The start: the same job over 600 tickets."
	s.Tables = append(s.Tables, small)
	faster := spark.Ratio(engine)
	memory := float64(engine.Median().Peak) / float64(spark.Median().Peak)
	start := series[ours.Name].Ratio(series[theirs.Name])
	s.Targets = []page.Target{
		{What: "whole job, throughput ÷ PySpark local[2]", Want: "≥ 5", Got: times(faster), Reached: faster >= 5},
		{What: "whole job, memory ÷ PySpark", Want: "≤ 1/8", Got: fraction(memory), Reached: memory <= 1.0/8},
		{What: "start-up ÷ PySpark", Want: "≤ 1/50", Got: fraction(start), Reached: start <= 1.0/50},
	}
	return nil
}

func fraction(v float64) string { return fmt.Sprintf("1/%.0f", 1/v) }
