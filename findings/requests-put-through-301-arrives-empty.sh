#!/usr/bin/env bash
# requests: a PUT that is redirected with 301 arrives as a PUT without its body; with 302, as a GET.
#
# A good guess: after 301 and 302, a POST becomes a GET, by old custom, and 307 and 308 keep method and body. Any
# other method is repeated as it was, as RFC 9110 says, or not followed at all. So a moved address, or a slash too
# many, is harmless for PUT.
#
# What happens: after 301, requests keeps the method of a PUT or DELETE and drops its body: the target gets an empty
# document, and may store it. After 302 it sends a GET, whose 200 looks as if the PUT or DELETE had been done. httpx
# (asked to follow) keeps the body after 301 and sends a GET after 302. aiohttp and Node's fetch keep both after both.
# A write should follow none (`allow_redirects=False`), or check the `history` of its answer.
#
# Versions: requests 2.34.2, httpx 0.28.1, aiohttp 3.14.5, Python 3.11, Node 20.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5
cat >redirects.py <<'PY'
import asyncio, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import aiohttp, httpx, requests


class Moved(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        text = f"{self.command} {body!r}".encode()
        moved = self.path.strip("/").isdigit()
        self.send_response(int(self.path.strip("/")) if moved else 200)
        if moved:
            self.send_header("Location", "/target")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer
    log_message = lambda *_: None


server = ThreadingHTTPServer(("127.0.0.1", 0), Moved)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def by_requests(method, url):
    return requests.request(method, url, data="body").text


def by_httpx(method, url):
    return httpx.request(method, url, content="body", follow_redirects=True).text


def by_aiohttp(method, url):
    async def ask():
        async with aiohttp.ClientSession() as session, session.request(method, url, data="body") as answer:
            return await answer.text()
    return asyncio.run(ask())


def by_fetch(method, url):
    code = "const [m, u] = process.argv.slice(1); fetch(u, {method: m, body: 'body'}).then(async a => console.log(await a.text()))"
    return subprocess.run(["node", "-e", code, method, url], capture_output=True, text=True, check=True).stdout.strip()


for status in (301, 302, 308):
    for method in ("POST", "PUT", "DELETE"):
        seen = [f"{it.__name__[3:]} {it(method, f'{base}/{status}')}" for it in (by_requests, by_httpx, by_aiohttp, by_fetch)]
        print(f"{method} through {status}:", ", ".join(seen))
PY
venv/bin/python redirects.py | tee seen
diff - seen <<'SEEN'
POST through 301: requests GET '', httpx GET '', aiohttp GET '', fetch GET ''
PUT through 301: requests PUT '', httpx PUT 'body', aiohttp PUT 'body', fetch PUT 'body'
DELETE through 301: requests DELETE '', httpx DELETE 'body', aiohttp DELETE 'body', fetch DELETE 'body'
POST through 302: requests GET '', httpx GET '', aiohttp GET '', fetch GET ''
PUT through 302: requests GET '', httpx GET '', aiohttp PUT 'body', fetch PUT 'body'
DELETE through 302: requests GET '', httpx GET '', aiohttp DELETE 'body', fetch DELETE 'body'
POST through 308: requests POST 'body', httpx POST 'body', aiohttp POST 'body', fetch POST 'body'
PUT through 308: requests PUT 'body', httpx PUT 'body', aiohttp PUT 'body', fetch PUT 'body'
DELETE through 308: requests DELETE 'body', httpx DELETE 'body', aiohttp DELETE 'body', fetch DELETE 'body'
SEEN
echo "as described"
