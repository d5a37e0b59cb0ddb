#!/usr/bin/env bash
# PostgreSQL: "is null or not exists" reads the whole table, although its key is indexed.
#
# A good guess: `WHERE x IS NULL OR NOT EXISTS (SELECT … WHERE key = x)` looks each x up in the index of the key, as
# `NOT EXISTS` alone does. With sequential scans, hash joins and hash aggregates switched off, no other plan seems possible.
#
# What happens: below an OR, NOT EXISTS is no join but a subplan. The planner may compute it once, for all rows of the
# table, into a hash table. It does so where the table seemed small when the statement was planned. None of the
# settings above forbids it: the table is read by a bitmap scan over its whole index. A generic plan of a prepared
# statement keeps this, while the table grows, until statistics are gathered again. A scalar subquery in place of
# NOT EXISTS cannot be hashed: it is looked up for each row.
#
# Versions: @electric-sql/pglite 0.5.17, which is PostgreSQL 18.7; the same in 0.3.14 (17.5). Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.17
cat >plans.mjs <<'JS'
import { PGlite } from "@electric-sql/pglite";

const db = new PGlite();
await db.exec(`
  CREATE TABLE used (key text PRIMARY KEY, version bigint NOT NULL);
  SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_hashagg = off;
  SET plan_cache_mode = force_generic_plan;`);
const asked = "FROM unnest($1::text[]) AS asked (key)";
const forms = {
  not_exists: `SELECT ${asked} WHERE NOT EXISTS (SELECT FROM used WHERE used.key = asked.key)`,
  or_not_exists: `SELECT ${asked} WHERE asked.key IS NULL
    OR NOT EXISTS (SELECT FROM used WHERE used.key = asked.key)`,
  or_scalar: `SELECT ${asked} WHERE asked.key IS NULL
    OR (SELECT used.version FROM used WHERE used.key = asked.key) IS NULL`,
};
// Planned and kept while the table is empty, as at the start of a service.
for (const [name, sql] of Object.entries(forms)) {
  await db.exec(`PREPARE ${name} (text[]) AS ${sql}; EXECUTE ${name} ('{a,b}')`);
}
await db.exec("INSERT INTO used SELECT 'key ' || n, n FROM generate_series(1, 50000) n");
for (const name of Object.keys(forms)) {
  const plan = await db.query(
    `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${name} ('{a,b}')`);
  let most = 0;
  const visit = (node) => {
    most = Math.max(most, node["Actual Rows"] * node["Actual Loops"]);
    (node.Plans ?? []).forEach(visit);
  };
  visit(plan.rows[0]["QUERY PLAN"][0].Plan);
  console.log(`${name}: most rows of one node: ${most}`);
}
JS
node plans.mjs | tee seen
diff - seen <<'SEEN'
not_exists: most rows of one node: 2
or_not_exists: most rows of one node: 50000
or_scalar: most rows of one node: 2
SEEN
echo "as described"
