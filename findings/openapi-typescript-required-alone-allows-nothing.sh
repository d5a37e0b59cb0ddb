#!/usr/bin/env bash
# openapi-typescript: an `allOf` that makes a field required gives a type that no valid document fits.
#
# A good guess: `allOf: [Draft, {type: object, required: [title]}]` is the usual way to say "a draft whose title is
# there". The type is Draft with a required title; or, if the generator cannot do that, Draft. `type: object` beside
# `required` is harmless and tidy.
#
# What happens: a member without properties becomes `Record<string, never>`, an object that may have no field at all.
# So the type is `Draft & Record<string, never>`, and the compiler refuses each document with a title. The generator
# reports nothing. Without `type: object` the member is `unknown`, and the title stays optional. Only `required`
# beside the `allOf`, not in it, gives what is meant. ajv takes the same documents for all three.
#
# Versions: openapi-typescript 7.13.0, typescript 5.9.3, ajv 8.20.0, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund openapi-typescript@7.13.0 typescript@5.9.3 ajv@8.20.0
cat >write.mjs <<'JS'
import { writeFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";

const draft = { $ref: "#/components/schemas/Draft" };
const schemas = {
  Draft: { type: "object", properties: { title: { type: "string" }, note: { type: "string" } } },
  Typed: { allOf: [draft, { type: "object", required: ["title"] }] },
  Untyped: { allOf: [draft, { required: ["title"] }] },
  Beside: { allOf: [draft], required: ["title"] },
};
const document = { openapi: "3.1.0", info: { title: "drafts", version: "1" }, paths: {}, components: { schemas } };
writeFileSync("api.json", JSON.stringify(document));
const documents = { "with a title": { title: "a" }, "without": { note: "b" } };
const ajv = new Ajv.default({ strict: false });
ajv.addSchema(document, "api.json");
for (const name of ["Typed", "Untyped", "Beside"]) {
  for (const [which, value] of Object.entries(documents)) {
    writeFileSync(`${name} ${which}.ts`, `import type { components } from "./api.js";
      export const it: components["schemas"]["${name}"] = ${JSON.stringify(value)};`);
    console.log(`ajv: ${name} ${which}: ${ajv.validate({ $ref: `api.json#/components/schemas/${name}` }, value)}`);
  }
}
JS
{
    node write.mjs
    npx openapi-typescript api.json --output api.ts >/dev/null 2>&1
    grep -E '^ +(Typed|Untyped|Beside):' api.ts | sed 's/^ *//'
    for name in Typed Untyped Beside; do
        for which in "with a title" "without"; do
            status=0
            npx tsc --noEmit --strict "$name $which.ts" >/dev/null || status=$?
            echo "tsc: $name $which: $([ "$status" = 0 ] && echo true || echo false)"
        done
    done
} | tee seen
diff - seen <<'SEEN'
ajv: Typed with a title: true
ajv: Typed without: false
ajv: Untyped with a title: true
ajv: Untyped without: false
ajv: Beside with a title: true
ajv: Beside without: false
Typed: components["schemas"]["Draft"] & Record<string, never>;
Untyped: components["schemas"]["Draft"] & unknown;
Beside: WithRequired<components["schemas"]["Draft"], "title">;
tsc: Typed with a title: false
tsc: Typed without: false
tsc: Untyped with a title: true
tsc: Untyped without: true
tsc: Beside with a title: true
tsc: Beside without: false
SEEN
echo "as described"
