"""The Python classes that quicktype made of the schemas, in the folder given."""

import importlib
import json
import sys

from reader import KINDS, read

sys.path.insert(0, sys.argv[1])
models = importlib.import_module("models")


def model(kind):
    start = f"certificate_application_{kind}"
    parse, write = (getattr(models, f"{start}_{it}_dict") for it in ("from", "to"))
    written = lambda payload: write(parse(json.loads(payload)))
    return lambda payload: json.dumps(written(payload), separators=(",", ":"), ensure_ascii=False)


read({kind: model(kind) for kind in KINDS})
