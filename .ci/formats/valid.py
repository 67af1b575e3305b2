#!/usr/bin/env python3
"""Valid files are read: random tables, written by pyarrow and DuckDB in whatever way they
can, go through the engine into all three formats and from each of them into Parquet
again, and every value is compared.

    valid.py ENGINE [--seconds N] [--seed N]

A failure prints its seed and keeps the folder of its files.
"""
import argparse
import datetime as dt
import decimal
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

UTC = dt.timezone.utc
TEXTS = ["", " ", "a", "é", "🦆", '"', '""', ",", "a,b", "l1\nl2", "\r\n", "\r", "x\x00y", "NULL", "null", "0", "-",
         "=1+1", "long " * 300, "\u2028", "'", "\\", "\t"]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)


class Type:
    """A type: its YAML, the Arrow types that it is read from, and its values."""

    def __init__(self, yaml, arrow, value):
        self.yaml, self.arrow, self.value = yaml, arrow, value


def ints(bits, signed=True):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return lambda r: r.choice([0, 1, low, high, r.randint(low, high), r.randint(max(low, -9), 9)])


def floats(size):
    def value(r):
        v = r.choice([0.0, -0.0, 1.5, math.nan, math.inf, -math.inf, r.uniform(-1e9, 1e9), 1e-30, 3e38])
        return pa.array([v], pa.float32()).to_pylist()[0] if size == 32 else r.choice([v, 5e-324, 1.7976931348623157e308])
    return value


def decimals(precision, scale):
    def value(r):
        n = r.choice([0, 1, 10**precision - 1, r.randrange(10**precision)]) * r.choice([1, -1])
        return decimal.Decimal(n).scaleb(-scale, decimal.Context(prec=60))
    return value


def moment(r):
    micros = r.choice([0, -1, 1, -62135596800000000, 253402300799999999, r.randint(-10**15, 10**16)])
    return EPOCH + dt.timedelta(microseconds=micros)


def clock(r):
    return (dt.datetime.min + dt.timedelta(microseconds=r.choice([0, 86399999999, r.randrange(86400 * 10**6)]))).time()


def text(r):
    return "".join(r.choice(TEXTS) for _ in range(r.choice([1, 1, 1, 3])))


def document(r):
    return json.dumps(r.choice([1, True, "é", [1, None], {"a": {"b": [1.5]}}, {}, [], "x" * 50]))


def scalar(r):
    p = r.choice([1, 5, 9, 10, 18, 19, 38])
    s = r.randint(0, p)
    utc = pa.timestamp("us", "UTC")
    return r.choice([
        Type("string", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], text),
        Type("bool", [pa.bool_()], lambda r: r.random() < 0.5),
        Type("int32", [pa.int32(), pa.int32()], ints(32)), Type("int32", [pa.int8(), pa.int16(), pa.float32()], ints(8)),
        Type("int64", [pa.int64()], ints(64)), Type("int64", [pa.uint32(), pa.int64()], ints(32, False)),
        Type("uint64", [pa.uint64()], ints(64, False)),
        Type("float32", [pa.float32()], floats(32)), Type("float64", [pa.float64()], floats(64)),
        Type("float64", [pa.float64(), pa.int32(), pa.int64(), pa.float32(), pa.float16()],
             lambda r: float(r.randint(-500, 500))),
        Type("int64", [pa.int64(), pa.float64(), pa.int16()], lambda r: r.randint(-9999, 9999)),
        Type("timestamp", [utc, utc, pa.timestamp("us")], moment),
        Type("timestamp", [pa.timestamp("ms", "UTC"), pa.date32(), pa.timestamp("ns", "UTC")],
             lambda r: EPOCH + dt.timedelta(days=r.randint(-40000, 40000))),
        Type("date", [pa.date32()], lambda r: dt.date(1, 1, 1) + dt.timedelta(days=r.randrange(3652059))),
        Type("time", [pa.time64("us"), pa.time64("ns")], clock), Type("json", [pa.string()], document),
        Type("bytes", [pa.binary(), pa.large_binary()], lambda r: r.randbytes(r.choice([0, 1, 7, 300]))),
        Type(f"decimal({p},{s})", [pa.decimal128(p, s)], decimals(p, s)),
        Type("decimal(20,4)", [pa.decimal128(9, 2), pa.decimal128(7, 0), pa.decimal128(20, 4), pa.int32()],
             lambda r: decimal.Decimal(r.randint(-99999, 99999))),
    ])


def nested(r, depth=0):
    """A type, and the one Arrow type that a file has it in."""
    kind = r.choice(["scalar"] * 4 + ["list", "struct"]) if depth < 3 else "scalar"
    if kind == "list":
        inner, arrow = nested(r, depth + 1)
        while isinstance(inner.yaml, dict):  # lists of structs have a spelling of their own
            inner, arrow = nested(r, 3)
        some = lambda r: [maybe(r, inner) for _ in range(r.choice([0, 1, 2, 5]))]
        return Type(f"list({inner.yaml})", None, some), pa.list_(arrow)
    if kind == "struct":
        fields = {name: nested(r, depth + 1) for name in "abc"[: r.randint(1, 3)]}
        yaml = {"type": "struct", "fields": {name: t.yaml for name, (t, _) in fields.items()}}
        one = lambda r: {name: maybe(r, t) for name, (t, _) in fields.items()}
        arrow = pa.struct([(name, a) for name, (_, a) in fields.items()])
        if r.random() < 0.3:
            return Type({"type": "list(struct)", "fields": yaml["fields"]}, None,
                        lambda r: [maybe(r, Type(None, None, one)) for _ in range(r.randrange(4))]), pa.list_(arrow)
        return Type(yaml, None, one), arrow
    t = scalar(r)
    arrow = r.choice(t.arrow)
    return t, pa.string() if depth and pa.types.is_dictionary(arrow) else arrow


def maybe(r, t):
    return None if r.random() < 0.15 else t.value(r)


def plain(v, yaml, finite):
    """A value as it is compared. finite: a format that has no NaN was on the way."""
    if v is None:
        return None
    if isinstance(yaml, dict):
        fields = yaml["fields"]
        if yaml["type"] == "struct":
            return {k: plain(v[k], t, finite) for k, t in fields.items()}
        return [plain(x, {"type": "struct", "fields": fields}, finite) for x in v]
    if yaml.startswith("list("):
        return [plain(x, yaml[5:-1], True if finite == "inside" else finite) for x in v]
    if yaml == "json":
        return json.loads(v)
    if isinstance(v, float) and not math.isfinite(v):
        return None if finite is True else str(v)
    if isinstance(v, dt.datetime) and v.tzinfo is None:
        return v.replace(tzinfo=UTC)
    return v


def nests(yaml):
    return isinstance(yaml, dict) or yaml.startswith("list(")


def file_value(v, arrow):
    """A value as pyarrow wants it for a type."""
    if v is None:
        return None
    if pa.types.is_list(arrow):
        return [file_value(x, arrow.value_type) for x in v]
    if pa.types.is_struct(arrow):
        return {f.name: file_value(v[f.name], f.type) for f in arrow}
    if pa.types.is_date(arrow) and isinstance(v, dt.datetime):
        return v.date()
    if pa.types.is_timestamp(arrow) and arrow.tz is None:
        return v.replace(tzinfo=None)
    if isinstance(v, decimal.Decimal) and pa.types.is_integer(arrow):
        return int(v)
    if pa.types.is_floating(arrow) or pa.types.is_integer(arrow):
        return float(v) if pa.types.is_floating(arrow) else int(v)
    return v


def table(r):
    types = {f"c{i}": nested(r) for i in range(r.randint(2, 6))}
    n = r.choice([0, 1, 2, 17, 300, 3000 if r.random() < 0.2 else 50])
    rows, columns = {}, {}
    for name, (t, arrow) in types.items():
        nulls = r.choice(["none", "some", "all"]) if r.random() < 0.5 else "some"
        rows[name] = [None if nulls == "all" else t.value(r) if nulls == "none" else maybe(r, t) for _ in range(n)]
        if nulls == "all" and r.random() < 0.5:
            arrow = pa.null()
        columns[name] = pa.array([file_value(v, arrow) for v in rows[name]], arrow)
    return {name: t.yaml for name, (t, _) in types.items()}, rows, pa.table(columns)


def encodings(r, t):
    found = {}
    for f in t.schema:
        choices = {"b": ["RLE", "PLAIN"], "i": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN"],
                   "f": ["BYTE_STREAM_SPLIT", "PLAIN"], "s": ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "PLAIN"]}
        kind = ("b" if pa.types.is_boolean(f.type) else "i" if pa.types.is_integer(f.type) else
                "f" if f.type in (pa.float32(), pa.float64()) else
                "s" if f.type in (pa.string(), pa.binary(), pa.large_string(), pa.large_binary()) else "")
        if kind and r.random() < 0.8:
            found[f.name] = r.choice(choices[kind])
    return found


def write(r, t, path):
    if not any("null" == str(f.type) or "halffloat" in str(f.type) for f in t.schema) and r.random() < 0.25:
        con = duckdb.connect()
        con.execute("set timezone='UTC'")
        con.register("t", t)
        codec = r.choice(["snappy", "zstd", "gzip", "uncompressed", "lz4_raw", "brotli"])
        version, group = r.choice(["V1", "V2"]), r.choice([2048, 100000])
        con.execute(f"copy t to '{path}' (format parquet, codec '{codec}', parquet_version '{version}', "
                    f"row_group_size {group})")
        return f"duckdb {codec} {version}"
    dictionary = r.random() < 0.5
    options = dict(
        compression=r.choice(["none", "snappy", "gzip", "brotli", "zstd", "lz4"]), use_dictionary=dictionary,
        data_page_version=r.choice(["1.0", "2.0"]), data_page_size=r.choice([64, 1000, 1 << 20]),
        version=r.choice(["1.0", "2.4", "2.6"]), write_statistics=r.random() < 0.5, store_schema=r.random() < 0.5,
        write_page_index=r.random() < 0.5, write_page_checksum=r.random() < 0.5, write_batch_size=r.choice([1, 7, 1024]),
        use_compliant_nested_type=r.random() < 0.5, row_group_size=r.choice([1, 40, 10000]),
        dictionary_pagesize_limit=r.choice([50, 1 << 20]))
    if not dictionary:
        options["column_encoding"] = encodings(r, t)
    if options["version"] == "1.0" or r.random() < 0.2:
        options["version"] = "2.6" if any("ns" in str(f.type) for f in t.schema) else options["version"]
    pq.write_table(t, path, **options)
    return f"pyarrow {options}"


def pipelines(columns, path):
    """The file into all three formats, then each of them into Parquet."""
    outputs = {"csv": {}, "jsonl": {}, "parquet": {}}
    first = {"input": {"parquet": {"path": path, "schema": columns}},
             "output": [{f: {"path": f"out/{f}", **o}} for f, o in outputs.items()]}
    again = {f"from_{f}": {"input": {f: {"path": f"out/{f}", "schema": columns}},
                           "output": {"parquet": {"path": f"again/{f}"}}} for f in outputs}
    return {"state_dir": ".first", "pipelines": {"first": first}}, {"state_dir": ".again", "pipelines": again}


def differing(columns, want, got, finite):
    for name, yaml in columns.items():
        # CSV has NaN, but not inside lists and structs, which it writes as JSON
        inside = finite is True or finite == "inside" and nests(yaml)
        have = got.column(name).to_pylist()
        if len(have) != len(want[name]):
            return f"{name}: want {len(want[name])} rows, got {len(have)}"
        for row, (w, g) in enumerate(zip(want[name], have)):
            w, g = plain(w, yaml, inside), plain(g, yaml, inside)
            if w != g:
                return f"{name} ({yaml}), row {row}: want {w!r}, got {g!r}"
    return None


def read(folder):
    files = sorted(os.path.join(folder, f) for f in os.listdir(folder))
    return pa.concat_tables([pq.read_table(f) for f in files])


def once(engine, seed):
    r = random.Random(seed)
    columns, rows, t = table(r)
    folder = tempfile.mkdtemp(prefix="valid-")
    how = write(r, t, os.path.join(folder, "in.parquet"))
    for number, config in enumerate(pipelines(columns, "in.parquet")):
        with open(os.path.join(folder, f"p{number}.yaml"), "w") as f:
            json.dump(config, f)
        run = subprocess.run([engine, "run", f"p{number}.yaml", "-q"], cwd=folder, capture_output=True, text=True,
                             timeout=120)
        if run.returncode:
            return folder, f"exit code {run.returncode} of p{number}.yaml: {run.stderr}\n({how})"
    for path, finite in {"out/parquet": False, "again/parquet": False, "again/csv": "inside", "again/jsonl": True}.items():
        if fault := differing(columns, rows, read(os.path.join(folder, path)), finite):
            return folder, f"{path}: {fault}\n({how})"
    con = duckdb.connect()
    con.execute("set timezone='UTC'")
    theirs = con.execute(f"select * from read_parquet('{folder}/out/parquet/*.parquet')").fetchall()
    for number, (name, yaml) in enumerate(columns.items()):
        want, got = ([plain(v, yaml, False) for v in values] for values in (rows[name], [x[number] for x in theirs]))
        if want != got:
            return folder, f"DuckDB reads another column {name} ({yaml}) in out/parquet: {str(got)[:300]}"
    shutil.rmtree(folder)
    return None, None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("engine")
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = p.parse_args()
    engine, end, rounds = os.path.abspath(args.engine), time.monotonic() + args.seconds, 0
    while time.monotonic() < end or rounds == 0:
        folder, fault = once(engine, args.seed + rounds)
        if fault:
            sys.exit(f"valid.py: seed {args.seed + rounds}: {fault}\nits files: {folder}")
        rounds += 1
    print(f"{rounds} random tables came through CSV, JSONL and Parquet as they were (seeds from {args.seed})")


if __name__ == "__main__":
    main()
