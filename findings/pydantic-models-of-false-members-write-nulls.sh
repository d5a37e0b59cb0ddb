#!/usr/bin/env bash
# datamodel-code-generator: a model of a valid schema reads a valid document, and writes an invalid one.
#
# A good guess: a member whose schema is `false` may not be there, so a generated class leaves it out. At least, what
# the class reads and writes again is still valid by the schema that it was made of.
#
# What happens: the member becomes an optional field with the default None, and `model_dump_json()` writes it as null.
# The schema refuses null there, as it refuses every other value. With `propertyNames` and `not` instead, which allow
# the same documents, the class has no such field, and the document comes back to the byte.
#
# Versions: datamodel-code-generator 0.89.0, pydantic 2.14.4, jsonschema 4.26.0, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    datamodel-code-generator==0.89.0 pydantic==2.14.4 jsonschema==4.26.0
schema() {
    printf '{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"Event","type":"object",%s}' "$1"
}
common='"required":["event"],"properties":{"event":{"type":"string","enum":["approved"]}'
schema "$common"',"error":false}' >false.json
schema "$common"'},"propertyNames":{"not":{"enum":["error"]}}' >names.json
cat >back.py <<'PY'
import importlib, json, sys
import jsonschema
name = sys.argv[1]
schema = json.load(open(name + ".json"))
document = '{"event":"approved"}'
validator = jsonschema.Draft202012Validator(schema)
assert validator.is_valid(json.loads(document))
assert not validator.is_valid({"event": "approved", "error": "x"})
back = importlib.import_module(name + "_model").Event.model_validate_json(document).model_dump_json()
print(name, back, "valid" if validator.is_valid(json.loads(back)) else "invalid")
PY
for name in false names; do
    venv/bin/datamodel-codegen --input "$name.json" --input-file-type jsonschema \
        --output-model-type pydantic_v2.BaseModel --output "${name}_model.py" 2>/dev/null
    venv/bin/python back.py "$name"
done | tee seen
diff - seen <<'SEEN'
false {"event":"approved","error":null} invalid
names {"event":"approved"} valid
SEEN
echo "as described"
