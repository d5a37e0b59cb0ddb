"""Reads payloads, one JSON string a line; prints what each model that takes it writes back."""

import json
import sys

KINDS = ["created", "processing", "approved", "rejected", "failed", "retried"]


def read(models, kind_of=None):
    """`models` has for each schema a function from a text to what is written, or that raises."""
    for line in sys.stdin:
        payload = json.loads(line)
        taken = {}
        for schema, model in models.items():
            try:
                taken[schema] = model(payload)
            except Exception:  # Each tool has exceptions of its own.
                pass
        if kind_of and "events" in taken:
            taken["kind"] = kind_of(payload)
        print(json.dumps(taken), flush=True)
