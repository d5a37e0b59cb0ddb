#!/usr/bin/env bash
# PostgreSQL: two jsonb values that are equal, for `=`, UNIQUE and GROUP BY, may have different texts.
#
# A good guess: jsonb has one form: blanks, the order of keys and doubled keys are gone, 1e2 is 100. So equal values
# have equal texts, and `md5(body::text)` is a fingerprint of the value: for an idempotency key, an ETag, or to see
# whether it changed.
#
# What happens: a number keeps the zeros after its point, as numeric does, and is compared as numeric is. 1, 1.0 and
# 1.00 are equal, with three texts. So the hash of the text says "changed" where IS DISTINCT FROM says "equal", and a
# unique index on it takes a second row that one on the value refuses. An UPDATE guarded by IS DISTINCT FROM keeps the
# old text. The function `jsonb_hash_extended(body, 0)` agrees with `=`.
#
# Versions: @electric-sql/pglite 0.5.17, which is PostgreSQL 18.7, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.17
cat >values.mjs <<'JS'
import { PGlite } from "@electric-sql/pglite";

const db = new PGlite();
await db.exec(`
  CREATE TABLE texts (n serial, body text);
  INSERT INTO texts (body) VALUES
    ('{"b":2,"a":1}'), ('{"a": 1, "b": 2}'), ('{"a":1,"b":20e-1}'), ('{"a":1.00,"b":2}'), ('{"a":0.1e1,"b":2}');
  CREATE TABLE by_value (body jsonb UNIQUE);
  CREATE TABLE by_text (body jsonb);
  CREATE UNIQUE INDEX ON by_text (md5(body::text));
  INSERT INTO by_value SELECT body::jsonb FROM texts ON CONFLICT DO NOTHING;
  INSERT INTO by_text SELECT body::jsonb FROM texts ON CONFLICT DO NOTHING;`);
const { rows } = await db.query(`
  SELECT texts.body AS sent, it::text AS kept, it = first AS equal, md5(it::text) = md5(first::text) AS md5,
         jsonb_hash_extended(it, 0) = jsonb_hash_extended(first, 0) AS hash
  FROM texts, CAST(texts.body AS jsonb) AS it, CAST('{"a":1,"b":2}' AS jsonb) AS first ORDER BY n`);
for (const { sent, kept, equal, md5, hash } of rows) {
  console.log(`${sent} is kept as ${kept}; equal: ${equal}, same md5: ${md5}, same jsonb_hash: ${hash}`);
}
for (const table of ["by_value", "by_text"]) {
  console.log(`rows, unique ${table}: ${(await db.query(`SELECT FROM ${table}`)).rows.length}`);
}
const { affectedRows } = await db.query(`
  UPDATE by_value SET body = sent FROM CAST('{"a":1.00,"b":2}' AS jsonb) AS sent WHERE body IS DISTINCT FROM sent`);
console.log(`rows updated to another text of the value: ${affectedRows}`);
JS
node values.mjs | tee seen
diff - seen <<'SEEN'
{"b":2,"a":1} is kept as {"a": 1, "b": 2}; equal: true, same md5: true, same jsonb_hash: true
{"a": 1, "b": 2} is kept as {"a": 1, "b": 2}; equal: true, same md5: true, same jsonb_hash: true
{"a":1,"b":20e-1} is kept as {"a": 1, "b": 2.0}; equal: true, same md5: false, same jsonb_hash: true
{"a":1.00,"b":2} is kept as {"a": 1.00, "b": 2}; equal: true, same md5: false, same jsonb_hash: true
{"a":0.1e1,"b":2} is kept as {"a": 1, "b": 2}; equal: true, same md5: true, same jsonb_hash: true
rows, unique by_value: 1
rows, unique by_text: 3
rows updated to another text of the value: 0
SEEN
echo "as described"
