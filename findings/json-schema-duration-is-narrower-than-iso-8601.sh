#!/usr/bin/env bash
# JSON Schema: PT1H1S and PT0.5S are no `format: duration`, and pydantic and Temporal write both.
#
# A good guess: `duration` is an ISO 8601 duration, as `date-time` is nearly one of its times. What pydantic and
# Temporal write is valid; pydantic's own schema for a timedelta says `format: duration`. Validators differ in dates,
# if at all.
#
# What happens: the format is the grammar in appendix A of RFC 3339, which is narrower. It has no fraction and no
# sign, and units follow one another without a gap: after hours come minutes, so one hour and a second is PT1H0M1S,
# and P1Y35D is none. pydantic leaves zeros out, writes fractions, and a year for 365 days. So a strict validator
# refuses pydantic's output by pydantic's own schema, and three validators draw the line at three places. A number of
# seconds has no such line.
#
# Versions: pydantic 2.14.4, jsonschema 4.26.0, jsonschema_rs 0.61.2, ajv 8.20.0, ajv-formats 3.0.1, temporal-polyfill
# 1.0.8, Python 3.11, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    pydantic==2.14.4 'jsonschema[format]==4.26.0' jsonschema_rs==0.61.2 isoduration==20.11.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ajv@8.20.0 ajv-formats@3.0.1 temporal-polyfill@1.0.8
cat >ask.mjs <<'JS'
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Temporal } from "temporal-polyfill";

const [schema, ...seconds] = process.argv.slice(2);
const ajv = new Ajv.default();
addFormats.default(ajv);
const valid = ajv.compile(JSON.parse(schema));
const written = seconds.map((it) => {
  const duration = Temporal.Duration.from({ milliseconds: Number(it) * 1000 });
  return duration.round({ largestUnit: "hours" }).toString();
});
const asked = [...written, "PT1H0M1S", "P1Y35D", "P1Y0M35D"];
console.log(JSON.stringify({ written, ajv: Object.fromEntries(asked.map((it) => [it, valid(it)])) }));
JS
cat >durations.py <<'PY'
import json, subprocess
from datetime import timedelta
import jsonschema, jsonschema_rs, pydantic

adapter = pydantic.TypeAdapter(timedelta)
schema = adapter.json_schema(mode="serialization")
print("pydantic's schema:", json.dumps(schema, sort_keys=True))
seconds = [1, 90, 3601, 0.5]
by_pydantic = [json.loads(adapter.dump_json(timedelta(seconds=it))) for it in seconds]
seen = json.loads(subprocess.run(["node", "ask.mjs", json.dumps(schema), *map(str, seconds)],
                                 capture_output=True, text=True, check=True).stdout)
print("pydantic writes:", *by_pydantic, json.loads(adapter.dump_json(timedelta(days=400))))
print("Temporal writes:", *seen["written"])
python = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
rust = jsonschema_rs.validator_for(schema, validate_formats=True)
for text, by_ajv in seen["ajv"].items():
    takes = {"jsonschema": python.is_valid(text), "ajv": by_ajv, "jsonschema_rs": rust.is_valid(text)}
    print(f"{text}: valid by {', '.join(name for name, it in takes.items() if it) or 'none'}")
PY
venv/bin/python durations.py | tee seen
diff - seen <<'SEEN'
pydantic's schema: {"format": "duration", "type": "string"}
pydantic writes: PT1S PT1M30S PT1H1S PT0.5S P1Y35D
Temporal writes: PT1S PT1M30S PT1H1S PT0.5S
PT1S: valid by jsonschema, ajv, jsonschema_rs
PT1M30S: valid by jsonschema, ajv, jsonschema_rs
PT1H1S: valid by jsonschema, ajv
PT0.5S: valid by jsonschema
PT1H0M1S: valid by jsonschema, ajv, jsonschema_rs
P1Y35D: valid by jsonschema, ajv
P1Y0M35D: valid by jsonschema, ajv, jsonschema_rs
SEEN
echo "as described"
