#!/usr/bin/env bash
# PostgreSQL: in autocommit, a statement and its own transaction may have two times.
#
# A good guess: where each statement is a transaction, `statement_timestamp() = transaction_timestamp()` holds, and a
# query can see by it whether its caller has begun a transaction. The manual says of the two that they are the same in
# the first command of a transaction.
#
# What happens: that is so for statements sent as text. Drivers with parameters use the extended protocol: a statement
# is parsed, bound and carried out by a message each. The transaction begins with the first of them, and every one
# sets the time of the statement anew. So the two differ by as much as lies between the messages: a few microseconds.
# With a server's clock they differ nearly always (PostgreSQL 15, `pgbench -M extended`: 200 of 200), here now and
# then, since this clock counts milliseconds.
#
# Versions: @electric-sql/pglite 0.5.17, which is PostgreSQL 18.7. Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.17
cat >times.mjs <<'JS'
import { PGlite } from "@electric-sql/pglite";

const db = new PGlite();
const sql = "SELECT statement_timestamp() = transaction_timestamp() AS same";
const ways = {
  text: async () => (await db.exec(sql))[0].rows[0].same,
  extended: async () => (await db.query(sql)).rows[0].same,
};
for (const [name, ask] of Object.entries(ways)) {
  let differ = 0;
  for (let n = 0; n < 3000; n++) differ += (await ask()) ? 0 : 1;
  console.log(`${name}: the times ${differ > 0 ? "differ" : "are the same"}`);
}
JS
node times.mjs | tee seen
diff - seen <<'SEEN'
text: the times are the same
extended: the times differ
SEEN
echo "as described"
