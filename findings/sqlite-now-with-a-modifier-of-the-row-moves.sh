#!/usr/bin/env bash
# SQLite: within one statement, 'now' stands still in one expression and goes on in the next.
#
# A good guess: a statement has one time, as in PostgreSQL; the manual says that all uses of 'now' in one step return
# the same. So `unixepoch('now') - delay` and `unixepoch('now', '-' || delay || ' seconds')` are two ways to write one
# limit.
#
# What happens: a step is one row that the program fetches, not the statement. An expression of constants is computed
# once and kept for the statement. One with a column in it is computed for each row, at the time when that row is
# fetched. So both ways agree in the first row and drift apart by the time that the program takes between rows: a
# reader that works on each row before it fetches the next sees a limit that moves, and rows that were too young at
# the start. Fetching all rows first, or the time as a parameter, stops it.
#
# Versions: apsw 3.54.1.0, which is SQLite 3.54.1, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check apsw==3.54.1.0
cat >times.py <<'PY'
import time
import apsw

db = apsw.Connection(":memory:")
print("SQLite", apsw.sqlite_lib_version())
limits = {
    "of constants": "unixepoch('now', 'subsec') - delay",
    "with a column": "unixepoch('now', 'subsec', '-' || delay || ' seconds')",
}


def slowly(rows):
    found = 0
    for _ in rows:
        found += 1
        time.sleep(2)
    return found


for name, limit in limits.items():
    for reader in (lambda rows: len(rows.fetchall()), slowly):
        # Created 60 seconds ago, 59, 57, and now: one of them is old enough at the start.
        db.execute("""
            DROP TABLE IF EXISTS deliveries;
            CREATE TABLE deliveries (created REAL NOT NULL, delay INTEGER NOT NULL);
            INSERT INTO deliveries SELECT unixepoch('subsec') - value, 60 FROM json_each('[60, 59, 57, 0]')""")
        rows = db.execute(f"SELECT created FROM deliveries WHERE created <= {limit}")
        how = "slowly" if reader is slowly else "at once"
        print(f"limit {name}, rows fetched {how}: {reader(rows)} due")
PY
venv/bin/python times.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
SQLite 3.54.1
limit of constants, rows fetched at once: 1 due
limit of constants, rows fetched slowly: 1 due
limit with a column, rows fetched at once: 1 due
limit with a column, rows fetched slowly: 3 due
SEEN
echo "as described"
