#!/usr/bin/env python3
"""Compares what configs/tickets.yaml wrote with what DuckDB makes of it.

    check_tickets.py OUTPUT TICKETS

OUTPUT is the folder that holds tickets/ and tickets_per_minute/; TICKETS is how many were ordered.
"""

import sys

import duckdb

# Of the sketch behind approx_count_distinct: 1.04 / sqrt(registers).
STANDARD_ERROR = 1.04 / 4096**0.5

TICKET = "ticket_id, client_id, created_at, demande, type, priorite"
GROUP = "window_start, window_end, type, priorite"


def load(db, output):
    """Makes a view of each output; all values of a CSV are text that must read as its type."""
    for name, columns in (
        ("tickets", TICKET.replace("created_at", "created_at::timestamptz as created_at")),
        (
            "tickets_per_minute",
            "window_start::timestamptz as window_start, window_end::timestamptz as window_end,"
            " type, priorite, tickets::bigint as tickets, clients::bigint as clients",
        ),
    ):
        csv = f"read_csv('{output}/{name}/csv/*.csv', header = true, all_varchar = true, parallel = false)"
        parquet = f"read_parquet('{output}/{name}/parquet/*.parquet')"
        db.execute(f"create view {name}_csv as select {columns} from {csv}")
        db.execute(f"create view {name} as select {columns} from {parquet}")
        for columns_of in (csv, parquet):
            yield name, [row[0] for row in db.execute(f"describe select * from {columns_of}").fetchall()]


def differences(db, a, b):
    """Counts the rows that one of the two has and the other has not, duplicates included."""
    query = f"select count(*) from ((from {a} except all from {b}) union all (from {b} except all from {a}))"
    return db.execute(query).fetchone()[0]


def main(output, tickets):
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    failed = []
    checks = 0

    def expect(what, got, want):
        nonlocal checks
        checks += 1
        if got != want:
            failed.append(f"{what}: want {want}, got {got}")

    want = {"tickets": TICKET, "tickets_per_minute": f"{GROUP}, tickets, clients"}
    for name, columns in load(db, output):
        expect(f"columns of {name}", ", ".join(columns), want[name])

    rows, distinct = db.execute("select count(*), count(distinct ticket_id) from tickets").fetchone()
    expect("tickets in Parquet", rows, tickets)
    expect("distinct ticket_id", distinct, tickets)
    expect("tickets that CSV and Parquet do not share", differences(db, "tickets_csv", "tickets"), 0)
    expect("windows that CSV and Parquet do not share",
           differences(db, "tickets_per_minute_csv", "tickets_per_minute"), 0)

    db.execute("""
        create view expected as
        select date_trunc('minute', created_at) as window_start,
               window_start + interval 1 minute as window_end,
               type, priorite, count(*) as tickets, count(distinct client_id) as clients
        from tickets group by all""")
    groups = f"select {GROUP}, tickets from"
    db.execute(f"create view exact as {groups} expected; create view got as {groups} tickets_per_minute")
    expect("windows whose tickets differ from a count of the raw ones", differences(db, "exact", "got"), 0)
    db.execute(f"""
        create view sketched as
        select expected.clients as exact, abs(tickets_per_minute.clients - exact) as error
        from tickets_per_minute join expected using ({GROUP})""")
    compared, exact, worst = db.execute("""
        select count(*), count(*) filter (error = 0), max(error / exact) from sketched""").fetchone()
    beyond = db.execute(f"""
        select count(*) from sketched where error > 4 * {STANDARD_ERROR} * exact""").fetchone()[0]
    expect("groups whose clients are more than 4 standard errors off", beyond, 0)

    print(f"{rows} tickets, {compared} groups;"
          f" clients exact in {exact} of them, at worst {worst or 0:.2%} off")
    for problem in failed:
        print("FAIL", problem)
    print(f"{checks - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
