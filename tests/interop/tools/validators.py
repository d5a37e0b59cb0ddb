"""What the Python validator that is named says, by the schemas in the folder given."""

import json
import sys
from pathlib import Path

import fastjsonschema
import jsonschema

from reader import KINDS, read

name, folder = sys.argv[1:]


def model(schema):
    schema = json.loads((Path(folder) / f"{schema}.schema.json").read_text())
    if name == "jsonschema":
        check = jsonschema.Draft202012Validator(schema).validate
    else:
        check = fastjsonschema.compile(schema)

    def validate(payload):
        check(json.loads(payload))
        return payload

    return validate


read({schema: model(schema) for schema in KINDS + ["events"]})
