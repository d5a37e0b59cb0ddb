#!/usr/bin/env bash
# openapi-python-client: an `allOf` that stands in a `oneOf` drops every request that uses it, and the exit status is 0.
#
# A good guess: tools that make a document from code write a tagged union as `oneOf` of `allOf` (the fields, and the tag). That is plain JSON Schema,
# linters take it, and `allOf` alone is supported here; so the generated function takes the union, or the
# generator fails.
#
# What happens: the whole union cannot be parsed, the endpoint is left out with a warning, and the command succeeds: a build goes on
# with a client that lacks a function. The same `allOf` as a component of its own, with the `oneOf` of references
# to it, is generated as it should be.
#
# Versions: openapi-python-client 0.29.1, ruff 0.14.0, Python 3.11. Needs python3-venv.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1 ruff==0.14.0
export PATH="$place/venv/bin:$PATH"
cat >documents.py <<'PYTHON'
import json

fields = {"$ref": "#/components/schemas/Details"}
tag = {"type": "object", "required": ["command"], "properties": {"command": {"type": "string", "enum": ["submit"]}}}
both = {"allOf": [fields, tag]}
details = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}


def write(name, union, others):
    schema = {"schema": {"$ref": "#/components/schemas/Command"}}
    body = {"required": True, "content": {"application/json": schema}}
    send = {"operationId": "send", "requestBody": body, "responses": {"204": {"description": "done"}}}
    schemas = {"Details": details, "Command": {"oneOf": union}, **others}
    document = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1"},
        "paths": {"/commands": {"post": send}},
        "components": {"schemas": schemas},
    }
    with open(f"{name}.json", "w") as file:
        json.dump(document, file)


write("inside", [both], {})
write("named", [{"$ref": "#/components/schemas/Submission"}], {"Submission": both})
PYTHON
python3 documents.py
for name in inside named; do
    status=0
    openapi-python-client generate --path "$name.json" --output-path "$name" >"$name.log" 2>&1 || status=$?
    functions=$(find "$name" -path '*/api/*' -name send.py | wc -l)
    echo "$name: exit status $status, $functions function, warned: $(grep -c 'Endpoint will not be generated' "$name.log" || true)"
done | tee seen
diff - seen <<'SEEN'
inside: exit status 0, 0 function, warned: 1
named: exit status 0, 1 function, warned: 0
SEEN
echo "as described"
