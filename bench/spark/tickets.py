"""The report-and-archive job as a PySpark Structured Streaming job.

    spark-submit … tickets.py BROKERS TOPIC OUT STYLE

Reads the topic up to its end (availableNow), archives the tickets and reports them by minute, type
and priority, both as CSV and as Parquet, each with a checkpoint. STYLE says how:

    sinks    four queries, one for each output, all exactly-once; each reads the topic
    batches  two queries that write both formats of a batch each (foreachBatch), at-least-once
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = (
    "ticket_id string, client_id string, created_at timestamp, demande string, type string, priorite string,"
    " duration_ms bigint"
)
CSV = {"header": "true", "escape": '"', "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}


def session():
    return (
        SparkSession.builder.appName("tickets")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.shuffle.partitions", "2")  # as many as cores; 200 would be slower
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )


def read(spark, brokers, topic):
    lines = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", brokers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    return lines.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("t")).select("t.*")


def report(tickets):
    return (
        tickets.withWatermark("created_at", "10 seconds")
        .groupBy(F.window("created_at", "1 minute"), "type", "priorite")
        .agg(
            F.count("*").alias("tickets"),
            F.approx_count_distinct("client_id", 0.016).alias("clients"),
            F.sum("duration_ms").alias("total"),
            F.avg("duration_ms").alias("mean"),
            F.min("duration_ms").alias("least"),
            F.max("duration_ms").alias("most"),
            F.percentile_approx("duration_ms", 0.95, 1000).alias("p95"),
        )
        .select(
            F.col("window.start").alias("window_start"),
            F.col("window.end").alias("window_end"),
            *("type", "priorite", "tickets", "clients", "total", "mean", "least", "most", "p95"),
        )
    )


def sinks(frame, name, out):
    """A query for each format."""
    for kind, options in (("csv", CSV), ("parquet", {})):
        yield (
            frame.writeStream.format(kind)
            .options(**options)
            .option("path", f"{out}/{name}_{kind}")
            .option("checkpointLocation", f"{out}/checkpoint/{name}_{kind}")
            .outputMode("append")
            .trigger(availableNow=True)
            .start()
        )


def batches(frame, name, out):
    """A query for both formats, which reads the topic once."""

    def write(rows, _):
        rows.persist()
        rows.write.mode("append").options(**CSV).csv(f"{out}/{name}_csv")
        rows.write.mode("append").parquet(f"{out}/{name}_parquet")
        rows.unpersist()

    yield (
        frame.writeStream.foreachBatch(write)
        .option("checkpointLocation", f"{out}/checkpoint/{name}")
        .outputMode("append")
        .trigger(availableNow=True)
        .start()
    )


def main(brokers, topic, out, style):
    spark = session()
    tickets = read(spark, brokers, topic)
    start = {"sinks": sinks, "batches": batches}[style]
    queries = [*start(tickets, "raw", out), *start(report(tickets), "report", out)]
    for query in queries:
        query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
