#!/usr/bin/env bash
# SQLite: a bound value lets a statement use a partial index, although EXPLAIN without that value says that it cannot.
#
# A good guess: an index `WHERE state = 'pending'` needs that condition as a literal in the query. With `state = ?`
# the value is unknown when the statement is prepared, so the table is scanned. EXPLAIN QUERY PLAN in a shell shows
# SCAN, and proves it. So programs build the literal into the text, and need a text, and a prepared statement, for
# each state.
#
# What happens: the value of such a parameter belongs to the plan. Binding it makes the statement void, and the next
# step prepares it again, with the value at hand: 'pending' takes the partial index, 'done' does not. A kept statement
# changes its plan with every such value; the price is that it is prepared again. The guess holds only with SQLite's
# option for stable plans (SQLITE_DBCONFIG_ENABLE_QPSG). EXPLAIN has to be asked with the value bound.
#
# Versions: apsw 3.54.1.0, which is SQLite 3.54.1, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check apsw==3.54.1.0
cat >plans.py <<'PY'
import apsw

db = apsw.Connection(":memory:")
print("SQLite", apsw.sqlite_lib_version())
db.execute("""
    CREATE TABLE deliveries (id INTEGER PRIMARY KEY, state TEXT NOT NULL, due INTEGER NOT NULL);
    CREATE INDEX pending ON deliveries (due) WHERE state = 'pending';
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO deliveries (state, due) SELECT iif(i % 10000 = 0, 'pending', 'done'), i FROM n""")
sql = "SELECT count(*) FROM deliveries WHERE state = ? AND due < 50000"


def steps(state):
    """Whether the statement ran more than 10,000 instructions of SQLite's machine."""
    seen = [0]

    def count():
        seen[0] += 1
        return False  # go on

    db.set_progress_handler(count, 10_000)
    found = db.execute(sql, (state,)).fetchone()[0]
    db.set_progress_handler(None, 0)
    return f"{found} found, {'many' if seen[0] else 'few'} steps"


def plan(state):
    return next(db.execute("EXPLAIN QUERY PLAN " + sql, (state,)))[3]


print("unbound, which is NULL:", plan(None))
for state in ("pending", "done", "pending"):
    print(f"{state}: {plan(state)}: {steps(state)}")
db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
sql += " "  # another text, so that no kept statement answers
print("pending, with stable plans:", plan("pending") + ":", steps("pending"))
PY
venv/bin/python plans.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
SQLite 3.54.1
unbound, which is NULL: SCAN deliveries
pending: SEARCH deliveries USING COVERING INDEX pending (due<?): 4 found, few steps
done: SCAN deliveries: 49995 found, many steps
pending: SEARCH deliveries USING COVERING INDEX pending (due<?): 4 found, few steps
pending, with stable plans: SCAN deliveries: 4 found, many steps
SEEN
echo "as described"
