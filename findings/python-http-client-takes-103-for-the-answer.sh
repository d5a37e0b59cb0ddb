#!/usr/bin/env bash
# requests and urllib3: 103 Early Hints is taken for the answer, so the caller never sees the 200 that follows.
#
# A good guess: an interim answer (1xx) is skipped by every HTTP client, as 100 is: RFC 9110, 15.2, demands that of
# clients, even of those that did not ask for one. A proxy that adds early hints, or 102 Processing for long work,
# changes nothing for programs.
#
# What happens: both use Python's http.client, which skips 100 and no other. The status is 103, the body is empty,
# `ok` is true, and `raise_for_status()` is content: the caller takes it for a success. httpx and aiohttp return the
# 200 with its body.
#
# Versions: requests 2.34.2, urllib3 2.8.0, httpx 0.28.1, aiohttp 3.14.5, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2 urllib3==2.8.0 httpx==0.28.1 aiohttp==3.14.5
cat >hints.py <<'PY'
import asyncio, socket, threading
import aiohttp, httpx, requests, urllib3

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone"
INTERIM = {
    100: b"HTTP/1.1 100 Continue\r\n\r\n",
    102: b"HTTP/1.1 102 Processing\r\n\r\n",
    103: b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
}


def serve(answer):
    """The address of a server that answers one request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listener.accept()
        with listener, connection:
            connection.recv(65536)
            connection.sendall(answer)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def by_requests(url):
    answer = requests.get(url)
    answer.raise_for_status()
    return answer.status_code, answer.text


def by_urllib3(url):
    answer = urllib3.request("GET", url)
    return answer.status, answer.data.decode()


def by_httpx(url):
    answer = httpx.get(url)
    return answer.status_code, answer.text


def by_aiohttp(url):
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()
    return asyncio.run(ask())


for status, interim in INTERIM.items():
    for client in (by_requests, by_urllib3, by_httpx, by_aiohttp):
        seen, text = client(serve(interim + FINAL))
        print(f"{status}, then 200, {client.__name__}: {seen} {text!r}")
PY
venv/bin/python hints.py | tee seen
diff - seen <<'SEEN'
100, then 200, by_requests: 200 'done'
100, then 200, by_urllib3: 200 'done'
100, then 200, by_httpx: 200 'done'
100, then 200, by_aiohttp: 200 'done'
102, then 200, by_requests: 102 ''
102, then 200, by_urllib3: 102 ''
102, then 200, by_httpx: 200 'done'
102, then 200, by_aiohttp: 200 'done'
103, then 200, by_requests: 103 ''
103, then 200, by_urllib3: 103 ''
103, then 200, by_httpx: 200 'done'
103, then 200, by_aiohttp: 200 'done'
SEEN
echo "as described"
