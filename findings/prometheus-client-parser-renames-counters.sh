#!/usr/bin/env bash
# prometheus_client (Python): its parser returns the sample `events_total` for a text that says `events`.
#
# A good guess: `text_string_to_metric_families` returns each sample with the name that it has in the text; a
# collector that hands these families on serves the same text. A counter without `_total` is bad style, and valid in
# this format (0.0.4).
#
# What happens: each sample of a counter gets the suffix `_total`, as OpenMetrics wants it. So a test that reads
# /metrics with this parser and asks for `events_total` passes, although no such series is there: Prometheus stores
# `events`, and the alert on `events_total` never fires. A proxy that parses and serves renames the series. The family
# is called `events` with either text, so the two look alike. Only counters are renamed: a gauge or an untyped sample
# keeps its name.
#
# Versions: prometheus_client 0.26.0, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check prometheus_client==0.26.0
cat >names.py <<'PY'
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse


class Proxy:
    def __init__(self, text):
        self.families = list(parse(text))

    def collect(self):
        return self.families


def samples(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


for kind, name in [("counter", "events"), ("counter", "events_total"), ("gauge", "events"), ("untyped", "events")]:
    text = f"# TYPE {name} {kind}\n{name} 3\n"
    registry = CollectorRegistry()
    registry.register(Proxy(text))
    parsed = [(family.name, sample.name) for family in parse(text) for sample in family.samples]
    print(f"{kind} {samples(text)}: parsed {parsed}, served again {samples(generate_latest(registry).decode())}")
PY
venv/bin/python names.py | tee seen
diff - seen <<'SEEN'
counter ['events 3']: parsed [('events', 'events_total')], served again ['events_total 3.0']
counter ['events_total 3']: parsed [('events', 'events_total')], served again ['events_total 3.0']
gauge ['events 3']: parsed [('events', 'events')], served again ['events 3.0']
untyped ['events 3']: parsed [('events', 'events')], served again ['events 3.0']
SEEN
echo "as described"
