#!/usr/bin/env bash
# sseclient-py: where a stream ends within an event, the part that came is delivered as an event.
#
# A good guess: an event is complete with its blank line. A stream that ends before it, as at each restart or timeout
# of a proxy, drops the part: so says the standard, and the client gets the event whole after it has reconnected.
#
# What happens: what is left at the end of the stream is parsed like the rest. Half of a line of JSON is an event. So
# are the first lines of a longer event, which may be valid by themselves: of a table, its first rows. The part has
# the id of the whole event: a client that reconnects with that `Last-Event-ID` never gets the rest. httpx-sse drops
# the part.
#
# Versions: sseclient-py 1.9.0, httpx-sse 0.4.3, httpx 0.28.1, requests 2.34.2, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    sseclient-py==1.9.0 httpx-sse==0.4.3 httpx==0.28.1 requests==2.34.2
cat >streams.py <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import httpx, httpx_sse, requests, sseclient

streams = {
    "/whole": "id: 1\ndata: a,b\ndata: 1,2\n\n",
    "/between-lines": "id: 1\ndata: a,b\ndata: 1,2\n",
    "/within-a-line": "id: 1\ndata: a,b\n\nid: 2\ndata: {\"status\": \"appr",
}


class Stream(BaseHTTPRequestHandler):
    def do_GET(self):
        # HTTP/1.0: the stream ends with the connection, as one of unknown length may.
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(streams[self.path].encode())

    log_message = lambda *_: None


server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def by_sseclient(url):
    yield from sseclient.SSEClient(requests.get(url, stream=True)).events()


def by_httpx_sse(url):
    with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", url) as source:
        yield from source.iter_sse()


for path in streams:
    for read in (by_sseclient, by_httpx_sse):
        events = [f"{event.id}={event.data!r}" for event in read(base + path)]
        print(f"{path}, {read.__name__}:", *events or ["nothing"])
PY
venv/bin/python streams.py | tee seen
diff - seen <<'SEEN'
/whole, by_sseclient: 1='a,b\n1,2'
/whole, by_httpx_sse: 1='a,b\n1,2'
/between-lines, by_sseclient: 1='a,b\n1,2'
/between-lines, by_httpx_sse: nothing
/within-a-line, by_sseclient: 1='a,b' 2='{"status": "appr'
/within-a-line, by_httpx_sse: 1='a,b'
SEEN
echo "as described"
