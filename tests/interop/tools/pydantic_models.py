"""The pydantic models that datamodel-code-generator made of the schemas, in the folder given."""

import importlib
import sys

from reader import KINDS, read

sys.path.insert(0, sys.argv[1])
events = importlib.import_module("models.events_schema").CertificateApplication


def model(kind):
    name = f"CertificateApplication{kind.capitalize()}"
    model = getattr(importlib.import_module(f"models.{kind}_schema"), name)
    return lambda payload: model.model_validate_json(payload).model_dump_json()


def kind_of(payload):
    # The models of all six are named after the kinds.
    return type(events.model_validate_json(payload).root).__name__.lower()


models = {kind: model(kind) for kind in KINDS}
models["events"] = lambda payload: events.model_validate_json(payload).model_dump_json()
read(models, kind_of)
