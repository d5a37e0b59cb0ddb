#!/usr/bin/env bash
# httpx-sse: after the first event with an id, each keep-alive comment arrives as an event without data.
#
# A good guess: a comment line with its blank line, as servers send every few seconds, is no event, and neither is
# `retry: 3000` alone at the start: the standard dispatches nothing where the data is empty. A loop of `event.json()`
# over a quiet stream waits.
#
# What happens: the blank line ends an event if its name, its data, its retry, or the last id is set; and the last id
# stays set, as the standard says. So a stream without ids behaves, and so does a test with one event. From the first
# id on, each keep-alive is a `message` with the id of the event before and empty data: so `json()` raises. A retry
# alone is an event, too. The caller has to skip events without data. sseclient-py does so by itself.
#
# Versions: httpx-sse 0.4.3, httpx 0.28.1, sseclient-py 1.9.0, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check httpx-sse==0.4.3 httpx==0.28.1 sseclient-py==1.9.0
cat >streams.py <<'PY'
import httpx, httpx_sse, sseclient

KEEP_ALIVE = ": keep-alive\n\n"
streams = {
    "keep-alives, no ids": 'data: {"n": 1}\n\n' + KEEP_ALIVE + KEEP_ALIVE + 'data: {"n": 2}\n\n',
    "keep-alives, ids": 'id: 1\ndata: {"n": 1}\n\n' + KEEP_ALIVE + KEEP_ALIVE + 'id: 2\ndata: {"n": 2}\n\n',
    "retry first": 'retry: 3000\n\ndata: {"n": 1}\n\n',
}


def by_httpx_sse(text):
    answer = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text=text)
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as client:
        with httpx_sse.connect_sse(client, "GET", "http://stream.example/") as source:
            yield from source.iter_sse()


def by_sseclient(text):
    yield from sseclient.SSEClient([text.encode()]).events()


for name, text in streams.items():
    for read in (by_httpx_sse, by_sseclient):
        print(f"{name}, {read.__name__}:", *(f"{event.id or '-'}={event.data!r}" for event in read(text)))
PY
venv/bin/python streams.py | tee seen
diff - seen <<'SEEN'
keep-alives, no ids, by_httpx_sse: -='{"n": 1}' -='{"n": 2}'
keep-alives, no ids, by_sseclient: -='{"n": 1}' -='{"n": 2}'
keep-alives, ids, by_httpx_sse: 1='{"n": 1}' 1='' 1='' 2='{"n": 2}'
keep-alives, ids, by_sseclient: 1='{"n": 1}' 2='{"n": 2}'
retry first, by_httpx_sse: -='' -='{"n": 1}'
retry first, by_sseclient: -='{"n": 1}'
SEEN
echo "as described"
