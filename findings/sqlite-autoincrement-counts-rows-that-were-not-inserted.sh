#!/usr/bin/env bash
# SQLite: with AUTOINCREMENT, an upsert that updates, and one that does nothing, takes a number all the same.
#
# A good guess: that is a habit of PostgreSQL, whose sequences stand outside of transactions. SQLite keeps the last
# number in a table, sqlite_sequence, within the transaction, and for a row that was inserted. So a hole in the
# numbers is a deleted row.
#
# What happens: the statement draws the number before it finds the conflict, and stores it at its end, row or not.
# Each ON CONFLICT DO UPDATE, DO NOTHING and INSERT OR IGNORE leaves a hole. An INSERT that fails leaves none, since
# it is undone, nor does a rollback. Without AUTOINCREMENT there are no holes: the number follows the largest one in
# the table. So a counter that is an upsert uses up the numbers of its table, and a hole says nothing about deleted
# rows.
#
# Versions: apsw 3.54.1.0, which is SQLite 3.54.1, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check apsw==3.54.1.0
cat >numbers.py <<'PY'
import apsw

print("SQLite", apsw.sqlite_lib_version())
again = {
    "upsert that updates": "INSERT INTO keys (key) VALUES ('a') ON CONFLICT (key) DO UPDATE SET uses = uses + 1",
    "upsert that does nothing": "INSERT INTO keys (key) VALUES ('a') ON CONFLICT (key) DO NOTHING",
    "insert or ignore": "INSERT OR IGNORE INTO keys (key) VALUES ('a')",
    "insert that fails": "INSERT INTO keys (key) VALUES ('a')",
    "insert, rolled back": "SAVEPOINT s; INSERT INTO keys (key) VALUES ('c'); ROLLBACK TO s; RELEASE s",
    "row deleted": "INSERT INTO keys (key) VALUES ('c'); DELETE FROM keys WHERE key = 'c'",
}
for name, sql in again.items():
    numbers = []
    for kind in ("AUTOINCREMENT", ""):
        db = apsw.Connection(":memory:")
        db.execute(f"CREATE TABLE keys (id INTEGER PRIMARY KEY {kind}, key TEXT UNIQUE, uses INTEGER DEFAULT 1)")
        db.execute("INSERT INTO keys (key) VALUES ('a'); BEGIN")
        for _ in range(3):
            try:
                db.execute(sql)
            except apsw.ConstraintError:
                pass
        db.execute("COMMIT; INSERT INTO keys (key) VALUES ('b')")
        numbers.append(db.execute("SELECT id FROM keys WHERE key = 'b'").get)
    print(f"{name}, three times: next number {numbers[0]} with AUTOINCREMENT, {numbers[1]} without")
PY
venv/bin/python numbers.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
SQLite 3.54.1
upsert that updates, three times: next number 5 with AUTOINCREMENT, 2 without
upsert that does nothing, three times: next number 5 with AUTOINCREMENT, 2 without
insert or ignore, three times: next number 5 with AUTOINCREMENT, 2 without
insert that fails, three times: next number 2 with AUTOINCREMENT, 2 without
insert, rolled back, three times: next number 2 with AUTOINCREMENT, 2 without
row deleted, three times: next number 5 with AUTOINCREMENT, 2 without
SEEN
echo "as described"
