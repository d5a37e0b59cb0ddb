#!/usr/bin/env bash
# prom-client (npm): an undefined label is absent, or the text "undefined", as the first call decides.
#
# A good guess: `inc({ route, reason })` with an undefined reason leaves the label out, writes it as empty, or fails.
# Whichever it is, the same calls give the same series after each restart.
#
# What happens: the counter finds a series by a key that leaves undefined out, and writes the labels of the call that
# made the key. If a call without `reason` came first, the series has no such label. If a call with an undefined one
# came first, it has reason="undefined" from then on. So a query that names one of the two fits until a restart. The
# text "undefined" has a key of its own: it makes a second series with the same labels, and a series may stand in the
# text once. The key joins names and values without quotes, so a value with a comma and a colon may meet another key,
# and both count as one. Each call should give each label a text of its own.
#
# Versions: prom-client 15.1.3, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3
cat >labels.mjs <<'JS'
import { Counter, Registry } from "prom-client";

async function written(...calls) {
  const registry = new Registry();
  const labelNames = ["route", "reason"];
  const counter = new Counter({ name: "failed_total", help: "Failures.", labelNames, registers: [registry] });
  for (const labels of calls) counter.inc(labels);
  return (await registry.metrics()).split("\n").filter((line) => line.startsWith("failed_total"));
}

const cases = {
  "left out, then undefined": [{ route: "/a" }, { route: "/a", reason: undefined }],
  "undefined, then left out": [{ route: "/a", reason: undefined }, { route: "/a" }],
  "undefined, then its text": [{ route: "/a", reason: undefined }, { route: "/a", reason: "undefined" }],
  "two texts": [{ route: "/a", reason: "status:503" }, { route: "/a", reason: "status:502" }],
  "a comma and a colon": [{ route: "/a", reason: "busy" }, { reason: "busy,route:/a" }],
};
for (const [name, calls] of Object.entries(cases)) {
  console.log(`${name}:`);
  for (const line of await written(...calls)) console.log(`  ${line}`);
}
JS
node labels.mjs | tee seen
diff - seen <<'SEEN'
left out, then undefined:
  failed_total{route="/a"} 2
undefined, then left out:
  failed_total{route="/a",reason="undefined"} 2
undefined, then its text:
  failed_total{route="/a",reason="undefined"} 1
  failed_total{route="/a",reason="undefined"} 1
two texts:
  failed_total{route="/a",reason="status:503"} 1
  failed_total{route="/a",reason="status:502"} 1
a comma and a colon:
  failed_total{route="/a",reason="busy"} 2
SEEN
echo "as described"
