"""Random Parquet files with damage: the engine gives the rows that they hold, or says which file is damaged.

    damage.py ENGINE [ROUNDS [SEED]]

pyarrow writes tables of random types, encodings, pages and codecs. Bytes are flipped, ends cut off and counts
changed. Rows that differ from those of the whole file are accepted only if pyarrow reads the same from the
damaged one: then nothing in it tells. Memory stays below a limit, and nothing panics.
"""
import datetime, decimal, glob, os, random, subprocess, sys, tempfile

import pyarrow as pa
import pyarrow.parquet as pq

MOST_MEMORY = 600 << 20  # bytes
TYPES = {
    "int32": (pa.int32(), lambda r: r.randint(-2**31, 2**31 - 1)),
    "int64": (pa.int64(), lambda r: r.choice([r.randint(-2**63, 2**63 - 1), r.randint(0, 9)])),
    "float64": (pa.float64(), lambda r: r.choice([r.uniform(-1e9, 1e9), 0.5])),
    "bool": (pa.bool_(), lambda r: r.random() < 0.5),
    "string": (pa.string(), lambda r: r.choice(["", "é", "abc"]) * r.randint(0, 30)),
    "bytes": (pa.binary(), lambda r: r.randbytes(r.randint(0, 20))),
    "timestamp": (pa.timestamp("us", "UTC"), lambda r: r.randint(-10**15, 10**15)),
    "date": (pa.date32(), lambda r: datetime.date(1970, 1, 1) + datetime.timedelta(r.randint(-9999, 9999))),
    "decimal(20,3)": (pa.decimal128(20, 3), lambda r: decimal.Decimal(r.randint(-10**19, 10**19)).scaleb(-3)),
    "list(int64)": (pa.list_(pa.int64()), lambda r: [r.choice([None, r.randint(0, 99)]) for _ in range(r.randint(0, 4))]),
}
ENCODINGS = {
    "int32": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"], "int64": ["PLAIN", "DELTA_BINARY_PACKED"],
    "float64": ["PLAIN", "BYTE_STREAM_SPLIT"], "bool": ["PLAIN", "RLE"],
    "string": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"], "bytes": ["PLAIN", "DELTA_BYTE_ARRAY"],
}


def table(r):
    rows, names, columns = r.randint(1, 400), [], []
    for i, (name, (kind, value)) in enumerate(r.sample(sorted(TYPES.items()), r.randint(1, 5))):
        holes = r.choice([0, 0.1, 0.9])
        names.append(f"c{i} {name}")
        columns.append(pa.array([None if r.random() < holes else value(r) for _ in range(rows)], kind))
    return pa.table(columns, [n.split()[0] for n in names]), dict(n.split() for n in names)


def write(r, rows, schema, path):
    dictionary = r.random() < 0.4
    encodings = None if dictionary else {c: r.choice(ENCODINGS.get(t, ["PLAIN"])) for c, t in schema.items()
                                         if not t.startswith("list")}
    pq.write_table(rows, path, use_dictionary=dictionary, column_encoding=encodings, write_page_checksum=True,
                   compression=r.choice(["NONE", "SNAPPY", "ZSTD", "GZIP"]), data_page_size=r.choice([64, 1024, 1 << 20]),
                   data_page_version=r.choice(["1.0", "2.0"]), row_group_size=r.choice([50, 1000]))


def damage(r, data):
    data = bytearray(data)
    kind = r.choice(["flip", "flip", "flip", "flips", "cut", "hole", "number"])
    at = r.randrange(len(data))
    if kind == "flip":
        data[at] ^= 1 << r.randrange(8)
    elif kind == "flips":
        for _ in range(5):
            data[r.randrange(len(data))] ^= r.randrange(1, 256)
    elif kind == "cut":
        del data[at:]
    elif kind == "hole":
        del data[at:at + r.randint(1, 20)]
    else:  # a varint that says billions, where a count or a size may be
        data[at:at + 5] = b"\xfe\xff\xff\xff\x0f"
    return kind, bytes(data)


def run(engine, data, schema):
    """Returns the exit code, the rows, the number of dead letters and what was printed."""
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/in.parquet", "wb") as f:
            f.write(data)
        columns = ", ".join(f'{c}: "{t}"' for c, t in schema.items())
        with open(f"{work}/p.yaml", "w") as f:
            f.write(f"pipelines: {{p: {{input: {{parquet: {{path: in.parquet, schema: {{{columns}}}}}}}, "
                    "output: {jsonl: {path: out}}, dead_letters: {jsonl: {path: dead}}}}\n")
        child = subprocess.Popen([engine, "run", "p.yaml", "-q"], cwd=work, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "GOMEMLIMIT": "300MiB"})
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if usage.ru_maxrss << 10 > MOST_MEMORY:
            raise AssertionError(f"{usage.ru_maxrss >> 10} MB of memory: {said}")
        lines = lambda name: [line for path in sorted(glob.glob(f"{work}/{name}/*.jsonl")) for line in open(path)]
        return child.returncode, lines("out"), len(lines("dead")), said


def reread(engine, data, schema):
    """Returns the rows that pyarrow reads, as the engine writes them, or None."""
    try:
        rows = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
        out = pa.BufferOutputStream()
        pq.write_table(rows.select(list(schema)), out)
    except Exception:
        return None
    return run(engine, out.getvalue().to_pybytes(), schema)[1]


def check(engine, data, schema, whole):
    code, rows, dead, said = run(engine, data, schema)
    if code not in (0, 1) or "panic" in said or "goroutine" in said:
        return f"exit code {code}: {said}"
    if code == 1:
        return "" if "in.parquet" in said else f"the file is not named: {said}"
    if rows == whole and not dead:
        return ""
    # The rest of the file is there, and what was damaged is a dead letter, ...
    left = iter(whole)
    if dead and len(rows) + dead == len(whole) and all(row in left for row in rows):
        return ""
    # ... or nothing in the file tells that it is another one.
    return "" if reread(engine, data, schema) == rows else f"{len(rows)} rows and {dead} dead letters for {len(whole)}"


def main():
    engine, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    r, faults = random.Random(seed), 0
    for n in range(rounds):
        rows, schema = table(r)
        with tempfile.NamedTemporaryFile(suffix=".parquet") as f:
            write(r, rows, schema, f.name)
            data = open(f.name, "rb").read()
        code, whole, dead, said = run(engine, data, schema)
        if code or dead or len(whole) != len(rows):
            sys.exit(f"damage.py (seed {seed}), file {n}, {schema}: a whole file gives {code}, {len(whole)} rows: {said}")
        for _ in range(4):
            kind, bad = damage(r, data)
            if wrong := check(engine, bad, schema, whole):
                faults += 1
                kept = tempfile.NamedTemporaryFile(suffix=".parquet", delete=False)
                kept.write(bad)
                print(f"file {n}, {kind}, {schema}: {wrong} ({kept.name})")
    print(f"damage.py: {rounds} files (seed {seed}), {faults} faults")
    sys.exit(bool(faults))


main()
