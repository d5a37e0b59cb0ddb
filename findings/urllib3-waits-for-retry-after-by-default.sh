#!/usr/bin/env bash
# urllib3: without any setting, one GET sleeps for as long as the server's Retry-After says, three times over.
#
# A good guess: the default is three retries for connections that fail. An answer is an answer: retries by status need
# `status_forcelist`, which is empty, and `timeout` bounds the call. A dispatcher with a schedule of its own needs no
# more.
#
# What happens: 413, 429 and 503 with a Retry-After are retried whatever the list says, for every method that may be
# repeated, PUT and DELETE included. The call sleeps in between, and the timeout does not count that sleep: with
# `Retry-After: 3600` it would return after three hours. The caller sees the last answer only. POST, and requests,
# which passes its own settings, return at once. `retries=False`, or `Retry(respect_retry_after_header=False)`, makes
# the guess true.
#
# Versions: urllib3 2.8.0, requests 2.34.2, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check urllib3==2.8.0 requests==2.34.2
cat >busy.py <<'PY'
import threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import requests, urllib3


class Busy(BaseHTTPRequestHandler):
    seen = 0

    def answer(self):
        Busy.seen += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(503)
        if self.path == "/wait":
            self.send_header("Retry-After", "2")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST = answer
    log_message = lambda *_: None


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def show(name, call):
    Busy.seen, start = 0, time.monotonic()
    call()
    waited = "at least 6 s" if time.monotonic() - start >= 6 else "less than 6 s"
    print(f"{name}: {Busy.seen} requests, {waited}")


ask = lambda method, path, **more: lambda: urllib3.request(method, base + path, timeout=1, **more)
show("GET, no Retry-After", ask("GET", "/"))
show("GET", ask("GET", "/wait"))
show("PUT", ask("PUT", "/wait", body=b"x"))
show("POST", ask("POST", "/wait", body=b"x"))
show("GET, retries=False", ask("GET", "/wait", retries=False))
show("requests, GET", lambda: requests.get(base + "/wait", timeout=1))
PY
venv/bin/python busy.py | tee seen
diff - seen <<'SEEN'
GET, no Retry-After: 1 requests, less than 6 s
GET: 4 requests, at least 6 s
PUT: 4 requests, at least 6 s
POST: 1 requests, less than 6 s
GET, retries=False: 1 requests, less than 6 s
requests, GET: 1 requests, less than 6 s
SEEN
echo "as described"
