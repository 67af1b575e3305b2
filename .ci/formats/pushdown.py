"""What the engine's Parquet files state of their values leaves none out: filters give the same rows with and without it.

    pushdown.py ENGINE [SEED]

pyarrow and DuckDB leave row groups out by least and greatest values. Each value of a column is asked for in the
file, and in a copy in memory, which has no such statements.
"""
import decimal, glob, math, os, random, struct, subprocess, sys, tempfile

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

FLOATS = [math.nan, -3.0, 0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324]
TYPES = {
    "float64": (pa.float64(), lambda r: r.choice(FLOATS + [r.uniform(-9, 9)])),
    "float32": (pa.float32(), lambda r: struct.unpack("f", struct.pack("f", r.choice(FLOATS)))[0]),
    "int64": (pa.int64(), lambda r: r.choice([r.randint(-2**63, 2**63 - 1), r.randint(-3, 3)])),
    "uint64": (pa.uint64(), lambda r: r.choice([r.randint(0, 2**64 - 1), r.randint(0, 3)])),
    "string": (pa.string(), lambda r: r.choice(["", "é", "\U0010ffff" * 9, "a" * r.randint(1, 40), "b" * 1500])),
    "bytes": (pa.binary(), lambda r: b"\xff" * r.randint(0, 40) + r.randbytes(r.randint(0, 2))),
    "timestamp": (pa.timestamp("us", "UTC"), lambda r: r.randint(-10**15, 10**15)),
    "decimal(9,2)": (pa.decimal128(9, 2), lambda r: decimal.Decimal(r.randint(-10**9 + 1, 10**9 - 1)).scaleb(-2)),
    "decimal(30,4)": (pa.decimal128(30, 4), lambda r: decimal.Decimal(r.randint(-10**29, 10**29)).scaleb(-4)),
}


def written(engine, rows, schema, work, groups):
    pq.write_table(rows, f"{work}/in.parquet")
    columns = ", ".join(f'{c}: "{t}"' for c, t in schema.items())
    with open(f"{work}/p.yaml", "w") as f:
        f.write(f"pipelines: {{p: {{input: {{parquet: {{path: in.parquet, schema: {{{columns}}}}}}}, "
                f"output: {{parquet: {{path: out, row_group_rows: {groups}}}}}}}}}\n")
    subprocess.run([engine, "run", "p.yaml", "-q"], cwd=work, check=True)
    return glob.glob(f"{work}/out/*.parquet")[0]


def differences(path, schema, r):
    whole, con = pq.read_table(path), duckdb.connect()
    con.execute(f"set timezone = 'UTC'; create table memory as select * from '{path}'")
    for column in schema:
        values = [v for v in whole[column].unique() if v.is_valid]
        for value in r.sample(values, min(len(values), 12)):
            for name, compare in ("=", pc.equal), ("<", pc.less), (">", pc.greater):
                field = compare(ds.field(column), value)
                got = ds.dataset(path).count_rows(filter=field)
                want = whole.filter(field).num_rows
                if got != want:
                    yield f"pyarrow, {column} {name} {value}: {got} rows of {want}"
                ask = f"select count(*) from {{}} where {column} {name} ?"
                got, want = (con.execute(ask.format(of), [value.as_py()]).fetchone()[0] for of in (f"'{path}'", "memory"))
                if got != want:
                    yield f"DuckDB, {column} {name} {value}: {got} rows of {want}"


def main():
    engine = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    r, faults = random.Random(seed), 0
    for groups in 20, 300, 100000:
        schema = {f"c{i}": t for i, t in enumerate(sorted(TYPES))}
        columns, count = [], 900
        for t in schema.values():
            kind, value = TYPES[t]
            few = [value(r) for _ in range(r.choice([2, 5, 900]))]  # a dictionary, or none
            columns.append(pa.array([None if r.random() < 0.1 else r.choice(few) for _ in range(count)], kind))
        with tempfile.TemporaryDirectory() as work:
            path = written(engine, pa.table(columns, list(schema)), schema, work, groups)
            for difference in differences(path, schema, r):
                print(f"row groups of {groups}: {difference}")
                faults += 1
    print(f"pushdown.py: seed {seed}, {faults} faults")
    sys.exit(bool(faults))


main()
